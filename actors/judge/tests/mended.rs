//! Kinds of readings, each with an answer that is right and one that is wrong in just this: over a table and a document of their own.
#![allow(clippy::unwrap_used)]

use aios_judge::{Criteria, Ground, Status, judge};
use aios_tables::TableReader;
use aios_work::{Document, Material, Reader};

const ORCHARD: &str = "Tag;Hof;Kilos;Preis EUR/kg;Kisten;Verlust
01.06.2025;Nord;100;2,00;20;4
08.06.2025;Süd;300;1,00;35;9
05.07.2025;Nord;200;3,00;25;12
12.07.2025;Süd;100;2,00;15;6
09.08.2025;Nord;50;4,00;8;3
16.08.2025;Süd;50;2,00;6;2
";

const SHED: &str = "# Boat shed at Fell Lake

## Fees

The annual fee is 96 EUR and includes a locker. Pensioners pay half. A lost key costs 20 EUR.

## Work

The new slipway costs 50,000 EUR. Of this the county bears 30 percent. The hull is checked every four weeks and painted once a year.

## Committee

Ms Varga proposed a new roof. Mr Oduya voted against it. Two offers for the roof were on the table: Brightside asks for 7,200 EUR, Kettle for 6,900 EUR. The committee took the Brightside offer, as it comes with a warranty of eight years.

## Mooring

Mooring without leave costs 60 EUR. A second offence costs 150 EUR and leads to a ban of 6 months. The jetty is closed in March and April.

## Hire

The guarantee on engines is 24 months for private use and 12 months for hire.
";

/// What answers a question rightly, and what wrongly.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn check(material: &Material, rows: &[Row]) {
    for (goal, right, wrong) in rows {
        let ground = Ground::new(goal, std::slice::from_ref(material), Vec::new());
        let judged = |answer: &str| judge(answer, &ground, &Criteria::default(), &[]);
        for answer in *right {
            let report = judged(answer);
            assert_eq!(
                report.status,
                Status::Approved,
                "{goal} {answer}: {report:?}"
            );
        }
        for answer in *wrong {
            let report = judged(answer);
            assert_eq!(
                report.status,
                Status::Rejected,
                "{goal} {answer}: {report:?}"
            );
        }
    }
}

#[test]
fn answers_about_a_table_are_told_apart() {
    let table = TableReader.read("orchard.csv", ORCHARD.as_bytes());
    let rows: &[Row] = &[
        // A column that is called by its unit, and a share of what it measures that is none of rows.
        (
            "Welcher Hof lieferte mehr Kilos, und welcher Anteil am Ganzen ist das?",
            &["Süd mit 450 kg, das sind 56,3 % der Kilos."],
            &["Süd mit 450 kg, das sind 50,0 % der Kilos."],
        ),
        (
            "Quelle part des kilos vient de Nord ?",
            &["43,8 % des kilos.", "43,8 %."],
            &["50 % des kilos.", "50 %."],
        ),
        (
            "¿Cuántos kilos de fruta entregó la finca Nord en total?",
            &["La finca Nord entregó 0,35 toneladas en total."],
            &["La finca Nord entregó 3,5 toneladas en total."],
        ),
        // Of two that the goal names the one that had more.
        (
            "Was more picked in June or in July, and by how much?",
            &["More in June, by 100 kg."],
            &["More was picked in July, by 100 kg.", "In July, by 100 kg."],
        ),
        (
            "Gab es im Juni oder im Juli mehr Verlust, und um wie viel?",
            &["Im Juli gab es mehr, um 5."],
            &["Im Juni gab es mehr, um 5."],
        ),
        // The price of so much of something is no weight.
        (
            "What was the mean price per kilo at each farm (Hof)?",
            &["Nord 3.00 EUR, Süd 1.67 EUR."],
            &["Nord 1.67 EUR, Süd 3.00 EUR."],
        ),
        // Directions in a word each.
        (
            "Up or down? One word each for the kilos from June to July and July to August.",
            &["Down, down."],
            &["Up, down."],
        ),
        (
            "Stiegen oder fielen die Kilos von Juni auf Juli und von Juli auf August? Je ein Wort.",
            &["Fielen, fielen."],
            &["Stiegen, fielen."],
        ),
        // By so much to so much.
        (
            "How did the kilos change from June to July and from July to August?",
            &["They fell by 100 to 300 in July and by 200 to 100 in August."],
            &["They fell by 100 to 200 in July and by 200 to 100 in August."],
        ),
        // What stands right behind a figure is what it counts.
        (
            "How many boxes (Kisten) and kilos were there in all?",
            &["109 Kisten and 800 kilos."],
            &["800 Kisten and 109 kilos."],
        ),
    ];
    check(&table.unwrap().unwrap(), rows);
}

#[test]
fn answers_about_a_document_are_told_apart() {
    let paper = Material::Document(Document {
        name: "shed.md".to_owned(),
        text: SHED.to_owned(),
    });
    let rows: &[Row] = &[
        // What a part leaves of an amount.
        (
            "What remains of the cost of the slipway after the county's part?",
            &["35,000 EUR remain, that is 70 %.", "35,000 EUR."],
            &[
                "15,000 EUR remain.",
                "50,000 EUR remain.",
                "35,000 EUR remain, that is 60 %.",
            ],
        ),
        // The full price is not that of those who pay less.
        (
            "What does a pensioner pay a year?",
            &["48 EUR."],
            &["A pensioner pays 96 EUR a year."],
        ),
        // A fee is a price, and a yearly one no monthly one.
        (
            "What does a place cost a year?",
            &["The price is 96 EUR a year."],
            &["The price is 96 EUR a month."],
        ),
        // What leads to a figure tells of whom it is.
        (
            "What guarantee is there on engines?",
            &["24 months for private use, 12 months for hire."],
            &["24 months for private use. For hire, too, the full 24 months apply."],
        ),
        // Amounts in their order.
        (
            "What does mooring without leave cost, the first and the second time?",
            &["60 EUR the first time, 150 EUR the second time."],
            &["150 EUR the first time, 60 EUR the second time."],
        ),
        // What one is said to have done is not said of another.
        (
            "Who voted against the new roof?",
            &["Mr Oduya voted against it."],
            &["Ms Varga voted against it."],
        ),
        // What was decided stands sentences behind the question.
        (
            "Which offer for the roof did the committee take, and at what price?",
            &[
                "It took Brightside's offer, at 7,200 EUR.",
                "Brightside's, for 7,200 EUR.",
            ],
            &["The committee took Kettle's offer, at 6,900 EUR."],
        ),
        // How often one thing is done is not how often another is.
        (
            "How often is the hull checked and painted?",
            &["Checked every four weeks, painted once a year."],
            &["Checked once a year, painted every four weeks."],
        ),
        // Months that no source names.
        (
            "When is the jetty closed?",
            &["In March and April."],
            &["In April and May."],
        ),
    ];
    check(&paper, rows);
}
