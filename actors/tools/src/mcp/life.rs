//! The supervised child: one connection, from the start of the process to its end. It falls when the connection does, and its supervisor
//! brings it back.

use std::sync::{Arc, Mutex, PoisonError};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use rmcp::transport::Transport;
use rmcp::{Peer, RoleClient};
use tokio::io::BufReader;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::environment::Environment;
use super::last_word::LastWord;
use super::limits::{LAST_WORDS, START};
use super::measured::Measure;
use super::plain::plain;
use super::process::{self, Process};
use super::seat::Seat;
use super::server::Reach;
use super::session::{self, Listener};
use super::wire::{CLOSED, Counted, Lines};

/// The actor.
pub(crate) struct Server;

/// What it tells itself.
pub(crate) enum Msg {
    /// The connection is over.
    Ended(String),
}

/// The connection's task. Dropped, the connection is cut and the process killed.
pub(crate) struct Life {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Actor for Server {
    type Msg = Msg;
    type State = Life;
    type Arguments = Arc<Seat>;

    /// Returns at once: a node does not wait for somebody else's program.
    async fn pre_start(
        &self,
        me: ActorRef<Msg>,
        seat: Arc<Seat>,
    ) -> Result<Life, ActorProcessingErr> {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            if let Some(why) = live(&seat, stopped).await {
                let _ = me.send_message(Msg::Ended(why));
            }
        });
        Ok(Life {
            task,
            stop: Some(stop),
        })
    }

    async fn handle(
        &self,
        _: ActorRef<Msg>,
        Msg::Ended(why): Msg,
        _: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        Err(why.into())
    }

    async fn post_stop(&self, _: ActorRef<Msg>, life: &mut Life) -> Result<(), ActorProcessingErr> {
        drop(life.stop.take());
        // It climbs down its ladder; who stops the actor sets the time.
        let _ = (&mut life.task).await;
        Ok(())
    }
}

/// Tells the seat that nobody is there, in whatever way a life ends.
struct Vacated<'s>(&'s Seat, String);

impl Drop for Vacated<'_> {
    fn drop(&mut self) {
        self.0.down(&self.1);
    }
}

/// One connection. Says why it ended, or nothing if it was stopped.
async fn live(seat: &Arc<Seat>, stopped: oneshot::Receiver<()>) -> Option<String> {
    let mut vacated = Vacated(seat, "it was killed".to_owned());
    let why = match &seat.spec.reach {
        Reach::Process { command, env } => in_process(seat, command, env, stopped).await,
        Reach::Http { url, token } => over_http(seat, url, token.as_deref(), stopped).await,
    };
    vacated.1 = why.clone().unwrap_or_default();
    why
}

async fn in_process(
    seat: &Arc<Seat>,
    command: &[String],
    env: &[String],
    stopped: oneshot::Receiver<()>,
) -> Option<String> {
    let environment = match Environment::of(env) {
        Ok(environment) => environment,
        Err(error) => return Some(error.to_string()),
    };
    let life = seat.starting(environment.clone());
    let (process, pipes) = match Process::start(command, &environment) {
        Ok(started) => started,
        Err(error) => {
            let program = command.first().map(String::as_str).unwrap_or_default();
            return Some(format!(
                "{} cannot be started: {error}",
                plain(program, LAST_WORDS)
            ));
        }
    };
    let heard: Arc<Mutex<String>> = Arc::default();
    let hears = Arc::clone(&heard);
    let knows = environment.clone();
    let listening = tokio::spawn(process::last_words(pipes.errors, move |line| {
        let line = knows.plain(line, LAST_WORDS);
        *hears.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }));
    let last_word = LastWord::default();
    let lines = Lines::new(BufReader::new(pipes.output), pipes.input, last_word.clone());
    let ended = tokio::select! {
        biased;
        _ = stopped => None,
        why = serve(seat, life, &environment, lines) => Some(why),
    };
    let status = process.end().await;
    let mut why = ended?;
    // It ended by itself, so how it did says more than that its pipes are closed.
    if let (Some(status), Some(CLOSED)) = (status, last_word.get().as_deref()) {
        why = format!("it ended: {status}");
    } else if let Some(word) = last_word.get() {
        why = word;
    }
    // Its errors end with it: what it said last is heard by now, or a moment later.
    let _ = timeout(std::time::Duration::from_millis(200), listening).await;
    let said = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let why = if said.is_empty() {
        why
    } else {
        format!("{why}; it said: {said}")
    };
    Some(environment.without_secrets(&why))
}

async fn over_http(
    seat: &Arc<Seat>,
    url: &str,
    token: Option<&str>,
    stopped: oneshot::Receiver<()>,
) -> Option<String> {
    let names: Vec<String> = token.map(str::to_owned).into_iter().collect();
    let environment = match Environment::of(&names) {
        Ok(environment) => environment,
        Err(error) => return Some(error.to_string()),
    };
    let life = seat.starting(environment.clone());
    let last_word = LastWord::default();
    let measure = Measure::new(last_word.clone());
    let token = token.and_then(|name| environment.named(name));
    let transport = match session::http(url, token, measure.clone()) {
        Ok(transport) => transport,
        Err(error) => return Some(error),
    };
    let counted = Counted::new(transport, measure, last_word.clone());
    let ended = tokio::select! {
        biased;
        _ = stopped => None,
        why = serve(seat, life, &environment, counted) => Some(why),
    };
    Some(environment.without_secrets(&last_word.get().unwrap_or(ended?)))
}

/// Serves the connection until it is over, and says why it is.
async fn serve<T>(seat: &Arc<Seat>, life: u64, environment: &Environment, transport: T) -> String
where
    T: Transport<RoleClient> + 'static,
{
    let listener = Listener::default();
    let begun = timeout(START, async {
        let session = session::open(transport, listener.clone(), environment).await?;
        let peer = session.peer().clone();
        seat.listed(session::list(&peer, environment).await?, &peer);
        Ok::<_, String>((session, peer))
    });
    let (session, peer) = match begun.await {
        Ok(Ok(begun)) => begun,
        Ok(Err(why)) => return why,
        Err(_) => return format!("it did not list its tools within {} s", START.as_secs()),
    };
    let over = session.waiting();
    tokio::pin!(over);
    loop {
        tokio::select! {
            _ = &mut over => return "the connection was closed".to_owned(),
            () = seat.lost(life) => return "a call found the connection dead".to_owned(),
            () = listener.changed.notified() => {
                if let Err(why) = relist(seat, &peer, environment).await {
                    return why;
                }
            }
        }
    }
}

async fn relist(
    seat: &Arc<Seat>,
    peer: &Peer<RoleClient>,
    environment: &Environment,
) -> Result<(), String> {
    let listing = timeout(START, session::list(peer, environment)).await;
    let listing = listing
        .map_err(|_| format!("it did not list its tools within {} s", START.as_secs()))??;
    seat.listed(listing, peer);
    Ok(())
}
