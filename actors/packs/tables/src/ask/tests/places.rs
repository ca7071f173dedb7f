//! Places in an order, rounds, cells with several names, amounts in several currencies, and verbs beside what they are said of.

use super::*;

/// Whether nothing is answered: what is asked for is not there or was not understood.
fn refuses(goal: &str, file: (&str, &str)) {
    let came = ask(goal, &[file]);
    assert!(
        !came.written.gaps.is_empty(),
        "{goal}: {}",
        came.written.answer
    );
}

#[test]
fn places_are_told_and_never_added_up() {
    let sail = (
        "sail.csv",
        "Place,Sailor,Club,Points\n1,Ann,Kiel,40\n2,Ben,Cowes,38\n3,Cleo,Kiel,33\n4,Dan,Riga,30\n5,Eve,Cowes,21\n",
    );
    check(
        sail,
        &[
            ("Who came last?", &["Eve"]),
            ("Who finished first?", &["Ann"]),
            ("Which sailor came third?", &["Cleo"]),
        ],
    );
    refuses("What is the total place?", sail);
    // Seats are called so in French, and add up.
    let halls = (
        "salles.csv",
        "Salle;Places;Ville\nGrand;420;Lyon\nPetit;80;Lyon\nNord;150;Lille\nSud;210;Nice\n",
    );
    check(halls, &[("Combien de places y a-t-il en tout ?", &["860"])]);
    // Without places the time tells who was first.
    let race = (
        "race.csv",
        "Start no,Rower,Minutes\n7,Ada,31.5\n3,Bo,29.2\n9,Cy,35.1\n1,Di,30.0\n4,Ed,33.3\n",
    );
    check(
        race,
        &[
            ("Who finished last?", &["Cy"]),
            ("Who came second?", &["Di"]),
        ],
    );
}

#[test]
fn rounds_are_counted_and_not_summed() {
    let darts = (
        "darts.csv",
        "Round,Player,Points\n1,Kim,21\n1,Lou,17\n2,Kim,22\n2,Lou,19\n3,Kim,23\n3,Lou,21\n4,Kim,24\n4,Lou,25\n",
    );
    check(
        darts,
        &[
            (
                "On average, how many points did Kim get per round?",
                &["22.5"],
            ),
            ("Which round had the most points?", &["4", "49"]),
            ("How many points were scored in round 3?", &["44"]),
        ],
    );
}

#[test]
fn a_name_among_others_of_a_cell_is_found_and_groups_nothing() {
    let skills = (
        "skills.csv",
        "Dish,Allergens\nCurry,mustard; celery\nPie,fish; milk; gluten\nCrumble,gluten; milk\nPudding,milk\nSalad,\nToast,gluten; egg\n",
    );
    check(
        skills,
        &[
            ("How many dishes contain milk?", &["3"]),
            ("How many dishes contain neither milk nor gluten?", &["2"]),
        ],
    );
    refuses("Which allergen occurs most often?", skills);
}

#[test]
fn amounts_of_one_currency_are_asked_for_by_its_name() {
    let lots = (
        "lots.csv",
        "Lot,Hammer price\n1,€164\n2,\"£3,667\"\n3,$929\n4,\"€1,952\"\n5,\"$1,403\"\n6,£691\n",
    );
    check(
        lots,
        &[
            (
                "How much did the lots in dollars bring together?",
                &["2,332"],
            ),
            ("What is the total of the euro lots?", &["2,116"]),
        ],
    );
}

#[test]
fn verbs_are_met_by_what_values_say_was_done() {
    let rooms = (
        "rooms.csv",
        "Room,Smoking,Beds\nA,permitted,2\nB,not permitted,1\nC,not permitted,3\nD,on request,2\n",
    );
    check(
        rooms,
        &[
            ("How many rooms permit smoking?", &["1"]),
            ("How many rooms do not permit smoking?", &["2"]),
        ],
    );
    let exam = (
        "exam.csv",
        "Candidate,Result\nAnn,Passed\nBen,Failed\nCleo,Passed\nDan,Failed\nEve,Passed\nFlo,Absent\n",
    );
    check(exam, &[("How many candidates did not pass?", &["3"])]);
    let tickets = (
        "tickets.csv",
        "Ticket,Agent,Opened,Closed\n1,Ann,2024-01-02,2024-01-03\n2,Bob,2024-01-02,\n3,Ann,2024-01-04,2024-01-09\n4,Bob,2024-01-06,2024-01-06\n5,Bob,2024-01-07,\n",
    );
    check(tickets, &[("Who closed the most tickets?", &["Ann", "2"])]);
}

#[test]
fn how_often_counts_rows_and_people_who_come_are_added_up() {
    let doors = (
        "doors.csv",
        "opened_at,door\n2024-05-06T08:41:11,yard\n2024-05-06T14:09:03,front\n2024-05-06T14:09:30,front\n2024-05-07T16:15:25,front\n",
    );
    check(
        doors,
        &[("How often were the doors opened on Monday, May 6?", &["3"])],
    );
    let courses = (
        "kurse.csv",
        "Tag;Kurs;Teilnehmer\nMontag;Yoga;12\nDienstag;Yoga;9\nMontag;Pilates;7\nMittwoch;Boxen;15\n",
    );
    check(courses, &[("Wie viele kommen am Montag?", &["19"])]);
    let names = (
        "names.csv",
        "Name,Town\nÉmile,Paris\némilie,Lyon\nEve,Lille\nÖzge,Bonn\n",
    );
    check(names, &[("How many names start with é?", &["2"])]);
    let transfers = (
        "transfers.csv",
        "Transaction,Amount\n9007199254740992,744.02\n9007199254740993,243.91\n9007199254740994,551.55\n",
    );
    check(
        transfers,
        &[(
            "What is the amount of transaction 9007199254740993?",
            &["243.91"],
        )],
    );
}

#[test]
fn a_table_of_features_has_a_row_for_each_thing() {
    let phones = (
        "phones.csv",
        "Feature,Alba,Brio,Corvo\nPrice,329,289,415\nWeight (g),184,197,171\nColour,black,red,blue\n",
    );
    check(
        phones,
        &[
            ("Which phone is the cheapest?", &["289", "Brio"]),
            ("How heavy is the Corvo?", &["171"]),
        ],
    );
}
