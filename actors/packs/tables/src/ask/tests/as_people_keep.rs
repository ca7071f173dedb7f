//! Tables as people keep them: marks behind numbers, lines of pages between rows, sheets about one thing, prices for so much of something, dates
//! by which something was due, remarks, numbers beside names; and questions as people put them.

use super::*;

const BIKES: (&str, &str) = (
    "bikes.csv",
    "Bike no,Name,Bought,Price (EUR),Rent per day,Electric,Note\n17A,Falcon,2019,420,12.50,no,squeaky but rides well\n18B,Thunder,2021,2150,35.00,yes,guests love it\n3E1,Mistral,2020,1890,32.00,yes,\n21C,Pony,2018,310,9.00,no,stay away from sand\n",
);

#[test]
fn a_mark_behind_a_number_points_at_a_remark() {
    check(
        (
            "water.csv",
            "Site,Month,Water,Cost\n,,m3,EUR\nSchool,January,\"1,204\",602.00\nSchool,February,\"1,150*\",575.00\nSchool,March,\"1,310\",655.00\nPool,January,\"3,902†\",1951.00\nPool,February,\"4,011\",2005.50\nPool,March,\"4,120*\",2060.00\n\n* estimated\n",
        ),
        &[
            ("How much water did the pool use?", &["12,033"]),
            (
                "How much water did the pool use over the three months?",
                &["12,033"],
            ),
            (
                "What was the average monthly cost of the school?",
                &["610.67"],
            ),
        ],
    );
}

#[test]
fn a_line_of_a_page_between_rows_is_no_row() {
    check(
        (
            "log.csv",
            "Date;Line;Stop;Boarded\n01/03/2024;N1;Harbour;45\n01/03/2024;N2;Market;30\n02/03/2024;N1;Harbour;51\n\nPage 1 of 2;;;\n\nDate;Line;Stop;Boarded\n02/03/2024;N2;Market;22\n03/03/2024;N1;Castle;19\n\nPage 2 of 2;;;\n",
        ),
        &[
            ("How many boarded on line N2?", &["52"]),
            ("How many people boarded at the Harbour?", &["96"]),
        ],
    );
}

#[test]
fn a_sheet_about_one_thing_is_one_row() {
    let hut = (
        "hut.csv",
        "Property;Value\nName;Eagle hut\nAltitude (m);2140\nBeds;48\nYear built;1931\nWater tank (l);5000\nWarden;Lena Graf\n",
    );
    check(
        hut,
        &[
            ("How many beds does the hut have?", &["48"]),
            ("What is the altitude of the hut?", &["2,140 m"]),
            ("Who is the warden?", &["Lena Graf"]),
            ("When was it built?", &["1931"]),
            ("How many litres does the water tank hold?", &["5,000"]),
        ],
    );
}

#[test]
fn a_price_for_so_much_of_something_is_divided_already() {
    check(
        (
            "cheese.csv",
            "Cheese,Sold (kg),Price per kg\nBrie,12.5,24.90\nGouda,40.2,11.50\nFeta,22.0,13.20\n",
        ),
        &[
            ("Which cheese is the dearest per kilo?", &["Brie", "24.9"]),
            (
                "Which cheese is the cheapest per kilogram?",
                &["Gouda", "11.5"],
            ),
        ],
    );
    check(
        (
            "tea.csv",
            "Tea,Stock (g),Price per 100 g\nAssam,500,10\nSencha,200,15\n",
        ),
        &[("What is the stock worth?", &["80"])],
    );
    check(
        (
            "flats.csv",
            "Flat,Tenant,Rent per month\nA,Moss,800\nB,Hale,900\nC,Fenn,1000\n",
        ),
        &[("What is the total monthly rent?", &["2,700"])],
    );
}

#[test]
fn what_is_late_is_counted_from_the_day_by_which_it_was_due() {
    check(
        (
            "invoices.csv",
            "Invoice,Customer,Due date,Paid on,Amount\nR1,Moss,2024-02-01,2024-01-28,120\nR2,Hale,2024-02-01,2024-02-09,300\nR3,Moss,2024-03-01,2024-03-22,80\nR4,Fenn,2024-03-01,2024-02-27,210\nR5,Hale,2024-04-01,2024-04-03,95\n",
        ),
        &[
            (
                "By how many days was the most overdue invoice late?",
                &["R3", "21"],
            ),
            ("How many invoices were paid late?", &["is 3"]),
            ("How many invoices were paid on time?", &["is 2"]),
            ("How many days late was invoice R2?", &["is 8"]),
        ],
    );
}

#[test]
fn what_rows_are_called_is_told_beside_their_numbers() {
    check(
        BIKES,
        &[
            ("What is bike 3E1 called?", &["Mistral"]),
            ("Which bike is the dearest per day?", &["Thunder", "35"]),
        ],
    );
    check(
        (
            "shows.csv",
            "show,title,host,viewers\n1,Dusk,Ana,410\n2,Frost,Ben,655\n3,Tide,Ana,120\n4,Ember,Cy,388\n5,Grove,Ben,502\n",
        ),
        &[("Which show had the most viewers?", &["2", "Frost", "655"])],
    );
}

#[test]
fn a_word_of_a_remark_chooses_no_rows() {
    check(
        (
            "stays.csv",
            "Guest,Nights,Comment\nAbel,3,Quiet stay\nBrun,5,Lovely garden\nCole,2,We will return\n",
        ),
        &[("How many nights did the guests stay altogether?", &["10"])],
    );
}

#[test]
fn letters_at_the_beginning_and_the_end_of_values_choose_rows() {
    check(
        (
            "contacts.csv",
            "Name,Phone,Office\nPriya,+44 20 7946,London\nJonas,+49 30 9018,Berlin\nMarta,+351 21 880,Lisbon\nLena,+49 40 1187,Hamburg\n",
        ),
        &[
            (
                "How many contacts have a phone number starting with +49?",
                &["is 2"],
            ),
            ("How many contacts have a name ending in a?", &["is 3"]),
        ],
    );
}

#[test]
fn places_of_a_race_and_its_times_are_read() {
    let race = (
        "race.csv",
        "Pos,Runner,Sex,Club,Time\n1,Rory,Male,Harriers,16:58\n2,Mhairi,Female,Lochside,17:12\n3,Duncan,Male,Harriers,19:44\n4,Jean,Female,Harriers,21:21\n",
    );
    check(
        race,
        &[
            ("Who won?", &["Rory"]),
            ("Who finished third?", &["Duncan"]),
            ("How many women ran?", &["is 2"]),
            ("How many runners finished under 20 minutes?", &["3"]),
        ],
    );
}

#[test]
fn times_with_parts_of_a_second_are_told_in_seconds() {
    let laps = (
        "laps.csv",
        "Swimmer,Pool,Lap time\nAnn,A,1:01.4\nBob,B,58.7\nCid,A,1:12.05\nDot,B,59.9\n",
    );
    check(
        laps,
        &[
            ("Who had the lowest lap time?", &["Bob", "58.7"]),
            ("What is the average lap time?", &["63.01"]),
            ("What is the total lap time in pool A?", &["133.45"]),
        ],
    );
}

#[test]
fn the_most_of_a_kind_counts_rows_where_nothing_else_counts_them() {
    let visits = (
        "visits.csv",
        "Date,Doctor,Minutes,Outcome\n2024-01-08,Amin,60,no-show\n2024-01-12,Bell,10,no-show\n2024-01-16,Bell,10,no-show\n2024-01-17,Amin,90,attended\n",
    );
    check(
        visits,
        &[("Which doctor had the most no-shows?", &["Bell", "2"])],
    );
    check(
        (
            "tickets.csv",
            "Ticket,Opened,Team,Closed\nT1,2024-04-01,Network,no\nT2,2024-04-02,Network,yes\nT3,2024-04-03,Printers,no\nT4,2024-04-03,Network,no\n",
        ),
        &[
            ("How many tickets are still open?", &["is 3"]),
            ("Which team has the most open tickets?", &["Network", "2"]),
        ],
    );
}

#[test]
fn what_was_done_most_counts_rows_beside_a_fee() {
    let lent = (
        "tools.csv",
        "Item,Lent to,Lent on,Returned on,Fee\nLadder,Moss,2024-03-01,2024-03-05,4\nDrill,Hale,2024-03-02,,60\nLadder,Hale,2024-03-09,2024-03-12,4\nSaw,Moss,2024-03-10,,3\n",
    );
    check(
        lent,
        &[
            ("Which item was lent the most?", &["Ladder", "2"]),
            ("How many unreturned items does Hale have?", &["is 1"]),
        ],
    );
}

#[test]
fn what_is_in_stock_is_said_in_the_language_of_the_goal() {
    let depot = (
        "depot.csv",
        "Product,Depot,Stock,Prescription\nAspirin,North,110,no\nIbuprofen,North,92,yes\nInsulin,South,40,yes\nGauze,South,0,no\n",
    );
    check(
        depot,
        &[
            ("How many pieces are in stock at the South depot?", &["40"]),
            ("How many products are in stock?", &["is 3"]),
            ("How many products require no prescription?", &["is 2"]),
            ("Wie viele Stück liegen im Lager North?", &["202"]),
        ],
    );
    check(
        (
            "lohn.csv",
            "Name;Abteilung;Lohn\nAbel;Lager;2400\nBrandt;Lager;2600\nCelik;Büro;3600\n",
        ),
        &[(
            "Wie hoch ist der durchschnittliche Lohn im Lager?",
            &["2.500"],
        )],
    );
    check(
        (
            "garten.csv",
            "Parzelle;Pächter;Pacht (EUR);Bezahlt\n1;Schulze;131;ja\n2;Krüger;203;nein\n3;Yilmaz;149;nein\n",
        ),
        &[("Wie viel Pacht steht noch aus?", &["352"])],
    );
}
