//! actix in the twelve cases: its supervisor looks after one actor, restarts it in place when its context stops, and knows neither
//! limits nor groups.

use actix::{Actor, ActorContext, Context, Handler, Message, Supervised, Supervisor, System};

use super::{Fault, Observation, diary::Diary};

pub(super) fn answer(case: &str, expected: &str) -> Result<Observation, Fault> {
    let why = match case {
        "mailbox_kept" => return Ok(Observation::Seen(mailbox_kept(expected))),
        "group_order" | "escalation" | "orphan" | "significant_child" => {
            "a supervisor looks after one actor, and nobody after the supervisor"
        }
        "window" => "restarts are not counted",
        "kill_is_abnormal" | "hung_child" => "an actor cannot be killed",
        "no_stale_timer" | "backoff_reset" => "a restart is made at once; there are no waits",
        "links" => "there are no links between actors",
        "failed_restart" => "a start cannot fail",
        unknown => return Err(format!("no program for the case {unknown}").into()),
    };
    Ok(Observation::NotOffered(why.into()))
}

struct Worker(Diary);

impl Actor for Worker {
    type Context = Context<Self>;
}

impl Supervised for Worker {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.0.write("+w");
    }
}

#[derive(Message)]
#[rtype(result = "()")]
enum Order {
    Fail,
    Say(&'static str),
}

impl Handler<Order> for Worker {
    type Result = ();

    fn handle(&mut self, order: Order, context: &mut Context<Self>) {
        match order {
            // It knows no error; what its supervisor answers is a stopped context.
            Order::Fail => context.stop(),
            Order::Say(word) => self.0.write(word),
        }
    }
}

fn mailbox_kept(expected: &str) -> String {
    System::new().block_on(async {
        let diary = Diary::default();
        let its = diary.clone();
        let worker = Supervisor::start(move |_| Worker(its));
        worker.do_send(Order::Fail);
        for word in ["1", "2", "3"] {
            worker.do_send(Order::Say(word));
        }
        diary.settle(expected).await
    })
}
