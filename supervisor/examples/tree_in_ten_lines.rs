//! A plain ractor actor, supervised, killed, restarted; the tree printed before and after.

use std::{error::Error, io::Write, time::Duration};

use aios_supervisor::{ChildSpec, Strategy, Supervisor, SupervisorSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef};

struct Greeter;

impl Actor for Greeter {
    type Msg = String;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<String>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();

    // The tree as data, then as actors.
    let desk = SupervisorSpec::new("desk")
        .strategy(Strategy::OneForAll)
        .intensity(3, Duration::from_secs(5))
        .child(ChildSpec::worker("bob", || (Greeter, ())))
        .child(ChildSpec::worker("carol", || (Greeter, ())));
    let root = Supervisor::start(
        SupervisorSpec::new("house")
            .child(ChildSpec::worker("alice", || (Greeter, ())))
            .child(ChildSpec::supervisor(desk)),
    )
    .await?;
    writeln!(out, "{}", root.view())?;

    // A kill is an abnormal exit: bob comes back, and carol with him. The handle resolves to the new bob by itself.
    let desk = root.supervisor("desk").ok_or("the desk is gone")?;
    let bob = desk.child("bob").ok_or("bob is gone")?;
    desk.kill_child("bob").await?;
    bob.newer_than(1, Duration::from_secs(1)).await?;
    desk.child("carol")
        .ok_or("carol is gone")?
        .newer_than(1, Duration::from_secs(1))
        .await?;
    writeln!(out, "{}", root.view())?;

    root.stop().await;
    Ok(())
}
