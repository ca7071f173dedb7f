//! Orders that breed orders: everything that one piece of work leads to is of its lineage, and a lineage has bounds. It is stopped when it
//! goes too deep, too wide or too fast, whatever those at work in it intend.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aios_protocols::Timestamp;
use aios_work::Ended;
use parking_lot::Mutex;

/// How far a lineage may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// How many orders may lead from one to the next.
    pub depth: u32,
    /// How many may be at work at once.
    pub width: u32,
    /// How many may begin within [`Reach::within`].
    pub pace: u32,
    /// The time that [`Reach::pace`] is for.
    pub within: Duration,
}

impl Default for Reach {
    /// Six orders from the first to the last are more than any team here has levels; sixteen at once keep a machine of a few cores busy; and
    /// who begins more than sixty-four within ten seconds has done nothing in between.
    fn default() -> Self {
        Self {
            depth: 6,
            width: 16,
            pace: 64,
            within: Duration::from_secs(10),
        }
    }
}

/// The lineages under way in one world, by the work they come from. Cheap to clone; clones are the same lineages.
#[derive(Debug, Clone, Default)]
pub struct Lineages(Arc<Mutex<HashMap<String, Lineage>>>);

/// One lineage. Pure.
#[derive(Debug, Default)]
struct Lineage {
    at_work: u32,
    /// When orders were begun, the oldest first, as far back as the pace looks.
    begun: VecDeque<Timestamp>,
}

/// A place in a lineage; dropped, it is free.
#[derive(Debug)]
#[must_use = "dropped, the place is free"]
pub struct Descent {
    lineages: Lineages,
    root: String,
}

impl Lineage {
    fn begin(&mut self, depth: u32, now: Timestamp, reach: &Reach) -> Result<(), Ended> {
        self.forget(now, reach.within);
        if depth > reach.depth {
            return Err(Ended::TooDeep {
                asked: depth,
                allowed: reach.depth,
            });
        }
        if self.at_work >= reach.width {
            return Err(Ended::TooWide {
                asked: self.at_work.saturating_add(1),
                allowed: reach.width,
            });
        }
        let begun = u32::try_from(self.begun.len()).unwrap_or(u32::MAX);
        if begun >= reach.pace {
            return Err(Ended::TooFast {
                asked: begun.saturating_add(1),
                allowed: reach.pace,
                within_ms: reach.within.as_millis() as u64,
            });
        }
        self.at_work += 1;
        self.begun.push_back(now);
        Ok(())
    }

    fn forget(&mut self, now: Timestamp, within: Duration) {
        while self
            .begun
            .front()
            .is_some_and(|begun| now.since(*begun) >= within)
        {
            self.begun.pop_front();
        }
    }
}

impl Lineages {
    /// An order begins at this depth of a lineage; the work it all comes from is at depth 0.
    ///
    /// # Errors
    /// By which bound it does not begin.
    pub fn begin(
        &self,
        root: &str,
        depth: u32,
        now: Timestamp,
        reach: &Reach,
    ) -> Result<Descent, Ended> {
        let mut lineages = self.0.lock();
        // One that nothing is at work in and that was quiet for so long is over.
        lineages.retain(|_, lineage| {
            lineage.forget(now, reach.within);
            lineage.at_work > 0 || !lineage.begun.is_empty()
        });
        lineages
            .entry(root.to_owned())
            .or_default()
            .begin(depth, now, reach)?;
        Ok(Descent {
            lineages: self.clone(),
            root: root.to_owned(),
        })
    }

    /// Lineages that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Descent {
    fn drop(&mut self) {
        if let Some(lineage) = self.lineages.0.lock().get_mut(&self.root) {
            lineage.at_work = lineage.at_work.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_millis(1_000_000 + ms))
    }

    #[test]
    fn a_lineage_ends_where_it_goes_too_deep_too_wide_or_too_fast() {
        let reach = Reach {
            depth: 2,
            width: 2,
            pace: 3,
            within: Duration::from_secs(1),
        };
        let lineages = Lineages::default();
        let begin = |root, depth, ms| lineages.begin(root, depth, at(ms), &reach);
        let first = begin("a", 0, 0).unwrap();
        assert_eq!(
            begin("a", 3, 0).unwrap_err(),
            Ended::TooDeep {
                asked: 3,
                allowed: 2
            }
        );
        let second = begin("a", 2, 0).unwrap();
        assert_eq!(
            begin("a", 1, 0).unwrap_err(),
            Ended::TooWide {
                asked: 3,
                allowed: 2
            }
        );
        // Another work has bounds of its own.
        drop(begin("b", 0, 0).unwrap());
        drop(first);
        drop(begin("a", 1, 500).unwrap());
        assert_eq!(
            begin("a", 1, 900).unwrap_err(),
            Ended::TooFast {
                asked: 4,
                allowed: 3,
                within_ms: 1_000
            }
        );
        // What was refused was not begun.
        drop(begin("a", 1, 1_000).unwrap());
        drop(second);
        assert_eq!(lineages.len(), 1, "the quiet one is forgotten");
        drop(begin("c", 0, 9_000).unwrap());
        assert_eq!(lineages.len(), 1);
    }
}
