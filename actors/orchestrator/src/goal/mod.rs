//! A goal from the lease to the delivered answer: [`run`] sees it through, [`planning`] gets its plan, [`progress`] carries it out,
//! [`tasks`] holds what its tasks share and [`judging`] what the critic is asked, [`delivery`] has the answer judged; [`ledger`] and
//! [`terms`] say which goals are on record and when an answer still stands.

pub(crate) mod delivery;
pub(crate) mod judging;
pub(crate) mod ledger;
pub(crate) mod offers;
pub(crate) mod planning;
pub(crate) mod progress;
pub(crate) mod run;
pub(crate) mod tasks;
pub(crate) mod terms;
pub(crate) mod waves;
