//! What rules work on.

use base::clock::{Tick, WallTime};
use http::{Headers, RequestHead, ResponseHead};
use lang::facts::{
    Payload, ProcessFacts, ProxyFacts, RewriteStrictness, Scene, ServerFacts, SessionFacts, StreamFacts,
};

use crate::action::RuleSets;
use crate::verdict::Verdict;

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
    /// Where `do-log` writes.
    pub recorder: Option<&'t dyn Recorder>,
    /// The most that a message may take: `tune.bufsize`.
    pub buffer: usize,
}

/// Whoever writes log lines for rules.
pub trait Recorder {
    /// Writes one from a rule of this set, by a profile of its own if one is named.
    fn record(&self, scene: &Scene<'_>, set: RuleSets, profile: Option<&str>);
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

    /// The headers of the message that a rule set is about.
    pub(crate) fn headers(&mut self, set: RuleSets) -> Option<&mut Headers> {
        match (RuleSets::HTTP_REQUEST.meets(set), &mut self.request, &mut self.response) {
            (true, Some(request), _) => Some(&mut request.headers),
            (false, _, Some(response)) => Some(&mut response.headers),
            _ => None,
        }
    }

    /// By how many bytes the message that a rule set is about may still grow.
    pub(crate) fn room(&self, set: RuleSets) -> usize {
        let stream = self.stream.as_deref();
        let (line, headers, held) = if RuleSets::HTTP_REQUEST.meets(set) {
            let Some(head) = self.request.as_deref() else { return 0 };
            let line = head.method.as_bytes().len() + head.target.len() + head.version.as_bytes().len();
            (line, &head.headers, stream.map_or(0, |stream| stream.rewrites.held_request))
        } else {
            let Some(head) = self.response.as_deref() else { return 0 };
            let line = head.version.as_bytes().len() + 3 + head.reason.len();
            (line, &head.headers, stream.map_or(0, |stream| stream.rewrites.held_response))
        };
        let body = if held == 0 { 0 } else { PART + held };
        let used = FRAME + PART + line + headers.size() + PART * headers.len() + PART + END + body;
        self.buffer.saturating_sub(used)
    }

    /// So much has come of the body of the message that a rule set is about. What fits into the message's buffer is
    /// there when rules run, but for a reserve.
    pub fn hold(&mut self, set: RuleSets, come: usize, reserve: usize) {
        let room = self.room(set).saturating_sub(reserve);
        let Some(stream) = self.stream.as_deref_mut() else { return };
        let request = RuleSets::HTTP_REQUEST.meets(set);
        let rewrites = &mut stream.rewrites;
        let held = if request { &mut rewrites.held_request } else { &mut rewrites.held_response };
        let room = if *held == 0 { room.saturating_sub(PART) } else { room };
        *held = (*held).max(come.min(*held + room));
    }

    /// Says that a rewrite failed: strictly that is a fault, else the message stays as it is.
    pub(crate) fn rewrite_failed(&mut self, set: RuleSets) -> Verdict {
        let Some(stream) = self.stream.as_deref_mut() else { return Verdict::Continue };
        let rewrites = &mut stream.rewrites;
        if RuleSets::HTTP_REQUEST.meets(set) {
            rewrites.failed_requests += 1;
        } else {
            rewrites.failed_responses += 1;
        }
        match rewrites.strictness {
            RewriteStrictness::Strict => Verdict::Fault("a message could not be rewritten"),
            RewriteStrictness::Lenient => Verdict::Continue,
        }
    }
}

// How much of a buffer a message takes beyond its bytes. Which rewrites still fit is a matter of configurations, so
// that these figures are part of what a replacement has to keep.

/// What a message takes without parts.
const FRAME: usize = 60;
/// What each part takes beyond its bytes: first line, field, end of the head, body.
const PART: usize = 8;
/// What a header field takes beyond its name and value.
pub(crate) const FIELD_OVERHEAD: usize = PART;
/// The bytes of the head's end.
const END: usize = 1;
