//! The pack as the orchestrator knows it: where plans for tables come from, who reads their results, and by what these are judged.

use std::sync::Arc;

use aios_work::{
    Bench, Case, Check, Claim, Domain, Evidence, Goal, Judged, Missed, Opinion, Pack, Plan,
    PlanSource, Simpler, SoFar, Task, TextKind, Written,
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::TableProfile;
use crate::ask::{self, Seen, Understood, Values};
use crate::form::holds_table;
use crate::plan::analysis::{Analysis, analyse_tables};
use crate::plan::dag::{self, CLOSING, Filling, is_table, scout};

pub use crate::plan::NAME;
use crate::plan::findings::Findings;
use crate::plan::intent::Intent;
use crate::plan::reading::Reading;
use crate::plan::{analyse, arithmetic, build, merge, question, recalled, simpler, writing};
use crate::report;
use crate::results::{ResultEvidence, check_result};

/// Goals about tables, arithmetic, and questions that what was remembered is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct TablesPack;

/// All of the pack but its tools.
#[must_use]
pub fn pack() -> Pack {
    Pack {
        sources: vec![Arc::new(TablesPack)],
        domains: vec![Arc::new(TablesPack)],
        checks: vec![Arc::new(TablesPack)],
        readers: vec![Arc::new(crate::TableReader)],
    }
}

#[async_trait]
impl PlanSource for TablesPack {
    fn name(&self) -> &str {
        NAME
    }

    fn claims(&self, goal: &Goal) -> Claim {
        let all = goal.data().len();
        let tables = goal.data().iter().filter(|file| holds_table(file)).count();
        let computes = || arithmetic::find(goal.text()).is_some();
        match tables {
            0 if all == 0 && computes() => Claim::Whole,
            0 if computes() || goal.data().iter().any(|file| is_table(file)) => Claim::Can,
            0 => Claim::Not,
            _ if tables == all => Claim::Whole,
            _ => Claim::Part,
        }
    }

    fn answers(&self, goal: &Goal, recalled: &[String]) -> bool {
        recalled::is_about(goal.text(), recalled)
    }

    async fn plan(&self, goal: &Goal, bench: &dyn Bench) -> Result<Plan, String> {
        let scouts = scout(goal);
        let looked = futures::future::join_all(scouts.iter().map(|task| bench.look(task))).await;
        let (mut seen, mut gaps) = (Vec::new(), Vec::new());
        for (task, looked) in scouts.iter().zip(looked) {
            match looked {
                Ok(value) => seen.push((task, value)),
                Err(Missed {
                    reason,
                    tolerable: false,
                }) => return Err(reason),
                Err(Missed { reason, .. }) => gaps.push(format!("{}: {reason}", task.title(&[]))),
            }
        }
        if seen.len() < scouts.len() {
            // The plan that needs nothing: say what was asked and what is missing.
            return Ok(Plan {
                goal: goal.id().to_owned(),
                source: NAME.to_owned(),
                tasks: scouts,
                points: Vec::new(),
                gaps,
                meaning: serde_json::to_value(analyse(goal, None)).unwrap_or_default(),
            });
        }
        let tables: Vec<(&Task, TableProfile)> = seen
            .iter()
            .filter(|(task, _)| Reading::of(task) == Some(Reading::Profile))
            .filter_map(|(task, value)| Some((*task, TableProfile::deserialize(value).ok()?)))
            .collect();
        let table = tables.first().map(|(_, table)| table.clone());
        let mut analysis = analyse_tables(goal, &with_values(&tables, &seen));
        if let Some(table) = &table
            && let Some(asked) = question(goal, table, &analysis)
            && let Some(picked) = bench.think(&asked).await
        {
            analysis = merge(goal, table, &analysis, &picked);
        }
        Ok(Plan {
            gaps,
            ..build(goal, &analysis)
        })
    }
}

/// Each table with the values that the goal names of it.
pub(crate) fn with_values<'a>(
    tables: &'a [(&Task, TableProfile)],
    seen: &[(&Task, Value)],
) -> Vec<Seen<'a>> {
    let file = |task: &Task| task.args.get("file").cloned().unwrap_or_default();
    let one = |(task, profile): &'a (&Task, TableProfile)| {
        let named = seen.iter().find(|(other, _)| {
            Reading::of(other) == Some(Reading::Values) && file(other) == file(task)
        });
        let file = file(task).as_str().unwrap_or_default().to_owned();
        Seen {
            name: crate::sql::table_name(&file),
            file,
            profile,
            values: named
                .and_then(|(_, value)| Values::deserialize(value).ok())
                .unwrap_or_default(),
        }
    };
    tables.iter().map(one).collect()
}

impl Domain for TablesPack {
    fn name(&self) -> &str {
        NAME
    }

    fn open(&self, goal: &Goal, plan: &Plan) -> Result<Box<dyn Case>, String> {
        let analysis = Analysis::deserialize(&plan.meaning)
            .map_err(|error| format!("the plan is not one for tables: {error}"))?;
        computes_what_is_asked(goal, plan, &analysis)?;
        Ok(Box::new(Opened {
            goal: goal.clone(),
            analysis,
        }))
    }
}

/// An expression is the goal's own and no reading of it: with another one a plan would have its own value stated as what was asked for.
fn computes_what_is_asked(goal: &Goal, plan: &Plan, analysis: &Analysis) -> Result<(), String> {
    let asked = match analysis.intent {
        Intent::Arithmetic => arithmetic::find(goal.text()),
        _ => None,
    };
    if analysis.expression != asked {
        return Err("the plan's expression is not the one that the goal asks for".to_owned());
    }
    let computed = asked.map(|asked| dag::computing(&asked.sql));
    let mut computing = plan
        .tasks
        .iter()
        .filter(|task| Reading::of(task) == Some(Reading::Arithmetic));
    if computing.any(|task| Some(&task.args) != computed.as_ref()) {
        return Err("the plan computes something else than the goal asks for".to_owned());
    }
    Ok(())
}

/// A goal with what was understood of it.
struct Opened {
    goal: Goal,
    analysis: Analysis,
}

impl Opened {
    fn findings(&self, so_far: &SoFar<'_>) -> Findings {
        Findings::read(so_far.plan, &self.analysis, so_far.results)
    }

    /// The answer to what is asked: facts, and the words that are made of them.
    fn asked(&self, understood: &Understood, so_far: &SoFar<'_>) -> Written {
        let mut gaps = so_far.gaps.to_vec();
        let silent = so_far.plan.tasks.iter().filter(|task| {
            Reading::of(task) == Some(Reading::Asked)
                && !so_far.results.contains_key(&task.id)
                && !so_far.told.contains(&task.id)
        });
        gaps.extend(silent.map(|task| Findings::gap(so_far.plan, task)));
        let notes: Vec<String> = self
            .analysis
            .notes
            .iter()
            .chain(so_far.notes)
            .cloned()
            .collect();
        let written = ask::read(
            &self.goal,
            understood,
            &notes,
            so_far.results,
            so_far.artifacts,
            &gaps,
        );
        let evidence = Evidence {
            kind: TextKind::Report,
            domain: NAME.to_owned(),
            goal: self.goal.text().to_owned(),
            facts: written.facts.clone(),
            measures: written.measures,
            passages: written.passages,
            made: true,
            ..Evidence::default()
        };
        Written {
            answer: written.answer,
            facts: written.facts,
            gaps: written.gaps,
            evidence,
        }
    }

    /// The numbers of an expression were given and not found: whoever states the result may repeat them.
    fn expression(&self) -> Option<String> {
        let expression = self.analysis.expression.as_ref()?;
        Some(expression.shown.clone())
    }
}

impl Case for Opened {
    fn args(&self, task: &Task, so_far: &SoFar<'_>, feedback: Option<&str>) -> Option<Value> {
        if !dag::is_open(task) {
            return Some(task.args.clone());
        }
        dag::fill(
            task,
            &Filling {
                goal: &self.goal,
                analysis: &self.analysis,
                findings: &self.findings(so_far),
                results: so_far.results,
                recalled: so_far.recalled,
                feedback,
            },
        )
    }

    fn simpler(&self, task: &Task, args: &Value) -> Option<Simpler> {
        simpler::simpler(task, args, &self.analysis)
    }

    fn tidy(&self, text: &str) -> String {
        writing::tidy(text)
    }

    fn prose(&self, _: &Task, so_far: &SoFar<'_>) -> Evidence {
        let findings = self.findings(so_far);
        let points = writing::paragraph_points(&self.analysis, &findings);
        let mut evidence =
            findings.evidence(&self.goal, &self.analysis, TextKind::Paragraph, points);
        evidence
            .passages
            .extend(so_far.recalled.iter().cloned().chain(self.expression()));
        evidence
    }

    fn write(&self, so_far: &SoFar<'_>) -> Written {
        if let Some(understood) = &self.analysis.asked {
            return self.asked(understood, so_far);
        }
        let mut analysis = self.analysis.clone();
        analysis.notes.extend(so_far.notes.iter().cloned());
        let mut findings = Findings::read(so_far.plan, &analysis, so_far.results);
        // Why something is missing says more than that it is.
        let told: Vec<String> = so_far
            .plan
            .tasks
            .iter()
            .filter(|task| so_far.told.contains(&task.id))
            .map(|task| Findings::gap(so_far.plan, task))
            .collect();
        findings.gaps.retain(|gap| !told.contains(gap));
        let passed = so_far.results.get(CLOSING).and_then(Value::as_str);
        let paragraph = report::closing(&self.goal, &analysis, &findings, passed);
        let written = report::answer(
            &self.goal,
            &analysis,
            &findings,
            &paragraph,
            so_far.artifacts,
            so_far.gaps,
        );
        let points = so_far.plan.points.clone();
        let mut evidence = findings.evidence(&self.goal, &analysis, TextKind::Report, points);
        // What a paragraph may repeat, the answer that holds it may repeat; the age of an earlier result is a number that no file holds.
        evidence.passages.extend(
            self.expression()
                .into_iter()
                .chain(so_far.recalled.iter().cloned())
                .chain(so_far.notes.iter().cloned())
                // It is judged by itself.
                .chain([paragraph.text]),
        );
        Written {
            answer: written.answer,
            facts: written.facts,
            gaps: written.gaps,
            evidence,
        }
    }
}

impl Check for TablesPack {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, work: &Judged<'_>) -> Option<Opinion> {
        if let Judged::Text { text, evidence } = work {
            return match (evidence.made, evidence.kind) {
                (true, _) => Some(ask::check(text, evidence)),
                (false, TextKind::Report) => ask::overview(text, evidence),
                (false, TextKind::Paragraph) => None,
            };
        }
        let Judged::Result {
            task,
            output,
            again,
            files,
        } = work
        else {
            return None;
        };
        let evidence = match (again, task.tool.as_str()) {
            (Some(again), "sql") => ResultEvidence::Recomputed {
                again: (*again).clone(),
            },
            (_, "profile_table") => ResultEvidence::Profile,
            (_, "chart") => ResultEvidence::Chart {
                // One that cannot be read counts as empty, and is judged so.
                svg: files
                    .first()
                    .and_then(Option::as_deref)
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                    .unwrap_or_default(),
                description: output
                    .artifacts
                    .first()
                    .map(|artifact| artifact.description.clone())
                    .unwrap_or_default(),
                labels: labels(&task.args),
            },
            _ => return None,
        };
        Some(check_result(&output.value, &evidence))
    }
}

/// The labels along a chart's axis, as its arguments name them.
fn labels(args: &Value) -> Vec<String> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    list(args.get("series"))
        .iter()
        .flat_map(|one| list(one.get("points")))
        .filter_map(|point| point.get(0)?.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use aios_work::GoalLimits;
    use serde_json::json;

    use super::*;

    fn goal(text: &str) -> Goal {
        Goal::new("g", "t", text, Vec::new(), &GoalLimits::default()).unwrap()
    }

    fn planned(goal: &Goal) -> Plan {
        build(goal, &analyse(goal, None))
    }

    #[test]
    fn a_plan_computes_what_its_goal_asks_and_says_no_other_value() {
        type Change = fn(&mut Plan);
        let (asked, plain) = ("what is 17 * 23", "what is the meaning of revenue");
        let expression = "the plan's expression is not the one that the goal asks for";
        let computes = "the plan computes something else than the goal asks for";
        let rows: [(&str, Change, Option<&str>); 9] = [
            (asked, |_| {}, None),
            ("what is 1 / 3 + 0.1", |_| {}, None),
            ("what is 1 / 0", |_| {}, None),
            (plain, |_| {}, None),
            (
                asked,
                |plan| plan.meaning["expression"]["value"] = json!(392.0),
                Some(expression),
            ),
            (
                asked,
                |plan| plan.meaning["expression"]["shown"] = json!("17 + 23"),
                Some(expression),
            ),
            (
                asked,
                |plan| plan.meaning["expression"] = Value::Null,
                Some(expression),
            ),
            (
                plain,
                |plan| plan.meaning = planned(&goal("what is 17 * 23")).meaning,
                Some(expression),
            ),
            (
                asked,
                |plan| plan.tasks[0].args = json!({ "query": "SELECT 392 AS result" }),
                Some(computes),
            ),
        ];
        for (number, (text, change, refused)) in rows.into_iter().enumerate() {
            let goal = goal(text);
            let mut plan = planned(&goal);
            change(&mut plan);
            // As it comes to the Critic.
            let plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
            let opened = TablesPack.open(&goal, &plan).err();
            assert_eq!(opened.as_deref(), refused, "row {number}: {text}");
        }
    }
}
