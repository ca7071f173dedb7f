//! The same random scripts on OTP's own `supervisor` (an escript) and on ours with real actors; the traces must be
//! equal line by line. Scripts keep clear of the one thing where we differ on purpose: after `terminate` a child is
//! deleted or started again before anything else happens, since an OTP group restart would revive it.
//!
//! Needs Erlang (`escript`; Debian's package `erlang-base`). `AIOS_SEEDS` says how many scripts, `AIOS_SEED` the first.

#![cfg(feature = "heavy")]
#![allow(clippy::unwrap_used)]

use std::{
    collections::HashSet,
    fmt::Write as _,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use aios_supervisor::{
    AutoShutdown, ChildSpec, ChildState, OrderError, Restart, Strategy, Supervisor, SupervisorRef,
    SupervisorSpec, SupervisorState,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use rand::{Rng, SeedableRng, rngs::SmallRng};

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Clone, Debug)]
struct Child {
    id: &'static str,
    restart: Restart,
    significant: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Exit(&'static str, &'static str),
    Terminate(&'static str),
    Restart(&'static str),
    Delete(&'static str),
    Start(Child),
    Fail(&'static str, bool),
}

struct Script {
    seed: u64,
    strategy: Strategy,
    restarts: u32,
    auto_shutdown: AutoShutdown,
    children: Vec<Child>,
    ops: Vec<Op>,
}

fn script(seed: u64) -> Script {
    let mut rng = SmallRng::seed_from_u64(seed);
    let rng = &mut rng;
    let strategy = [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ][rng.random_range(0..3)];
    let auto_shutdown = [
        AutoShutdown::Never,
        AutoShutdown::Never,
        AutoShutdown::AnySignificant,
        AutoShutdown::AllSignificant,
    ][rng.random_range(0..4)];
    let children = IDS[..rng.random_range(0..5)]
        .iter()
        .map(|id| child(rng, id, auto_shutdown))
        .collect();
    let mut ops = Vec::new();
    for _ in 0..rng.random_range(1..20) {
        let id = IDS[rng.random_range(0..5)];
        match rng.random_range(0..20) {
            0..11 => {
                let how = ["normal", "shutdown", "crash", "kill"][rng.random_range(0..4)];
                ops.push(Op::Exit(id, how));
            }
            11..14 => {
                ops.push(Op::Terminate(id));
                ops.push(if rng.random() {
                    Op::Restart(id)
                } else {
                    Op::Delete(id)
                });
                // A restart that fails leaves it stopped.
                ops.push(Op::Delete(id));
            }
            14 => ops.push(Op::Restart(id)),
            15 => ops.push(Op::Delete(id)),
            16..18 => ops.push(Op::Start(child(rng, id, auto_shutdown))),
            18 => ops.push(Op::Fail(id, true)),
            _ => ops.push(Op::Fail(id, false)),
        }
    }
    Script {
        seed,
        strategy,
        restarts: rng.random_range(0..8),
        auto_shutdown,
        children,
        ops,
    }
}

fn child(rng: &mut SmallRng, id: &'static str, auto_shutdown: AutoShutdown) -> Child {
    let restart = [
        Restart::Permanent,
        Restart::Permanent,
        Restart::Transient,
        Restart::Temporary,
    ][rng.random_range(0..4)];
    let significant =
        auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent && rng.random();
    Child {
        id,
        restart,
        significant,
    }
}

fn restart_word(restart: Restart) -> &'static str {
    match restart {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    }
}

fn child_term(child: &Child) -> String {
    format!(
        "{{{},{},{}}}",
        child.id,
        restart_word(child.restart),
        child.significant
    )
}

fn op_term(op: &Op) -> String {
    match op {
        Op::Exit(id, how) => format!("{{exit,{id},{how}}}"),
        Op::Terminate(id) => format!("{{terminate,{id}}}"),
        Op::Restart(id) => format!("{{restart,{id}}}"),
        Op::Delete(id) => format!("{{delete,{id}}}"),
        Op::Start(child) => format!("{{start,{}}}", child_term(child)),
        Op::Fail(id, fails) => format!("{{fail,{id},{fails}}}"),
    }
}

fn script_term(script: &Script) -> String {
    let strategy = match script.strategy {
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
        _ => "one_for_one",
    };
    let auto_shutdown = match script.auto_shutdown {
        AutoShutdown::Never => "never",
        AutoShutdown::AnySignificant => "any_significant",
        AutoShutdown::AllSignificant => "all_significant",
    };
    let children: Vec<String> = script.children.iter().map(child_term).collect();
    let ops: Vec<String> = script.ops.iter().map(op_term).collect();
    format!(
        "{{{},{{{strategy},{},{auto_shutdown}}},[{}],[{}]}}.",
        script.seed,
        script.restarts,
        children.join(","),
        ops.join(",")
    )
}

#[derive(Clone, Default)]
struct World(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    log: Vec<String>,
    fails: HashSet<&'static str>,
}

struct Puppet;

struct Body {
    id: &'static str,
    world: World,
    /// Leaves by itself, so its stop is none of the supervisor's.
    by_itself: bool,
}

impl Actor for Puppet {
    type Msg = &'static str;
    type State = Body;
    type Arguments = (&'static str, World);

    async fn pre_start(
        &self,
        _: ActorRef<&'static str>,
        (id, world): Self::Arguments,
    ) -> Result<Body, ActorProcessingErr> {
        {
            let mut pages = world.0.lock().unwrap();
            if pages.fails.contains(id) {
                return Err("refused".into());
            }
            pages.log.push(format!("+{id}"));
        }
        Ok(Body {
            id,
            world,
            by_itself: false,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<&'static str>,
        how: &'static str,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        body.by_itself = true;
        match how {
            "normal" => me.stop(None),
            "shutdown" => me.stop(Some("shutdown".into())),
            _ => return Err("boom".into()),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<&'static str>,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        if !body.by_itself {
            body.world
                .0
                .lock()
                .unwrap()
                .log
                .push(format!("-{}", body.id));
        }
        Ok(())
    }
}

fn spec(child: &Child, world: &World) -> ChildSpec {
    let (id, world) = (child.id, world.clone());
    let spec = ChildSpec::worker(id, move || (Puppet, (id, world.clone()))).restart(child.restart);
    if child.significant {
        spec.significant()
    } else {
        spec
    }
}

fn answer<T>(outcome: Result<T, OrderError>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(OrderError::AlreadyStarted { .. }) => "already_started",
        Err(OrderError::AlreadyPresent { .. }) => "already_present",
        Err(OrderError::Running { .. }) => "running",
        Err(OrderError::Restarting { .. }) => "restarting",
        Err(OrderError::NotFound { .. }) => "not_found",
        Err(OrderError::Start(_)) => "start_failed",
        Err(_) => "stopping",
    }
}

async fn act(root: &SupervisorRef, world: &World, op: &Op) -> &'static str {
    match op {
        Op::Terminate(id) => answer(root.terminate_child(id).await),
        Op::Restart(id) => answer(root.restart_child(id).await),
        Op::Delete(id) => answer(root.delete_child(id).await),
        Op::Start(child) => answer(root.start_child(spec(child, world)).await),
        Op::Fail(id, fails) => {
            let mut pages = world.0.lock().unwrap();
            if *fails {
                pages.fails.insert(id)
            } else {
                pages.fails.remove(id)
            };
            "ok"
        }
        Op::Exit(id, how) => {
            let Some(actor) = root
                .child(id)
                .and_then(|child| child.actor::<&'static str>())
            else {
                return "none";
            };
            if *how == "kill" {
                actor.kill();
            } else {
                actor.send_message(how).unwrap();
            }
            let pid = actor.get_id();
            let noticed = || {
                root.child(id)
                    .and_then(|child| child.cell())
                    .is_none_or(|cell| cell.get_id() != pid)
            };
            while !noticed() {
                tokio::task::yield_now().await;
            }
            "ok"
        }
    }
}

async fn settle(root: &SupervisorRef) {
    loop {
        let calm = match root.state() {
            SupervisorState::Down => true,
            SupervisorState::Running => root.which_children().iter().all(|child| {
                matches!(
                    child.state,
                    ChildState::Running | ChildState::Stopped | ChildState::Finished
                ) && (child.state != ChildState::Running || child.pid.is_some())
            }),
            _ => false,
        };
        if calm {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn take_log(world: &World) -> String {
    std::mem::take(&mut world.0.lock().unwrap().log).join(" ")
}

fn state(root: &SupervisorRef) -> String {
    if root.state() == SupervisorState::Down {
        return "dead".into();
    }
    let mut shown: Vec<String> = root
        .which_children()
        .iter()
        .map(|child| {
            format!(
                "{}:{}",
                child.id,
                if child.pid.is_some() { "up" } else { "down" }
            )
        })
        .collect();
    shown.sort();
    shown.join(" ")
}

async fn play(script: &Script) -> String {
    let (mut out, seed) = (String::new(), script.seed);
    let world = World::default();
    let tree = SupervisorSpec::new("root")
        .strategy(script.strategy)
        .intensity(script.restarts, Duration::from_secs(1_000))
        .auto_shutdown(script.auto_shutdown)
        .children(script.children.iter().map(|child| spec(child, &world)));
    let root = Supervisor::start(tree).await.unwrap();
    writeln!(out, "{seed}|boot|ok|{}|{}", take_log(&world), state(&root)).unwrap();
    for op in &script.ops {
        let answer = act(&root, &world, op).await;
        settle(&root).await;
        writeln!(
            out,
            "{seed}|{}|{answer}|{}|{}",
            op_term(op),
            take_log(&world),
            state(&root)
        )
        .unwrap();
        if root.state() == SupervisorState::Down {
            return out;
        }
    }
    root.stop().await;
    writeln!(out, "{seed}|stop|{}", take_log(&world)).unwrap();
    out
}

#[tokio::test]
async fn random_scripts_go_as_they_go_in_otp() {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let first = number("AIOS_SEED", 1);
    let scripts: Vec<Script> = (first..first + number("AIOS_SEEDS", 3_000))
        .map(script)
        .collect();
    let file = std::env::temp_dir().join(format!("aios-differential-{}.terms", std::process::id()));
    let terms: Vec<String> = scripts.iter().map(script_term).collect();
    std::fs::write(&file, terms.join("\n")).unwrap();
    let otp = Command::new("escript")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/differential.escript"
        ))
        .arg(&file)
        .output()
        .expect("this test compares with real Erlang; install `escript` (Debian: erlang-base)");
    std::fs::remove_file(&file).unwrap();
    let theirs = String::from_utf8(otp.stdout).unwrap();
    assert!(
        otp.status.success(),
        "{theirs}{}",
        String::from_utf8_lossy(&otp.stderr)
    );
    let mut theirs = theirs.lines();
    for script in &scripts {
        let ours = tokio::time::timeout(Duration::from_secs(20), play(script)).await;
        let ours = ours.unwrap_or_else(|_| {
            panic!(
                "seed {} does not come to rest: {}",
                script.seed,
                script_term(script)
            )
        });
        let mut so_far = String::new();
        for line in ours.lines() {
            let their_line = theirs.next().unwrap_or("(nothing)");
            assert_eq!(
                line,
                their_line,
                "seed {} parts here (ours left, OTP right)\n{}\n{so_far}",
                script.seed,
                script_term(script)
            );
            writeln!(so_far, "{line}").unwrap();
        }
    }
    assert_eq!(theirs.next(), None);
}
