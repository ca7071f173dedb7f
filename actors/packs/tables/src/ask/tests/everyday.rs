//! What people ask of small tables of their own: what was taken in, how many kilos, what ended in the red, who has not paid, on which day
//! most came; and what such questions must not be answered with.

use super::*;

const HIRES: (&str, &str) = (
    "hires.csv",
    "Hire no,Tool,Customer,Days,Price EUR\n11,Drill,Ann,3,41.5\n12,Mixer,Bob,2,67\n13,Drill,Ann,4,60\n14,Saw,Cid,1,16\n15,Mixer,Ann,1,31\n",
);

#[test]
fn what_was_paid_for_each_row_adds_up_and_is_not_multiplied_by_days() {
    check(
        HIRES,
        &[
            ("takings by tool", &["Drill 101.5", "Mixer 98", "Saw 16"]),
            ("top 2 tools by takings", &["Drill 101.5 EUR; Mixer 98 EUR"]),
            (
                "Which customer spent the most, and how much?",
                &["Ann", "132.5"],
            ),
            ("takings per day of hire for the mixers", &["32.67"]),
            (
                "How much of our takings, in percent, comes from drills?",
                &["47.1"],
            ),
        ],
    );
}

#[test]
fn a_price_of_one_night_is_multiplied_by_nights() {
    check(
        (
            "rooms.csv",
            "Room,Type,Rate per night,Nights sold\n101,Single,80,5\n102,Double,100,4\n103,Single,90,2\n",
        ),
        &[
            ("cheapest single", &["80"]),
            ("average rate of a single room", &["85"]),
            ("What do we charge per night for room 102?", &["100"]),
        ],
    );
}

#[test]
fn an_amount_is_asked_for_by_its_unit() {
    let cargo = (
        "cargo.csv",
        "Shipment,From,To,Weight kg\nS1,Hamburg,Lyon,500\nS2,Hamburg,Prague,300\nS3,Gdansk,Lyon,90\nS4,Hamburg,Vienna,20\n",
    );
    check(
        cargo,
        &[
            (
                "How many kilos went from Hamburg to Lyon or Prague?",
                &["800"],
            ),
            ("total weight to Lyon, in kg", &["590"]),
            (
                "How many kilos lie between the heaviest and the lightest shipment?",
                &["480"],
            ),
        ],
    );
    check(
        (
            "roof.csv",
            "Month,Produced kWh,Fed in kWh\n2023-01,200,90\n2023-02,400,190\n2024-01,300,100\n",
        ),
        &[
            (
                "How many kilowatt hours did the roof produce in 2023?",
                &["600"],
            ),
            ("average production per month in 2023", &["300"]),
        ],
    );
}

#[test]
fn what_ended_in_the_red_lies_below_nothing() {
    let result = (
        "result.csv",
        "Month,Revenue,Costs,Result\nJanuary,\"€ 43,769\",\"€ 37,202\",\"6,567\"\nFebruary,\"€ 45,739\",\"€ 47,963\",\"(2,224)\"\nMarch,\"€ 40,733\",\"€ 43,896\",\"(3,163)\"\n",
    );
    check(
        result,
        &[
            ("How many months ended in the red?", &["is 2"]),
            ("total result of all months", &["1,180"]),
            (
                "In which month were the costs highest?",
                &["February", "47,963"],
            ),
            ("How many months had a revenue above 41,000?", &["is 2"]),
        ],
    );
}

#[test]
fn who_has_not_paid_and_what_is_open_is_told_by_the_column_that_says_it() {
    check(
        (
            "visits.csv",
            "Visit,Doctor,Fee,Paid\nV1,Osei,60,yes\nV2,Osei,40,no\nV3,Petrov,25,no\nV4,Petrov,30,yes\n",
        ),
        &[
            (
                "How much money is still outstanding from the patients of Osei?",
                &["40"],
            ),
            ("How many visits are still outstanding?", &["is 2"]),
        ],
    );
    check(
        (
            "tickets.csv",
            "Ticket,Opened,Closed\nT1,2024-05-01,2024-05-03\nT2,2024-05-02,\nT3,2024-05-04,\nT4,2024-05-05,2024-05-09\nT5,2024-05-06,2024-05-07\n",
        ),
        &[("How many tickets are still open?", &["is 2"])],
    );
    check(
        (
            "pisos.csv",
            "Ciudad,Habitaciones,Mascotas\nSevilla,4,sí\nSevilla,3,no\nMálaga,3,sí\nMálaga,1,sí\n",
        ),
        &[(
            "¿Cuántos pisos tienen al menos 3 habitaciones y aceptan mascotas?",
            &["2"],
        )],
    );
}

#[test]
fn what_was_done_to_a_count_is_a_part_of_it() {
    check(
        (
            "mails.csv",
            "Campaign,Sent,Opened,Clicked\nSpring,1000,200,50\nAutumn,3000,900,90\nWinter,500,100,20\n",
        ),
        &[
            ("What proportion of the Autumn mails was opened?", &["30"]),
            ("How many mails did we send altogether?", &["4,500"]),
        ],
    );
}

#[test]
fn the_day_with_the_most_is_one_of_all_its_rows() {
    check(
        (
            "parcels.csv",
            "Date,Depot,Parcels\n2024-03-01,North,90\n2024-03-02,North,60\n2024-03-02,South,50\n2024-03-03,South,40\n",
        ),
        &[("the day with the most parcels", &["2024-03-02", "110"])],
    );
    check(
        (
            "screenings.csv",
            "Date,Film,Hall,Tickets,Takings\n2024-10-01,Moons,1,28,266\n2024-10-01,Fence,2,90,855\n2024-10-02,Moons,2,70,300\n2024-10-03,Fence,1,5,900\n",
        ),
        &[
            ("How many tickets were sold in hall 2?", &["160"]),
            ("Which film sold the most tickets?", &["Moons", "98"]),
            ("number of screenings of Moons", &["is 2"]),
        ],
    );
}

#[test]
fn days_that_no_column_counts_are_not_told_as_something_else() {
    let came = ask(
        "How many days did it rain in Bergen in 2021?",
        &[(
            "rainfall.csv",
            "Station,Year,Rainfall\nBergen,2020,2680\nBergen,2021,2018\nOslo,2020,623\nOslo,2021,878\n",
        )],
    );
    assert!(!came.says().contains("2,018"), "{}", came.says());
}

#[test]
fn what_is_owed_has_no_day_of_payment() {
    check(
        (
            "bills.csv",
            "Bill,Amount,Paid on\nB1,60,2024-01-03\nB2,40,\nB3,25,\nB4,30,2024-02-01\nB5,10,2024-02-03\n",
        ),
        &[("How much is still owed?", &["65"])],
    );
}

#[test]
fn the_busiest_weekday_is_that_of_most_rows_and_a_single_sale_is_one_row() {
    check(
        (
            "clinic.csv",
            "Visit,Date,Fee\nV1,2024-01-01,10\nV2,2024-01-08,20\nV3,2024-01-02,90\n",
        ),
        &[("busiest weekday", &["Monday", "2"])],
    );
    check(
        (
            "store_sales.csv",
            "Sale date,Store,Amount\n2024-01-01,Tampa,50\n2024-01-02,Tampa,60\n2024-01-03,Boise,90\n",
        ),
        &[("Which store had the single biggest sale?", &["Boise", "90"])],
    );
}

#[test]
fn who_has_been_there_the_longest_began_first() {
    check(
        (
            "staff.csv",
            "Name,Start date,Hours per week\nAnn,2015-10-01,20\nBob,2012-01-01,30\nCid,2019-05-01,40\n",
        ),
        &[("Who has been with us the longest?", &["Bob", "2012"])],
    );
}

#[test]
fn things_that_have_something_are_counted_and_not_what_they_have() {
    check(
        ("rooms.csv", "room,floor,beds\nA,1,2\nB,1,4\nC,2,6\n"),
        &[("How many rooms have more than 3 beds?", &["is 2"])],
    );
}

#[test]
fn a_part_of_a_value_behind_its_columns_name_chooses_nothing() {
    check(
        (
            "rentals.csv",
            "id,station,kind,price\nr1,Campus,city,8\nr2,Campus,e-bike,13\nr3,Market,cargo,9\nr4,Market,city,7\n",
        ),
        &[
            (
                "takings per kind of bike",
                &["city 15", "e-bike 13", "cargo 9"],
            ),
            (
                "Which station earned the most, and how much?",
                &["Campus", "21"],
            ),
            ("How much did the city bikes bring in?", &["15"]),
        ],
    );
}

#[test]
fn a_total_is_meant_where_a_rank_stands_beside_in_total() {
    check(
        (
            "loads.csv",
            "Load,Driver,Weight kg\nL1,Ann,500\nL2,Bob,20\nL3,Bob,900\nL4,Ann,90\nL5,Cid,610\n",
        ),
        &[
            (
                "Which driver was given the least weight in total, and how many kilos was that?",
                &["Ann", "590"],
            ),
            (
                "Which driver had the most weight in total?",
                &["Bob", "920"],
            ),
        ],
    );
}

#[test]
fn what_a_column_holds_of_one_month_says_nothing_of_another() {
    let gym = (
        "gym.csv",
        "Member,Gender,Plan,Joined,Fee,Visits in March\nAnn,F,Plus,2023-04-02,30,9\nBob,M,Basic,2023-01-09,20,2\nCid,M,Plus,2022-04-11,40,5\nDea,F,Basic,2023-02-01,26,1\nEli,M,Basic,2023-05-01,18,3\n",
    );
    check_not_there(
        gym,
        &[("How many visits did we have in April?", "Visits in March")],
    );
    check(
        gym,
        &[
            ("average fee, F against M", &["F 28", "M 26"]),
            ("How many women are on Plus?", &["is 1"]),
            ("How many men are there?", &["is 3"]),
            (
                "Looking only at the women: what share of them is on Plus?",
                &["50"],
            ),
        ],
    );
}

#[test]
fn letters_stand_for_the_words_that_people_say() {
    check(
        (
            "season.csv",
            "Date,Opponent,H/A,Goals for,Goals against,Result\n2023-08-19,Rovers,H,4,3,W\n2023-08-26,Athletic,A,4,3,W\n2023-09-02,Harriers,H,1,1,D\n2023-09-09,City,A,0,2,L\n2023-09-16,Town,A,1,2,L\n",
        ),
        &[
            ("How many away games did we win?", &["is 1"]),
            ("How many of the away games (A) did we win (W)?", &["is 1"]),
        ],
    );
}

#[test]
fn one_column_is_better_than_another_and_kinds_are_left_aside() {
    check(
        (
            "marks.csv",
            "Pupil,Class,Maths,Science\nAnn,7A,70,81\nBob,7B,60,55\nCid,7A,90,91\nDea,7B,50,50\n",
        ),
        &[
            (
                "how many pupils did better in science than in maths?",
                &["is 2"],
            ),
            (
                "how many pupils did worse in science than in maths?",
                &["is 1"],
            ),
        ],
    );
    check(
        (
            "animals.csv",
            "Tag,Species,Weight kg\nT1,Pig,114\nT2,Sheep,104\nT3,Goat,52\nT4,Cow,500\n",
        ),
        &[(
            "Leaving the sheep aside, how many animals weigh at least 100 kg?",
            &["is 2"],
        )],
    );
}
