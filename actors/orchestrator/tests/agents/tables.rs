//! Questions over a table, answered by a whole crew: what is asked stands first, in the goal's language, and leaves as approved; what is not in
//! the data is said and never replaced.

use std::sync::Arc;
use std::time::Duration;

use aios_supervisor::Recourse;
use aios_work::content::GoalStatus;

use crate::goals::{Team, about};

const SALES: &str = "date,region,revenue,visits,orders
2025-01-10,North,120.50,100,4
2025-02-11,South,717.72,300,9
2025-03-12,North,590.31,200,10
2025-03-20,East,35.81,50,1
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_first_in_its_language_and_only_by_what_the_data_holds() {
    let team = Team::new(Recourse::Partial, Arc::new(|| Ok(()))).await;
    let file = team.write("sales.csv", SALES);
    let rows = [
        ("Total revenue in North", GoalStatus::Approved, "is 710.81"),
        (
            "Which region has the highest revenue?",
            GoalStatus::Approved,
            "South",
        ),
        (
            "Revenue per region in March 2025",
            GoalStatus::Approved,
            "North 590.31",
        ),
        (
            "What is the conversion rate?",
            GoalStatus::Approved,
            "3.69%",
        ),
        (
            "Wie hoch ist der Umsatz in North?",
            GoalStatus::Approved,
            "710,81",
        ),
        (
            "Quel est le chiffre d'affaires par région ?",
            GoalStatus::Approved,
            "South 717,72",
        ),
        (
            "¿Cuál es el total de ventas en South?",
            GoalStatus::Approved,
            "717,72",
        ),
        ("What is the profit?", GoalStatus::Partial, "no profit"),
        ("Total revenue in Narnia", GoalStatus::Partial, "Narnia"),
    ];
    for (at, (goal, status, part)) in rows.into_iter().enumerate() {
        let asked = team.ask_with(
            &format!("table-{at}"),
            Duration::from_secs(300),
            |request| {
                about(request, goal, Some(vec![file.clone()]));
            },
        );
        let answer = asked.await.unwrap().unwrap();
        let first = answer.answer.split("\n\n").nth(2).unwrap_or_default();
        assert_eq!(
            answer.status, status,
            "{goal}: {:?} {:?}\n{}\n{:?}",
            answer.reason, answer.gaps, answer.answer, answer.critic
        );
        assert!(first.contains(part), "{goal}: {first}");
    }
}
