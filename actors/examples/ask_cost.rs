//! What a signed ask between two agents costs, beside what it is made of: two signatures, two verifications and a bare
//! ractor ask, measured in the same run. `cargo run --release -p aios-actors --example ask_cost`
//!
//! Rounds of both are interleaved, so that a busy machine slows both; the medians are compared.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, AgentOptions, Context, Incoming};
use aios_actors::{Society, async_trait};
use aios_protocols::{
    Draft, KeyRegistry, Limits, Party, Performative, ProtocolName, Sealer, SigningIdentity,
    TenantId, Timestamp, authenticate,
};
use aios_supervisor::{Supervisor, SupervisorSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::mpsc;

const ROUNDS: usize = 15;
const ASKS: u32 = 500;
/// The most a signed ask may cost, as a multiple of its parts.
const LIMIT: f64 = 1.5;

struct Answerer;

#[async_trait]
impl Agent for Answerer {
    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(incoming.inform("done")?)
    }
}

struct Asker(mpsc::UnboundedSender<Context>);

#[async_trait]
impl Agent for Asker {
    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        self.0
            .send(ctx.clone())
            .map_err(|_| AgentError::failure("nobody measures"))
    }

    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }
}

struct Bare;

impl Actor for Bare {
    type Msg = RpcReplyPort<u64>;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        reply: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(reply.send(1)?)
    }
}

/// The two messages of an ask, as they travel, to be signed and verified without anything around them.
struct Parts {
    identity: Arc<SigningIdentity>,
    keys: KeyRegistry,
    message: aios_protocols::Message,
    now: Timestamp,
}

impl Parts {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let party: Party = "macro.planner.001@global".parse()?;
        let to: Party = "macro.executor.001@global".parse()?;
        let identity = Arc::new(SigningIdentity::from_seed(party.clone(), [7; 32]));
        let now = Timestamp::since_epoch(Duration::from_secs(1_000_000));
        let keys = KeyRegistry::new();
        keys.register(&party, identity.public_key(), now)?;
        let mut sealer = Sealer::new(Arc::clone(&identity), TenantId::new("local")?, 1);
        let draft = Draft::new(Performative::Request, "work")
            .protocol(ProtocolName::FipaRequest)
            .to(&to);
        let message = sealer.stamp(draft, now, [1; 10])?;
        Ok(Self {
            identity,
            keys,
            message,
            now,
        })
    }

    /// One signature and one verification, with the encoding and decoding that belong to them.
    fn once(&self) -> Result<(), Box<dyn std::error::Error>> {
        let frame = self.identity.seal(&self.message, &Limits::CONTROL)?;
        authenticate(&frame, &self.keys, &Limits::CONTROL, self.now)?;
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let society = Society::builder().build();
    let (tell, mut told) = mpsc::unbounded_channel();
    society
        .factories()
        .register("macro.executor", |_| Ok(Answerer));
    society
        .factories()
        .register("macro.planner", move |_| Ok(Asker(tell.clone())));
    let supervisor = Supervisor::start(SupervisorSpec::new("bench")).await?;
    let (worker, _) = society
        .spawn("macro.executor", &supervisor, AgentOptions::default())
        .await?;
    society
        .spawn("macro.planner", &supervisor, AgentOptions::default())
        .await?;
    let asker = told.recv().await.ok_or("the asker did not start")?;

    let (bare, _) = Bare::spawn(None, Bare, ()).await?;
    let parts = Parts::new()?;

    let (mut ours, mut signed, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // In a task, as agents live in tasks.
        let (ctx, to) = (asker.clone(), worker.clone());
        ours.push(
            tokio::spawn(async move {
                let began = Instant::now();
                for _ in 0..ASKS {
                    ctx.ask(&to, "work", Duration::from_secs(5)).await?;
                }
                Ok::<_, aios_actors::agent::AskError>(began.elapsed().as_secs_f64())
            })
            .await??,
        );

        let began = Instant::now();
        for _ in 0..ASKS {
            parts.once()?;
            parts.once()?;
        }
        signed.push(began.elapsed().as_secs_f64());

        let bare = bare.clone();
        plain.push(
            tokio::spawn(async move {
                let began = Instant::now();
                for _ in 0..ASKS {
                    let _ = ractor::call_t!(bare, |port| port, 5_000);
                }
                began.elapsed().as_secs_f64()
            })
            .await?,
        );
    }

    let per_ask = |values: Vec<f64>| median(values) * 1e6 / f64::from(ASKS);
    let (ours, signed, plain) = (per_ask(ours), per_ask(signed), per_ask(plain));
    let ratio = ours / (signed + plain);
    let mut out = std::io::stdout();
    writeln!(out, "signed ask                        {ours:8.1} us")?;
    writeln!(out, "2 signatures and 2 verifications  {signed:8.1} us")?;
    writeln!(out, "bare ractor ask                   {plain:8.1} us")?;
    writeln!(
        out,
        "ratio                             {ratio:8.2} (at most {LIMIT})"
    )?;
    supervisor.stop().await;
    bare.stop(None);
    if ratio <= LIMIT {
        Ok(())
    } else {
        Err(format!("a signed ask costs {ratio:.2} times its parts").into())
    }
}
