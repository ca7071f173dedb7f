//! What a chart promises, whatever it shows.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn figure(args: serde_json::Value) -> Result<(Figure, Kind), String> {
    let args: Args = serde_json::from_value(args).map_err(|error| error.to_string())?;
    let kind = args.kind;
    Figure::of(args)
        .map(|figure| (figure, kind))
        .map_err(|error| error.to_string())
}

fn draw(args: serde_json::Value) -> String {
    let (figure, kind) = figure(args).unwrap();
    let description = figure.describe(kind);
    if kind == Kind::Line {
        line::draw(&figure, &description)
    } else {
        bars::draw(&figure, &description)
    }
}

fn bars_of(count: usize) -> serde_json::Value {
    let points: Vec<_> = (0..count)
        .map(|at| json!([format!("label {at}"), at as f64 * 10.5 - 20.0]))
        .collect();
    json!({"kind": "bar", "title": "T & <t>", "x_label": "x", "y_label": "y", "series": [{"name": "s", "points": points}]})
}

#[test]
fn a_picture_speaks_and_runs_nothing() {
    for count in [1, 3, 12, 60] {
        for kind in ["bar", "line", "grouped_bar"] {
            let mut args = bars_of(count);
            args["kind"] = json!(kind);
            let svg = draw(args);
            assert!(
                svg.contains(r#"role="img""#)
                    && svg.contains("<title>T &amp; &lt;t&gt;</title>")
                    && svg.contains("<desc>")
            );
            assert!(
                !svg.contains("<script")
                    && !svg.contains("href")
                    && !svg.contains("NaN")
                    && !svg.contains("inf"),
                "{svg}"
            );
        }
    }
}

#[test]
fn every_bar_says_its_value() {
    let svg = draw(json!({"kind": "grouped_bar", "title": "t", "series": [
        {"name": "2024", "points": [["Q1", 1234.5], ["Q2", null]]}, {"name": "2025", "points": [["Q2", -3], ["Q1", 0]]}]}));
    for said in [
        "2024, Q1: 1,234.5",
        "2025, Q2: \u{2212}3",
        "2025, Q1: 0",
        ">1,234<",
        ">\u{2212}3<",
    ] {
        assert!(svg.contains(said), "{said} in {svg}");
    }
}

#[test]
fn a_description_tells_all_of_few_and_the_extremes_of_many() {
    let (few, kind) = figure(
        json!({"kind": "bar", "title": "t", "x_label": "month", "y_label": "revenue (EUR)",
        "series": [{"points": [["Jul", 1.5], ["Aug", 2]]}]}),
    )
    .unwrap();
    assert_eq!(
        few.describe(kind),
        "Bar chart of revenue (EUR) by month. Jul 1.5, Aug 2."
    );
    let (many, kind) = figure(bars_of(60)).unwrap();
    assert_eq!(
        many.describe(kind),
        "Bar chart of y by x. s: first label 0 \u{2212}20, last label 59 599.5, lowest label 0 \u{2212}20, highest label 59 599.5."
    );
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let series = |points: serde_json::Value| json!({"kind": "bar", "title": "t", "series": [{"name": "s", "points": points}]});
    for (args, says) in [
        (
            json!({"kind": "bar", "title": " ", "series": [{"points": [["a", 1]]}]}),
            "the title is empty",
        ),
        (
            json!({"kind": "bar", "title": "t", "series": []}),
            "there are 0 series, a chart shows 1 to 8",
        ),
        (series(json!([])), "there is no value to show"),
        (series(json!([["a", null]])), "there is no value to show"),
        (
            bars_of(81),
            "there are 81 values, this chart shows at most 80",
        ),
        (
            json!({"kind": "pie", "title": "t", "series": []}),
            "unknown variant `pie`",
        ),
    ] {
        let error = figure(args).err().unwrap();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_same_step_names_the_same_file() {
    assert_eq!(
        file_name("Revenue by Month (EUR)", "op-1"),
        file_name("Revenue by Month (EUR)", "op-1")
    );
    assert_ne!(file_name("Revenue", "op-1"), file_name("Revenue", "op-2"));
    let hostile = file_name("../../etc/pass wd\u{0}", "k");
    assert!(
        hostile.starts_with("etc-pass-wd-") && hostile.ends_with(".svg"),
        "{hostile}"
    );
}

proptest! {
    #[test]
    fn no_figures_make_it_panic(
        values in prop::collection::vec(prop::option::of(any::<f64>().prop_filter("finite", |v| v.is_finite())), 1..30),
        label in "\\PC{0,40}",
        line in any::<bool>(),
    ) {
        let points: Vec<_> = values.iter().enumerate().map(|(at, value)| json!([format!("{label}{at}"), value])).collect();
        let args = json!({"kind": if line { "line" } else { "bar" }, "title": "t", "x_label": label, "series": [{"name": label, "points": points}]});
        if let Ok((figure, kind)) = figure(args) {
            let description = figure.describe(kind);
            let svg = if line { line::draw(&figure, &description) } else { bars::draw(&figure, &description) };
            prop_assert!(!svg.contains("NaN") && !svg.contains("\"inf"), "{svg}");
        }
    }
}
