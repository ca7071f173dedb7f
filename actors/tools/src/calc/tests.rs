use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn calc(expression: &str) -> Result<Worked, String> {
    worked_out(&Args {
        expression: expression.to_owned(),
        values: BTreeMap::new(),
        digits: None,
    })
}

fn told(expression: &str) -> String {
    match calc(expression) {
        Ok(worked) => {
            let about = if worked.exact { "" } else { "~" };
            let unit = worked
                .unit
                .map(|unit| format!(" {unit}"))
                .unwrap_or_default();
            format!("{about}{}{unit}", worked.value)
        }
        Err(wrong) => wrong,
    }
}

#[test]
fn arithmetic_is_exact() {
    for (expression, result) in [
        ("0.1 + 0.2", "0.3"),
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ^ 3 ^ 2", "512"),
        ("-2 ^ 2", "-4"),
        ("(-2) ^ 2", "4"),
        ("2 ** -3", "0.125"),
        ("2 - - 3", "5"),
        ("1/3 * 3", "1"),
        ("1/3", "~0.33333333333333333333"),
        ("2/3", "~0.66666666666666666667"),
        ("200/3", "~66.666666666666666667"),
        ("1/3000", "~0.00033333333333333333333"),
        ("1_000_000 * 1_000_000", "1000000000000"),
        ("1e3 + 1E-3", "1000.001"),
        (".5 + 5.", "5.5"),
        ("9007199254740993 + 0.1", "9007199254740993.1"),
        ("100 * 1.1", "110"),
        ("2 ^ 200 - 2 ^ 200 + 1", "1"),
        ("12 \u{d7} 12 \u{f7} 2 \u{2212} 2", "70"),
        ("-0", "0"),
        ("0 ^ 0", "1"),
        ("(-1) ^ 1000001", "-1"),
        ("1e400 / 1e399", "10"),
    ] {
        assert_eq!(told(expression), result, "{expression}");
    }
}

#[test]
fn functions_do_what_people_expect_of_them() {
    for (expression, result) in [
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(2.345, 2)", "2.35"),
        ("round(12345, -2)", "12300"),
        ("round(10 km / 3, 2)", "3.33 km"),
        ("floor(-1.5)", "-2"),
        ("ceil(-1.5)", "-1"),
        ("trunc(-1.5)", "-1"),
        ("abs(-3 km)", "3 km"),
        ("min(3, 1, 2)", "1"),
        ("max(1 km, 1100 m)", "1100 m"),
        ("sum(1, 2, 3.5)", "6.5"),
        ("mean(1, 2)", "1.5"),
        ("average(20 degC, 22 degC)", "21 degC"),
        ("median(5, 1, 3)", "3"),
        ("median(4, 1, 3, 2)", "2.5"),
        ("product(2, 3, 4)", "24"),
        ("mod(7, 3)", "1"),
        ("mod(-7, 3)", "2"),
        ("pow(2, 10)", "1024"),
        ("sqrt(16)", "4"),
        ("sqrt(0.25)", "0.5"),
        ("sqrt(2)", "~1.4142135623730950488"),
        ("sqrt(2, 5)", "~1.4142"),
        ("sqrt(2) ^ 2 - 2 < 1", "'<' means nothing here"),
        ("sqrt(1/4)", "0.5"),
        ("sqrt(2e-40, 4)", "~0.00000000000000000001414"),
        ("sqrt(9 m^2)", "3 m"),
        ("percent(30, 120)", "25 %"),
        ("percent_change(80, 100)", "25 %"),
        ("percent_change(100 EUR, 80 EUR)", "-20 %"),
        ("2 * pi", "~6.2831853071795864769"),
    ] {
        assert_eq!(
            told(expression).replace("the expression: ", ""),
            result,
            "{expression}"
        );
    }
}

#[test]
fn percentages_say_of_what() {
    for (expression, result) in [
        ("15% of 80", "12"),
        ("80 * (1 + 15%)", "92"),
        ("10% + 5%", "0.15"),
        ("10% + 5% in %", "15 %"),
        ("50% of 3 km", "1.5 km"),
        ("0.125 in %", "12.5 %"),
    ] {
        assert_eq!(told(expression), result, "{expression}");
    }
    for (expression, wrong) in [
        ("200 + 10%", "write 200 * (1 + 10%)"),
        ("7 % 3", "write mod(7, 3)"),
        ("5 km %", "km is no percentage"),
    ] {
        let says = calc(expression).unwrap_err();
        assert!(says.contains(wrong), "{expression}: {says}");
    }
}

#[test]
fn units_are_carried_along_and_converted() {
    for (expression, result) in [
        ("2 km + 300 m", "2.3 km"),
        ("5 km in mi", "~3.1068559611866698481"),
        ("1 mi to km", "1.609344 km"),
        ("(2 km + 300 m) / 5 min in km/h", "27.6 km/h"),
        ("100 km / 2 h", "50 km/h"),
        ("5 in to cm", "12.7 cm"),
        ("5 in in cm", "12.7 cm"),
        ("12 in", "12 in"),
        ("1 ft -> in", "12 in"),
        ("3 m * 4 m", "12 m^2"),
        ("2 m^2 in cm^2", "20000 cm^2"),
        ("1 km / 1 m", "1000"),
        ("1 L in cm^3", "1000 cm^3"),
        ("90 min in h", "1.5 h"),
        ("1 GiB in MB", "1073.741824 MB"),
        ("1 MB / (8 Mbit/s)", "0.125 MB*s/Mbit"),
        ("100 MB / (8 Mbit/s) in s", "100 s"),
        ("20 degC in degF", "68 degF"),
        ("-40 degF in \u{b0}C", "-40 degC"),
        ("0 K in degC", "-273.15 degC"),
        ("20 degC + 5 K", "25 degC"),
        ("25 degC - 20 degC", "5 K"),
        ("10 kg * 9.81 m/s^2 in N", "98.1 N"),
        ("1 kWh in J", "3600000 J"),
        ("3 * 4.99 EUR", "14.97 EUR"),
        ("5 \u{20ac} + 1 EUR", "6 EUR"),
        ("1 / (4 s) in Hz", "0.25 Hz"),
        ("1 wk in h", "168 h"),
        ("36 km/h in m/s", "10 m/s"),
    ] {
        let said = told(expression).trim_end_matches(" mi").to_owned();
        assert_eq!(said, result, "{expression}");
    }
    for (expression, wrong) in [
        (
            "1 km + 1 kg",
            "km and kg cannot be added or subtracted: one is a length, the other a mass",
        ),
        (
            "5 EUR + 5 USD",
            "one is an amount of EUR, the other an amount of USD",
        ),
        ("5 km in kg", "cannot be converted"),
        ("5 km + 3", "one is a length, the other a bare number"),
        ("5 m in m/s", "one is a length, the other a speed"),
        (
            "20 degC + 5 degC",
            "two temperatures on a scale cannot be added",
        ),
        ("2 * 20 degC", "convert it to K first"),
        ("(25 degC - 20 degC) in degF", "a difference of 5 K"),
        ("2 ^ (3 m)", "the power has the unit m"),
        ("sqrt(4 m)", "a length has no square root"),
        ("max(1 m, 1 s)", "cannot be compared"),
        ("5 months", "no fixed length"),
        ("5 parsec", "\"parsec\" is no unit"),
        ("5 K^2 in degC^2", "no powers"),
    ] {
        let says = calc(expression).unwrap_err();
        assert!(says.contains(wrong), "{expression}: {says}");
    }
}

#[test]
fn values_stand_for_numbers_and_quantities() {
    let args: Args = serde_json::from_value(json!({
        "expression": "round(total / count, 2) in EUR",
        "values": {"total": "1000 EUR", "count": 3}
    }))
    .unwrap();
    let worked = worked_out(&args).unwrap();
    assert_eq!(
        (worked.value.as_str(), worked.unit.as_deref()),
        ("333.33", Some("EUR"))
    );
    assert!(worked.exact);
    // A value's name goes before a unit's.
    let with = |values: Value, expression: &str| {
        let args = json!({"expression": expression, "values": values});
        worked_out(&serde_json::from_value(args).unwrap()).map(|worked| worked.value)
    };
    assert_eq!(with(json!({"m": 2.5}), "4 * m").unwrap(), "10");
    assert_eq!(with(json!({"a": 0.1, "b": 0.2}), "a + b").unwrap(), "0.3");
    assert_eq!(with(json!({"a": 1e300}), "a / a").unwrap(), "1");
    for (values, wrong) in [
        (json!({"sqrt": 1}), "cannot name a value"),
        (json!({"a b": 1}), "cannot name a value"),
        (json!({"a": "b + 1"}), "the value a: \"b\" is no unit"),
        (json!({"a": "1 +"}), "the value a: it ends"),
    ] {
        let says = with(values, "1").unwrap_err();
        assert!(says.contains(wrong), "{says}");
    }
}

#[test]
fn what_cannot_be_worked_out_is_told_in_words() {
    for (expression, wrong) in [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("1 +", "it ends where a value should be"),
        ("(1", "a bracket is not closed"),
        ("1)", "a bracket is closed that was not opened"),
        ("1 2", "after 1 an operator is missing"),
        ("1,000", "a comma separates arguments"),
        ("(1,000)", "a comma separates arguments"),
        ("1 / 0", "it divides by zero"),
        ("0 ^ -1", "it divides by zero"),
        ("mod(1, 0)", "it divides by zero"),
        ("2 ^ 0.5", "sqrt(x) is the square root"),
        ("sqrt(-1)", "no square root of a negative number"),
        ("ln(2)", "there is no function \"ln\"; there are abs"),
        ("round()", "round takes 1 or 2 arguments, there are 0"),
        ("mod(1)", "mod takes 2 arguments, there are 1"),
        ("round(1, 0.5)", "a whole number from"),
        ("1 $", "'$' means nothing here"),
        ("1..2", "an operator is missing"),
        ("5 in", ""),
    ] {
        match calc(expression) {
            Err(says) => assert!(
                says.contains(wrong) && !wrong.is_empty(),
                "{expression}: {says}"
            ),
            Ok(_) => assert_eq!(wrong, "", "{expression}"),
        }
    }
}

/// Whoever writes an expression may be a model, or somebody who wants the machine to be busy.
#[test]
fn an_expression_is_small_however_much_it_asks_for() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100), close.repeat(100));
    let begun = Instant::now();
    for (expression, wrong) in [
        ("9^9^9^9".to_owned(), "2,400 digits"),
        ("10^100000".to_owned(), "2,400 digits"),
        ("(10^1000)^1000".to_owned(), "2,400 digits"),
        ("0.5^100000".to_owned(), "2,400 digits"),
        ("1e1000 * 1e1000 * 1e1000".to_owned(), "2,400 digits"),
        ("1e1001".to_owned(), "outside -1000 to 1000"),
        ("1e99999999999999999999".to_owned(), "no number"),
        ("1e-1000000000".to_owned(), "outside"),
        ("9".repeat(1_500), "at most 1000 are read"),
        (format!("2^({})", "9".repeat(900)), "2,400 digits"),
        ("1+".repeat(1_900) + "1", "more than 1000 parts"),
        ("1".repeat(4_001), "at most 4000 are read"),
        (deep("(", ")"), "more than 64 levels deep"),
        (deep("abs(", ")"), "more than 64 levels deep"),
        (deep("-", ""), "more than 64 levels deep"),
        (format!("2{}", "^1".repeat(100)), "more than 64 levels deep"),
        ("1 m^101".to_owned(), "up to 100"),
        ("(1 m)^101".to_owned(), "powers of 101"),
        ("(1 ly)^99999999999".to_owned(), "2,400 digits"),
        ("(1 s)^99999999999".to_owned(), "too large"),
        ("1 m in m^99999".to_owned(), "up to 100"),
        (format!("1 in {}m", "m^100*".repeat(200)), "allowed are 100"),
        ("round(1, 99999)".to_owned(), "-1000 to 1000"),
        ("sqrt(2, 101)".to_owned(), "from 1 to 100"),
    ] {
        let says = calc(&expression).unwrap_err();
        assert!(says.contains(wrong), "{expression}: {says}");
        assert!(says.len() < 500, "{says}");
    }
    // As much work as a thousand parts can ask for.
    let heavy = format!("{}1", "1/9999999999999999999 + ".repeat(200));
    let _ = calc(&heavy);
    let roots = format!("{}1", "sqrt(1e-999, 100) + ".repeat(120));
    calc(&roots).unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_result_is_text_number_and_fact() {
    let tools =
        crate::Toolbox::default().with([std::sync::Arc::new(Calc) as std::sync::Arc<dyn Tool>]);
    let ask = async |expression: &str| {
        let call = ToolCall::new(
            json!({ "expression": expression }),
            Instant::now() + Duration::from_secs(60),
        );
        tools.call(NAME, &tools.needs(), call).await.unwrap()
    };
    let output = ask("3 * 4.99 EUR").await;
    assert_eq!(
        output.value,
        json!({"value": "14.97", "number": 14.97, "unit": "EUR", "exact": true, "text": "14.97 EUR"})
    );
    let fact = &output.facts[0];
    assert_eq!(fact.value, Figure::Real(14.97));
    assert_eq!(fact.unit.as_deref(), Some("EUR"));
    assert_eq!(fact.statistic, Statistic::Computed);
    let output = ask("2 ^ 63").await;
    assert_eq!(output.value["number"], json!(null));
    assert_eq!(output.facts[0].value, Figure::from("9223372036854775808"));
    let output = ask("2 ^ 62").await;
    assert_eq!(output.facts[0].value, Figure::Integer(1 << 62));
    assert_eq!(ask("1/3").await.value["exact"], json!(false));
}

proptest! {
    #[test]
    fn nothing_that_is_written_panics(text in "[0-9a-z+*/^()%., _-]{0,60}") {
        let _ = calc(&text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}") {
        let _ = calc(&text);
    }

    #[test]
    fn sums_and_products_are_those_of_whole_numbers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000, scale in 0_u32..6) {
        let place = 10_i64.pow(scale);
        let text = |n: i64| format!("({n} / {place})");
        let sum = calc(&format!("({} + {}) * {place}", text(a), text(b))).unwrap();
        prop_assert_eq!(sum.value, (a + b).to_string());
        prop_assert!(sum.exact);
        let product = calc(&format!("{} * {} * {place} ^ 2", text(a), text(b))).unwrap();
        prop_assert_eq!(product.value, (a * b).to_string());
        if b != 0 {
            let back = calc(&format!("{a} / {b} * {b}")).unwrap();
            prop_assert_eq!(back.value, a.to_string());
        }
    }

    #[test]
    fn a_root_is_as_near_as_it_says(n in 2_u64..1_000_000_000, digits in 1_u64..30) {
        let root = calc(&format!("sqrt({n}, {digits})")).unwrap();
        // One unit in the last place on either side.
        let off = calc(&format!("abs({} * {} / {n} - 1) * 10 ^ {}", root.value, root.value, digits - 1)).unwrap();
        let off: f64 = off.value.parse().unwrap();
        prop_assert!(off <= 1.01, "{} {}", root.value, off);
    }
}
