//! Kinds of plain questions that name no column: what is not done yet, places in an order, rates called after their part, blocks of facts above
//! the header, signs behind numbers, what rose, codes that differ in their zeros, and numbers that tell things apart.

use super::*;

#[test]
fn what_is_not_done_yet_is_counted_whatever_else_is_called_so() {
    check(
        (
            "fines.csv",
            "fine_no,street,fine_eur,paid\nF1,High,20,yes\nF2,High,60,no\nF3,Mill,35,no\nF4,Mill,20,yes\nF5,Mill,20,yes\n",
        ),
        &[
            ("How many fines are not paid yet?", &["is 2"]),
            ("How many fines are paid?", &["is 3"]),
        ],
    );
}

#[test]
fn where_it_was_and_how_much_it_was_are_one_row() {
    let quakes = (
        "quakes.csv",
        "date,place,magnitude\n2025-04-24,Norcia,6.2\n2025-03-06,Izmit,4.1\n2025-06-03,Zagreb,6.9\n",
    );
    check(
        quakes,
        &[
            (
                "Where was the strongest earthquake and how strong was it?",
                &["Zagreb", "6.9"],
            ),
            ("How strong was the strongest tremor?", &["6.9"]),
            (
                "Where was the weakest quake and how weak was it?",
                &["Izmit", "4.1"],
            ),
        ],
    );
    check(
        (
            "tauchgaenge.csv",
            "Datum;Ort;Tiefe_m\n03.05.2025;Attersee;31\n09.05.2025;Walchensee;44\n",
        ),
        &[(
            "Wo war der tiefste Tauchgang und wie tief war er?",
            &["Walchensee", "44"],
        )],
    );
}

#[test]
fn a_place_in_an_order_needs_no_verb() {
    let peaks = (
        "peaks.csv",
        "peak,height_m\nHochfeiler,3510\nWildspitze,3768\nOrtler,3905\nTriglav,2864\n",
    );
    check(peaks, &[("Third highest peak", &["Hochfeiler", "3,510"])]);
}

#[test]
fn a_rate_that_is_called_after_its_part_is_of_the_whole_around_it() {
    check(
        (
            "jabs.csv",
            "district,population,vaccinated\nBay,1000,700\nHill,500,400\n",
        ),
        &[
            ("Vaccination rate per district", &["Hill 80%", "Bay 70%"]),
            ("Overall vaccination rate", &["73.33%"]),
        ],
    );
    check(
        (
            "attendance.csv",
            "date,class,enrolled,present,absent\n2025-09-01,3a,20,19,1\n2025-09-01,3b,25,20,5\n2025-09-02,3a,20,17,3\n2025-09-02,3b,25,25,0\n",
        ),
        &[
            ("Attendance rate by class", &["3a 90%", "3b 90%"]),
            ("Attendance rate per day", &["2025-09-02 93.33%"]),
            ("Absence rate by class", &["3a 10%", "3b 10%"]),
        ],
    );
    check(
        (
            "seed_trays.csv",
            "tray,sown,germinated\nT1,100,80\nT2,50,20\nT3,150,140\n",
        ),
        &[("What percentage of the seeds germinated?", &["80%"])],
    );
    check(
        (
            "impf.csv",
            "Bezirk;Einwohner;Geimpfte\nNord;1000;700\nSued;500;400\n",
        ),
        &[("Impfquote je Bezirk", &["Sued 80 %", "Nord 70 %"])],
    );
    // Nothing here is called after an interest, and who died did not survive.
    let trial = ("trial.csv", "arm,patients,died\nA,100,10\nB,50,10\n");
    for goal in ["Interest rate by arm", "Survival rate by arm"] {
        let came = ask(goal, &[trial]);
        assert!(!came.says().contains('%'), "{}", came.says());
    }
}

#[test]
fn what_a_report_says_of_itself_stands_above_the_header_and_is_no_row() {
    let rows = "office;amount\nLund;10.50\nGavle;20.25\nLund;5.25\n";
    for (above, below) in [
        (
            "Report;Sales by office\nCreated;2025-09-30\n\n",
            "\nEnd of report\n",
        ),
        ("Company;Acme\nPeriod;2025\nPrinted;2025-10-01\n\n", ""),
        ("Report;Sales\nCreated;2025-09-30\n", ""),
    ] {
        let text = format!("{above}{rows}{below}");
        check(
            ("export.csv", &text),
            &[("Amount by office", &["Gavle 20.25", "Lund 15.75"])],
        );
    }
    // A blank line between rows is no end of such a block.
    check(
        (
            "regions.csv",
            "region;amount\nNorth;5\nSouth;7\n\nEast;4\nNorth;2\n",
        ),
        &[("Amount by region", &["North 7", "South 7", "East 4"])],
    );
}

#[test]
fn signs_behind_amounts_are_theirs_and_behind_groups_are_not() {
    check(
        (
            "book.csv",
            "date,movement\n2025-05-01,154.61-\n2025-05-02,71.82+\n2025-05-03,111.99+\n",
        ),
        &[("Sum of the movement", &["29.2"])],
    );
    check(
        ("ages.csv", "group,people\n18-29,4\n30-49,6\n50+,5\n"),
        &[("People by group", &["50+ 5"])],
    );
}

#[test]
fn what_rose_and_fell_is_told_by_a_column_of_changes() {
    check(
        (
            "prices.csv",
            "good,change\nWheat,+1.9%\nSugar,-2.1%\nCocoa,+1.4%\n",
        ),
        &[
            ("Which good rose the most?", &["Wheat", "1.9"]),
            ("Which good fell the most?", &["Sugar", "2.1"]),
        ],
    );
    check(
        (
            "towns.csv",
            "town,population,change\nArk,9000,-120\nBex,4000,310\n",
        ),
        &[("Where did the population rise the most?", &["Bex", "310"])],
    );
}

#[test]
fn a_highest_of_all_and_their_sum_are_two_answers() {
    check(
        (
            "meters.csv",
            "\"meter\",\"reading\"\n\"R 1\",\"33,453\"\n\"R 2\",\"95,601\"\n",
        ),
        &[(
            "Highest reading and sum of the readings",
            &["95,601", "129,054"],
        )],
    );
    // A link among names is a name.
    check(
        (
            "links.csv",
            "name,amount\n[click](javascript:alert(1)),14\nhttp://evil.example/x,6\nAnn,22\n",
        ),
        &[("Largest amount and total amount", &["22", "42"])],
    );
}

#[test]
fn codes_that_differ_in_their_zeros_are_two() {
    check(
        (
            "billing.csv",
            "code,charge\n250.10,310\n250.1,45\n008.60,90\n250.10,5\n",
        ),
        &[("Charge per code", &["250.10 315", "008.60 90", "250.1 45"])],
    );
}

#[test]
fn what_was_born_is_what_is_counted() {
    let calves = ("calves.csv", "year,calves\n2021,52\n2022,61\n2023,49\n");
    check(
        calves,
        &[
            ("In which year were most calves born?", &["2022", "61"]),
            ("How many calves were born in 2023?", &["49"]),
        ],
    );
    check(
        ("ferkel.csv", "Jahr;Ferkel\n2021;52\n2022;61\n"),
        &[(
            "In welchem Jahr wurden die meisten Ferkel geboren?",
            &["2022", "61"],
        )],
    );
}

#[test]
fn of_two_ends_the_verb_says_which() {
    let loans = (
        "loans.csv",
        "loan,from,to\nL1,2025-04-11,2025-04-21\nL2,2025-04-15,2025-04-17\nL3,2025-04-20,2025-04-22\n",
    );
    check(
        loans,
        &[
            ("How many loans began on or after 15 April 2025?", &["is 2"]),
            (
                "How many loans began on or before 15 April 2025?",
                &["is 2"],
            ),
            ("How many loans ended on or after 21 April 2025?", &["is 2"]),
            ("How many loans started after 15 April 2025?", &["is 1"]),
        ],
    );
}

#[test]
fn who_is_whoever_a_column_of_people_names() {
    check(
        (
            "guides.csv",
            "date,guide,tips\n2025-02-01,\"Diaz, \"\"Teo\"\"\",5\n2025-02-03,\"Lee, Amy\",4\n2025-02-05,\"Lee, Amy\",3\n",
        ),
        &[("Who got the most tips?", &["Lee, Amy", "7"])],
    );
}

#[test]
fn a_total_and_who_takes_in_most_are_two_answers() {
    check(
        (
            "kinos.csv",
            "Datum;Kino;Besucher;Einnahmen\n02.04.2025;Gera;41;62,89\n04.04.2025;Suhl;2;159,09\n06.04.2025;Gera;9;100,00\n",
        ),
        &[(
            "Wie hoch sind die Einnahmen insgesamt und welches Kino nimmt am meisten ein?",
            &["321,98", "Gera", "162,89"],
        )],
    );
    check(
        (
            "cines.csv",
            "fecha;cine;entradas;ingresos\n01/02/2025;Rex;10;100,50\n02/02/2025;Sol;20;90,50\n",
        ),
        &[(
            "¿Cuáles son los ingresos totales y qué cine recauda más?",
            &["191", "Rex"],
        )],
    );
}

#[test]
fn small_numbers_of_a_kind_tell_things_apart() {
    check(
        (
            "lines.csv",
            "line,defects\n3,204\n1,311\n2,331\n3,87\n1,91\n2,211\n",
        ),
        &[
            ("Defects by line", &["2 542", "1 402", "3 291"]),
            ("Which line has the most defects?", &["2", "542"]),
        ],
    );
    let rooms: String = (0..12)
        .map(|at| format!("{},{}\n", 101 + at % 3, 10 + at * 7 % 13))
        .collect();
    check(
        ("rooms.csv", &format!("room,bookings\n{rooms}")),
        &[("Bookings by room", &["103 66", "102 64", "101 62"])],
    );
}
