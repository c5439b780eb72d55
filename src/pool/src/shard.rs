//! What one thread keeps of one server's connections that wait.
//!
//! Places in a vector, linked in two ways: shared ones from the least to the most recently used, whatever their tree,
//! and within a tree those with one key, the last one first. Private ones are in no list: their session knows their
//! places.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use base::clock::Tick;

use crate::ledger::{Count, Tree};
use crate::mutation::Mutation;

/// No place.
const NIL: u32 = u32::MAX;

/// How many keys without connections are remembered beyond those that may be in use.
const SPARE_KEYS: usize = 64;

/// A waiting connection.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    pub(crate) connection: C,
    pub(crate) count: Count,
    pub(crate) key: u64,
    pub(crate) since: Tick,
}

/// Whether a connection is known to serve one request after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// It has not been used again yet.
    No,
    /// It was, or its protocol makes it certain.
    Yes,
}

#[derive(Debug)]
pub(crate) struct Shard<C> {
    places: Vec<Place<C>>,
    free: u32,
    /// By age, the least recently used first.
    oldest: u32,
    newest: u32,
    idle: Keys,
    safe: Keys,
    waiting: [usize; 2],
}

#[derive(Debug)]
struct Place<C> {
    generation: u32,
    older: u32,
    /// The next newer one; of a free place the next free one.
    newer: u32,
    /// Neighbours with the same key in the same tree.
    above: u32,
    below: u32,
    tree: Option<Tree>,
    content: Content<C>,
}

#[derive(Debug)]
enum Content<C> {
    Free,
    Waiting(Entry<C>),
    /// Somebody has it for a while. A generation other than his means that he may not put it back.
    Held,
}

impl<C> Place<C> {
    fn entry(&self) -> Option<&Entry<C>> {
        match &self.content {
            Content::Waiting(entry) => Some(entry),
            Content::Free | Content::Held => None,
        }
    }

    fn void(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }
}

/// The last connection put under each key; `NIL` where none is left, kept so that no memory is asked for again.
type Keys = HashMap<u64, u32, BuildHasherDefault<AsIs>>;

/// Keys are hashes already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Where a connection waits, as whoever watches it remembers it. It is worth nothing once the connection has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub(crate) thread: usize,
    place: u32,
    generation: u32,
}

impl Ticket {
    /// A number that says it all but the thread, for an atomic cell.
    pub fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.place)
    }

    /// The ticket with that number.
    pub fn numbered(thread: usize, number: u64) -> Self {
        Self { thread, place: number as u32, generation: (number >> 32) as u32 }
    }

    /// The thread that keeps the connection.
    pub fn thread(self) -> usize {
        self.thread
    }
}

impl<C> Default for Shard<C> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: NIL,
            oldest: NIL,
            newest: NIL,
            idle: Keys::default(),
            safe: Keys::default(),
            waiting: [0; 2],
        }
    }
}

impl<C> Shard<C> {
    /// Puts a connection into the tree that its count names, behind those that were used before it.
    pub(crate) fn insert(&mut self, thread: usize, entry: Entry<C>) -> Ticket {
        let tree = entry.count.tree();
        self.insert_into(thread, entry, tree)
    }

    pub(crate) fn insert_into(&mut self, thread: usize, entry: Entry<C>, tree: Option<Tree>) -> Ticket {
        let at = self.free_place();
        self.fill(at, entry, tree);
        Ticket { thread, place: at, generation: self.places[at as usize].generation }
    }

    fn fill(&mut self, at: u32, entry: Entry<C>, tree: Option<Tree>) {
        let (key, since) = (entry.key, entry.since);
        let place = &mut self.places[at as usize];
        (place.older, place.newer, place.above, place.below) = (NIL, NIL, NIL, NIL);
        place.content = Content::Waiting(entry);
        place.tree = tree;
        if let Some(tree) = tree {
            self.waiting[tree as usize] += 1;
            self.link_by_age(at, since);
            self.link_by_key(at, tree, key);
        }
    }

    fn free_place(&mut self) -> u32 {
        if self.free == NIL {
            let at = self.places.len() as u32;
            self.places.push(Place {
                generation: 0,
                older: NIL,
                newer: NIL,
                above: NIL,
                below: NIL,
                tree: None,
                content: Content::Free,
            });
            return at;
        }
        let at = self.free;
        self.free = self.places[at as usize].newer;
        at
    }

    /// Most connections come last; one that goes back is sought its place from the newest on.
    fn link_by_age(&mut self, at: u32, since: Tick) {
        let mut before = self.newest;
        while before != NIL && self.since(before) > since {
            before = self.places[before as usize].older;
        }
        let after = match before {
            NIL => std::mem::replace(&mut self.oldest, at),
            _ => std::mem::replace(&mut self.places[before as usize].newer, at),
        };
        match after {
            NIL => self.newest = at,
            _ => self.places[after as usize].older = at,
        }
        let place = &mut self.places[at as usize];
        (place.older, place.newer) = (before, after);
    }

    fn since(&self, at: u32) -> Tick {
        self.places[at as usize].entry().map_or(Tick::NEVER, |e| e.since)
    }

    fn link_by_key(&mut self, at: u32, tree: Tree, key: u64) {
        let known = self.places.len() + SPARE_KEYS;
        let keys = self.keys(tree);
        if keys.len() > 2 * known {
            keys.retain(|_, top| *top != NIL);
        }
        let top = keys.insert(key, at).unwrap_or(NIL);
        self.places[at as usize].below = top;
        if top != NIL {
            self.places[top as usize].above = at;
        }
    }

    fn keys(&mut self, tree: Tree) -> &mut Keys {
        match tree {
            Tree::Idle => &mut self.idle,
            Tree::Safe => &mut self.safe,
        }
    }

    /// Whether a connection is welcome because this thread has none that could serve as well.
    pub(crate) fn lacks(&self, tree: Tree) -> bool {
        self.waiting[Tree::Safe as usize] == 0
            && (tree == Tree::Safe || self.waiting[Tree::Idle as usize] == 0)
    }

    /// The last connection put under a key that is just like the one wanted.
    pub(crate) fn find(&self, tree: Tree, key: u64, mut alike: impl FnMut(&C) -> bool) -> Option<u32> {
        let keys = if tree == Tree::Idle { &self.idle } else { &self.safe };
        let mut at = *keys.get(&key)?;
        while at != NIL {
            let place = &self.places[at as usize];
            if place.entry().is_some_and(|e| alike(&e.connection)) {
                return Some(at);
            }
            at = place.below;
        }
        None
    }

    /// The place of a ticket, if the connection that it was given for is still there.
    pub(crate) fn valid(&self, ticket: Ticket) -> Option<u32> {
        let place = self.places.get(ticket.place as usize)?;
        (is_current(place, ticket) && place.entry().is_some()).then_some(ticket.place)
    }

    /// Whether a ticket's connection is there, or with somebody who may put it back.
    pub(crate) fn knows(&self, ticket: Ticket) -> bool {
        let place = self.places.get(ticket.place as usize);
        place.is_some_and(|p| is_current(p, ticket) && !matches!(p.content, Content::Free))
    }

    /// The connection at a place.
    pub(crate) fn at(&self, at: u32) -> Option<&Entry<C>> {
        self.places.get(at as usize)?.entry()
    }

    /// The shared connection that was not used for the longest time.
    pub(crate) fn least_recent(&self) -> Option<u32> {
        (self.oldest != NIL).then_some(self.oldest)
    }

    /// Takes a connection out, from whatever lists it is in.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Entry<C>> {
        let entry = self.vacate(at, Content::Free)?;
        self.free(at);
        Some(entry)
    }

    /// Takes a connection out for a while. Its place stays its own.
    pub(crate) fn hold(&mut self, at: u32) -> Option<Entry<C>> {
        self.vacate(at, Content::Held)
    }

    fn vacate(&mut self, at: u32, then: Content<C>) -> Option<Entry<C>> {
        let place = self.places.get_mut(at as usize)?;
        let entry = match std::mem::replace(&mut place.content, then) {
            Content::Waiting(entry) => entry,
            other => {
                place.content = other;
                return None;
            }
        };
        let links = [place.older, place.newer, place.above, place.below];
        if let Some(tree) = place.tree.take() {
            self.waiting[tree as usize] -= 1;
            self.unlink(tree, entry.key, links);
        }
        Some(entry)
    }

    fn free(&mut self, at: u32) {
        let place = &mut self.places[at as usize];
        place.void();
        place.content = Content::Free;
        place.newer = std::mem::replace(&mut self.free, at);
    }

    /// Puts a held connection back into its place, unless it was doomed meanwhile; gives it back then.
    pub(crate) fn restore(&mut self, ticket: Ticket, entry: Entry<C>) -> Result<(), Entry<C>> {
        let current = self.places[ticket.place as usize].generation == ticket.generation;
        if !current && !Mutation::PutBackIgnoresDoom.is_on() {
            return Err(entry);
        }
        let tree = entry.count.tree();
        let tree = if Mutation::PutBackElsewhere.is_on() { tree.map(other) } else { tree };
        self.fill(ticket.place, entry, tree);
        Ok(())
    }

    /// Whoever held the connection of a ticket has let it go for good.
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        if matches!(self.places[ticket.place as usize].content, Content::Held) {
            self.free(ticket.place);
        }
    }

    /// Sees to it that a ticket's connection does not come back, if somebody holds it.
    pub(crate) fn forbid(&mut self, ticket: Ticket) {
        if self.knows(ticket) {
            self.places[ticket.place as usize].void();
        }
    }

    fn unlink(&mut self, tree: Tree, key: u64, [older, newer, above, below]: [u32; 4]) {
        match older {
            NIL => self.oldest = newer,
            _ => self.places[older as usize].newer = newer,
        }
        match newer {
            NIL => self.newest = older,
            _ => self.places[newer as usize].older = older,
        }
        match above {
            NIL => {
                self.keys(tree).insert(key, below);
            }
            _ => self.places[above as usize].below = below,
        }
        if below != NIL {
            self.places[below as usize].above = above;
        }
    }

    /// Takes all out, private ones too; what is held will not come back.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry<C>> {
        for place in &mut self.places {
            if matches!(place.content, Content::Held) {
                place.void();
            }
        }
        (0..self.places.len() as u32).filter_map(|at| self.remove(at))
    }
}

fn is_current<C>(place: &Place<C>, ticket: Ticket) -> bool {
    place.generation == ticket.generation || Mutation::AnyGeneration.is_on()
}

/// The other tree, for the model that shows that it matters.
fn other(tree: Tree) -> Tree {
    if tree == Tree::Idle { Tree::Safe } else { Tree::Idle }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use std::sync::Arc;

    struct Bench {
        ledger: Arc<Ledger>,
        shard: Shard<&'static str>,
    }

    impl Bench {
        fn new() -> Self {
            Self { ledger: Arc::new(Ledger::new(1)), shard: Shard::default() }
        }

        fn put(&mut self, connection: &'static str, key: u64, tree: Tree, since: u64) -> Ticket {
            let count = Count::begin(&self.ledger).park(0, tree, None).unwrap();
            let entry = Entry { connection, count, key, since: Tick(since) };
            self.shard.insert(0, entry)
        }

        fn take(&mut self, tree: Tree, key: u64) -> Option<&'static str> {
            let at = self.shard.find(tree, key, |_| true)?;
            Some(self.shard.remove(at)?.connection)
        }
    }

    #[test]
    fn the_last_one_under_a_key_comes_first() {
        let mut b = Bench::new();
        b.put("a", 1, Tree::Idle, 1);
        b.put("b", 2, Tree::Idle, 2);
        b.put("c", 1, Tree::Idle, 3);
        b.put("d", 1, Tree::Safe, 4);
        assert_eq!(b.take(Tree::Idle, 1), Some("c"));
        assert_eq!(b.take(Tree::Idle, 1), Some("a"));
        assert_eq!(b.take(Tree::Idle, 1), None);
        assert_eq!(b.take(Tree::Safe, 1), Some("d"));
        assert_eq!(b.take(Tree::Idle, 2), Some("b"));
    }

    #[test]
    fn one_in_the_middle_of_a_key_can_leave() {
        let mut b = Bench::new();
        let tickets = ["a", "b", "c"].map(|c| b.put(c, 7, Tree::Safe, 1));
        let at = b.shard.valid(tickets[1]).unwrap();
        assert_eq!(b.shard.remove(at).unwrap().connection, "b");
        assert_eq!(b.shard.valid(tickets[1]), None);
        assert_eq!(b.take(Tree::Safe, 7), Some("c"));
        assert_eq!(b.take(Tree::Safe, 7), Some("a"));
    }

    #[test]
    fn the_oldest_is_the_one_that_waits_longest() {
        let mut b = Bench::new();
        b.put("newer", 1, Tree::Idle, 5);
        b.put("newest", 2, Tree::Safe, 9);
        b.put("went back", 3, Tree::Idle, 2);
        b.put("between", 4, Tree::Idle, 6);
        let mut order = Vec::new();
        while let Some(at) = b.shard.least_recent() {
            order.push(b.shard.remove(at).unwrap().connection);
        }
        assert_eq!(order, ["went back", "newer", "between", "newest"]);
    }

    #[test]
    fn a_ticket_is_void_once_its_place_is_given_away() {
        let mut b = Bench::new();
        let first = b.put("a", 1, Tree::Idle, 1);
        b.take(Tree::Idle, 1);
        let second = b.put("b", 1, Tree::Idle, 2);
        assert_eq!(first.place, second.place);
        assert_eq!(b.shard.valid(first), None);
        assert!(b.shard.valid(second).is_some());
        assert_eq!(Ticket::numbered(0, second.number()), second);
    }

    #[test]
    fn keys_that_nobody_uses_are_forgotten() {
        let mut b = Bench::new();
        for key in 0..10_000 {
            b.put("a", key, Tree::Idle, 1);
            assert_eq!(b.take(Tree::Idle, key), Some("a"));
        }
        assert!(b.shard.idle.len() < 200, "{}", b.shard.idle.len());
        assert_eq!(b.shard.places.len(), 1);
    }
}
