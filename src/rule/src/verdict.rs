//! What a rule decides.

use std::time::Duration;

use crate::reply::Message;
use crate::service::Chosen;

/// What happens after an action.
#[derive(Debug)]
pub enum Verdict {
    /// The next rule.
    Continue,
    /// No further rule of this set.
    Accept,
    /// The story ends here.
    End(Ending),
    /// The action cannot tell before more data has come.
    NotYet,
    /// The rules go on when so much of the body is there.
    WaitForBody(BodyWait),
    /// The rules go on after so long.
    Pause(Duration),
    /// The rules go on when the client has finished its handshake.
    WaitForHandshake,
    /// The action failed in a way that only an internal error explains.
    Fault(&'static str),
}

/// How a rule ends a story.
#[derive(Debug)]
pub enum Ending {
    /// `return`, `redirect`: the proxy answers as the configuration wants.
    Answer(Message),
    /// `use-service`: a service answers.
    Serve(Chosen),
    /// `deny`.
    Deny(Message),
    /// `tarpit`: as `deny`, after the tarpit delay.
    Tarpit(Message),
    /// `reject`: the connection is closed.
    Reject,
    /// `close`: the server's connection is closed as if the server had done it.
    CloseServer,
    /// `switch-mode http`: what came are requests, and rules go on with the first of them.
    Http(Requests),
    /// `silent-drop`: the connection is left without a word to the client.
    SilentDrop,
}

/// The protocol that requests come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Requests {
    /// HTTP/1, or HTTP/2 if that is how they begin.
    #[default]
    Any,
    /// HTTP/1, whatever they begin with.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What a rule waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// More bytes, as long as the inspection delay lasts.
    Data,
    /// The body.
    Body(BodyWait),
    /// That so much time is over.
    Pause(Duration),
    /// The end of the handshake with the client.
    Handshake,
    /// Its turn: others may have something to do (`tune.max-rules-at-once`).
    Turn,
}

/// `wait-for-body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyWait {
    /// How long at most.
    pub time: Duration,
    /// How many bytes are enough; all of them if 0.
    pub at_least: u64,
}
