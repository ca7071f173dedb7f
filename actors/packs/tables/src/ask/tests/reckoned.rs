//! What is reckoned of two columns, of two files and of the ends of time; and answers that are no answers to what was asked.

use super::*;

#[test]
fn what_two_columns_give_is_reckoned() {
    check(
        (
            "loans.csv",
            "tool,out,back\nsaw,2025-05-18,2025-06-01\ndrill,2025-04-11,2025-04-15\nsaw,2025-04-29,2025-05-12\n",
        ),
        &[
            ("on average, how many days was a tool out?", &["10.33"]),
            ("How many days was the drill out?", &["is 4"]),
        ],
    );
    check(
        (
            "stock.csv",
            "product,unit_price,in_stock,reorder_level\napples,2,10,12\npears,3,0,5\nrice,1.5,40,8\n",
        ),
        &[
            (
                "What is the stock worth in total (price times quantity)?",
                &["80"],
            ),
            ("How many products are below their reorder level?", &["2"]),
            ("Which products are out of stock?", &["pears"]),
        ],
    );
    check(
        (
            "rental.csv",
            "article,pieces,rented out\nsaw,10,4\ndrill,6,6\nladder,5,0\n",
        ),
        &[
            ("How many pieces are not rented out?", &["11"]),
            (
                "What share of the pieces is rented out?",
                &["47.62%", "10 over 21"],
            ),
        ],
    );
    check(
        ("lorries.csv", "lorry,gross_kg,tare_kg\na,100,40\nb,90,30\n"),
        &[("net weight of everything (gross minus tare)", &["120"])],
    );
    check(
        (
            "seeds.csv",
            "tray,herb,sown,germinated\nt1,basil,50,40\nt2,basil,100,50\nt3,dill,10,1\n",
        ),
        &[
            ("germination rate for basil, all trays together?", &["60%"]),
            ("What share of the seeds sown germinated?", &["56.88%"]),
        ],
    );
}

#[test]
fn what_stands_behind_most_is_counted() {
    check(
        (
            "members.csv",
            "member,club,fee,paid\nAnn,Judo,10,yes\nBob,Judo,20,no\nMax,Yoga,90,no\nCid,Judo,5,yes\n",
        ),
        &[
            ("which club has the most members?", &["Judo", "3"]),
            ("club with the fewest members", &["Yoga", "1"]),
            ("How many have not paid yet?", &["is 2"]),
            ("members per club", &["Judo 3", "Yoga 1"]),
            ("total fees, Judo not counted", &["90"]),
        ],
    );
    check(
        (
            "ward.csv",
            "room,floor,beds,occupied\n101,1,4,2\n201,2,2,0\n301,3,3,1\n302,3,1,1\n",
        ),
        &[
            ("occupancy rate of all beds", &["40%"]),
            ("free beds on the third floor", &["is 2"]),
            ("How many rooms are empty?", &["is 1"]),
        ],
    );
    check_not_there(
        ("run.csv", "runner,club,place\nA,X,1\nB,Y,2\nC,X,3\n"),
        &[("how many runners are in the top 2 from X", "rank")],
    );
}

#[test]
fn the_ends_of_time_are_rows() {
    let file = (
        "sightings.csv",
        "date,animal,place\n2025-07-11,otter,mill\n2025-03-11,otter,weir\n2025-02-01,heron,mill\n",
    );
    check(
        file,
        &[
            ("when was an otter first seen?", &["2025-03-11", "weir"]),
            ("where was the heron last seen", &["2025-02-01", "mill"]),
        ],
    );
    check(
        (
            "members.csv",
            "member,born,fee\nAnn,1951,10\nBob,1980,20\nCid,2003,5\n",
        ),
        &[
            ("who is the oldest member", &["1951", "Ann"]),
            ("youngest member?", &["2003", "Cid"]),
            ("average fee per member", &["is 11.67"]),
        ],
    );
}

#[test]
fn files_of_one_form_are_read_below_each_other() {
    let one = "month,bottles\n2024-01,7\n2024-02,5\n";
    let other = "month,bottles\n2025-01,9\n2025-02,8\n";
    let files = [("glass_2024.csv", one), ("glass_2025.csv", other)];
    let came = ask("How do the bottles of 2025 compare with 2024?", &files);
    assert!(came.says().contains("+5"), "{}", came.says());
    let came = ask("total bottles", &files);
    assert!(came.says().contains("29"), "{}", came.says());
}

#[test]
fn a_goal_that_asks_for_a_mean_is_not_answered_by_a_sum() {
    let came = ask("average revenue in North", &[FILE]);
    let (answer, mut evidence) = (came.written.answer.clone(), came.written.evidence.clone());
    let judge =
        |evidence: &aios_work::Evidence| Assessment::of([crate::ask::check(&answer, evidence)]);
    assert!(judge(&evidence).verdict.passes());
    for fact in &mut evidence.facts {
        fact.statistic = aios_work::Statistic::Total;
    }
    assert!(!judge(&evidence).verdict.passes());
    // What a word changes that stands nowhere, nobody can tell.
    evidence = came.written.evidence.clone();
    evidence.goal = "average vanilla revenue in North".to_owned();
    assert!(!judge(&evidence).checked);
}

#[test]
fn two_files_are_joined_by_the_key_they_share() {
    let orders = "order_id,customer_id,amount\n1,10,5\n2,11,7\n3,10,2\n4,99,1\n";
    let customers = "customer_id,name,country\n10,Ann,Italy\n11,Bob,Spain\n";
    let files = [("orders.csv", orders), ("customers.csv", customers)];
    let came = ask("What is the total amount per country?", &files);
    let says = came.says();
    assert!(
        says.contains("Italy 7") && says.contains("Spain 7"),
        "{says}"
    );
    assert!(
        came.written.answer.contains("no match"),
        "{}",
        came.written.answer
    );
    let came = ask("What is the total amount?", &files);
    assert!(came.says().contains("15"), "{}", came.says());
    assert!(!came.plan.tasks.is_empty());
}

#[test]
fn an_answer_with_a_number_of_nobodys_is_refused() {
    let came = ask("Total revenue in North", &[FILE]);
    let (answer, evidence) = (&came.written.answer, &came.written.evidence);
    let passes = |text: &str| {
        Assessment::of([crate::ask::check(text, evidence)])
            .verdict
            .passes()
    };
    assert!(passes(answer));
    assert!(!passes(&answer.replace("3,700.5", "13,300.5")));
    assert!(!passes(&answer.replace("is 3,700.5", "is known")));
    assert!(!passes(&format!("{answer}\nIt was 4711 before.\n")));
}

/// Whether an answer says something else than figures alone, or is not taken for right.
fn doubted(goal: &str, file: (&str, &str)) -> bool {
    let came = ask(goal, &[file]);
    let opinion = crate::ask::check(&came.written.answer, &came.written.evidence);
    !Assessment::of([opinion]).checked
}

#[test]
fn both_ends_are_told_where_both_are_asked_for() {
    let tills = (
        "desks.csv",
        "date,desk,amount\n2025-03-03,A,40\n2025-03-03,B,11\n2025-03-04,A,72\n2025-03-05,A,15\n2025-03-04,B,9\n",
    );
    check(
        tills,
        &[
            ("lowest and highest daily amount at desk A", &["15", "72"]),
            ("highest and lowest daily amount of desk A", &["72", "15"]),
            (
                "Which desk has the highest and which the lowest total amount?",
                &["A", "127", "B", "20"],
            ),
        ],
    );
    let crew = (
        "crew.csv",
        "name,team,wage\nAnn,X,30\nBob,Y,50\nCid,X,20\nDee,Z,35\n",
    );
    check(
        crew,
        &[
            (
                "Who has the highest and who has the lowest wage?",
                &["Bob", "Cid"],
            ),
            (
                "teams with the largest and the smallest total wage",
                &["X", "50", "Z", "35"],
            ),
            ("the most and the least total wage by team", &["50", "35"]),
        ],
    );
}

#[test]
fn pieces_are_counted_where_the_file_has_a_column_of_them() {
    let store = (
        "store.csv",
        "Item,Room,Quantity,Price\nChair,Hall,12,179\nDesk,Office,20,104\nChair,Kitchen,6,186\nLamp,Hall,3,20\n",
    );
    check(
        store,
        &[
            ("How many chairs do we have?", &["18"]),
            ("how many lamps are there", &["3"]),
            ("How many chairs are in the kitchen?", &["6"]),
        ],
    );
    check(
        (
            "farm.csv",
            "Animal,Stable,Stock\nGoat,North,14\nCow,North,6\nGoat,South,5\n",
        ),
        &[
            ("How many goats do we have?", &["19"]),
            ("how many cows are in North", &["6"]),
        ],
    );
    // Without such a column each row is one.
    check(
        (
            "pets.csv",
            "Pet,Owner,Age\nDog,Ann,3\nCat,Bob,5\nDog,Cid,9\n",
        ),
        &[("How many dogs are there?", &["is 2"])],
    );
}

#[test]
fn a_value_that_any_row_may_be_called_leaves_open_what_is_counted() {
    let journal = (
        "journal.csv",
        "Account,Text,Amount\n4000,Invoice,10\n4000,Booking,20\n4010,Order,30\n4010,Correction,40\n",
    );
    for goal in [
        "How many bookings are there for account 4000?",
        "how many invoices are there",
        "How many orders are there for account 4010",
    ] {
        assert!(doubted(goal, journal), "{goal}");
    }
    let desk = (
        "desk.csv",
        "Day,Kind,Fee\n2025-01-01,Purchase,4\n2025-01-02,Return,5\n2025-01-03,Purchase,6\n",
    );
    for goal in [
        "how many purchases are there",
        "How many purchases did we have?",
    ] {
        assert!(doubted(goal, desk), "{goal}");
    }
    assert!(!doubted("how many corrections are there", journal));
}

#[test]
fn months_that_a_column_names_are_a_stretch_or_any_of_them() {
    let hours = (
        "hours.csv",
        "Employee,Jan,Feb,Mar,Apr\nPetra,10,20,30,1\nJonas,40,5,5,90\nMia,9,30,25,2\n",
    );
    check(
        hours,
        &[
            (
                "Who worked the most hours altogether from January to March?",
                &["Mia", "64"],
            ),
            ("total hours from February to April", &["208"]),
            ("total hours in January and April", &["152"]),
        ],
    );
    let sales = (
        "sales.csv",
        "Year,Quarter,Turnover\n2022,Q1,5\n2022,Q2,7\n2023,Q1,11\n2023,Q2,13\n",
    );
    check(
        sales,
        &[
            ("What was the turnover in Q1 of 2023?", &["11"]),
            ("turnover in Q2 2022", &["7"]),
        ],
    );
}

#[test]
fn percent_behind_a_number_is_a_unit() {
    let goods = (
        "goods.csv",
        "Product,Margin\nCandle,43.7 %\nBag,7.2 %\nPuzzle,12.5 %\n",
    );
    check(
        goods,
        &[("How many products have a margin below 20 percent?", &["2"])],
    );
    assert!(!doubted(
        "How many products have a margin below 20 percent?",
        goods
    ));
}

#[test]
fn an_overview_hears_what_a_short_heading_stands_for() {
    for (goal, heading) in [
        ("Analyze the revenue", "rev"),
        ("Analyse the quantity", "qty"),
        ("overview of the hours", "hrs"),
        ("Analyze the amounts", "amt"),
        ("Summarize the overtime", "ot"),
    ] {
        let file =
            format!("date,reg,{heading}\n2025-07-01,a,616\n2025-07-02,b,813\n2025-07-03,c,499\n");
        let came = ask(goal, &[("h.csv", &file)]);
        let answer = &came.written.answer;
        assert!(!answer.contains("understood"), "{goal}: {answer}");
    }
}
