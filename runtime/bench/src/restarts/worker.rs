//! The ractor actor of the cases, for the runtimes that are built on ractor.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::diary::{Diary, Life};

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Order {
    Fail,
    Leave,
    Hang,
    Say(&'static str),
}

/// How a worker is made, start after start.
#[derive(Clone)]
pub(super) struct Manner {
    id: &'static str,
    diary: Diary,
    starts: Arc<AtomicU32>,
    /// Starts that fail: from the second on, so many.
    fails: u32,
}

impl Manner {
    pub(super) fn new(id: &'static str, diary: &Diary) -> Self {
        Self {
            id,
            diary: diary.clone(),
            starts: Arc::default(),
            fails: 0,
        }
    }

    pub(super) fn failing(self, fails: u32) -> Self {
        Self { fails, ..self }
    }

    /// Says that it starts, or why it does not.
    pub(super) fn start(&self) -> Result<(), String> {
        let before = self.starts.fetch_add(1, Ordering::Relaxed);
        if before > 0 && before <= self.fails {
            self.diary.write(format!("!{}", self.id));
            return Err("told not to start".into());
        }
        self.diary.write(format!("+{}", self.id));
        Ok(())
    }

    pub(super) fn leave(&self) {
        self.diary.write(format!("-{}", self.id));
    }

    pub(super) fn say(&self, word: &str) {
        self.diary.write(word);
    }

    pub(super) fn live(&self) -> Life {
        self.diary.live()
    }
}

pub(super) struct Worker;

pub(super) struct Body {
    manner: Manner,
    /// It leaves by itself, which it need not write down.
    leaves: bool,
    _life: Life,
}

impl Actor for Worker {
    type Msg = Order;
    type State = Body;
    type Arguments = Manner;

    async fn pre_start(
        &self,
        _: ActorRef<Order>,
        manner: Manner,
    ) -> Result<Body, ActorProcessingErr> {
        manner.start()?;
        let _life = manner.live();
        Ok(Body {
            manner,
            leaves: false,
            _life,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Order>,
        order: Order,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        match order {
            Order::Fail => return Err("told to fail".into()),
            Order::Leave => {
                body.leaves = true;
                me.stop(None);
            }
            Order::Hang => std::future::pending().await,
            Order::Say(word) => body.manner.say(word),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Order>,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        if !body.leaves {
            body.manner.leave();
        }
        Ok(())
    }
}
