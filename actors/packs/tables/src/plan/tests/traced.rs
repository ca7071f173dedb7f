//! Where a fact says it comes from, it stands.

use std::collections::BTreeMap;

use aios_languages::english::name;
use aios_work::{Fact, Statistic};
use serde_json::Value;

/// Every figure that names its place in a result is the value there. A step is told from its ends as they are written, so a difference of
/// large sums may have fewer digits than the query's; it stands where the query has one.
pub(super) fn assert_traced(facts: &[Fact], outputs: &BTreeMap<String, Value>) {
    for fact in facts {
        let task = fact
            .source
            .task
            .as_ref()
            .unwrap_or_else(|| panic!("{} has no task", name(fact)));
        let Some(at) = &fact.source.at else {
            // A sentence is chosen from all of a document, and where there are no outliers no row counts them.
            let nowhere = matches!(fact.statistic, Statistic::Quoted | Statistic::Outliers);
            assert!(nowhere, "{} has no place", name(fact));
            continue;
        };
        let cell = outputs[task]
            .pointer(at)
            .unwrap_or_else(|| panic!("{} is not at {at} of {task}", name(fact)));
        let step = matches!(fact.statistic, Statistic::Growth | Statistic::Change);
        match (fact.value.as_f64(), cell.as_f64()) {
            (Some(value), Some(found)) => assert!(
                step || (value - found).abs() <= 1e-9 * found.abs().max(1.0),
                "{} is {value}, at {at} of {task} stands {found}",
                name(fact)
            ),
            (None, None) => {}
            (value, _) => panic!(
                "{} is {value:?}, at {at} of {task} stands {cell}",
                name(fact)
            ),
        }
    }
}
