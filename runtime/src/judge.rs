//! A text that is judged without a goal. Its files are read here, and the node's own Critic judges it, as it does the works of agents.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_actors::agent::{self, AgentOptions, keep_private};
use aios_control::{
    Caller, ControlError, ErrorKind, Judge, JudgeMore, Most, Report, Share, Shares, StreamReply,
};
use aios_orchestrator::roles;
use aios_protocols::{Content, Draft, Limits, Performative, ProtocolName, ReasonKind};
use aios_tools::is_plain_name;
use aios_work::content::ontology;
use aios_work::{JudgeRequest, Material, StreamRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::ask::AskError;
use crate::node::Node;

/// Texts of one principal that are read, wait or are judged at once, and those of one tenant. What is asked beyond these, or beyond half of
/// what the Critic works on at a time, is told to come again: the other half is for the goals.
const EACH: usize = 4;
const OF_TENANT: usize = 6;
/// Bytes of what the Critic is sent: a message, without what its envelope takes.
const MESSAGE: usize = Limits::CONTROL.frame - 64 * 1024;
/// Characters of the name of a text that grows.
const STREAM: usize = 64;

/// The places for those who have texts judged: each has its own until its files are read and the Critic is through with it, whether or not
/// whoever asked still waits.
pub(crate) struct Judgements(Shares);

impl Default for Judgements {
    fn default() -> Self {
        let most = Most {
            all: AgentOptions::default().jobs / 2,
            of_tenant: OF_TENANT,
            each: EACH,
        };
        Self(Shares::new("texts to be judged", most))
    }
}

impl Judgements {
    fn place(&self, caller: &Caller) -> Result<Arc<Share>, ControlError> {
        self.0.take(&caller.principal).map(Arc::new)
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
        let place = self.parts.judgements.place(caller)?;
        let private = asked.private;
        let request = self.read(caller, asked, &place, until).await?;
        self.critic(ontology::JUDGE, &request, private, place, until)
            .await
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
        at_most_chars("piece", &asked.more, Judge::ANSWER_CHARS_MAX)?;
        let place = self.parts.judgements.place(caller)?;
        let begin = match asked.begin {
            None => None,
            Some(begin) => {
                let private = begin.private;
                let mut request = self.read(caller, *begin, &place, until).await?;
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
        self.critic(ontology::STREAM, &request, false, place, until)
            .await
    }

    /// What is to be judged, with its files as the packs read them.
    async fn read(
        &self,
        caller: &Caller,
        asked: Judge,
        place: &Arc<Share>,
        until: Instant,
    ) -> Result<JudgeRequest, ControlError> {
        if asked.goal.trim().is_empty() {
            let message = "nothing was asked of whoever wrote it, so there is nothing to judge by";
            return Err(ControlError::invalid(message).advise("say in `goal` what was asked"));
        }
        let criteria = asked.criteria.as_deref().unwrap_or_default();
        at_most_chars("goal", &asked.goal, Judge::GOAL_CHARS_MAX)?;
        at_most_chars("text", &asked.answer, Judge::ANSWER_CHARS_MAX)?;
        at_most_chars("criteria", criteria, Judge::CRITERIA_CHARS_MAX)?;
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
        let reader = move |(name, bytes): (String, Vec<u8>)| packs.material(&name, bytes);
        let read = each(files, reader, place, until).await?;
        let (materials, unread): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
        let materials: Vec<Material> = materials.into_iter().flatten().collect();
        let unread: Vec<String> = unread.into_iter().filter_map(Result::err).collect();
        Ok(JudgeRequest {
            kind: asked.kind,
            goal: asked.goal,
            text: asked.answer,
            materials,
            unread,
            criteria: asked.criteria,
            // A command of the criteria is run here, a tool is the node's, and a model's tokens are its owner's.
            alone: asked.alone || self.confined(caller).is_some(),
            ..JudgeRequest::default()
        })
    }

    async fn critic<T: DeserializeOwned>(
        &self,
        ontology: &str,
        request: &impl Serialize,
        private: bool,
        place: Arc<Share>,
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
        let node = self.clone();
        // The Critic works on it also when whoever asked has left, and for so long it has its place.
        let said = tokio::spawn(async move {
            let _place = place;
            node.ask(roles::CRITIC, draft, left).await
        });
        let said = said.await.map_err(|error| failed(error.to_string()))?;
        let said = said.map_err(unsaid)?;
        let read = said.content.read_json();
        read.map_err(|error| failed(format!("the Critic's word cannot be read: {error}")))
    }
}

/// What is made of each file, one after the other and off the async threads. It ends with the file at hand when its time is over or nobody waits,
/// and its place is taken until then.
async fn each<F: Send + 'static, T: Send + 'static>(
    files: Vec<F>,
    mut made: impl FnMut(F) -> T + Send + 'static,
    place: &Arc<Share>,
    until: Instant,
) -> Result<Vec<T>, ControlError> {
    let (place, (waits, gone)) = (Arc::clone(place), oneshot::channel::<()>());
    let read = tokio::task::spawn_blocking(move || {
        let _place = place;
        let goes_on = || !waits.is_closed() && Instant::now() < until;
        let files = files.into_iter().take_while(|_| goes_on());
        files.map(&mut made).collect()
    });
    let read = timeout_at(until.into(), read).await;
    drop(gone);
    let late = || {
        let message = "the files that come with it were not read in time";
        let error = ControlError::new(ErrorKind::Late, message);
        error.advise("give it more time, or fewer files")
    };
    let read: Vec<T> = read.map_err(|_| late())?.map_err(|error| {
        ControlError::failed(format!(
            "the files that come with it cannot be read: {error}"
        ))
    })?;
    match Instant::now() < until {
        true => Ok(read),
        false => Err(late()),
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

/// The same of a text, whose length a schema counts in characters.
fn at_most_chars(what: &str, text: &str, most: usize) -> Result<(), ControlError> {
    // One that is short enough in bytes need not be counted.
    let chars = match text.len() <= most {
        true => return Ok(()),
        false => text.chars().count(),
    };
    match chars <= most {
        true => Ok(()),
        false => {
            let message = format!("the {what} has {chars} characters, {most} are taken");
            let error = ControlError::new(ErrorKind::TooLarge, message);
            Err(error.advise("have it judged in parts"))
        }
    }
}

/// Why the Critic said nothing. What it refuses is wrong with what was asked.
fn unsaid(error: AskError) -> ControlError {
    if matches!(error, AskError::NoSuchAgent { .. }) {
        let message = "the node's Critic is not there";
        return ControlError::new(ErrorKind::Unavailable, message).advise(format!(
            "ask again in a moment; if it was stopped, `aios agent spawn {}` brings another",
            roles::CRITIC
        ));
    }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn caller(name: &str) -> Caller {
        let principal = format!("user:{name}").parse().unwrap();
        Caller::named(principal, aios_control::Place::Elsewhere)
    }

    #[test]
    fn nobody_takes_the_places_of_others_and_all_together_leave_half_of_the_critic_to_goals() {
        let judgements = Judgements::default();
        let mut held = Vec::new();
        for (who, most) in [("eve@acme", 4), ("mal@acme", 2), ("ann@local", 2)] {
            for _ in 0..most {
                held.push(judgements.place(&caller(who)).unwrap());
            }
            let refused = judgements.place(&caller(who)).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Busy, "{refused}");
        }
        assert_eq!(2 * held.len(), AgentOptions::default().jobs);
        drop(held);
        judgements.place(&caller("eve@acme")).unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn files_that_are_being_read_have_their_place_and_are_left_when_nobody_waits() {
        let judgements = Judgements::default();
        let eve = caller("eve@acme");
        let (began, begun) = mpsc::channel();
        let mut going = Vec::new();
        let mut askers = Vec::new();
        for _ in 0..EACH {
            let (go, goes) = mpsc::channel::<()>();
            going.push(go);
            let (place, began) = (judgements.place(&eve).unwrap(), began.clone());
            askers.push(tokio::spawn(async move {
                let slow = move |file: usize| {
                    began.send(file).unwrap();
                    let _ = goes.recv();
                };
                let until = Instant::now() + Duration::from_secs(60);
                each(vec![0, 1, 2], slow, &place, until).await
            }));
        }
        let begun = tokio::task::spawn_blocking(move || {
            let files: Vec<usize> = (0..EACH).map(|_| begun.recv().unwrap()).collect();
            assert_eq!(files, [0; EACH]);
            begun
        });
        let begun = begun.await.unwrap();
        for asker in askers {
            asker.abort();
            let _ = asker.await;
        }
        let refused = judgements.place(&eve).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Busy, "{refused}");
        drop((going, began));
        let left = tokio::task::spawn_blocking(move || begun.iter().count());
        assert_eq!(left.await.unwrap(), 0, "no other file is begun");
        let begun = Instant::now();
        while judgements.place(&eve).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn files_are_read_up_to_the_deadline_and_not_beyond() {
        let place = Judgements::default().place(&caller("eve@acme")).unwrap();
        let (began, begun) = mpsc::channel();
        let slow = move |file: usize| {
            began.send(file).unwrap();
            std::thread::sleep(Duration::from_millis(50));
        };
        let until = Instant::now() + Duration::from_millis(20);
        let late = each(vec![0, 1, 2], slow, &place, until).await.unwrap_err();
        assert_eq!(late.kind, ErrorKind::Late, "{late}");
        let begun = tokio::task::spawn_blocking(move || begun.iter().count());
        assert!(begun.await.unwrap() <= 1);
    }
}
