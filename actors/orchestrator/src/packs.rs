//! The packs of a node: who makes plans, who reads results, who judges.

use std::collections::BTreeMap;
use std::sync::Arc;

use aios_work::{
    Assessment, Category, Check, Claim, Domain, Goal, Issue, Judged, MadeBy, Material, Opinion,
    Pack, Plan, PlanSource, Reader, Severity, TextKind,
};

/// What packs bring, put together. Of two domains of one name the one that was added first counts, as of two sources that claim a goal as
/// strongly.
#[derive(Clone, Default)]
pub struct Packs {
    sources: Vec<Arc<dyn PlanSource>>,
    domains: BTreeMap<String, Arc<dyn Domain>>,
    checks: Vec<Bound>,
    readers: Vec<Arc<dyn Reader>>,
}

/// A check, and the domains whose texts it looks at; none for all.
#[derive(Clone)]
struct Bound {
    check: Arc<dyn Check>,
    domains: Arc<[String]>,
}

impl Bound {
    fn looks_at(&self, work: &Judged<'_>) -> bool {
        match work {
            // A page of results that speak for themselves is prose in no language: what is a figure there its own check knows.
            Judged::Text { evidence, .. }
                if evidence.kind == TextKind::Report && MadeBy::is_open(&evidence.domain) =>
            {
                self.domains.contains(&evidence.domain)
            }
            Judged::Text { evidence, .. } => {
                self.domains.is_empty() || self.domains.contains(&evidence.domain)
            }
            // A tool gives the same to whoever calls it.
            Judged::Result { .. } => true,
        }
    }
}

impl Packs {
    /// No pack: goals are refused with the reason that nobody plans them.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a pack behind the others: a goal is planned by the source that claims it most, and by the first of those that claim it as strongly.
    #[must_use]
    pub fn with(mut self, pack: Pack) -> Self {
        self.sources.extend(pack.sources);
        let domains: Arc<[String]> = pack
            .domains
            .iter()
            .map(|domain| domain.name().to_owned())
            .collect();
        for domain in pack.domains {
            let name = domain.name().to_owned();
            self.domains.entry(name).or_insert(domain);
        }
        self.readers.extend(pack.readers);
        self.checks
            .extend(pack.checks.into_iter().map(|check| Bound {
                check,
                domains: Arc::clone(&domains),
            }));
        self
    }

    /// Who plans a goal, of which the memory recalled these passages.
    ///
    /// # Errors
    /// In a sentence when nobody does.
    pub fn source(&self, goal: &Goal, recalled: &[String]) -> Result<&dyn PlanSource, String> {
        let claim = |source: &Arc<dyn PlanSource>| match source.claims(goal) {
            Claim::Not if !recalled.is_empty() && source.answers(goal, recalled) => Claim::Can,
            claim => claim,
        };
        let claims = self.sources.iter().map(|source| (claim(source), source));
        let strongest = claims
            .filter(|(claim, _)| *claim > Claim::Not)
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        strongest
            .map(|(_, source)| source.as_ref())
            .ok_or_else(|| match self.sources.as_slice() {
                [] => "nobody plans goals here: the node has no pack; start it with one".to_owned(),
                sources => {
                    let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
                    format!(
                        "none of the plan sources takes this goal ({}); add a pack for it",
                        names.join(", ")
                    )
                }
            })
    }

    /// Who reads the results of a plan.
    ///
    /// # Errors
    /// In a sentence when nobody does.
    pub fn domain(&self, plan: &Plan) -> Result<&dyn Domain, String> {
        self.domains
            .get(&plan.source)
            .map(AsRef::as_ref)
            .ok_or_else(|| {
                let known: Vec<&str> = self.domains.keys().map(String::as_str).collect();
                format!(
                    "nobody reads the results of a plan from {:?}, known are: {}",
                    plan.source,
                    known.join(", ")
                )
            })
    }

    /// A file of a goal, for whoever judges its answer: as the first reader has it that knows its kind, else as the text that it is.
    ///
    /// # Errors
    /// In a sentence why it cannot be read.
    pub fn material(&self, name: &str, bytes: Vec<u8>) -> Result<Material, String> {
        let readers = self
            .readers
            .iter()
            .map(|reader| -> &dyn Reader { &**reader });
        Material::read(readers, name, bytes)
    }

    /// What the packs' checks say, each by itself.
    #[must_use]
    pub fn opinions(&self, work: &Judged<'_>) -> Vec<Opinion> {
        self.checks
            .iter()
            .filter(|bound| bound.looks_at(work))
            .filter_map(|bound| signed(bound.check.as_ref(), work))
            .collect()
    }

    /// What all checks together say.
    #[must_use]
    pub fn judge(&self, work: &Judged<'_>) -> Assessment {
        let said = self.opinions(work);
        match work {
            // Nobody knows what such a result should be, only that it should be, and be the same when it is asked for again.
            Judged::Result { output, again, .. } if said.is_empty() => {
                let same = again.is_none_or(|again| *again == output.value);
                Assessment::of([present(!output.value.is_null() && same)])
            }
            _ => Assessment::of(said),
        }
    }
}

/// What a check says, each issue with its name: whoever reads one knows whose rule was broken.
fn signed(check: &dyn Check, work: &Judged<'_>) -> Option<Opinion> {
    let mut opinion = check.check(work)?;
    for issue in &mut opinion.issues {
        issue.check.get_or_insert_with(|| check.name().to_owned());
    }
    Some(opinion)
}

fn present(there: bool) -> Opinion {
    let issue = || {
        Issue::new(
            Category::Completeness,
            Severity::Critical,
            "the task gave no result",
            "Run it again",
        )
    };
    Opinion {
        scores: vec![(Category::Completeness, if there { 1.0 } else { 0.0 })],
        issues: if there { vec![] } else { vec![issue()] },
        claims: 1,
        supported: usize::from(there),
    }
}
