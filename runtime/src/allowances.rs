//! What each principal may have engines do beside its goals: a budget for an hour, and another for the next.

use std::collections::HashMap;
use std::time::Duration;

use aios_actors::recovery::{Allowance, Budget};
use aios_control::Generate;
use aios_protocols::{PrincipalId, Timestamp};
use parking_lot::Mutex;

use crate::config::Config;

/// How long a budget lasts.
const HOUR: Duration = Duration::from_secs(3_600);

/// The budgets of those who have asked within the hour.
#[derive(Default)]
pub(crate) struct Allowances(Mutex<HashMap<PrincipalId, (Timestamp, Budget)>>);

impl Allowances {
    /// What a principal has left for this hour.
    pub(crate) fn of(&self, principal: &PrincipalId, config: &Config, now: Timestamp) -> Budget {
        let mut all = self.0.lock();
        all.retain(|_, (began, _)| now.since(*began) < HOUR);
        let (_, budget) = all.entry(principal.clone()).or_insert_with(|| {
            let allowance = Allowance {
                tokens: config.serve.hourly_tokens,
                money_micros: config.serve.hourly_money_micros,
                // A call that begins late in the hour is paid from it.
                time: HOUR + Duration::from_millis(Generate::DEADLINE_MS_MAX),
                price_micros: config.model.price_micros,
            };
            (now, Budget::new(allowance, now))
        });
        budget.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_has_its_own_and_a_new_one_each_hour() {
        let allowances = Allowances::default();
        let mut config = Config::default();
        config.serve.hourly_tokens = 1_000;
        let at = |seconds| Timestamp::since_epoch(Duration::from_secs(seconds));
        let of = |name: &str, seconds| {
            let principal = format!("user:{name}@local").parse().unwrap();
            allowances.of(&principal, &config, at(seconds))
        };
        of("a", 0).reserve(900, at(0)).unwrap().settle(900);
        assert!(of("a", 3_599).reserve(200, at(3_599)).is_err());
        assert_eq!(of("a", 3_599).tokens_left(), 100);
        assert_eq!(of("b", 3_599).tokens_left(), 1_000);
        assert_eq!(of("a", 3_600).tokens_left(), 1_000);
        assert_eq!(allowances.0.lock().len(), 2);
    }
}
