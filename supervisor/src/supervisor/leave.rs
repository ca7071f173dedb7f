//! Leaving when somebody has stopped the supervisor's actor by ractor's own means. Its ports are not read any more, so
//! the same plan is carried out with the exits waited for directly.

use std::time::Duration;

use futures::{StreamExt, stream::FuturesUnordered};

use super::State;
use crate::{
    child_spec::Started,
    decision::{Input, Key, Phase},
    exit::{ExitReason, SHUTDOWN},
    fault::StartError,
    shared::Remains,
};

impl State {
    pub(super) async fn leave_by_hand(&mut self) {
        if self.shared.book.lock().tree.state() == crate::SupervisorState::Down {
            return;
        }
        let mut exits: FuturesUnordered<_> =
            self.take_alive().into_iter().map(wait_for_end).collect();
        self.inputs.push_back(Input::Stop);
        self.carry_out().await;
        while self.outcome.is_none() {
            let due = self.shared.book.lock().tree.next_deadline();
            let wait = due.map(|at| at.saturating_sub(self.shared.env.now()));
            tokio::select! {
                biased;
                Some((key, incarnation, late)) = exits.next() => match late {
                    // A start that came off in the last moment: its actor leaves like the others.
                    Some(Ok(started)) => {
                        self.started(key, incarnation, Ok(started));
                        exits.extend(self.take_alive_at(key).map(wait_for_end));
                    }
                    Some(Err(error)) => self.inputs.push_back(Input::StartFailed { key, incarnation, error }),
                    None => self.left(key, incarnation),
                },
                () = wait_for(wait), if wait.is_some() => self.inputs.push_back(Input::Tick),
                else => break,
            }
            self.carry_out().await;
        }
    }

    /// What is alive, to be waited for; the cells stay on record so that they can be asked and killed.
    fn take_alive(&self) -> Vec<End> {
        let keys: Vec<Key> = self
            .shared
            .book
            .lock()
            .tree
            .children
            .keys()
            .copied()
            .collect();
        keys.into_iter()
            .filter_map(|key| self.take_alive_at(key))
            .collect()
    }

    fn take_alive_at(&self, key: Key) -> Option<End> {
        let mut book = self.shared.book.lock();
        let child = book.tree.children.get_mut(&key)?;
        let (incarnation, live) = (child.incarnation, &mut child.live);
        let remains = live.take_remains();
        if remains.is_empty() {
            return None;
        }
        let announced = || remains.pending.as_ref()?.slot.as_ref()?.announced();
        live.cell = remains.cell.clone().or_else(announced);
        Some((key, incarnation, remains))
    }

    fn left(&mut self, key: Key, incarnation: u64) {
        let child = {
            let book = self.shared.book.lock();
            let child = book.tree.children.get(&key);
            child.map(|child| (child.phase, child.leaving))
        };
        // The actor's own word went unread with the ports; what it was told says as much.
        let exit = match child {
            Some((_, true)) => return self.gone(key, incarnation),
            Some((Phase::Stopping { killed: true, .. }, _)) => ExitReason::Killed,
            _ => ExitReason::Shutdown(SHUTDOWN.into()),
        };
        self.clear(key, incarnation);
        self.inputs.push_back(Input::Exited {
            key,
            incarnation,
            exit,
            warm: false,
            gone: true,
        });
    }
}

type End = (Key, u64, Remains);

async fn wait_for_end(
    (key, incarnation, remains): End,
) -> (Key, u64, Option<Result<Started, StartError>>) {
    (key, incarnation, remains.gone_keeping_start().await)
}

async fn wait_for(wait: Option<Duration>) {
    if let Some(wait) = wait {
        tokio::time::sleep(wait).await;
    }
}
