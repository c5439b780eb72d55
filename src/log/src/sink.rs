//! What `show events` lists.

use std::sync::Arc;

use config::Draft;

use crate::ring::{self, Ring};
use crate::settings::Resolved;

/// A place that events go to.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Its name.
    pub name: Arc<str>,
    /// What it is about.
    pub description: String,
    /// What it is.
    pub kind: SinkKind,
}

/// What a sink is.
#[derive(Clone, Debug)]
pub enum SinkKind {
    /// A descriptor, whose events cannot be read back.
    Descriptor,
    /// A ring, which can be read.
    Ring(Arc<Ring>),
}

impl Sink {
    /// The word for listings.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            SinkKind::Descriptor => "fd",
            SinkKind::Ring(_) => "buffer",
        }
    }

    /// How many events could not be stored.
    pub fn dropped(&self) -> u64 {
        match &self.kind {
            SinkKind::Descriptor => 0,
            SinkKind::Ring(ring) => ring.dropped(),
        }
    }
}

/// All sinks of a checked draft: the two standard descriptors, `buf0`, then the rings of the configuration.
pub fn sinks(draft: &Draft) -> Vec<Sink> {
    let descriptor = |name: &str, number: u32| Sink {
        name: name.into(),
        description: format!("standard output (fd#{number})"),
        kind: SinkKind::Descriptor,
    };
    let mut sinks = vec![descriptor("stdout", 1), descriptor("stderr", 2)];
    let rings =
        draft.global.get::<Resolved>().map_or_else(|| vec![ring::buf0().clone()], |r| r.rings.clone());
    sinks.extend(rings.into_iter().map(|ring| Sink {
        name: ring.name().into(),
        description: ring.description().to_owned(),
        kind: SinkKind::Ring(ring),
    }));
    sinks
}
