//! What people ask most: one of two, either of two, both of two, for each on average, times of day, limits in another unit.

use super::*;

const HOTEL: (&str, &str) = (
    "hotel.csv",
    "guest,city,nights,price_per_night,check_in\nLena Fox,Graz,2,90,2024-01-05\nTom Hale,Linz,5,120,2024-01-09\nLena Fox,Vienna,3,160,2024-02-11\nAna Ruiz,Graz,7,80,2024-03-02\nTom Hale,Graz,1,95,2024-03-08\n",
);

#[test]
fn of_two_that_are_named_one_has_more() {
    check(
        HOTEL,
        &[
            (
                "Did Graz or Linz have more bookings?",
                &["Graz has more than Linz", "3 against 1"],
            ),
            (
                "Is the average price per night higher in Vienna or in Graz?",
                &["Vienna has more than Graz", "160"],
            ),
            ("Which city has more nights, Graz or Linz?", &["Graz", "10"]),
        ],
    );
    check(
        (
            "goats.csv",
            "herd,litres,goats\nA,910,65\nB,640,40\nC,300,22\n",
        ),
        &[(
            "is herd A higher than herd B in litres per goat?",
            &["14", "16"],
        )],
    );
}

#[test]
fn one_condition_of_several_is_enough_where_the_goal_says_or() {
    check(
        HOTEL,
        &[
            ("How many bookings were in Linz or by Lena Fox?", &["is 3"]),
            (
                "How many bookings have under 2 or over 5 nights?",
                &["is 2"],
            ),
            ("total nights in Graz or Linz", &["15"]),
        ],
    );
}

#[test]
fn who_has_none_and_who_has_both_is_told_of_all_their_rows() {
    let file = (
        "buys.csv",
        "buyer,product,amount\nAnn,tea,3\nAnn,coffee,4\nBob,tea,5\nCid,coffee,2\nBob,tea,1\n",
    );
    check(
        file,
        &[
            ("How many different buyers did not buy coffee?", &["is 1"]),
            ("Which buyers bought both tea and coffee?", &["Ann 7"]),
            ("How many buyers have more than 1 rows?", &["2"]),
        ],
    );
}

#[test]
fn a_mean_for_each_is_one_figure() {
    check(
        HOTEL,
        &[
            (
                "average number of bookings per guest",
                &["1.67", "5 over 3"],
            ),
            (
                "How many bookings per month on average?",
                &["1.67", "5 over 3"],
            ),
            ("average nights for Graz and Linz", &["Linz 5", "Graz 3.33"]),
        ],
    );
}

#[test]
fn times_of_day_are_conditions() {
    check(
        (
            "logins.csv",
            "time,user\n2025-06-02T08:44:38,lee\n2025-06-02T19:30:18,kim\n2025-06-02T18:00:00,lee\n2025-06-03T12:10:00,kim\n",
        ),
        &[
            ("how many logins were after 6 pm?", &["is 1"]),
            ("how many logins were before 9:00?", &["is 1"]),
            ("how many logins between 12:00 and 18:00", &["is 2"]),
        ],
    );
}

#[test]
fn a_limit_in_another_unit_is_turned_into_the_columns() {
    check(
        (
            "films.csv",
            "title,runtime_min,rating\nRed Sand,118,7.1\nIron Tide,128,6.8\nLong Way,141,8.2\n",
        ),
        &[
            (
                "list films longer than 2 hours",
                &["Iron Tide", "Long Way", "2 different"],
            ),
            ("list all films rated above 7", &["Red Sand", "Long Way"]),
        ],
    );
    check(
        (
            "staff.csv",
            "name,salary,age\nAnn,50000,45\nBob,40000,30\nCid,70000,51\n",
        ),
        &[
            ("What is the average salary of people over 40?", &["60,000"]),
            ("how many earn less than 50k", &["is 1"]),
            (
                "What is the salary difference between the highest and lowest paid employee?",
                &["30,000"],
            ),
        ],
    );
}

#[test]
fn one_date_of_a_row_is_set_against_another() {
    check(
        (
            "invoices.csv",
            "invoice,issued,due,paid,amount\nI1,2025-01-13,2025-01-27,2025-01-25,1754\nI2,2025-01-22,2025-02-05,2025-02-22,1333\n",
        ),
        &[
            ("How many invoices were paid after the due date?", &["is 1"]),
            (
                "How many days does it take on average from issuing an invoice to payment?",
                &["21.5"],
            ),
        ],
    );
}

#[test]
fn the_file_of_facts_stands_first_whatever_is_measured() {
    let used = "feed,bales\nhay,40\noats,6\nhay,22\n";
    let prices = "feed,unit_price\nhay,4.5\noats,11.2\n";
    let came = ask(
        "what did all the feed cost us? prices are in the other file",
        &[("use.csv", used), ("prices.csv", prices)],
    );
    assert!(came.says().contains("346.2"), "{}", came.says());
    let orders = "order_id,customer_id,amount\n1,10,5\n2,11,7\n3,10,4\n";
    let customers = "customer_id,name\n10,Ann\n11,Bob\n";
    let came = ask(
        "Which customer spent the most?",
        &[("orders.csv", orders), ("customers.csv", customers)],
    );
    assert!(came.says().contains("Ann"), "{}", came.says());
}
