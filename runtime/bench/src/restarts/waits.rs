//! How long a child waited before each of three restarts, compared.

use std::time::Duration;

use tokio::time::Instant;

use super::diary::Diary;

#[derive(Default)]
pub(super) struct Waits(Vec<Duration>);

impl Waits {
    /// How long the child runs before each of its three failures: the last time long enough to count as stable.
    pub(super) const RUNS: [Duration; 3] =
        [Duration::ZERO, Duration::ZERO, Duration::from_millis(1_500)];

    /// From here to the next start.
    pub(super) async fn measure(&mut self, diary: &Diary) {
        let before = Instant::now();
        if diary.lines(1).await {
            self.0.push(before.elapsed());
        }
    }

    pub(super) fn compare(&self) -> String {
        let [first, second, third] = self.0[..] else {
            return format!("{} restarts", self.0.len());
        };
        let longer = |wait: Duration| wait > first.mul_f64(1.4);
        let second = if longer(second) {
            "longer"
        } else {
            "as the first"
        };
        let third = if longer(third) {
            "longer"
        } else {
            "as the first"
        };
        format!("{second}, {third}")
    }
}
