//! A text that is judged without a goal. Its files are read here, and the node's own Critic judges it, as it does the works of agents.

use std::time::{Duration, Instant};

use aios_actors::agent::{self, keep_private};
use aios_control::{Caller, ControlError, ErrorKind, Judge, JudgeMore, Report, StreamReply};
use aios_orchestrator::roles;
use aios_protocols::{Content, Draft, Limits, Performative, ProtocolName, ReasonKind};
use aios_tools::is_plain_name;
use aios_work::content::ontology;
use aios_work::{JudgeRequest, Material, StreamRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::ask::AskError;
use crate::node::Node;

/// Texts that are judged or wait for their turn at once; what is asked beyond these is told to come again. Each holds a message at most.
const AT_ONCE: usize = 32;
/// Bytes of what the Critic is sent: a message, without what its envelope takes.
const MESSAGE: usize = Limits::CONTROL.frame - 64 * 1024;
/// Characters of the name of a text that grows.
const STREAM: usize = 64;

/// The places for those who have texts judged.
pub(crate) struct Judgements(Semaphore);

impl Default for Judgements {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Judgements {
    fn place(&self) -> Result<SemaphorePermit<'_>, ControlError> {
        self.0.try_acquire().map_err(|_| {
            let message = format!("{AT_ONCE} texts are being judged, and no more are taken");
            ControlError::new(ErrorKind::Busy, message)
        })
    }
}

impl Node {
    /// What the Critic says of a text.
    pub(crate) async fn judge(
        &self,
        caller: &Caller,
        asked: Judge,
    ) -> Result<Report, ControlError> {
        let until = until(asked.deadline_ms)?;
        let _place = self.parts.judgements.place()?;
        let private = asked.private;
        let request = self.read(caller, asked).await?;
        self.critic(ontology::JUDGE, &request, private, until).await
    }

    /// What the Critic says of a piece of a text that grows.
    pub(crate) async fn judge_more(
        &self,
        caller: &Caller,
        asked: JudgeMore,
    ) -> Result<StreamReply, ControlError> {
        let until = until(asked.deadline_ms)?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=STREAM).contains(&asked.stream.len()) || !asked.stream.bytes().all(known) {
            let message = format!(
                "a text that grows is called by 1 to {STREAM} letters, digits, dots, lines and underscores"
            );
            return Err(ControlError::invalid(message));
        }
        at_most("piece", asked.more.len(), Judge::ANSWER_BYTES_MAX)?;
        let _place = self.parts.judgements.place()?;
        let begin = match asked.begin {
            None => None,
            Some(begin) => {
                let private = begin.private;
                let mut request = self.read(caller, *begin).await?;
                // The pieces that follow do not say it again.
                request.alone |= private;
                Some(Box::new(request))
            }
        };
        let request = StreamRequest {
            // Of each asker another one: the Critic knows the node alone.
            stream: format!("{}/{}", caller.principal, asked.stream),
            begin,
            more: asked.more,
            last: asked.last,
            dropped: asked.dropped,
        };
        self.critic(ontology::STREAM, &request, false, until).await
    }

    /// What is to be judged, with its files as the packs read them.
    async fn read(&self, caller: &Caller, asked: Judge) -> Result<JudgeRequest, ControlError> {
        if asked.goal.trim().is_empty() {
            let message = "nothing was asked of whoever wrote it, so there is nothing to judge by";
            return Err(ControlError::invalid(message).advise("say in `goal` what was asked"));
        }
        let criteria = asked.criteria.as_ref().map_or(0, String::len);
        at_most("goal", asked.goal.len(), Judge::GOAL_BYTES_MAX)?;
        at_most("text", asked.answer.len(), Judge::ANSWER_BYTES_MAX)?;
        at_most("criteria", criteria, Judge::CRITERIA_BYTES_MAX)?;
        if asked.files.len() > Judge::FILES_MAX {
            let (files, most) = (asked.files.len(), Judge::FILES_MAX);
            let message = format!("{files} files come with the text, {most} are taken");
            return Err(ControlError::new(ErrorKind::TooLarge, message));
        }
        let mut files = Vec::with_capacity(asked.files.len());
        let mut bytes = 0;
        for file in asked.files {
            if !is_plain_name(&file.name) {
                let shown: String = file.name.chars().take(255).collect();
                let message = format!("a file that comes with a text cannot be called {shown:?}");
                return Err(ControlError::invalid(message)
                    .advise("give it one name, in no folder, that begins with no dot"));
            }
            let content = file.bytes()?;
            bytes += content.len();
            files.push((file.name, content));
        }
        at_most("files", bytes, Judge::FILES_BYTES_MAX)?;
        let packs = self.parts.services.packs().clone();
        let read = move || {
            let read = files
                .into_iter()
                .map(|(name, bytes)| packs.material(&name, bytes));
            let (materials, unread): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
            let materials: Vec<Material> = materials.into_iter().flatten().collect();
            let unread: Vec<String> = unread.into_iter().filter_map(Result::err).collect();
            (materials, unread)
        };
        let read = tokio::task::spawn_blocking(read).await;
        let (materials, unread) = read.map_err(|error| {
            ControlError::failed(format!(
                "the files that come with it cannot be read: {error}"
            ))
        })?;
        Ok(JudgeRequest {
            kind: asked.kind,
            goal: asked.goal,
            text: asked.answer,
            materials,
            unread,
            criteria: asked.criteria,
            // A command of the criteria is run here, a tool is the node's, and a model's tokens are its owner's.
            alone: self.confined(caller).is_some(),
            ..JudgeRequest::default()
        })
    }

    async fn critic<T: DeserializeOwned>(
        &self,
        ontology: &str,
        request: &impl Serialize,
        private: bool,
        until: Instant,
    ) -> Result<T, ControlError> {
        let failed = |error: String| ControlError::failed(error);
        let content = Content::json(request).map_err(|error| failed(error.to_string()))?;
        let whole = "text with all that it rests on";
        at_most(whole, content.len(), MESSAGE)?;
        let draft = Draft::new(Performative::Request, content)
            .protocol(ProtocolName::FipaRequest)
            .ontology(ontology);
        let draft = if private { keep_private(draft) } else { draft };
        let left = until.saturating_duration_since(Instant::now());
        let said = self.ask(roles::CRITIC, draft, left).await.map_err(unsaid)?;
        let read = said.content.read_json();
        read.map_err(|error| failed(format!("the Critic's word cannot be read: {error}")))
    }
}

fn until(deadline_ms: u64) -> Result<Instant, ControlError> {
    let allowed = Judge::DEADLINE_MS_MAX;
    if !(1..=allowed).contains(&deadline_ms) {
        let message = format!("deadline_ms is {deadline_ms}, allowed is 1 to {allowed}");
        return Err(ControlError::invalid(message));
    }
    Ok(Instant::now() + Duration::from_millis(deadline_ms))
}

fn at_most(what: &str, bytes: usize, most: usize) -> Result<(), ControlError> {
    match bytes <= most {
        true => Ok(()),
        false => {
            let message = format!("the {what} has {bytes} bytes, {most} are taken");
            let error = ControlError::new(ErrorKind::TooLarge, message);
            Err(error.advise("have it judged in parts"))
        }
    }
}

/// Why the Critic said nothing. What it refuses is wrong with what was asked.
fn unsaid(error: AskError) -> ControlError {
    let AskError::Unanswered(agent::AskError::Refused { reason, .. }) = &error else {
        return error.into();
    };
    let kind = match reason.kind {
        ReasonKind::UnsupportedValue => ErrorKind::Invalid,
        ReasonKind::NotRegistered => ErrorKind::Unknown,
        ReasonKind::Overloaded => ErrorKind::Busy,
        ReasonKind::DeadlinePassed => ErrorKind::Late,
        _ => return error.into(),
    };
    ControlError::new(kind, reason.detail.clone())
}
