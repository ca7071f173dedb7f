//! Any table works: whatever its columns, language and way of writing, every figure of the answer is the one that whole-number arithmetic
//! over the rows gives; a table with a mistake in it is refused with the place of the mistake.

use std::fs;

use aios_runtime::Goal;
use aios_work::content::GoalStatus;

use crate::house::{node, pursue, soon};
use crate::made_up::{Category, Dialect, Figure, Grain, Measure, PLAIN, Recipe};

fn measure(
    header: &'static str,
    label: &'static str,
    decimals: u32,
    least: i64,
    most: i64,
) -> Measure {
    Measure {
        header,
        label,
        decimals,
        least,
        most,
    }
}

fn category(header: &'static str, label: &'static str, names: &[&str]) -> Category {
    Category {
        header,
        label,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn recipes() -> Vec<Recipe> {
    let plain = Recipe {
        name: "",
        seed: 0,
        goal: "Analyse this table",
        dialect: PLAIN,
        rows: 400,
        date: None,
        measures: Vec::new(),
        categories: Vec::new(),
        gaps: 0,
        figure: Figure::Sum,
        grain: None,
        span: None,
    };
    vec![
        Recipe {
            name: "umsatz.csv",
            seed: 11,
            goal: "Analysiere den Umsatz",
            dialect: Dialect {
                separator: ';',
                decimal: ',',
                group: Some('.'),
                after: " €",
                day: |(year, month, day)| format!("{day:02}.{month:02}.{year}"),
                ..PLAIN
            },
            date: Some(("Datum", (2024, 11, 20), 120)),
            measures: vec![
                measure("Umsatz", "umsatz", 2, 1_000, 900_000),
                measure("Menge", "menge", 0, 1, 90),
            ],
            categories: vec![
                category("Filiale", "filiale", &["Köln", "München", "Görlitz"]),
                category(
                    "Warengruppe",
                    "warengruppe",
                    &["Käse & Wurst", "Obst; Gemüse", "Getränke"],
                ),
            ],
            grain: Some(Grain::Month),
            ..plain.clone()
        },
        Recipe {
            name: "store_sales.tsv",
            seed: 12,
            goal: "How did sales develop?",
            dialect: Dialect {
                separator: '\t',
                newline: "\r\n",
                group: Some(','),
                before: "$",
                brackets: true,
                day: |(year, month, day)| format!("{month}/{day}/{year}"),
                ..PLAIN
            },
            date: Some(("Order Date", (2023, 12, 3), 200)),
            measures: vec![measure("Sales", "sales", 2, -20_000, 400_000)],
            categories: vec![category(
                "Store",
                "store",
                &["St. Paul", "O'Fallon", "New York, NY"],
            )],
            grain: Some(Grain::Month),
            ..plain.clone()
        },
        Recipe {
            name: "depenses.csv",
            seed: 13,
            goal: "Analyse the spending",
            dialect: Dialect {
                separator: '|',
                decimal: ',',
                missing: "NA",
                ..PLAIN
            },
            date: Some(("date", (2022, 2, 27), 500)),
            measures: vec![measure("montant", "montant", 3, 1, 5_000_000)],
            categories: vec![category(
                "catégorie",
                "catégorie",
                &["loyer", "énergie", "impôts", "déplacements"],
            )],
            gaps: 9,
            grain: Some(Grain::Month),
            ..plain.clone()
        },
        Recipe {
            name: "visitors.csv",
            seed: 14,
            goal: "Analyse the visitors per museum",
            measures: vec![measure("visitors", "visitors", 0, 0, 3_000)],
            categories: vec![category(
                "museum",
                "museum",
                &["Prado", "Louvre", "Uffizi", "\"De Pont\""],
            )],
            ..plain.clone()
        },
        Recipe {
            name: "weather.csv",
            seed: 15,
            goal: "Analyse the temperature",
            rows: 93,
            date: Some(("day", (2025, 3, 1), 31)),
            measures: vec![measure("temperature", "temperature", 1, -150, 240)],
            figure: Figure::Mean,
            grain: Some(Grain::Day),
            ..plain.clone()
        },
        Recipe {
            name: "profit.csv",
            seed: 16,
            goal: "Analyse the profit",
            dialect: Dialect {
                newline: "\r\n",
                mark: "\u{feff}",
                missing: "-",
                ..PLAIN
            },
            date: Some(("Booked\non", (2018, 1, 1), 365 * 5)),
            measures: vec![measure(
                "Net\n\"profit\", all",
                "net \"profit\", all",
                2,
                -500_000,
                500_000,
            )],
            categories: vec![category(
                "Business \"unit\"",
                "business \"unit\"",
                &["north", "south"],
            )],
            gaps: 20,
            grain: Some(Grain::Quarter),
            ..plain.clone()
        },
        Recipe {
            name: "tickets.csv",
            seed: 17,
            goal: "Analyse the tickets",
            date: Some(("opened", (2024, 1, 1), 300)),
            categories: vec![
                category("team", "team", &["web", "core", "infra"]),
                category("severity", "severity", &["low", "high", "urgent"]),
            ],
            figure: Figure::Count,
            grain: Some(Grain::Month),
            ..plain.clone()
        },
        Recipe {
            name: "harvest.csv",
            seed: 20,
            goal: "Analyse the harvest",
            date: Some(("date", (2010, 5, 4), 365 * 12)),
            measures: vec![measure("harvest_kg", "harvest kg", 1, 0, 90_000)],
            categories: vec![category("field", "field", &["hill", "river", "mill"])],
            grain: Some(Grain::Year),
            ..plain.clone()
        },
        Recipe {
            name: "orders.csv",
            seed: 18,
            goal: "Analyse the units per product in August 2024",
            rows: 900,
            date: Some(("ordered", (2024, 6, 1), 150)),
            measures: vec![
                measure("units", "units", 0, 1, 40),
                measure("revenue", "revenue", 2, 100, 90_000),
            ],
            categories: vec![category(
                "product",
                "product",
                &["kettle", "toaster", "blender"],
            )],
            grain: Some(Grain::Day),
            span: Some(((2024, 8, 1), (2024, 8, 31))),
            ..plain
        },
    ]
}

async fn every_figure_is_true(recipe: Recipe) {
    let folder = tempfile::tempdir().unwrap();
    let (name, seed, goal) = (recipe.name, recipe.seed, recipe.goal);
    let made = recipe.make();
    let file = folder.path().join(name);
    fs::write(&file, &made.bytes).unwrap();
    let node = node().await;
    let goal = Goal::new(goal).data([&file]).out(folder.path());
    let answer = soon(name, pursue(&node, goal)).await.unwrap();
    node.stop().await;
    assert_eq!(
        answer.status,
        GoalStatus::Approved,
        "{name} (seed {seed}): {:?} {:?}",
        answer.reason,
        answer.gaps
    );
    made.check(&answer.facts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_of_a_table_nobody_prepared_is_true() {
    let mut running = tokio::task::JoinSet::new();
    for recipe in recipes() {
        running.spawn(every_figure_is_true(recipe));
    }
    let mut failed = 0;
    while let Some(ended) = running.join_next().await {
        failed += u32::from(ended.is_err());
    }
    assert_eq!(failed, 0, "tables with a wrong figure; each is told above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_of_a_hundred_thousand_rows_is_true() {
    let towns: Vec<String> = (0..40).map(|at| format!("town {at:02}")).collect();
    every_figure_is_true(Recipe {
        name: "large.csv",
        seed: 19,
        goal: "Analyse the revenue",
        dialect: PLAIN,
        rows: 100_000,
        date: Some(("date", (2021, 1, 1), 3 * 365)),
        measures: vec![
            measure("revenue", "revenue", 2, 1, 1_000_000),
            measure("quantity", "quantity", 0, 1, 500),
        ],
        categories: vec![
            Category {
                header: "town",
                label: "town",
                names: towns,
            },
            category("channel", "channel", &["web", "shop", "phone"]),
        ],
        gaps: 50,
        figure: Figure::Sum,
        grain: Some(Grain::Quarter),
        span: None,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_table_is_refused_with_the_place_of_the_mistake() {
    let good: String = (1..=28)
        .map(|day| format!("2025-02-{day:02},north,{day}.50\n"))
        .collect();
    let head = "date,region,amount\n";
    let cases = [
        (
            "a row too long",
            format!("{head}2025-03-01,south,1,5\n{good}"),
            &["line 2", "4 cells", "header has 3"][..],
        ),
        (
            "a quote that never closes",
            format!("{head}{good}2025-03-01,\"south,1.50\n"),
            &["line 30", "column region", "quote"],
        ),
        (
            "a figure that cannot be read",
            format!("{head}{good}2025-03-01,south,12x\n"),
            &["line 30", "column amount", "\"12x\""],
        ),
        (
            "a day that does not exist",
            format!("{head}{good}2025-02-30,south,1.50\n"),
            &["line 30", "column date", "\"2025-02-30\""],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    for (what, text, says) in cases {
        let file = folder.path().join("bad.csv");
        fs::write(&file, text).unwrap();
        let goal = Goal::new("Analyse the amounts")
            .data([&file])
            .out(folder.path().join("out"));
        let answer = soon(what, pursue(&node, goal)).await.unwrap();
        assert_eq!(
            answer.status,
            GoalStatus::Failed,
            "{what}: {}",
            answer.answer
        );
        let told = answer.reason.unwrap();
        assert!(
            told.starts_with("bad.csv") && says.iter().all(|part| told.contains(part)),
            "{what}: {told}"
        );
        assert!(!told.contains('\n') && told.len() < 300, "{what}: {told}");
        assert!(
            !folder.path().join("out").exists(),
            "{what} leaves nothing behind"
        );
    }
    node.stop().await;
}

#[tokio::test]
async fn who_answers_is_told_by_what_a_file_holds_and_not_by_what_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let node = node().await;
    let records = r#"[{"depot":"Riga","crates":41,"grade":"A"},{"depot":"Tartu","crates":12,"grade":"B"},{"depot":"Riga","crates":9,"grade":"B"}]"#;
    let wrapped = format!("{{\"exported\": \"2024-03-01\", \"rows\": {records}}}");
    let lines = "depot;crates;grade\nRiga;41;A\nTartu;12;B\nRiga;9;B\n";
    let rows = "| depot | crates | grade |\n|---|---:|---|\n| Riga | 41 | A |\n| Tartu | 12 | B |\n| Riga | 9 | B |\n";
    let letter =
        "Dear Ann,\n\nthe depot in Riga sent 41 crates of grade A in March.\n\nYours, Ben\n";
    let record = r#"{"depot":"Riga","keeper":"Ann Berg","crates":41}"#;
    for (name, text, goal, said) in [
        (
            "a.json",
            records,
            "Which depot has the fewest crates?",
            "Tartu",
        ),
        ("b.json", &wrapped, "Total crates in Riga", "50"),
        ("c.txt", lines, "Total crates in Riga", "50"),
        ("d.md", rows, "Total crates in Riga", "50"),
        (
            "e.txt",
            letter,
            "What did Riga send in March?",
            "> the depot in Riga sent 41 crates",
        ),
        ("f.json", record, "Who is the keeper?", "> "),
        ("g.json", records, "Quote what is said of Tartu", "> "),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let goal = Goal::new(goal).data([&file]).out(folder.path());
        let answer = soon(name, pursue(&node, goal)).await.unwrap();
        assert_eq!(
            answer.status,
            GoalStatus::Approved,
            "{name}: {}",
            answer.answer
        );
        assert!(answer.answer.contains(said), "{name}: {}", answer.answer);
        assert_eq!(answer.answer.contains("> "), said.contains('>'), "{name}");
    }
}
