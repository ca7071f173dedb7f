//! Goals of which nothing leaves the node.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use aios_protocols::subject::EventTopic;
use aios_protocols::{Subject, SubjectPattern};
use parking_lot::Mutex;

/// Private goals that are remembered; what is told of one that ended so many goals ago is nothing.
const PRIVATE: usize = 16_384;

/// Goals of which nothing leaves the node.
#[derive(Clone, Default)]
pub(crate) struct PrivateGoals(Arc<Mutex<Known>>);

impl std::fmt::Debug for PrivateGoals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateGoals({})", self.0.lock().order.len())
    }
}

#[derive(Default)]
struct Known {
    /// The oldest first.
    order: VecDeque<Arc<str>>,
    subjects: HashSet<Subject>,
    /// By the first word of their names, so that a text is gone through once, however many there are.
    by_word: HashMap<Box<str>, Vec<Arc<str>>>,
}

impl PrivateGoals {
    /// Nothing of this goal is told from now on.
    pub(crate) fn enter(&self, goal_id: &str) {
        let mut known = self.0.lock();
        if !known.subjects.insert(subject(goal_id)) {
            return;
        }
        if known.order.len() >= PRIVATE
            && let Some(oldest) = known.order.pop_front()
        {
            known.forget(&oldest);
        }
        let id: Arc<str> = goal_id.into();
        let word = first_word(&id).1.into();
        known.by_word.entry(word).or_default().push(Arc::clone(&id));
        known.order.push_back(id);
    }

    pub(super) fn holds(&self, subject: &Subject) -> bool {
        self.0.lock().subjects.contains(subject)
    }

    /// Whether it may be told: it is not about one of them, and does not name one as the reason of something else.
    pub(super) fn lets_go(&self, subject: &Subject, content: &[u8]) -> bool {
        if SubjectPattern::events(EventTopic::Task).matches(subject) {
            return !self.holds(subject);
        }
        !self.named_in(&String::from_utf8_lossy(content))
    }

    /// Whether a text names one of them, as a word or several and not as a part of one.
    pub(super) fn named_in(&self, text: &str) -> bool {
        let known = self.0.lock();
        if known.order.is_empty() {
            return false;
        }
        let mut nameless = known.by_word.get("").into_iter().flatten();
        nameless.any(|id| !id.is_empty() && text.contains(&**id))
            || words(text).any(|(at, word)| {
                let mut ids = known.by_word.get(word).into_iter().flatten();
                ids.any(|id| stands_at(text, at, id))
            })
    }
}

impl Known {
    fn forget(&mut self, id: &str) {
        self.subjects.remove(&subject(id));
        let word = first_word(id).1;
        if let Some(ids) = self.by_word.get_mut(word) {
            ids.retain(|known| **known != *id);
            if ids.is_empty() {
                self.by_word.remove(word);
            }
        }
    }
}

fn subject(goal_id: &str) -> Subject {
    Subject::event(EventTopic::Task, goal_id)
}

/// Runs of letters and digits, and where each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let begin = rest.find(char::is_alphanumeric)?;
        let word = &rest[begin..];
        let end = word
            .find(|letter: char| !letter.is_alphanumeric())
            .unwrap_or(word.len());
        let at = text.len() - word.len();
        rest = &word[end..];
        Some((at, &word[..end]))
    })
}

/// The first word of a name and where it begins; an empty one if there is none.
fn first_word(id: &str) -> (usize, &str) {
    words(id).next().unwrap_or((0, ""))
}

/// Whether a name whose first word stands here stands here whole.
fn stands_at(text: &str, at: usize, id: &str) -> bool {
    let begin = at.checked_sub(first_word(id).0);
    let Some(rest) = begin.and_then(|begin| text.get(begin..)) else {
        return false;
    };
    let Some(behind) = rest.strip_prefix(id) else {
        return false;
    };
    let goes_on = behind.starts_with(char::is_alphanumeric);
    !(goes_on && id.ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_known_by_its_subject_and_the_oldest_make_way() {
        let private = PrivateGoals::default();
        private.enter("g.1 with dots");
        private.enter("g.1 with dots");
        assert!(private.holds(&Subject::event(EventTopic::Task, "g.1 with dots")));
        assert!(!private.holds(&Subject::event(EventTopic::Task, "g2")));
        assert!(!private.holds(&Subject::event(EventTopic::Agent, "g.1 with dots")));
        let agent = Subject::event(EventTopic::Agent, "somebody");
        assert!(private.lets_go(&agent, b"{\"reason\": \"it was killed\"}"));
        assert!(!private.lets_go(&agent, b"{\"reason\": \"goal g.1 with dots\"}"));
        for at in 0..PRIVATE {
            private.enter(&format!("more-{at}"));
        }
        assert!(!private.holds(&Subject::event(EventTopic::Task, "g.1 with dots")));
        assert!(!private.named_in("goal g.1 with dots"));
        assert!(private.named_in("of more-7, again"));
    }

    #[test]
    fn a_name_is_heard_whole_and_not_in_the_middle_of_another() {
        let private = PrivateGoals::default();
        assert!(!private.named_in("anything"));
        for id in ["a", "g-1", "(q3)", "über.morgen", "--"] {
            private.enter(id);
        }
        for (text, names) in [
            ("goal a ends", true),
            ("an answer has a1", false),
            ("out/g-1/report.md", true),
            ("aios.data.results.g-1", true),
            ("g-12 and g-1x", false),
            ("xg-1", false),
            ("g-12, then g-1", true),
            ("q3", false),
            ("goal (q3) is over", true),
            ("über.morgen.", true),
            ("überüber.morgen", false),
            ("a goal of no letter --", true),
            ("", false),
        ] {
            assert_eq!(private.named_in(text), names, "{text}");
        }
    }
}
