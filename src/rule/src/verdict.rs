//! What a rule decides.

use crate::reply::Reply;

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
    /// The action failed in a way that only an internal error explains.
    Fault(&'static str),
}

/// How a rule ends a story.
#[derive(Debug)]
pub enum Ending {
    /// `return`, `redirect`, a service: the proxy answers as the configuration wants.
    Answer(Box<Reply>),
    /// `deny`: with this status, and this answer instead of the error page if there is one.
    Deny(u16, Option<Box<Reply>>),
    /// `tarpit`: as `deny`, after the tarpit delay.
    Tarpit(u16, Option<Box<Reply>>),
    /// `reject`: the connection is closed.
    Reject,
    /// `silent-drop`: the connection is left without a word to the client.
    SilentDrop,
}
