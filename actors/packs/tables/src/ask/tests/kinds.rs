//! Kinds of questions: which end is the best one, how much changed from period to period and for whom, what has no match, what is written
//! beside a question or wrongly; and which answers are not known to be right.

use super::*;

fn checked(goal: &str, files: &[(&str, &str)]) -> bool {
    let came = ask(goal, files);
    Assessment::of([crate::ask::check(
        &came.written.answer,
        &came.written.evidence,
    )])
    .checked
}

#[test]
fn the_best_end_depends_on_what_is_measured() {
    let file = (
        "lines.csv",
        "line,scrap_rate,output,torque\nL1,2.5%,40,7\nL2,0.8%,55,9\nL3,11.2%,20,8\n",
    );
    check(
        file,
        &[
            ("which line has the worst scrap rate", &["L3", "11.2"]),
            ("best scrap rate and which line", &["L2", "0.8"]),
            ("which line has the best output", &["L2", "55"]),
            ("which line has the worst output", &["L3", "20"]),
        ],
    );
}

#[test]
fn what_changed_is_told_for_each_group_and_from_period_to_period() {
    let solar = (
        "solar.csv",
        "region,year,mwh\nNorth,2023,412\nNorth,2024,498\nSouth,2023,350\nSouth,2024,329\nWest,2023,88\nWest,2024,131\n",
    );
    check(
        solar,
        &[
            (
                "which region grew fastest in percent terms?",
                &["West", "48.86"],
            ),
            (
                "which region had the largest increase in mwh in percent from 2023 to 2024",
                &["West"],
            ),
            ("which region declined the most?", &["South", "-6"]),
        ],
    );
    let subs = (
        "subs.csv",
        "month,subscribers\nJan,1240\nFeb,1315\nMar,1190\nApr,1422\nMay,1405\n",
    );
    check(
        subs,
        &[(
            "biggest month over month jump: which month and by how many subscribers?",
            &["Apr", "232"],
        )],
    );
}

#[test]
fn rows_without_a_match_in_the_other_file_are_named() {
    let orders = "order_no,customer_id,amount\nO1,K1,5\nO2,K2,7\nO3,K9,1\n";
    let customers = "customer_id,company\nK1,Alder\nK2,Birch\nK5,Elm\n";
    let files = [("orders.csv", orders), ("customers.csv", customers)];
    for (goal, wanted, other) in [
        ("Which companies have no order at all?", "Elm", "Alder"),
        (
            "is there an order whose customer id is unknown? which one",
            "O3",
            "O1",
        ),
    ] {
        let came = ask(goal, &files);
        let says = came.says();
        assert!(
            says.contains(wanted) && !says.contains(other),
            "{goal}: {says}"
        );
    }
}

#[test]
fn words_beside_a_question_and_misspelt_words_are_said() {
    let tanks = (
        "aquarium.csv",
        "tank,temp_c,fish\nT1,24.6,20\nT6,22.8,38\nT11,23.4,9\nT4,26,38\n",
    );
    check(
        tanks,
        &[
            ("sum of fish (a bot counted them)", &["105"]),
            (
                "average temperature of everything with 20 to 40 fish (both ends included)",
                &["24.47"],
            ),
        ],
    );
}

#[test]
fn cells_are_looked_up_and_headings_may_be_short() {
    let people = (
        "contacts.csv",
        "name,phone,town\nMarta Lind,0701234567,Lund\nPer Ek,0709988776,Ystad\nOla Berg,046112233,Lund\n",
    );
    check(people, &[("phone number of Marta Lind?", &["0701234567"])]);
    let wards = (
        "kpi.csv",
        "dept,hc,ot_hrs,avg_los\nICU,22,140,6.2\nER,35,260,0.4\nORT,18,75,4.1\n",
    );
    check(
        wards,
        &[
            ("total overtime hours", &["475"]),
            (
                "which dept has the longest average length of stay",
                &["ICU", "6.2"],
            ),
        ],
    );
}

#[test]
fn no_reason_is_made_up() {
    check_not_there(FILE, &[("why did the revenue drop in March?", "not why")]);
}

#[test]
fn an_answer_is_known_to_be_right_only_where_every_word_left_a_trace() {
    for goal in [
        "Total revenue in North",
        "average revenue of paid orders",
        "How many orders over 1000?",
        "Which region has the highest revenue?",
        "Top 2 customers by revenue",
        "Total revenue without North",
        "Total revenue in March 2024",
        "median revenue",
        "Revenue per month",
    ] {
        assert!(checked(goal, &[FILE]), "{goal}");
    }
    // Each asks of the same statement what is not in it.
    let came = ask("Total revenue in North", &[FILE]);
    for goal in [
        "highest revenue in North",
        "Total revenue in North in March",
        "Total revenue over 700 in North",
        "Total revenue per month in North",
        "Total revenue outside North",
        "Total discounted revenue of members in North",
        "Total tax in North",
        "Total revenue of the top 3 in North",
        "Total revenue in North per 1000 visitors",
    ] {
        let mut evidence = came.written.evidence.clone();
        evidence.goal = goal.to_owned();
        let judged = Assessment::of([crate::ask::check(&came.written.answer, &evidence)]);
        assert!(!judged.checked, "{goal}");
    }
}
