//! Which engines answer a call, in which order, and why the others do not. Pure.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::Purpose;

/// How engines that may answer are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Those of this machine before those elsewhere.
    #[default]
    LocalFirst,
    /// A small one for short tasks, a large one for longer ones, another backend for the longest.
    TaskAdaptive,
    /// The smaller the less power there is.
    PowerAware,
    /// The one with most room, and of equals the fastest.
    LoadBalanced,
    /// As they are written down.
    FallbackChain,
}

impl Policy {
    /// Its name in configuration, metrics and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LocalFirst => "local-first",
            Self::TaskAdaptive => "task-adaptive",
            Self::PowerAware => "power-aware",
            Self::LoadBalanced => "load-balanced",
            Self::FallbackChain => "fallback-chain",
        }
    }
}

/// How large an engine's model is, as its owner says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Runs anywhere, knows little.
    Tiny,
    /// For short tasks.
    Small,
    /// In between.
    #[default]
    Medium,
    /// Knows much, costs much.
    Large,
}

/// How much power this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// What is left in its battery, 0 to 1.
    pub charge: f64,
    /// It is drawing on it.
    pub on_battery: bool,
}

/// A call, as far as the choice needs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask {
    /// What is asked for.
    pub purpose: Purpose,
    /// Tokens of the prompt, guessed from its length.
    pub prompt_tokens: u64,
    /// New tokens that may be made.
    pub max_tokens: u64,
    /// Nothing of it may leave this machine.
    pub private: bool,
    /// The answer must keep to a schema.
    pub schema: bool,
    /// The model may ask for tools.
    pub tools: bool,
    /// What it may cost at most, in millionths; none where nobody says.
    pub money_micros: Option<u64>,
}

/// Whether an engine can take calls now.
#[derive(Clone, Debug, PartialEq)]
pub enum Health {
    /// It can.
    Ready,
    /// Its breaker lets nothing through for so many milliseconds.
    Resting(u64),
    /// It cannot, and says why.
    Down(String),
}

/// An engine, as far as the choice needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// It computes on this machine.
    pub local: bool,
    /// What it is given never leaves this machine.
    pub private: bool,
    /// How large its model is.
    pub size: Size,
    /// Tokens its writing model can attend to; 0 without one.
    pub context: u32,
    /// What embeds for it, if anything: vectors of two embedders are never mixed.
    pub embedder: Option<String>,
    /// It keeps to schemas.
    pub schema: bool,
    /// It can ask for tools.
    pub tools: bool,
    /// Millionths for a thousand tokens.
    pub price_micros: u64,
    /// New tokens per second as last measured.
    pub speed: Option<f64>,
    /// Calls under way and waiting, for each that it runs at once.
    pub load: f64,
    /// Whether it can take calls now.
    pub health: Health,
}

/// The choice, with its reasons.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The engines to ask, one after the other until one answers.
    pub order: Vec<String>,
    /// The others, each with why it is not asked.
    pub passed_over: Vec<(String, String)>,
    /// Why the first one is the first.
    pub because: String,
}

/// Tokens of a task up to which a small model is tried first, and up to which a large one of this machine.
const SHORT_TOKENS: u64 = 100;
const LONG_TOKENS: u64 = 1_000;
/// Charge below which the smallest model is tried first, and above which the largest.
const LOW_CHARGE: f64 = 0.2;
const HIGH_CHARGE: f64 = 0.8;

/// Puts the engines of a chain in order. What may not answer is never in the order, whatever the policy.
pub fn route(policy: Policy, ask: &Ask, chain: &[Candidate], power: Option<Power>) -> Route {
    let mut route = Route::default();
    let embedder = chain.iter().find_map(|one| one.embedder.as_deref());
    let mut able: Vec<&Candidate> = Vec::new();
    for candidate in chain {
        match obstacle(ask, candidate, embedder) {
            Some(reason) => route.passed_over.push((candidate.name.clone(), reason)),
            None => able.push(candidate),
        }
    }
    // Sorting keeps the order of the chain among equals.
    route.because = match policy {
        Policy::FallbackChain => "it comes first in its chain".to_owned(),
        Policy::LocalFirst => {
            able.sort_by_key(|one| !one.local);
            "engines of this machine come first".to_owned()
        }
        Policy::TaskAdaptive => by_task(ask, &mut able),
        Policy::PowerAware => by_power(power, &mut able),
        Policy::LoadBalanced => {
            able.sort_by(|a, b| {
                let speed = |one: &Candidate| one.speed.unwrap_or(0.0);
                (a.load.total_cmp(&b.load)).then(speed(b).total_cmp(&speed(a)))
            });
            "it has most room, and of those the most speed".to_owned()
        }
    };
    // Lengths are guessed, so one that seems too small is asked after all others rather than never: it counts for itself.
    if able.iter().any(|one| seems_to_fit(ask, one))
        && able.iter().any(|one| !seems_to_fit(ask, one))
    {
        let first = able.first().map(|one| one.name.clone());
        able.sort_by_key(|one| !seems_to_fit(ask, one));
        if first.as_ref() != able.first().map(|one| &one.name) {
            route.because = format!(
                "{} would come first but seems too small for it; else {}",
                first.unwrap_or_default(),
                route.because
            );
        }
    }
    route.order = able.into_iter().map(|one| one.name.clone()).collect();
    route
}

fn seems_to_fit(ask: &Ask, one: &Candidate) -> bool {
    let tokens = ask.prompt_tokens.saturating_add(ask.max_tokens);
    ask.purpose == Purpose::Embed || tokens <= u64::from(one.context)
}

fn by_task(ask: &Ask, able: &mut [&Candidate]) -> String {
    let tokens = ask.prompt_tokens.saturating_add(ask.max_tokens);
    if tokens < SHORT_TOKENS {
        able.sort_by_key(|one| one.size);
        format!("{tokens} tokens are a short task, for a small model")
    } else if tokens < LONG_TOKENS {
        able.sort_by_key(|one| Reverse(one.size));
        format!("{tokens} tokens are a task for a large model")
    } else {
        able.sort_by_key(|one| one.local);
        format!("{tokens} tokens are a long task, for another backend than this machine")
    }
}

fn by_power(power: Option<Power>, able: &mut [&Candidate]) -> String {
    let Some(power) = power.filter(|power| power.on_battery) else {
        able.sort_by_key(|one| Reverse(one.size));
        return "power does not run out, so a large model may compute".to_owned();
    };
    let percent = (power.charge * 100.0).round();
    if power.charge < LOW_CHARGE {
        able.sort_by_key(|one| one.size);
        format!("{percent} % of the battery are left, so the smallest model computes")
    } else if power.charge <= HIGH_CHARGE {
        able.sort_by_key(|one| (one.size as i8 - Size::Medium as i8).abs());
        format!("{percent} % of the battery are left, so a medium model computes")
    } else {
        able.sort_by_key(|one| Reverse(one.size));
        format!("{percent} % of the battery are left, so a large model may compute")
    }
}

/// Why an engine may not or cannot answer.
fn obstacle(ask: &Ask, one: &Candidate, embedder: Option<&str>) -> Option<String> {
    if ask.private && !one.private {
        return Some("the goal is private, and what it is given leaves this machine".to_owned());
    }
    if ask.purpose == Purpose::Embed {
        match (one.embedder.as_deref(), embedder) {
            (None, _) => return Some("it does not embed".to_owned()),
            (Some(own), Some(first)) if own != first => {
                return Some(format!(
                    "its vectors cannot be compared with those of {first}"
                ));
            }
            _ => {}
        }
    } else if one.context == 0 {
        return Some("it does not write".to_owned());
    }
    if ask.schema && !one.schema {
        return Some("it does not keep to schemas".to_owned());
    }
    if ask.tools && !one.tools {
        return Some("it cannot ask for tools".to_owned());
    }
    let tokens = ask.prompt_tokens.saturating_add(ask.max_tokens);
    let price = u128::from(tokens) * u128::from(one.price_micros) / 1_000;
    if let Some(money) = ask.money_micros.filter(|money| price > u128::from(*money)) {
        return Some(format!(
            "it may cost {price} millionths, and {money} are left"
        ));
    }
    match &one.health {
        Health::Ready => None,
        Health::Resting(ms) => Some(format!("it rests after failures, for {ms} ms")),
        Health::Down(reason) => Some(format!("it is down: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(name: &str, local: bool, size: Size) -> Candidate {
        Candidate {
            name: name.into(),
            local,
            private: local,
            size,
            context: 8_192,
            embedder: None,
            schema: true,
            tools: true,
            price_micros: if local { 0 } else { 1_000 },
            speed: None,
            load: 0.0,
            health: Health::Ready,
        }
    }

    fn ask(tokens: u64) -> Ask {
        Ask {
            purpose: Purpose::Write,
            prompt_tokens: tokens / 2,
            max_tokens: tokens - tokens / 2,
            private: false,
            schema: false,
            tools: false,
            money_micros: None,
        }
    }

    /// A cloud first, so that no order comes about by itself.
    fn four() -> Vec<Candidate> {
        vec![
            engine("cloud", false, Size::Large),
            engine("medium", true, Size::Medium),
            engine("tiny", true, Size::Tiny),
            engine("big", true, Size::Large),
        ]
    }

    #[test]
    fn each_policy_has_its_order() {
        let battery = |charge| {
            Some(Power {
                charge,
                on_battery: true,
            })
        };
        let mains = Some(Power {
            charge: 0.1,
            on_battery: false,
        });
        use Policy::*;
        for (policy, tokens, power, order) in [
            (FallbackChain, 500, None, "cloud medium tiny big"),
            (LocalFirst, 500, None, "medium tiny big cloud"),
            (TaskAdaptive, 99, None, "tiny medium cloud big"),
            (TaskAdaptive, 100, None, "cloud big medium tiny"),
            (TaskAdaptive, 999, None, "cloud big medium tiny"),
            (TaskAdaptive, 1_000, None, "cloud medium tiny big"),
            (PowerAware, 500, None, "cloud big medium tiny"),
            (PowerAware, 500, mains, "cloud big medium tiny"),
            (PowerAware, 500, battery(0.19), "tiny medium cloud big"),
            (PowerAware, 500, battery(0.2), "medium cloud big tiny"),
            (PowerAware, 500, battery(0.8), "medium cloud big tiny"),
            (PowerAware, 500, battery(0.81), "cloud big medium tiny"),
            (LoadBalanced, 500, None, "cloud medium tiny big"),
        ] {
            let route = route(policy, &ask(tokens), &four(), power);
            assert_eq!(
                route.order.join(" "),
                order,
                "{policy:?} {tokens} {power:?}"
            );
            assert!(route.passed_over.is_empty() && !route.because.is_empty());
        }
    }

    #[test]
    fn load_outranks_speed_and_speed_the_chain() {
        let mut chain = four();
        for (one, (load, speed)) in chain.iter_mut().zip([
            (0.5, Some(900.0)),
            (0.0, Some(10.0)),
            (0.0, None),
            (0.0, Some(40.0)),
        ]) {
            (one.load, one.speed) = (load, speed);
        }
        let route = route(Policy::LoadBalanced, &ask(500), &chain, None);
        assert_eq!(route.order.join(" "), "big medium tiny cloud");
    }

    #[test]
    fn one_that_seems_too_small_comes_after_all_others() {
        let mut chain = four();
        chain[0].context = 499;
        for policy in [
            Policy::FallbackChain,
            Policy::TaskAdaptive,
            Policy::LoadBalanced,
        ] {
            let route = route(policy, &ask(500), &chain, None);
            assert_eq!(
                route.order.last().map(String::as_str),
                Some("cloud"),
                "{policy:?}"
            );
            assert!(route.because.contains("too small"), "{}", route.because);
        }
        chain.truncate(1);
        let route = route(Policy::LocalFirst, &ask(500), &chain, None);
        assert_eq!(route.order, ["cloud"], "lengths are guessed");
    }

    #[test]
    fn what_may_not_answer_is_in_no_order_and_says_why() {
        type Change = fn(&mut Ask, &mut Candidate);
        let cases: [(&str, Change); 9] = [
            ("private", |ask, _| ask.private = true),
            ("does not embed", |ask, _| ask.purpose = Purpose::Embed),
            ("does not write", |_, one| one.context = 0),
            ("schemas", |ask, one| {
                (ask.schema, one.schema) = (true, false)
            }),
            ("tools", |ask, one| (ask.tools, one.tools) = (true, false)),
            ("may cost 500", |ask, _| ask.money_micros = Some(499)),
            ("rests", |_, one| one.health = Health::Resting(7)),
            ("no route to host", |_, one| {
                one.health = Health::Down("no route to host".into());
            }),
            ("compared", |ask, one| {
                ask.purpose = Purpose::Embed;
                one.embedder = Some("other".into());
            }),
        ];
        for (reason, change) in cases {
            let mut chain = four();
            for one in &mut chain[1..] {
                one.embedder = Some("minilm".into());
            }
            let mut ask = ask(500);
            // Last in the chain, so that the others' embedder counts.
            let mut odd = chain.remove(0);
            change(&mut ask, &mut odd);
            chain.push(odd);
            for policy in [
                Policy::LocalFirst,
                Policy::TaskAdaptive,
                Policy::PowerAware,
                Policy::LoadBalanced,
                Policy::FallbackChain,
            ] {
                let route = route(policy, &ask, &chain, None);
                assert!(
                    !route.order.contains(&"cloud".to_owned()),
                    "{reason} {policy:?}"
                );
                assert_eq!(route.order.len(), 3, "{reason}: {:?}", route.passed_over);
                let (name, why) = &route.passed_over[0];
                assert!(name == "cloud" && why.contains(reason), "{why}");
            }
        }
        let nobody = route(Policy::LocalFirst, &ask(500), &[], None);
        assert!(nobody.order.is_empty());
    }
}
