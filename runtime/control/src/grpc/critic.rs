//! `aios.critic`: texts that are judged, and what was said of a goal's answer.

use std::time::Duration;

use aios_wire::generated::critic as wire;
use futures::stream::once;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tonic::{Code, Request as Asked, Response as Answered, Status, Streaming};

use super::door::{Asker, Door, Streamed, gone, unavailable};
use super::{status, translate, verdicts};
use crate::{ControlError, GoalLine, GoalState, Judge, JudgeMore, Report, Request, StreamReply};

/// Bytes of the name that a stream of the control bus is given.
const NAME: usize = 16;
/// How long a piece waits that was refused because others are being judged; each time twice as long, and at most a second.
const PAUSE: Duration = Duration::from_millis(20);
/// See [`PAUSE`].
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Door {
    /// What a message has judged. Without a goal of its own it is about the one that it names.
    async fn to_judge(
        &self,
        asker: &Asker,
        asked: wire::ValidationRequest,
    ) -> Result<Judge, Status> {
        let goal = match asked.goal.is_empty() && !asked.task_id.is_empty() {
            true => Some(self.text_of(asker, &asked.task_id).await?),
            false => None,
        };
        verdicts::judge(asked, goal).map_err(|error| self.invalid(&error))
    }

    /// What was asked by a goal.
    async fn text_of(&self, asker: &Asker, goal_id: &str) -> Result<String, Status> {
        let goals: Vec<GoalLine> = self.typed(asker, Request::Goals {}).await?;
        let found = goals.into_iter().find(|goal| goal.goal_id == goal_id);
        let refused =
            |error: ControlError| Err(self.invalid(&error.advise("say in `goal` what was asked")));
        match found {
            Some(GoalLine {
                text,
                unreadable: Some(why),
                ..
            }) if text.is_empty() => refused(ControlError::failed(format!(
                "what was asked by it cannot be read: {why}"
            ))),
            Some(goal) => Ok(goal.text),
            None => {
                let shown: String = goal_id.chars().take(100).collect();
                refused(ControlError::unknown(format!("there is no goal {shown:?}")))
            }
        }
    }

    /// Hands pieces on as they come, until the Critic has said its word.
    async fn grown(
        &self,
        asker: &Asker,
        mut pieces: Streaming<wire::ValidationRequest>,
    ) -> Result<wire::ValidationResult, Status> {
        let stream = fresh().map_err(|error| self.invalid(&error))?;
        let mut going = self.going();
        let mut begun: Option<(String, u64)> = None;
        let mut growing = None;
        loop {
            let piece = tokio::select! {
                piece = pieces.message() => piece?,
                () = gone(&mut going) => return Err(status::status(&unavailable())),
            };
            let last = piece.is_none();
            let (begin, more) = match (piece, &begun) {
                (Some(first), None) => {
                    let request_id = first.request_id.clone();
                    let mut judge = self.to_judge(asker, first).await?;
                    begun = Some((request_id, judge.deadline_ms));
                    growing = Some(Growing::begin(self, asker, &stream, judge.deadline_ms));
                    let more = std::mem::take(&mut judge.answer);
                    (Some(Box::new(judge)), more)
                }
                (Some(next), Some(_)) => {
                    let more = verdicts::text(next.output_to_validate);
                    (None, more.map_err(|error| self.invalid(&error))?)
                }
                (None, Some(_)) => (None, String::new()),
                (None, None) => {
                    let error = ControlError::invalid("the stream ended before it had begun");
                    return Err(self.invalid(&error.advise("send what is to be judged")));
                }
            };
            let (request_id, deadline_ms) = begun.clone().unwrap_or_default();
            let more = JudgeMore {
                stream: stream.clone(),
                begin,
                more,
                last,
                dropped: false,
                deadline_ms,
            };
            let said = tokio::select! {
                said = self.piece(asker, more) => said?,
                () = gone(&mut going) => return Err(status::status(&unavailable())),
            };
            if let Some(report) = said.report {
                if let Some(growing) = growing.take() {
                    growing.ended();
                }
                return Ok(verdicts::result(request_id, &report));
            }
        }
    }
}

impl Door {
    /// Has a piece judged. One that there is no room for now is brought again within the time it has: its writer can send it no second time,
    /// and would lose all that went before. Whoever begins has lost nothing, and is told at once.
    async fn piece(&self, asker: &Asker, mut more: JudgeMore) -> Result<StreamReply, Status> {
        let until = Instant::now() + Duration::from_millis(more.deadline_ms);
        let mut pause = PAUSE;
        loop {
            let said = self.typed(asker, Request::JudgeMore(more.clone())).await;
            let left = until.saturating_duration_since(Instant::now());
            match said {
                Err(status)
                    if status.code() == Code::ResourceExhausted
                        && more.begin.is_none()
                        && left > pause =>
                {
                    sleep(pause).await;
                }
                said => return said,
            }
            more.deadline_ms = (left - pause).as_millis().max(1) as u64;
            pause = (2 * pause).min(PAUSE_MAX);
        }
    }
}

/// A text that grows at the Critic. Dropped before the Critic's last word it was broken off, and is forgotten there.
struct Growing(Option<(Door, Asker, JudgeMore)>);

impl Growing {
    fn begin(door: &Door, asker: &Asker, stream: &str, deadline_ms: u64) -> Self {
        let dropped = JudgeMore {
            stream: stream.to_owned(),
            begin: None,
            more: String::new(),
            last: true,
            dropped: true,
            deadline_ms,
        };
        Self(Some((door.clone(), asker.afterwards(), dropped)))
    }

    /// The Critic has said its word.
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        let (Some((door, asker, dropped)), Ok(runtime)) = (self.0.take(), Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            // Nobody waits for it; what is not forgotten now is when nothing is heard of it for long.
            drop(door.value(&asker, Request::JudgeMore(dropped)).await);
        });
    }
}

/// A name that no other stream has.
fn fresh() -> Result<String, ControlError> {
    let mut bytes = [0; NAME];
    getrandom::fill(&mut bytes)
        .map_err(|_| ControlError::failed("the system gives no random numbers"))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

#[tonic::async_trait]
impl wire::critic_service_server::CriticService for Door {
    async fn validate(
        &self,
        asked: Asked<wire::ValidationRequest>,
    ) -> Result<Answered<wire::ValidationResult>, Status> {
        let asker = self.asker(&asked)?;
        let asked = asked.into_inner();
        let request_id = asked.request_id.clone();
        let judge = self.to_judge(&asker, asked).await?;
        let report: Report = self.typed(&asker, Request::Judge(judge)).await?;
        Ok(Answered::new(verdicts::result(request_id, &report)))
    }

    type ValidateStreamStream = Streamed<wire::ValidationResult>;

    async fn validate_stream(
        &self,
        asked: Asked<Streaming<wire::ValidationRequest>>,
    ) -> Result<Answered<Self::ValidateStreamStream>, Status> {
        let asker = self.asker(&asked)?;
        let (door, pieces) = (self.clone(), asked.into_inner());
        let told = once(async move { door.grown(&asker, pieces).await });
        Ok(Answered::new(Box::pin(told)))
    }

    async fn get_validation_history(
        &self,
        asked: Asked<wire::ValidationHistoryRequest>,
    ) -> Result<Answered<wire::ValidationHistoryResponse>, Status> {
        let asker = self.asker(&asked)?;
        let goal = translate::goal(asked.into_inner().task_id);
        let state: GoalState = self.typed(&asker, goal).await?;
        let results = verdicts::of_goal(&state).into_iter().collect();
        Ok(Answered::new(wire::ValidationHistoryResponse { results }))
    }
}
