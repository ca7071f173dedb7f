//! Questions over small tables, carried through the real tools: the right figure stands in the first sentence, and what is not understood or
//! not there is said.

mod as_named;
mod as_people_keep;
mod asked_for;
mod common;
mod everyday;
mod kinds;
mod places;
mod plainest;
mod reckoned;
mod simple;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{Case, Domain, Goal, GoalLimits, InputFile, Plan, SoFar, ToolCall, Written};
use serde_json::Value;

use crate::TableProfile;
use crate::pack::{TablesPack, with_values};
use crate::plan::analysis::{Analysis, analyse_tables};
use crate::plan::{build, scout};
use crate::results::{ResultEvidence, check_result};
use aios_work::{Assessment, Task};
use serde::Deserialize;

/// What came of a goal.
struct Came {
    analysis: Analysis,
    plan: Plan,
    written: Written,
}

impl Came {
    /// The first paragraph of the answer.
    fn says(&self) -> &str {
        self.written.answer.split("\n\n").nth(2).unwrap_or("")
    }
}

fn call(tools: &Toolbox, inputs: &[InputFile], tool: &str, args: &Value) -> Result<Value, String> {
    let out = std::env::temp_dir().join(format!("aios-ask-{}", std::process::id()));
    let call = ToolCall {
        idempotency_key: format!("{tool}-{args}"),
        inputs: inputs.to_vec(),
        out_dir: out.display().to_string(),
        ..ToolCall::new(args.clone(), Instant::now() + Duration::from_secs(20))
    };
    let granted = tools.needs();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let output = runtime.block_on(tools.call(tool, &granted, call));
    output
        .map(|output| output.value)
        .map_err(|error| error.to_string())
}

/// Does all that agents do for a goal that asks, without agents and drawings.
fn ask(text: &str, files: &[(&str, &str)]) -> Came {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<String> = files
        .iter()
        .map(|(name, content)| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        })
        .collect();
    ask_paths(text, paths).unwrap()
}

/// The same of files that are there.
fn ask_paths(text: &str, paths: Vec<String>) -> Result<Came, String> {
    let goal = Goal::new("g-1", "acme", text, paths.clone(), &GoalLimits::default()).unwrap();
    let given: Vec<&std::path::Path> = paths.iter().map(std::path::Path::new).collect();
    let inputs = InputFile::all(&given).unwrap();
    let workspaces = Workspaces::default();
    let tools = Toolbox::standard(&workspaces, None).with(crate::tools(&workspaces));
    let scouts = scout(&goal);
    let seen: Vec<(&Task, Value)> = scouts
        .iter()
        .map(|task| Ok((task, call(&tools, &inputs, &task.tool, &task.args)?)))
        .collect::<Result<_, String>>()?;
    let tables: Vec<(&Task, TableProfile)> = seen
        .iter()
        .filter(|(task, _)| task.tool == "profile_table")
        .map(|(task, value)| (*task, TableProfile::deserialize(value).unwrap()))
        .collect();
    let analysis = analyse_tables(&goal, &with_values(&tables, &seen));
    let plan = build(&goal, &analysis);
    let case = TablesPack.open(&goal, &plan).unwrap();
    let mut results: BTreeMap<String, Value> = BTreeMap::new();
    for task in plan.tasks.iter().filter(|task| task.tool == "sql") {
        let value = call(&tools, &inputs, "sql", &task.args)
            .unwrap_or_else(|error| panic!("{text}: {error}\n{}", task.args));
        if let Some(again) = &task.recheck {
            let again = call(&tools, &inputs, "sql", again)
                .unwrap_or_else(|error| panic!("{text}, again: {error}\n{again}"));
            let judged =
                Assessment::of([check_result(&value, &ResultEvidence::Recomputed { again })]);
            assert!(
                judged.verdict.passes(),
                "{text}: {:?}\n{}",
                judged.issues,
                task.args
            );
        }
        results.insert(task.id.clone(), value);
    }
    let written = write(case.as_ref(), &plan, &results);
    let judged = Assessment::of([crate::ask::check(&written.answer, &written.evidence)]);
    assert!(
        judged.verdict.passes() || !written.gaps.is_empty(),
        "{text}: {:?}\n{}",
        judged.issues,
        written.answer
    );
    Ok(Came {
        analysis,
        plan,
        written,
    })
}

fn write(case: &dyn Case, plan: &Plan, results: &BTreeMap<String, Value>) -> Written {
    case.write(&SoFar {
        plan,
        results,
        artifacts: &[],
        recalled: &[],
        notes: &[],
        gaps: &[],
        told: &BTreeSet::new(),
    })
}

const SALES: &str = "date,region,product,customer,units,revenue,cost,status
2024-01-10,North,Laptop,Acme Corp,2,2000.50,1500,paid
2024-01-20,South,Phone,Beta Ltd,5,2500,2000,open
2024-02-05,North,Phone,Beta Ltd,1,500,400,paid
2024-02-15,East,Laptop,Gamma,3,3000,2200,paid
2024-03-01,North,Tablet,Acme Corp,4,1200,900,cancelled
2024-03-20,South,Laptop,Gamma,1,1000,800,open
2024-04-02,East,Tablet,Acme Corp,10,3100,2500,paid
";

/// Each says all of these in its first sentence.
fn check(file: (&str, &str), rows: &[(&str, &[&str])]) {
    let mut wrong = Vec::new();
    for (goal, wanted) in rows {
        let came = ask(goal, &[file]);
        let says = came.says();
        let all = wanted.iter().all(|part| says.contains(part));
        if !all || !came.written.gaps.is_empty() {
            wrong.push(format!(
                "{goal}\n  wanted {wanted:?}\n  says {says}\n  gaps {:?}\n  {:?}",
                came.written.gaps,
                came.analysis.asked.as_ref().map(|asked| &asked.questions)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// Each says that something is not there or not understood, and is not whole.
fn check_not_there(file: (&str, &str), rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (goal, part) in rows {
        let came = ask(goal, &[file]);
        let told = came.written.gaps.iter().any(|gap| gap.contains(part));
        if !told {
            wrong.push(format!("{goal}: {} {:?}", came.says(), came.written.gaps));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const FILE: (&str, &str) = ("orders.csv", SALES);

#[test]
fn values_of_the_data_become_conditions() {
    check(
        FILE,
        &[
            ("Total revenue in North", &["3,700.5"]),
            ("total revenue in the north", &["3,700.5"]),
            ("What is the revenue for Laptops?", &["6,000.5"]),
            ("How much revenue did Acme Corp bring in?", &["6,300.5"]),
            ("Revenue of Acme in North", &["3,200.5"]),
            ("Total revenue in North and South", &["7,200.5"]),
            ("Total revenue without North", &["9,600"]),
            ("Total revenue except North and South", &["6,100"]),
            ("Total revenue of orders that are not paid", &["4,700"]),
            (
                "Total revenue in the North region in March 2024",
                &["1,200"],
            ),
            ("How many orders are open?", &["2"]),
            ("How many orders over 1000?", &["5"]),
            ("Total units of orders with revenue over 2000", &["20"]),
            (
                "How many orders have a revenue between 1000 and 2000?",
                &["2"],
            ),
            ("Average revenue of paid orders in Q1 2024", &["1,833.5"]),
            ("Total revenue since March 2024", &["5,300"]),
            ("Total revenue before February 2024", &["4,500.5"]),
            ("Total revenue from January to February 2024", &["8,000.5"]),
            ("Revenue last month", &["3,100"]),
        ],
    );
}

#[test]
fn what_is_asked_is_what_is_computed() {
    check(
        FILE,
        &[
            ("What is the total revenue?", &["13,300.5"]),
            ("average revenue", &["1,900.07"]),
            ("median revenue", &["2,000.5"]),
            ("How many different customers are there?", &["3"]),
            ("How many customers?", &["3"]),
            ("How many orders?", &["7"]),
            ("Which region sells most?", &["East", "6,100"]),
            ("Which region has the highest revenue?", &["East", "6,100"]),
            ("Which product sold the least?", &["Phone", "3,000"]),
            (
                "Top 2 customers by revenue",
                &["Acme Corp 6,300.5", "Gamma 4,000"],
            ),
            (
                "Revenue by region",
                &["East 6,100", "North 3,700.5", "South 3,500"],
            ),
            (
                "Revenue per month",
                &[
                    "2024-01 4,500.5",
                    "2024-02 3,500",
                    "2024-03 2,200",
                    "2024-04 3,100",
                ],
            ),
            ("monthly revenue", &["2024-01 4,500.5"]),
            (
                "In which month was the revenue highest?",
                &["2024-01", "4,500.5"],
            ),
            ("What is the largest order?", &["3,100", "2024-04-02"]),
            (
                "What was the highest revenue and when was it?",
                &["3,100", "2024-04-02"],
            ),
            ("What share of revenue comes from North?", &["27.82%"]),
            ("What percentage of orders are paid?", &["57.14%"]),
            ("revenue per unit", &["511.56"]),
            (
                "Growth of revenue from January to February 2024",
                &["-22.23%"],
            ),
            (
                "How did revenue change from Q1 2024 to Q2 2024?",
                &["3,100"],
            ),
            ("standard deviation of revenue", &["1,023.08"]),
            ("What is the profit?", &["3,000.5"]),
            ("total revenue and average units", &["13,300.5", "3.71"]),
            (
                "What is the total revenue and which region sells most?",
                &["13,300.5", "East"],
            ),
            (
                "difference between the highest and the lowest revenue",
                &["2,600"],
            ),
            ("How many units were sold in East?", &["13"]),
            ("the second highest region by revenue", &["North"]),
            ("average revenue per product", &["Laptop 2,000.17"]),
        ],
    );
}

#[test]
fn what_is_not_there_is_said() {
    let shops = (
        "shops.csv",
        "shop,product,units\nNorth,Tea,10\nNorth,Coffee,15\nSouth,Tea,12\nSouth,Coffee,7\nEast,Tea,7\n",
    );
    // Who has none is told by all rows of each, and by no single one.
    check(
        shops,
        &[
            ("Which shop has no coffee?", &["1 different shop", "East"]),
            ("Which shops never sold Tea?", &["No row meets this"]),
            ("Which product does not sell in East?", &["Coffee 22"]),
        ],
    );
    check_not_there(
        FILE,
        &[
            ("What is the total tax?", "tax"),
            ("Total revenue in Narnia", "Narnia"),
            ("average age of the customers", "age"),
            ("Revenue in 2021", "2021"),
            ("How many orders were refunded?", "refunded"),
            ("What percentage of the orders came back?", "back"),
            (
                "How much revenue did the refunded orders bring?",
                "refunded",
            ),
            ("Total revenue in Q1 2024 for Zorro", "Zorro"),
            ("Revenue per supplier", "supplier"),
            ("total discount in North", "discount"),
            ("frobnicate the revenue", "frobnicate"),
        ],
    );
    check_not_there(
        ("r.csv", "region,revenue\nNorth,5\nSouth,7\n"),
        &[("What was the profit of the year?", "profit")],
    );
}

#[test]
fn a_question_is_never_answered_with_another_figure() {
    let trains = (
        "trains.csv",
        "train,destination,delay_min\nT1,Leeds,10\nT2,Leeds,14\nT3,York,30\nT4,Leeds,35\n",
    );
    check(
        trains,
        &[
            (
                "How many trains to Leeds were more than 10 minutes late?",
                &["2"],
            ),
            ("Total delay of all trains that are not to Leeds", &["30"]),
        ],
    );
    check_not_there(trains, &[("Total delay of the trains to Paris", "Paris")]);
    let members = "member,plan,minutes\nA,Basic,5\nB,Plus,7\nC,Pro,8\n";
    check(
        ("gym.csv", members),
        &[(
            "Total minutes of all members who are not on the Basic plan",
            &["is 15"],
        )],
    );
    check(
        ("shop.csv", "day,visits,orders\n1,100,3\n2,300,5\n"),
        &[
            (
                "What is the overall conversion rate from visits to orders?",
                &["2%"],
            ),
            ("What is the ratio of visits to orders?", &["50"]),
        ],
    );
    check(
        ("birds.csv", "species,count\nRobin,6\nWren,5\nFinch,8\n"),
        &[("How many birds were counted in all?", &["19"])],
    );
    check(
        (
            "rain.csv",
            "station,date,rain_mm\nA,2025-04-01,3\nB,2025-04-02,4\nA,2025-04-03,5\n",
        ),
        &[
            ("How much rain fell at A altogether?", &["8"]),
            (
                "How much did the rain fall from 1 April 2025 to 2 April 2025?",
                &["1"],
            ),
        ],
    );
}

#[test]
fn rows_are_not_counted_where_their_numbers_are_asked_for() {
    let birds = ("birds.csv", "species,count\nRobin,6\nWren,5\nFinch,8\n");
    check(
        birds,
        &[
            ("How many Robins were counted?", &["6"]),
            ("How many species are there?", &["3"]),
        ],
    );
    check_not_there(birds, &[("Which bird is the most common?", "common")]);
    check(
        (
            "cafe.csv",
            "drink,cups,price\nLatte,37,3.3\nMocha,45,8.9\nTea,7,1.1\n",
        ),
        &[("How many lattes were sold?", &["37"])],
    );
    check(
        ("shop.csv", "day,visits,orders\n1,100,3\n2,300,5\n"),
        &[("How many visits per order?", &["50"])],
    );
    check(
        (
            "door.csv",
            "time,direction,people\n2025-09-18T13:03:15Z,in,3\n2025-09-04T13:24:50Z,in,4\n2025-09-14T12:23:04Z,out,6\n",
        ),
        &[
            ("How many people went out?", &["6"]),
            ("How many people came in?", &["7"]),
        ],
    );
    check(
        (
            "driving.csv",
            "learner,result\nA,passed\nB,failed\nC,passed\nD,passed\n",
        ),
        &[(
            "What percentage of the learners passed the driving test?",
            &["75%"],
        )],
    );
    check_not_there(
        FILE,
        &[("What is the revenue in North and Narnia?", "Narnia")],
    );
    check_not_there(
        (
            "air.csv",
            "date,pm10\n2025-07-01,55\n2025-07-02,n/a\n2025-07-03,7\n",
        ),
        &[("How many days have no reading?", "no")],
    );
}

#[test]
fn a_rate_of_all_is_of_the_sums_and_no_mean_of_rates() {
    let hotels = "hotel,rooms,occupied,occupancy_pct\nLake,36,12,33.3\nRidge,119,16,13.4\nForest,309,137,44.3\n";
    check(
        ("hotels.csv", hotels),
        &[
            (
                "What is the overall occupancy of the hotels in percent?",
                &["35.56%"],
            ),
            ("What is the occupancy?", &["35.56%"]),
            ("average occupancy of the hotels", &["30.33"]),
            (
                "Which hotel has the highest occupancy?",
                &["Forest", "44.3"],
            ),
        ],
    );
}

#[test]
fn hours_of_the_day_are_groups() {
    let door = "time,direction,people\n2025-09-18T13:03:15Z,in,3\n2025-09-04T13:24:50Z,in,4\n2025-09-14T12:23:04Z,out,6\n";
    check(
        ("door.csv", door),
        &[
            (
                "At which hour of the day do most people pass the door?",
                &["13:00", "7"],
            ),
            ("People per hour of the day", &["13:00 7", "12:00 6"]),
        ],
    );
}

#[test]
fn days_of_one_month_are_a_stretch() {
    let file = (
        "energy.csv",
        "date,kwh\n2025-01-09,1\n2025-01-10,2\n2025-01-12,4\n2025-01-16,8\n2025-01-17,16\n",
    );
    check(
        file,
        &[
            (
                "How many kWh were used from 10 to 16 January 2025?",
                &["14"],
            ),
            ("Total kwh between 10 and 16 January", &["14"]),
            ("Total kwh January 10-16, 2025", &["14"]),
            ("Total kwh from January 10 to 16", &["14"]),
            ("Summe kwh vom 10. bis 16. Januar 2025", &["14"]),
            ("Total kwh du 10 au 16 janvier 2025", &["14"]),
            ("Total kwh del 10 al 16 de enero de 2025", &["14"]),
            ("Total kwh on 12 January", &["4"]),
        ],
    );
}

#[test]
fn words_around_what_is_named_add_nothing() {
    check(
        (
            "pets.csv",
            "owner,pet,age\n1,dog,3\n2,cat,4\n3,cat,2\n4,cat,6\n",
        ),
        &[
            ("Which kind of pet appears most often?", &["cat", "3"]),
            ("What is the most common pet?", &["cat", "3"]),
        ],
    );
    check(
        (
            "sheet.csv",
            "employee_no,room,hours\n0107,101,6\n0911,102,9\n0107,101,1\n",
        ),
        &[
            ("Which employee worked the most hours?", &["0911", "9"]),
            ("Which employee toiled the most hours?", &["0911", "9"]),
            ("Which room was booked for the most hours?", &["102", "9"]),
        ],
    );
    check(
        ("filling.csv", "bottle,weight_g\na,501\nb,503\nc,505\n"),
        &[("What is the standard deviation of the fill weight?", &["2"])],
    );
    check(
        (
            "budget.csv",
            "group,item,amount\nStaff,Wages,5\nStaff,Travel,1\nEvents,Hall,9\n",
        ),
        &[(
            "What is the total budget, and which group costs most?",
            &["15", "Events"],
        )],
    );
    check(
        (
            "sales.csv",
            "quarter,sold\nQ1 2023,1\nQ1 2024,2\nQ2 2024,4\nQ3 2024,8\n",
        ),
        &[("What was sold in 2024 over all quarters?", &["14"])],
    );
    check(
        (
            "umfrage.csv",
            "Nr;Antwort;Fehltage\nS1;ja;16\nS2;nein;2\nS3;ja;7\n",
        ),
        &[
            (
                "Wie viele Schülerinnen und Schüler haben mit ja geantwortet?",
                &["2"],
            ),
            ("How many answered ja?", &["2"]),
        ],
    );
}

#[test]
fn an_answer_is_in_the_goals_language() {
    check(
        FILE,
        &[
            ("Wie hoch ist der Umsatz in North?", &["3.700,5", "Summe"]),
            ("Umsatz je Region", &["East 6.100", "je region"]),
            ("Gesamtumsatz im März 2024", &["2.200"]),
            (
                "Welche Region hat den höchsten Umsatz?",
                &["East", "6.100", "höchsten"],
            ),
            ("Wie viele Bestellungen gab es im Februar 2024?", &["2"]),
            (
                "Quel est le chiffre d'affaires par région ?",
                &["East 6 100"],
            ),
            ("Combien de commandes en mars 2024 ?", &["2"]),
            ("¿Cuál es el total de ventas en North?", &["3.700,5"]),
            ("¿En qué mes hubo más ventas?", &["2024-01"]),
            ("ingresos por mes", &["2024-01 4.500,5"]),
        ],
    );
}

#[test]
fn short_labels_are_no_words_of_a_sentence() {
    check(
        ("t.csv", "A,B,F,M\nA,5,1,2\nB,7,3,4\nA,6,5,6\n"),
        &[
            ("Sum of B per A", &["A 11", "B 7"]),
            ("What is a total of F?", &["9"]),
        ],
    );
    check(
        ("g.csv", "gender,amount\nM,1000\nF,1200\nM,1037\n"),
        &[
            ("Total amount by gender", &["M 2,037", "F 1,200"]),
            ("What is the total amount of F?", &["1,200"]),
            ("What is the total amount?", &["3,237"]),
        ],
    );
    check(
        ("o.csv", "channel,revenue\nWeb,4\nShop,5\nOther,6\nMay,3\n"),
        &[
            ("Total revenue by channel", &["Other 6", "Web 4"]),
            ("How much revenue did channel Other make?", &["6"]),
        ],
    );
}
