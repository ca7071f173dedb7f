//! `aios top`: a node in a terminal, over its contract: the tree, the goals, how fast messages pass. Without a terminal it is one snapshot as
//! text.

mod picture;
mod pulse;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc as threads_channel;
use std::thread;
use std::time::{Duration, Instant};

use aios_control::{Client, ClientError, GoalLine, Request};
use aios_runtime::NodeView;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use self::picture::{Place, Shown};
use self::pulse::Pulse;
use crate::arguments::Top;
use crate::failure::Failure;
use crate::{client, console, settings};

/// How often the node is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long a node that is gone is waited for before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Keys that were hit and nobody has taken up.
const KEYS: usize = 64;

pub(crate) fn run(arguments: &Top) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::plain(format!("cannot start a thread to ask with: {error}")))?;
    runtime.block_on(async {
        let mut node = connect(arguments).await?;
        let first = look(&mut node).await?;
        if arguments.once || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            let (width, _) = console::paper();
            let shown = Shown::new(first, Pulse::default(), None);
            console::result(&picture::text(&shown, width))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut terminal = ratatui::try_init()?;
        let ended = watch(arguments, &mut terminal, node, first).await;
        // Whatever happened, the terminal is left as it was found.
        ratatui::restore();
        ended.map(|()| ExitCode::SUCCESS)
    })
}

async fn connect(arguments: &Top) -> Result<Client, Failure> {
    let config = settings::load(&arguments.which.settings, &[])?;
    Ok(client::to(&config, arguments.which.node.as_deref()).await?)
}

/// A node at one moment.
#[derive(Debug, Clone)]
struct Look {
    view: NodeView,
    goals: Vec<GoalLine>,
    at: Instant,
}

async fn look(node: &mut Client) -> Result<Look, ClientError> {
    Ok(Look {
        view: node.ask(&Request::View {}).await?,
        goals: node.ask(&Request::Goals {}).await?,
        at: Instant::now(),
    })
}

async fn watch(
    arguments: &Top,
    terminal: &mut DefaultTerminal,
    node: Client,
    first: Look,
) -> Result<(), Failure> {
    let mut keys = keys();
    let mut node = Some(node);
    let mut pulse = Pulse::default();
    pulse.see(&first);
    let mut shown = Shown::new(first, pulse.clone(), None);
    let mut place = Place::default();
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut tick = tokio::time::interval(EVERY);
    loop {
        terminal.draw(|frame| picture::draw(frame, &shown, &mut place, colour))?;
        tokio::select! {
            key = keys.recv() => match key {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    if !place.moved(key) {
                        return Ok(());
                    }
                }
                // Another size is another picture.
                Some(_) => {}
                None => return Ok(()),
            },
            _ = tick.tick() => {
                let looked = match &mut node {
                    Some(node) => look(node).await.map_err(Failure::from),
                    None => match connect(arguments).await {
                        Ok(mut fresh) => {
                            let looked = look(&mut fresh).await.map_err(Failure::from);
                            node = Some(fresh);
                            looked
                        }
                        Err(error) => Err(error),
                    },
                };
                match looked {
                    Ok(look) => {
                        pulse.see(&look);
                        shown = Shown::new(look, pulse.clone(), None);
                    }
                    Err(error) => {
                        node = None;
                        shown.trouble = Some(error.sentence().to_string());
                        tick.reset_after(AGAIN);
                    }
                }
            }
        }
    }
}

/// Keys, from a thread of their own: reading them waits.
fn keys() -> mpsc::Receiver<Event> {
    let (send, receive) = mpsc::channel(KEYS);
    // It ends with the process, or when nobody listens any more.
    let (begun, began) = threads_channel::channel();
    thread::spawn(move || {
        let _ = begun.send(());
        while let Ok(event) = event::read() {
            if send.blocking_send(event).is_err() {
                return;
            }
        }
    });
    let _ = began.recv();
    receive
}

impl Place {
    /// Takes a key; false for one that ends it.
    fn moved(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('c') if control => return false,
            KeyCode::Tab | KeyCode::BackTab => self.other(),
            KeyCode::Down | KeyCode::Char('j') => self.by(1),
            KeyCode::Up | KeyCode::Char('k') => self.by(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.by(self.page()),
            KeyCode::PageUp => self.by(-self.page()),
            KeyCode::Home | KeyCode::Char('g') => self.by(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.by(isize::MAX),
            _ => {}
        }
        true
    }
}
