//! What a node is to whoever asks it: one trait, and who asks.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "http")]
use std::sync::OnceLock;

use aios_protocols::{PrincipalId, TraceContext};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::access::Rights;
use crate::{ControlError, Request, Told};

/// A node, seen through the contract. Whoever implements it decides who may do what; the transports only say who asks.
#[async_trait]
pub trait Control: Send + Sync {
    /// Carries out a command, answers a query or begins a watch.
    ///
    /// # Errors
    /// Why not; then nothing has changed. [`Late`](crate::ErrorKind::Late) and [`Failed`](crate::ErrorKind::Failed) alone may leave
    /// something begun.
    async fn answer(&self, caller: &Caller, request: Request) -> Result<Response, ControlError>;

    /// Whether it can work now. Everybody may hear this, so it says nothing about anybody.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), ControlError> {
        Ok(())
    }

    /// The name of a goal that is handed in with an idempotency key and without a name: the same for the same key, also by a node that was
    /// started anew, and computed by nobody who does not have a secret of the node's, or others could take it or ask for it. `key` is the hash
    /// of the key and of whose it is. `None` if it gives no such names.
    fn goal_of_key(&self, key: &[u8; 32]) -> Option<String> {
        let _ = key;
        None
    }

    /// The answer to a query that lies ready in the words in which it travels, as long as the caller may hear it. Nothing is carried out for it,
    /// so it is there at once. `None` for all else, refusals among it: then it is [asked](Self::answer).
    fn lies_ready(&self, caller: &Caller, request: &Request) -> Option<Written> {
        let _ = (caller, request);
        None
    }

    /// Its figures, in the text form of Prometheus; none if it keeps none.
    ///
    /// # Errors
    /// When the caller may not read them.
    fn metrics(&self, caller: &Caller) -> Result<Option<String>, ControlError> {
        let _ = caller;
        Ok(None)
    }
}

/// An answer as it travels, put into words once for all who ask. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Written(Arc<Words>);

#[derive(Debug)]
struct Words {
    json: Bytes,
    /// What tells it from other answers, once somebody has asked.
    #[cfg(feature = "http")]
    tag: OnceLock<Bytes>,
}

impl Written {
    /// An answer in these words: one JSON value in UTF-8.
    pub fn new(json: impl Into<Bytes>) -> Self {
        Self(Arc::new(Words {
            json: json.into(),
            #[cfg(feature = "http")]
            tag: OnceLock::new(),
        }))
    }

    /// The words.
    pub fn json(&self) -> &Bytes {
        &self.0.json
    }

    /// What tells it from other answers, made once.
    #[cfg(feature = "http")]
    pub(crate) fn tag(&self, of: impl FnOnce(&Bytes) -> Bytes) -> &Bytes {
        self.0.tag.get_or_init(|| of(&self.0.json))
    }
}

/// What a node says to a request.
pub enum Response {
    /// All of it at once. What it holds is said at each [`Request`].
    Value(Value),
    /// What happens from now on.
    Watch(Box<dyn EventStream>),
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.debug_tuple("Value").field(value).finish(),
            Self::Watch(_) => f.write_str("Watch"),
        }
    }
}

/// Events as they come.
#[async_trait]
pub trait EventStream: Send {
    /// The next event; `None` when there will be no more. Dropped while it waits, it has taken none.
    async fn next(&mut self) -> Option<Told>;
}

/// Who asks. A transport makes it from what it knows of the other end, never from what the other end says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In whose name.
    pub principal: PrincipalId,
    /// From where.
    pub place: Place,
    /// What the key allows that was shown; none where no key was, and then the name alone says what its bearer may.
    pub rights: Option<Arc<Rights>>,
    /// The trace that it asks in. This alone it says of itself: it is a name and allows nothing.
    pub trace: Option<TraceContext>,
}

impl Caller {
    /// Somebody who needs no key there, because the system or the program says who it is.
    pub fn named(principal: PrincipalId, place: Place) -> Self {
        Self {
            principal,
            place,
            rights: None,
            trace: None,
        }
    }
}

#[cfg(any(feature = "http", feature = "grpc"))]
impl Caller {
    /// Where what is made for a caller is put when it does not say, below the server's folder: where the owner said, and whoever came by a key
    /// has a folder of its tenant there.
    pub(crate) fn home(&self, out: &str) -> String {
        match self.rights {
            None => out.to_owned(),
            Some(_) => format!("{out}/{}", self.principal.tenant()),
        }
    }

    /// The same caller, who may name what lies there besides.
    pub(crate) fn at_home(mut self, out: &str) -> Self {
        let home = self.home(out);
        if let Some(rights) = &mut self.rights {
            Arc::make_mut(rights).folders.push(home);
        }
        self
    }
}

/// Where a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the node's own process: paths mean the same to both.
    Here,
    /// In another process, which may stand in another folder: a path says nothing unless it is absolute.
    Elsewhere,
}
