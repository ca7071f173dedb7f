//! One stated figure or text: what it says of what, and where it came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Period;

/// Something a tool found out. Every number in an answer is one of these, so that it can be traced and computed again.
///
/// It holds no sentence: a language makes the words when the fact is shown, and nobody reads them back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about, from the outside in: the region North; nothing when it is about everything there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject: Vec<Subject>,
    /// What was measured: `revenue`; none where rows are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// Which figure it is.
    pub statistic: Statistic,
    /// When; none for all the time there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<When>,
    /// The figure or text itself.
    pub value: Value,
    /// Unit of the value: `EUR`, `%`, `kg`; null where it has none.
    #[serde(default)]
    pub unit: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// A named thing that facts are about: a region, a product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Its name as facts write it.
    pub name: String,
    /// What it is one of: `region`.
    pub kind: String,
}

/// What a figure is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// A sum.
    Total,
    /// An arithmetic mean.
    Mean,
    /// The middle value.
    Median,
    /// The smallest value.
    Least,
    /// The largest value.
    Greatest,
    /// A change in percent of what was before.
    Growth,
    /// A change in the measure's unit.
    Change,
    /// A part of the whole in percent.
    Share,
    /// One figure over another.
    Ratio,
    /// A count of rows.
    Rows,
    /// A count of the things that the subject stands for.
    Members,
    /// A count of missing cells.
    Missing,
    /// A value far from the others.
    Outlier,
    /// A count of such values.
    Outliers,
    /// The value of the expression that is its subject.
    Computed,
    /// A sentence as it stands in the source.
    Quoted,
    /// Anything else, in the words of whoever gives the figure; they are all it is called by.
    Other(String),
}

/// The time a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// One period.
    During(Period),
    /// From one period to a later one.
    Between {
        /// The period before.
        from: Period,
        /// The period after.
        to: Period,
    },
    /// What has no date.
    Undated,
}

/// Where a fact came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The task in whose result it stands; none as long as no plan has used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Where in that result, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Its row, as the line of the file; none where many rows make it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// For people: `sales.csv: SELECT sum(revenue) FROM data`.
    pub text: String,
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

/// A kind of facts, such as the totals of each region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactKind {
    /// Which figure.
    pub statistic: Statistic,
    /// Of what; none where rows are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// For each thing of this kind; without it for everything together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// For each period, or from each to another; without it for all the time there is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_period: bool,
}

impl FactKind {
    /// The figure over everything.
    #[must_use]
    pub fn whole(statistic: Statistic, measure: Option<String>) -> Self {
        Self {
            statistic,
            measure,
            per: None,
            per_period: false,
        }
    }

    /// The same for each thing of a kind.
    #[must_use]
    pub fn per(self, kind: impl Into<String>) -> Self {
        Self {
            per: Some(kind.into()),
            ..self
        }
    }

    /// The same for each period.
    #[must_use]
    pub fn per_period(self) -> Self {
        Self {
            per_period: true,
            ..self
        }
    }

    /// Whether a fact is of this kind.
    #[must_use]
    pub fn holds(&self, fact: &Fact) -> bool {
        let about = match &self.per {
            Some(kind) => fact.subject.iter().any(|subject| subject.kind == *kind),
            None => fact.subject.is_empty(),
        };
        let time = match fact.period {
            None => !self.per_period,
            Some(When::During(_) | When::Between { .. }) => self.per_period,
            Some(When::Undated) => false,
        };
        about && time && fact.statistic == self.statistic && fact.measure == self.measure
    }
}

impl Fact {
    /// What it states a value of: two facts that are equal in this speak of the same figure.
    #[must_use]
    pub fn states(&self) -> impl Ord + use<'_> {
        let Self {
            subject,
            measure,
            statistic,
            period,
            source,
            ..
        } = self;
        (statistic, measure, subject, period, source.row)
    }
}

/// A number or a text; in JSON simply that number or text.
///
/// Integers stay integers: a count of 9,007,199,254,740,993 must not lose its last digit by passing through a double. A real is always
/// finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A finite number with decimals.
    Real(f64),
    /// Anything else: a date, a name.
    Text(String),
}

impl Value {
    /// The value as a double, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// The value as text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Real(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A double becomes a real; one that is not finite is kept as its name, because JSON has no such number.
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        if number.is_finite() {
            Self::Real(number)
        } else {
            Self::Text(number.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Grain;
    use serde_json::json;

    fn month(key: &str) -> Period {
        Period::read(Grain::Month, key).unwrap()
    }

    fn total(subject: Vec<Subject>, period: Option<When>) -> Fact {
        Fact {
            subject,
            measure: Some("revenue".into()),
            statistic: Statistic::Total,
            period,
            value: Value::Integer(5),
            unit: None,
            source: Source::from("sales.csv: SELECT".to_owned()),
        }
    }

    fn north() -> Vec<Subject> {
        vec![Subject {
            kind: "region".into(),
            name: "North".into(),
        }]
    }

    #[test]
    fn a_fact_travels_as_fields() {
        let whole = total(vec![], None);
        let written = json!({"measure": "revenue", "statistic": "total", "value": 5, "unit": null, "source": {"text": "sales.csv: SELECT"}});
        assert_eq!(serde_json::to_value(&whole).unwrap(), written);
        let (from, to) = (month("2025-07"), month("2025-08"));
        let cases = [
            (When::During(from), json!({"during": {"month": "2025-07"}})),
            (
                When::Between { from, to },
                json!({"between": {"from": {"month": "2025-07"}, "to": {"month": "2025-08"}}}),
            ),
            (When::Undated, json!("undated")),
        ];
        for (when, written) in cases {
            let fact = total(north(), Some(when));
            let value = serde_json::to_value(&fact).unwrap();
            assert_eq!(value["period"], written);
            assert_eq!(
                value["subject"],
                json!([{"name": "North", "kind": "region"}])
            );
            assert_eq!(serde_json::from_value::<Fact>(value).unwrap(), fact);
        }
        let other = Statistic::Other("words".into());
        assert_eq!(
            serde_json::to_value(&other).unwrap(),
            json!({"other": "words"})
        );
    }

    #[test]
    fn a_kind_holds_the_facts_of_its_level_alone() {
        let revenue = || FactKind::whole(Statistic::Total, Some("revenue".into()));
        let during = Some(When::During(month("2025-07")));
        let facts = [
            total(vec![], None),
            total(vec![], during),
            total(north(), None),
            total(vec![], Some(When::Undated)),
        ];
        let held = |kind: FactKind| facts.each_ref().map(|fact| kind.holds(fact));
        assert_eq!(held(revenue()), [true, false, false, false]);
        assert_eq!(held(revenue().per_period()), [false, true, false, false]);
        assert_eq!(held(revenue().per("region")), [false, false, true, false]);
        assert_eq!(held(revenue().per("product")), [false; 4]);
        assert_eq!(
            held(FactKind::whole(Statistic::Mean, Some("revenue".into()))),
            [false; 4]
        );
        assert_eq!(held(FactKind::whole(Statistic::Total, None)), [false; 4]);
    }

    #[test]
    fn a_fact_states_the_same_whatever_its_value() {
        let (one, other) = (total(north(), None), total(vec![], None));
        let again = Fact {
            value: Value::Integer(6),
            ..one.clone()
        };
        assert!(one.states() == again.states());
        assert!(one.states() != other.states());
        let mut row = one.clone();
        row.source.row = Some(7);
        assert!(one.states() != row.states());
    }
}
