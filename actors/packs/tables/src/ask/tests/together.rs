//! What people ask for that no single column holds: sums of columns, hours and nights between two days, the rows of one kind in a list of kinds;
//! and words that look like one thing and mean another.

use super::*;

#[test]
fn columns_that_are_counted_alike_are_added_up_row_by_row() {
    check(
        (
            "payroll.csv",
            "Name,Dept,Gross,Bonus\nAda,IT,3000,200\nBo,IT,2500,\nCem,HR,2800,100\nDora,HR,3100,\n",
        ),
        &[
            (
                "total of gross plus bonus for the IT department",
                &["5,700"],
            ),
            ("What is gross + bonus in HR?", &["6,000"]),
            ("gross and bonus together per dept", &["6,000", "5,700"]),
        ],
    );
    check(
        (
            "museum.csv",
            "Month,Adults,Children\n2022-01,20,5\n2022-02,30,40\n2023-01,60,1\n",
        ),
        &[
            ("Adults and children together in 2022?", &["95"]),
            (
                "Which month had the most adults and children together?",
                &["2022-02", "70"],
            ),
        ],
    );
}

#[test]
fn what_lies_between_two_times_is_told_in_hours() {
    check(
        (
            "tickets.csv",
            "Ticket,Opened,Closed,Level\nT1,2024-05-01T10:00,2024-05-01T16:30,A\nT2,2024-05-02T08:00,2024-05-03T08:00,B\nT3,2024-05-04T09:00,,A\n",
        ),
        &[
            (
                "How many hours did it take on average to close a ticket?",
                &["15.25"],
            ),
            (
                "How many minutes did ticket T1 take from opened to closed?",
                &["390"],
            ),
            (
                "How long did it take to close a B on average, in hours?",
                &["24"],
            ),
        ],
    );
}

#[test]
fn nights_lie_between_two_days_and_a_price_per_night_counts_none() {
    let stays = (
        "stays.csv",
        "Booking,Room type,Arrival,Departure,Guests,Price per night\nB1,Single,2025-05-01,2025-05-04,1,80\nB2,Double,2025-05-02,2025-05-03,2,120\nB3,Double,2025-05-30,2025-06-04,2,110\n",
    );
    check(
        stays,
        &[
            ("How many nights do guests stay on average?", &["3"]),
            (
                "How many nights were booked in double rooms in total?",
                &["6"],
            ),
            ("average price per night of a double", &["115"]),
        ],
    );
}

#[test]
fn in_a_list_of_kinds_with_a_row_each_month_the_number_is_what_there_is_of_a_kind() {
    let shop = (
        "shop.csv",
        "month,metric,value\n2024-01,visitors,800\n2024-01,orders,33\n2024-01,returns,3\n2024-02,visitors,700\n2024-02,orders,30\n2024-02,returns,6\n",
    );
    check(
        shop,
        &[
            ("How many orders were there in 2024?", &["63"]),
            ("How many returns in February 2024?", &["6"]),
        ],
    );
}

#[test]
fn people_who_stand_in_several_rows_are_counted_once_and_the_rows_are_told() {
    check(
        (
            "enrolments.csv",
            "Person,Course\nBen,Pottery\nLena,Pottery\nBen,Pottery\nElla,Yoga\n",
        ),
        &[(
            "How many people are enrolled in the Pottery course?",
            &["2", "3 rows"],
        )],
    );
}

#[test]
fn halves_are_of_what_is_named_behind_them() {
    let visits = (
        "visits.csv",
        "Visit,Date,Fee\nV1,2025-02-03,10\nV2,2025-02-14,20\nV3,2025-02-15,40\nV4,2025-03-01,80\nV5,2025-07-01,160\n",
    );
    check(
        visits,
        &[
            ("total fee in the first half of February 2025", &["30"]),
            ("total fee in the second half of February 2025", &["40"]),
            ("total fee in the first half of 2025", &["150"]),
        ],
    );
}

#[test]
fn what_falls_to_somebody_does_not_fall() {
    check(
        (
            "use.csv",
            "Site,Month,Consumption\nDepot,2024-01,30\nOffice,2024-01,10\nDepot,2024-02,45\nOffice,2024-02,15\n",
        ),
        &[(
            "What share of the whole consumption fell to the office, in percent?",
            &["25%"],
        )],
    );
}

#[test]
fn a_place_behind_what_is_so_or_not_is_the_whole() {
    check(
        (
            "clubs.csv",
            "Club;Ville;Subventionn\u{e9}\nA;Lyon;oui\nB;Lyon;non\nC;Brest;non\nD;Brest;non\n",
        ),
        &[(
            "Pourcentage de clubs non subventionn\u{e9}s \u{e0} Lyon",
            &["50"],
        )],
    );
}

#[test]
fn days_of_the_week_that_a_column_names_are_a_weekend() {
    check(
        (
            "week.csv",
            "Day,Item,Sold\nFriday,Coffee,54\nSaturday,Coffee,40\nSunday,Coffee,53\nSunday,Tea,9\n",
        ),
        &[(
            "How many coffees were sold on the weekend (Saturday and Sunday)?",
            &["93"],
        )],
    );
}

#[test]
fn where_something_goes_and_comes_from_is_told_by_the_columns_of_its_way() {
    check(
        (
            "shipments.csv",
            "Shipment,From,To,Weight kg,Status\nSH-1,Hamburg,Prague,531,sent\nSH-2,Gdansk,Vienna,395,open\nSH-3,Hamburg,Lyon,12,open\n",
        ),
        &[
            ("where does shipment SH-2 go?", &["Vienna"]),
            ("Where did SH-2 come from?", &["Gdansk"]),
        ],
    );
}

#[test]
fn most_is_lost_where_the_result_is_lowest() {
    check(
        (
            "bakery_result.csv",
            "Month,Revenue,Costs,Result\nJanuary,100,90,10\nFebruary,80,120,-40\nMarch,150,155,-5\n",
        ),
        &[(
            "In which month did the bakery lose the most money?",
            &["February", "40"],
        )],
    );
}

#[test]
fn a_group_that_is_not_there_is_not_all_of_them() {
    check_not_there(
        (
            "payroll.csv",
            "Name,Dept,Gross\nAda,IT,3000\nBo,IT,2500\nCem,HR,2800\nDora,HR,3100\n",
        ),
        &[
            ("How much did the marketing department earn?", "marketing"),
            ("total gross of the marketing department", "marketing"),
        ],
    );
}

#[test]
fn the_most_of_nothing_that_is_named_is_not_known_to_be_right_where_rows_hold_two_things() {
    let came = ask(
        "Which farm has the most?",
        &[(
            "farms.csv",
            "Farm,Crop,Area ha,Yield t\nNorth,Wheat,12,70\nNorth,Rye,4,81\nSouth,Wheat,20,31\n",
        )],
    );
    let judged = crate::ask::check(&came.written.answer, &came.written.evidence);
    assert!(!Assessment::of([judged]).checked, "{}", came.says());
}
