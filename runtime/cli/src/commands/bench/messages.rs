//! What a signed ask costs between two agents of one process, beside its parts: two signatures, two strict verifications and a bare
//! ractor ask.
//!
//! Everything is measured in thin slices that follow each other (agents, Ed25519, ractor, agents, ...), so that a busy machine slows
//! all alike. Each ask, signature and verification is timed by itself and the medians are compared: an operation that the machine
//! interrupts, which befalls a long one sooner than a short one, does not count. The asking side is an agent, respectively an actor, and
//! asks from within its handler.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, AgentOptions, Client, Context, Incoming};
use aios_actors::{AgentSystem, async_trait};
use aios_bench::{Bar, BenchError, Report, Samples};
use aios_protocols::{
    AgentCard, AgentId, Content, OpenTo, PrincipalId, PrincipalKind, Sealed, Signature,
    SigningIdentity,
};
use aios_supervisor::{Admission, Supervisor, SupervisorRef, SupervisorSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{failed, threads};

/// Slices of a round: thin enough that whatever else the machine does hits all subjects alike.
const SLICES: u32 = 40;
/// Asks of agents in a slice, and pairs of signatures and verifications: some 5 ms each.
const ASKS: u32 = 50;
/// One-way messages in a slice.
const TELLS: u32 = 200;
/// Asks or casts of a bare actor in a slice, timed together: they take less than a microsecond, so a clock would disturb a single one.
const BARE: u32 = 2_000;
/// The most a signed ask may cost, as a multiple of its parts.
const LIMIT: f64 = 1.5;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(20);
/// The frame's magic, version and signature, which precede the signed body.
const HEAD: usize = 4 + Signature::LENGTH;

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    threads()?.block_on(measure(rounds))
}

async fn measure(rounds: u32) -> Result<Report, BenchError> {
    let mut report = Report::begin("messages");
    let agents = Agents::start().await?;
    let actors = Actors::start().await?;
    // One slice of each that does not count: queues, windows and caches grow to their size.
    agents.asks().await?;
    agents.tells().await?;
    let signing = Signing::of(&agents.frames)?;
    signing.signs();
    actors.asks().await?;

    let [
        mut ask,
        mut sign,
        mut verify,
        mut bare_ask,
        mut tell,
        mut bare_tell,
    ] = [const { Samples::new() }; 6];
    for _ in 0..rounds.saturating_mul(SLICES) {
        ask.extend(agents.asks().await?);
        sign.extend(signing.signs());
        verify.extend(signing.verifies()?);
        bare_ask.push(actors.asks().await?);
        tell.extend(agents.tells().await?);
        bare_tell.push(actors.tells().await?);
    }
    agents.supervisor.stop().await;
    actors.stop();

    let [ask, sign, verify, bare_ask] =
        [ask, sign, verify, bare_ask].map(|samples| samples.median() * 1e6);
    let parts = 2.0 * sign + 2.0 * verify + bare_ask;
    report.figure("ask_us", ask);
    report.figure("ed25519_sign_us", sign);
    report.figure("ed25519_verify_strict_us", verify);
    report.figure("ractor_ask_us", bare_ask);
    report.figure("parts_us", parts);
    report.figure("asks_per_second", 1e6 / ask);
    report.figure("messages_per_second", 1.0 / tell.median());
    report.figure("ractor_messages_per_second", 1.0 / bare_tell.median());
    report.figure("request_frame_bytes", signing.request.frame as f64);
    report.figure("answer_frame_bytes", signing.answer.frame as f64);
    report.figure("rounds", f64::from(rounds));
    report.bar(Bar::at_most(
        "ask",
        "a signed ask, as a multiple of 2 signatures, 2 strict verifications and a bare ractor ask",
        ask / parts,
        LIMIT,
        "times",
    ));
    Ok(report)
}

/// What the measuring agent is told to do, in its handler.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Ask,
    Tell,
}

/// Two frames as they travelled: a request and its answer.
#[derive(Debug, Default)]
struct Frames {
    request: OnceLock<Sealed>,
    answer: OnceLock<Sealed>,
}

/// The side that asks and tells, as the principal that measures orders it to.
struct Asker {
    answerer: AgentId,
    listener: AgentId,
    heard: Arc<Semaphore>,
    frames: Arc<Frames>,
}

#[async_trait]
impl Agent for Asker {
    fn card(&self, card: &mut AgentCard) {
        card.open_to = OpenTo::none().and(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let order: Order = incoming.json()?;
        let mut took = Vec::new();
        match order {
            Order::Ask => {
                for _ in 0..ASKS {
                    let begun = Instant::now();
                    let answer = ctx.ask(&self.answerer, "work", DEADLINE).await?;
                    took.push(begun.elapsed().as_secs_f64());
                    self.frames.answer.get_or_init(|| answer.sealed().clone());
                }
            }
            Order::Tell => {
                let begun = Instant::now();
                for _ in 0..TELLS {
                    ctx.tell(&self.listener, "news").await?;
                }
                self.heard.acquire_many(TELLS).await?.forget();
                took.push(begun.elapsed().as_secs_f64() / f64::from(TELLS));
            }
        }
        Ok(incoming.inform(Content::json(&took)?)?)
    }
}

/// The side that answers.
struct Answerer(Arc<Frames>);

#[async_trait]
impl Agent for Answerer {
    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        self.0.request.get_or_init(|| incoming.sealed().clone());
        Ok(incoming.inform("done")?)
    }
}

/// The side that is told and only counts.
struct Listener(Arc<Semaphore>);

#[async_trait]
impl Agent for Listener {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        self.0.add_permits(1);
        Ok(())
    }
}

/// Three agents under a supervisor, and the principal that has them measure.
struct Agents {
    client: Client,
    asker: AgentId,
    frames: Arc<Frames>,
    supervisor: SupervisorRef,
}

impl Agents {
    async fn start() -> Result<Self, BenchError> {
        let system = AgentSystem::builder().build();
        let supervisor = Supervisor::start(SupervisorSpec::new("bench"))
            .await
            .map_err(failed)?;
        let frames = Arc::new(Frames::default());
        let heard = Arc::new(Semaphore::new(0));

        let seen = Arc::clone(&frames);
        system
            .factories()
            .register("macro.answerer", move |_| Ok(Answerer(Arc::clone(&seen))));
        let counted = Arc::clone(&heard);
        system.factories().register("macro.listener", move |_| {
            Ok(Listener(Arc::clone(&counted)))
        });

        let options = AgentOptions::default;
        let (answerer, _) = system
            .spawn("macro.answerer", &supervisor, options())
            .await
            .map_err(failed)?;
        // Whoever tells faster than the listener listens waits for a place.
        let patient = AgentOptions {
            admission: Admission::Wait(DEADLINE),
            ..options()
        };
        let (listener, _) = system
            .spawn("macro.listener", &supervisor, patient)
            .await
            .map_err(failed)?;

        let seen = Arc::clone(&frames);
        system.factories().register("macro.asker", move |_| {
            Ok(Asker {
                answerer: answerer.clone(),
                listener: listener.clone(),
                heard: Arc::clone(&heard),
                frames: Arc::clone(&seen),
            })
        });
        let (asker, _) = system
            .spawn("macro.asker", &supervisor, options())
            .await
            .map_err(failed)?;
        let principal: PrincipalId = "service:bench@local".parse().map_err(failed)?;
        let client = system.client(principal).await.map_err(failed)?;
        Ok(Self {
            client,
            asker,
            frames,
            supervisor,
        })
    }

    /// Seconds from each ask to its answer.
    async fn asks(&self) -> Result<Vec<f64>, BenchError> {
        self.order(Order::Ask).await
    }

    /// Seconds per one-way message, one value: they overlap, so only all of them together can be timed.
    async fn tells(&self) -> Result<Vec<f64>, BenchError> {
        self.order(Order::Tell).await
    }

    async fn order(&self, order: Order) -> Result<Vec<f64>, BenchError> {
        let order = Content::json(&order).map_err(failed)?;
        let answer = self
            .client
            .ask(&self.asker, order, DEADLINE)
            .await
            .map_err(failed)?;
        answer.content.read_json().map_err(failed)
    }
}

/// Bare Ed25519 over the bytes that were signed in the agents' frames.
struct Signing {
    identity: SigningIdentity,
    request: Signed,
    answer: Signed,
}

struct Signed {
    frame: usize,
    body: Vec<u8>,
    signature: Signature,
}

/// The purpose that is signed with a message, so that bare Ed25519 hashes exactly as many bytes as the agents' does.
const PURPOSE: &str = "application/vnd.aios.fipa-acl";

impl Signing {
    fn of(frames: &Frames) -> Result<Self, BenchError> {
        let party: AgentId = "macro.asker.001@global".parse().map_err(failed)?;
        let identity = SigningIdentity::from_seed(party, [7; 32]);
        let signed = |frame: &OnceLock<Sealed>| {
            let frame = frame
                .get()
                .ok_or_else(|| failed("no frame was seen"))?
                .as_bytes();
            let body = frame
                .get(HEAD..)
                .ok_or_else(|| failed("a frame is too short"))?
                .to_vec();
            let signature = identity.sign(PURPOSE, &body);
            Ok::<_, BenchError>(Signed {
                frame: frame.len(),
                body,
                signature,
            })
        };
        let (request, answer) = (signed(&frames.request)?, signed(&frames.answer)?);
        Ok(Self {
            identity,
            request,
            answer,
        })
    }

    /// Seconds of each signature.
    fn signs(&self) -> Vec<f64> {
        self.each(|signed| self.identity.sign(PURPOSE, black_box(&signed.body)))
    }

    /// Seconds of each strict verification.
    fn verifies(&self) -> Result<Vec<f64>, BenchError> {
        let key = self.identity.public_key();
        let mut good = true;
        let took = self.each(|signed| {
            good &= key.verifies(PURPOSE, black_box(&signed.body), &signed.signature)
        });
        if good {
            Ok(took)
        } else {
            Err(failed("a good signature was refused"))
        }
    }

    /// Times something for the request and the answer in turns.
    fn each<T>(&self, mut work: impl FnMut(&Signed) -> T) -> Vec<f64> {
        let mut took = Vec::new();
        for _ in 0..ASKS {
            for signed in [&self.request, &self.answer] {
                let begun = Instant::now();
                black_box(work(signed));
                took.push(begun.elapsed().as_secs_f64());
            }
        }
        took
    }
}

/// Two ractor actors with nothing of ours around them.
struct Actors {
    caller: ActorRef<Errand>,
    called: ActorRef<Word>,
}

/// What the called actor understands.
enum Word {
    Ask(RpcReplyPort<u64>),
    Tell,
    /// Answered when everything before it has been handled.
    Count(RpcReplyPort<u64>),
}

/// What the calling actor does in its handler; it answers with the seconds per ask or cast.
struct Errand {
    order: Order,
    done: RpcReplyPort<f64>,
}

struct Called;

impl Actor for Called {
    type Msg = Word;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Word>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Word>,
        word: Word,
        told: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match word {
            Word::Ask(reply) | Word::Count(reply) => reply.send(*told)?,
            Word::Tell => *told += 1,
        }
        Ok(())
    }
}

struct Caller;

impl Actor for Caller {
    type Msg = Errand;
    type State = ActorRef<Word>;
    type Arguments = ActorRef<Word>;

    async fn pre_start(
        &self,
        _: ActorRef<Errand>,
        called: ActorRef<Word>,
    ) -> Result<ActorRef<Word>, ActorProcessingErr> {
        Ok(called)
    }

    async fn handle(
        &self,
        _: ActorRef<Errand>,
        errand: Errand,
        called: &mut ActorRef<Word>,
    ) -> Result<(), ActorProcessingErr> {
        let begun = Instant::now();
        match errand.order {
            Order::Ask => {
                for _ in 0..BARE {
                    black_box(ractor::call!(called, Word::Ask)?);
                }
            }
            Order::Tell => {
                for _ in 0..BARE {
                    called.cast(Word::Tell)?;
                }
                black_box(ractor::call!(called, Word::Count)?);
            }
        }
        Ok(errand
            .done
            .send(begun.elapsed().as_secs_f64() / f64::from(BARE))?)
    }
}

impl Actors {
    async fn start() -> Result<Self, BenchError> {
        let (called, _) = Actor::spawn(None, Called, ()).await.map_err(failed)?;
        let (caller, _) = Actor::spawn(None, Caller, called.clone())
            .await
            .map_err(failed)?;
        Ok(Self { caller, called })
    }

    /// Seconds per ask and answer.
    async fn asks(&self) -> Result<f64, BenchError> {
        self.order(Order::Ask).await
    }

    /// Seconds per one-way message, until the last one is handled.
    async fn tells(&self) -> Result<f64, BenchError> {
        self.order(Order::Tell).await
    }

    async fn order(&self, order: Order) -> Result<f64, BenchError> {
        ractor::call!(self.caller, |done| Errand { order, done }).map_err(failed)
    }

    fn stop(&self) {
        self.caller.stop(None);
        self.called.stop(None);
    }
}
