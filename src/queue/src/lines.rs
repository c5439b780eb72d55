//! The lines of a queue: who waits, and for what.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::Desk;
use crate::ticket::Shared;

/// What somebody waits for.
#[derive(Debug)]
pub(crate) enum Line<S> {
    /// Any server.
    Common,
    /// This one.
    Server(Arc<S>),
}

type Places<S> = BTreeMap<Spot, Arc<Shared<S>>>;

/// Whom the order of a line goes by: first those of a lower class, then those who seem to have come earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The lower, the sooner.
    pub class: i16,
    /// When the stream seems to have come, in milliseconds of any clock that all go by.
    pub at: i64,
}

/// A place over all lines; those of equal order are numbered as they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    order: Order,
    number: u64,
}

/// All lines of a backend.
#[derive(Debug)]
pub(crate) struct Lines<S> {
    next: u64,
    common: Places<S>,
    servers: HashMap<usize, Places<S>>,
}

/// Who is next, and in which line.
pub(crate) struct Next<S> {
    pub(crate) line: Line<S>,
    pub(crate) place: Spot,
}

/// Tells a server from the others.
fn key<S>(server: &Arc<S>) -> usize {
    Arc::as_ptr(server).addr()
}

impl<S> Default for Lines<S> {
    fn default() -> Self {
        Self { next: 0, common: BTreeMap::new(), servers: HashMap::new() }
    }
}

impl<S: Desk> Lines<S> {
    /// Takes a place in a line; with the number of those who are there already.
    pub(crate) fn join(&mut self, line: &Line<S>, order: Order) -> (Arc<Shared<S>>, Place) {
        let shared = Arc::new(Shared::default());
        let spot = Spot { order, number: self.next };
        self.next += 1;
        let places = match line {
            Line::Common => &mut self.common,
            Line::Server(server) => self.servers.entry(key(server)).or_default(),
        };
        let ahead = places.len() as u64;
        places.insert(spot, shared.clone());
        (shared, Place { spot, ahead })
    }

    fn of(&mut self, line: &Line<S>) -> Option<&mut Places<S>> {
        match line {
            Line::Common => Some(&mut self.common),
            Line::Server(server) => self.servers.get_mut(&key(server)),
        }
    }

    /// Gives up a place.
    pub(crate) fn remove(&mut self, line: &Line<S>, place: Spot) -> Option<Arc<Shared<S>>> {
        self.of(line)?.remove(&place)
    }

    /// The first of a line gives up its place.
    pub(crate) fn pop(&mut self, line: &Line<S>) -> Option<Arc<Shared<S>>> {
        self.of(line)?.pop_first().map(|(_, shared)| shared)
    }

    /// Whether anybody waits whom the server could serve.
    pub(crate) fn anybody_for(&self, server: &Arc<S>) -> bool {
        self.first_for(server).is_some()
    }

    /// Whose turn it is among those whom the server may serve.
    pub(crate) fn first_for(&self, server: &Arc<S>) -> Option<Next<S>> {
        let first = |places: &Places<S>| places.keys().next().copied();
        let own = self.servers.get(&key(server)).and_then(first);
        let common = if server.is_open() { first(&self.common) } else { None };
        match (own, common) {
            (Some(own), Some(common)) if common < own => Some(Next { line: Line::Common, place: common }),
            (Some(place), _) => Some(Next { line: Line::Server(server.clone()), place }),
            (None, Some(place)) => Some(Next { line: Line::Common, place }),
            (None, None) => None,
        }
    }
}

/// A place in a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Where it is.
    pub(crate) spot: Spot,
    /// How many were ahead when it was taken.
    pub(crate) ahead: u64,
}
