//! What rules work on.

use base::clock::{Tick, WallTime};
use http::{RequestHead, ResponseHead};
use lang::facts::{Payload, ProcessFacts, ProxyFacts, Scene, ServerFacts, SessionFacts, StreamFacts};

/// The scene of a rule set, of which actions may change the session, the stream and the messages.
pub struct Txn<'t> {
    /// The monotonic time and the date at the start of the rule set.
    pub now: (Tick, WallTime),
    /// The process.
    pub process: &'t ProcessFacts,
    /// The frontend.
    pub frontend: &'t ProxyFacts,
    /// The backend, once chosen.
    pub backend: Option<&'t ProxyFacts>,
    /// The server, once chosen.
    pub server: Option<&'t ServerFacts>,
    /// The client's connection.
    pub session: &'t mut SessionFacts,
    /// The stream.
    pub stream: Option<&'t mut StreamFacts>,
    /// The request head.
    pub request: Option<&'t mut RequestHead>,
    /// The response head.
    pub response: Option<&'t mut ResponseHead>,
    /// The bytes that content rules may look at.
    pub payload: Payload<'t>,
}

impl Txn<'_> {
    /// The scene for expressions.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            now: self.now,
            process: self.process,
            frontend: self.frontend,
            backend: self.backend,
            server: self.server,
            session: self.session,
            stream: self.stream.as_deref(),
            request: self.request.as_deref(),
            response: self.response.as_deref(),
            payload: self.payload,
        }
    }
}
