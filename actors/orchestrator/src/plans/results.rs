//! Reads the results of a plan that no pack made: each speaks for itself.

use std::collections::BTreeSet;

use aios_work::shown::{markdown, markdown_line};
use aios_work::{
    Case, Domain, Evidence, Fact, GAPS_HEADING, Goal, Plan, Point, Slots, SoFar, Task, TextKind,
    Written, figures, quoted,
};
use serde_json::{Value, json};

use super::page::Page;

/// Most facts of one answer: it is one message of 1 MB, and each is told twice.
const FACTS: usize = 800;
/// Figures that a writer is told of; a small model's context holds no more.
const TOLD: usize = 60;
/// Characters of a text that a writer is told of.
const TEXT: usize = 400;
/// Bytes that a writer is told in all; more its tool would not take.
const INSTRUCTION: usize = 12 << 10;
/// Most words of the paragraph.
const WORDS: u32 = 90;
/// Pieces of text that numbers in an answer may also be taken from.
const PASSAGES: usize = 4_000;
/// What the paragraph's task is called; with a number behind it if the plan has one of that name.
const CLOSING: &str = "answer";

/// Results of plans of one source.
#[derive(Debug, Clone)]
pub struct Results {
    name: &'static str,
    /// The tool that writes text by instruction, if there is one.
    writer: Option<String>,
}

impl Results {
    /// Reads plans of this source.
    #[must_use]
    pub fn new(name: &'static str, writer: Option<String>) -> Self {
        Self { name, writer }
    }
}

impl Domain for Results {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self, goal: &Goal, _: &Plan) -> Result<Box<dyn Case>, String> {
        Ok(Box::new(Opened {
            goal: goal.text().to_owned(),
        }))
    }

    fn closing(&self, plan: &Plan) -> Option<Task> {
        let tool = self.writer.as_ref()?;
        if plan.tasks.iter().any(|task| task.prose) {
            return None;
        }
        let taken = |id: &String| plan.task(id).is_some();
        let mut names = (1..).map(|number| match number {
            1 => CLOSING.to_owned(),
            number => format!("{CLOSING}-{number}"),
        });
        let mut task = Task::new(names.find(|id| !taken(id))?, tool, json!({}));
        task.after = plan.tasks.iter().map(|task| task.id.clone()).collect();
        task.prose = true;
        task.tokens = WORDS * 2;
        task.title = Some("the answer in words".to_owned());
        Some(task)
    }
}

/// A goal whose results speak for themselves.
struct Opened {
    goal: String,
}

/// What was found, task by task.
struct Found {
    facts: Vec<Fact>,
    /// Some result has more figures than are told.
    more: bool,
}

/// The tasks whose results are read; prose is read as a text.
fn read<'a>(so_far: &SoFar<'a>) -> impl Iterator<Item = (&'a Task, &'a Value)> + use<'a> {
    let results = so_far.results;
    let tasks = so_far.plan.tasks.iter().filter(|task| !task.prose);
    tasks.filter_map(move |task| Some((task, results.get(&task.id)?)))
}

fn found(so_far: &SoFar<'_>) -> Found {
    let mut found = Found {
        facts: Vec::new(),
        more: false,
    };
    for (task, result) in read(so_far) {
        let (facts, more) = figures(&task.id, &task.tool, result);
        found.more |= more || found.facts.len() + facts.len() > FACTS;
        found.facts.extend(facts);
        found.facts.truncate(FACTS);
    }
    found
}

/// Everything that results say in words: names of fields, places in lists, texts.
fn words(so_far: &SoFar<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let mut left: Vec<&Value> = read(so_far).map(|(_, result)| result).collect();
    while let Some(value) = left.pop() {
        if words.len() >= PASSAGES {
            break;
        }
        match value {
            Value::String(text) => words.push(text.clone()),
            Value::Array(items) => {
                words.extend((1..=items.len().min(PASSAGES)).map(|place| place.to_string()));
                left.extend(items);
            }
            Value::Object(fields) => {
                words.extend(fields.keys().cloned());
                left.extend(fields.values());
            }
            // Numbers are facts, or more than facts can be: then they stand here as they are.
            Value::Number(number) => words.push(number.to_string()),
            Value::Null | Value::Bool(_) => {}
        }
    }
    words
}

impl Opened {
    fn evidence(&self, so_far: &SoFar<'_>, kind: TextKind, facts: Vec<Fact>) -> Evidence {
        let plan = so_far.plan;
        let titles = plan.tasks.iter().map(|task| task.title(&plan.points));
        let names = plan.tasks.iter().map(|task| task.id.clone());
        let files = so_far
            .artifacts
            .iter()
            .flat_map(|file| [file.path.display().to_string(), file.description.clone()]);
        // What is asked for by words or kinds of facts can be looked for; any other point is covered by its tasks.
        let points = plan.points.iter();
        let sought = points.filter(|point| !point.facts.is_empty() || !point.words.is_empty());
        Evidence {
            kind,
            goal: self.goal.clone(),
            facts,
            points: match kind {
                TextKind::Report => sought.cloned().collect(),
                TextKind::Paragraph => Vec::new(),
            },
            passages: words(so_far)
                .into_iter()
                .chain(titles)
                .chain(names)
                .chain(plan.points.iter().map(|point| point.asks.clone()))
                .chain(files)
                .chain(so_far.notes.iter().cloned())
                .chain(so_far.gaps.iter().cloned())
                .collect(),
            ..Evidence::default()
        }
    }

    /// What is missing beside what is told already.
    fn gaps(&self, so_far: &SoFar<'_>) -> Vec<String> {
        let mut gaps = so_far.gaps.to_vec();
        let plan = so_far.plan;
        for task in plan.tasks.iter().filter(|task| !task.prose) {
            if !so_far.results.contains_key(&task.id) && !so_far.told.contains(&task.id) {
                gaps.push(format!(
                    "{}: it was not done, because something it needs is missing",
                    task.title(&plan.points)
                ));
            }
        }
        for point in &plan.points {
            if !plan
                .tasks
                .iter()
                .any(|task| task.point.as_ref() == Some(&point.id))
            {
                gaps.push(format!("{}: no task of the plan answers it", point.asks));
            }
        }
        gaps
    }

    fn page(&self, so_far: &SoFar<'_>, found: &Found, gaps: &[String]) -> String {
        let mut page = Page::default();
        page.line(&format!("# {}", markdown(&self.goal)));
        let slots = Slots::of(&found.facts);
        let mut prose = so_far.plan.tasks.iter().filter(|task| task.prose);
        let said = prose.find_map(|task| so_far.results.get(&task.id)?.as_str());
        if let Some(said) = said.filter(|said| slots.problems(said).is_empty()) {
            page.paragraph(&slots.fill(said));
        }
        let mut shown = BTreeSet::new();
        for point in &so_far.plan.points {
            page.paragraph(&format!("## {}", markdown(&point.asks)));
            let of = read(so_far).filter(|(task, _)| task.point.as_ref() == Some(&point.id));
            for (task, result) in of {
                shown.insert(task.id.as_str());
                result_of(&mut page, task, result, &so_far.plan.points, Some(point));
            }
        }
        let rest: Vec<_> = read(so_far)
            .filter(|(task, _)| !shown.contains(task.id.as_str()))
            .collect();
        if !rest.is_empty() {
            let heading = if shown.is_empty() {
                "## Results"
            } else {
                "## Further results"
            };
            page.paragraph(heading);
        }
        for (task, result) in rest {
            result_of(&mut page, task, result, &so_far.plan.points, None);
        }
        if !so_far.artifacts.is_empty() {
            page.paragraph("## Files\n");
            for file in so_far.artifacts {
                let name = file.path.file_name().unwrap_or_default().to_string_lossy();
                page.line(&format!(
                    "- `{}`: {}",
                    markdown(&name).replace('`', ""),
                    markdown(&file.description)
                ));
            }
        }
        self.notes(&mut page, so_far, found, gaps);
        page.text()
    }

    fn notes(&self, page: &mut Page, so_far: &SoFar<'_>, found: &Found, gaps: &[String]) {
        let left_out = page.cut || found.more;
        if left_out || !so_far.notes.is_empty() {
            page.paragraph("## Notes\n");
            for note in so_far.notes {
                page.line(&format!("- {}", markdown_line(note)));
            }
            if left_out {
                page.line("- Results are longer than what is shown here; ask for a part of them.");
            }
        }
        if !gaps.is_empty() {
            page.paragraph(&format!("{GAPS_HEADING}\n"));
            for gap in gaps {
                page.line(&format!("- {}", markdown_line(gap)));
            }
        }
    }
}

fn result_of(
    page: &mut Page,
    task: &Task,
    result: &Value,
    points: &[Point],
    under: Option<&Point>,
) {
    let title = task.title(points);
    // The heading above says it already.
    if under.is_none_or(|point| point.asks != title) {
        page.paragraph(&format!("### {}", markdown(&title)));
    }
    page.result(result);
}

impl Case for Opened {
    fn args(&self, task: &Task, so_far: &SoFar<'_>, feedback: Option<&str>) -> Option<Value> {
        if !task.prose {
            return aios_work::fill(&task.args, so_far.results);
        }
        let found = found(so_far);
        let texts: Vec<String> = read(so_far)
            .filter_map(|(task, result)| {
                let text = result.as_str().or_else(|| result.get("text")?.as_str())?;
                Some(format!("{}: {}", task.title(&[]), quoted(text, TEXT)))
            })
            .collect();
        if found.facts.is_empty() && texts.is_empty() {
            return None;
        }
        let instruction = self.instruction(&found.facts, &texts, feedback);
        Some(json!({ "instruction": instruction, "max_words": WORDS }))
    }

    fn prose(&self, _: &Task, so_far: &SoFar<'_>) -> Evidence {
        let facts = found(so_far).facts;
        self.evidence(so_far, TextKind::Paragraph, facts)
    }

    fn write(&self, so_far: &SoFar<'_>) -> Written {
        let found = found(so_far);
        let gaps = self.gaps(so_far);
        let answer = self.page(so_far, &found, &gaps);
        Written {
            answer,
            evidence: self.evidence(so_far, TextKind::Report, found.facts.clone()),
            facts: found.facts,
            gaps,
        }
    }
}

impl Opened {
    /// What the writer is asked: a few sentences in which slots stand for figures.
    fn instruction(&self, facts: &[Fact], texts: &[String], feedback: Option<&str>) -> String {
        let mut lines = vec![
            format!(
                "Answer in two or three sentences: {}",
                quoted(&self.goal, 600)
            ),
            "Write no digit. Where a figure belongs, write its slot in braces as it stands here."
                .to_owned(),
        ];
        let slots = Slots::of(facts);
        for (name, fact) in slots.iter().take(TOLD) {
            let unit = fact.unit.as_deref().unwrap_or_default();
            let value = quoted(&fact.value.to_string(), 80);
            lines.push(
                format!("{{{name}}} is {value} {unit}")
                    .trim_end()
                    .to_owned(),
            );
        }
        lines.extend(texts.iter().cloned());
        let mut left = INSTRUCTION;
        lines.retain(|line| {
            let fits = line.len() < left;
            left = left.saturating_sub(line.len() + 1);
            fits
        });
        if let Some((name, _)) = slots.iter().next() {
            lines.push(format!("For example: It is {{{name}}}."));
        }
        if let Some(feedback) = feedback {
            let feedback = quoted(feedback, 600);
            lines.push(format!("Your last text was refused: {feedback}"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests;
