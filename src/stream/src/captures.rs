//! The last invalid message of each proxy and direction, kept to be looked at (`show errors`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::Server;
use base::addr::Addr;
use base::clock::WallTime;
use h1::{ErrorKind, ParseError};
use lang::facts::ProxyFacts;

use crate::story::Story;

/// The captures of one proxy.
#[derive(Debug, Default)]
pub struct Captures {
    request: Mutex<Option<Arc<Capture>>>,
    response: Mutex<Option<Arc<Capture>>>,
}

/// A proxy or a server as a capture names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its name.
    pub name: Arc<str>,
    /// Its number.
    pub id: u32,
}

/// An invalid message.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Its number among all captures.
    pub event: u64,
    /// When it was found.
    pub at: WallTime,
    /// The frontend.
    pub frontend: Party,
    /// The backend, once it is chosen.
    pub backend: Option<Party>,
    /// The server, once it is chosen.
    pub server: Option<Party>,
    /// Where the client is.
    pub source: Option<Addr>,
    /// What was in the buffer.
    pub bytes: Box<[u8]>,
    /// The size of the buffer.
    pub room: usize,
    /// What is wrong, and where.
    pub fault: Fault,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is.
    pub kind: ErrorKind,
    /// Where it was found, from the first byte of the buffer.
    pub position: usize,
    /// Bytes of the body before it.
    pub body: u64,
}

impl Fault {
    /// A fault of a head.
    pub(crate) fn of_head(error: ParseError) -> Self {
        Self { kind: error.kind, position: error.position, body: 0 }
    }
}

/// The numbers of captures.
#[derive(Debug, Default)]
pub struct CaptureCount(AtomicU64);

impl CaptureCount {
    /// How many there were so far.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

impl Captures {
    /// The last invalid request.
    pub fn request(&self) -> Option<Arc<Capture>> {
        lock(&self.request).clone()
    }

    /// The last invalid response.
    pub fn response(&self) -> Option<Arc<Capture>> {
        lock(&self.response).clone()
    }
}

/// Whole captures only are ever stored.
fn lock(slot: &Mutex<Option<Arc<Capture>>>) -> MutexGuard<'_, Option<Arc<Capture>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps an invalid request instead of the frontend's last one.
pub(crate) fn request(story: &Story<'_>, bytes: &[u8], fault: Fault) {
    let capture = capture(story, None, bytes, fault);
    *lock(&story.frontend.common.captures.request) = Some(Arc::new(capture));
}

/// Keeps an invalid response instead of the backend's last one.
pub(crate) fn response(story: &Story<'_>, server: &Server, bytes: &[u8], fault: Fault) {
    let Some(backend) = story.backend else { return };
    let capture = capture(story, Some(server), bytes, fault);
    *lock(&backend.common.captures.response) = Some(Arc::new(capture));
}

fn capture(story: &Story<'_>, server: Option<&Server>, bytes: &[u8], fault: Fault) -> Capture {
    let party = |facts: &ProxyFacts| Party { name: facts.name.clone(), id: facts.id };
    Capture {
        event: story.site.captures.next(),
        at: story.worker.date(),
        frontend: party(&story.frontend.common.facts),
        backend: story.backend.map(|b| party(&b.common.facts)),
        server: server.map(|s| Party { name: s.facts.name.clone(), id: s.facts.id }),
        source: story.session.source.clone(),
        bytes: bytes.into(),
        room: story.site.tuning.buffer_size,
        fault,
    }
}
