//! The pool, one step after the other: examples, and random steps against a plain model of the figures.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use base::clock::Tick;
use proptest::prelude::*;

use crate::*;

/// A connection that can be told from others, and that is counted as long as it exists.
#[derive(Debug)]
struct Conn {
    id: u32,
    alive: Rc<Cell<u64>>,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

struct Bench {
    pool: ServerPool<Conn>,
    alive: Rc<Cell<u64>>,
    ids: u32,
}

const PLENTY: Descriptors = Descriptors::Plenty;

impl Bench {
    fn new(settings: Settings, threads: usize) -> Self {
        Self { pool: ServerPool::new(settings, threads), alive: Rc::default(), ids: 0 }
    }

    fn connect(&mut self, key: u64) -> Used<Conn> {
        let seat = self.pool.seat();
        self.ids += 1;
        self.alive.set(self.alive.get() + 1);
        seat.occupy(Conn { id: self.ids, alive: self.alive.clone() }, key)
    }

    /// New connections that all wait on one thread.
    fn fill(&mut self, thread: usize, n: usize) -> Vec<Ticket> {
        let conns: Vec<_> = (0..n).map(|_| self.connect(0)).collect();
        let put = |c| self.pool.put(thread, c, Tick(u64::from(self.ids)), PLENTY).unwrap();
        conns.into_iter().map(put).collect()
    }

    fn take(&self, thread: usize, order: Order) -> Option<Used<Conn>> {
        let search = Search { thread, key: 0, order, reach: 0..8, descriptors: PLENTY };
        self.pool.take(&search, |_| true).map(|(used, _)| used)
    }
}

fn settings() -> Settings {
    Settings::default()
}

#[test]
fn a_connection_is_proven_once_it_was_taken_again() {
    let mut b = Bench::new(settings(), 1);
    b.fill(0, 1);
    assert_eq!((b.pool.figures().idle_tree, b.pool.figures().safe_tree), (1, 0));
    assert!(b.take(0, Order::Safe).is_none());
    let used = b.take(0, Order::IdleThenSafe).unwrap();
    assert_eq!(b.pool.figures().used, 1);
    b.pool.put(0, used, Tick(2), PLENTY).unwrap();
    assert_eq!((b.pool.figures().idle_tree, b.pool.figures().safe_tree), (0, 1));
    assert!(b.take(0, Order::Safe).is_some());
    assert_eq!(b.alive.get(), 0);
}

#[test]
fn always_prefers_proven_ones_of_others_to_unproven_ones_of_its_own() {
    let mut b = Bench::new(settings(), 2);
    let used = b.connect(0).proven();
    b.pool.put(1, used, Tick(1), PLENTY).unwrap();
    b.fill(0, 1);
    assert_eq!(b.take(0, Order::SafeThenIdle).unwrap().id, 1);
    assert_eq!(b.take(0, Order::SafeThenIdle).unwrap().id, 2);
    assert!(b.take(0, Order::SafeThenIdle).is_none());
}

#[test]
fn only_threads_in_reach_are_robbed() {
    let mut b = Bench::new(settings(), 4);
    b.fill(3, 1);
    let reach = |reach| Search { thread: 0, key: 0, order: Order::IdleThenSafe, reach, descriptors: PLENTY };
    assert!(b.pool.take(&reach(0..0), |_| true).is_none());
    assert!(b.pool.take(&reach(0..2), |_| true).is_none());
    assert_eq!(b.pool.take(&reach(2..4), |_| true).map(|(_, from)| from), Some(3));
}

#[test]
fn nobody_is_robbed_below_the_low_mark_while_descriptors_are_plenty() {
    let mut b = Bench::new(Settings { low: 2, ..settings() }, 2);
    b.fill(1, 1);
    assert!(b.take(0, Order::IdleThenSafe).is_none());
    let mut search = Search {
        thread: 0,
        key: 0,
        order: Order::IdleThenSafe,
        reach: 0..2,
        descriptors: Descriptors::Scarce,
    };
    let (used, from) = b.pool.take(&search, |_| true).unwrap();
    assert_eq!(from, 1);
    b.pool.put(1, used, Tick(1), PLENTY).unwrap();
    b.fill(1, 1);
    search.descriptors = PLENTY;
    assert!(b.pool.take(&search, |_| true).is_some());
}

#[test]
fn only_equals_are_taken() {
    let mut b = Bench::new(settings(), 1);
    let conns = [b.connect(1), b.connect(2)];
    for conn in conns {
        b.pool.put(0, conn, Tick(1), PLENTY).unwrap();
    }
    let search = Search { thread: 0, key: 2, order: Order::IdleThenSafe, reach: 0..1, descriptors: PLENTY };
    assert!(b.pool.take(&search, |c| c.id != 2).is_none());
    assert_eq!(b.pool.take(&search, |_| true).unwrap().0.id, 2);
}

#[test]
fn a_connection_is_refused_for_a_reason() {
    let refusal = |settings, descriptors| {
        let mut b = Bench::new(settings, 1);
        let used = b.connect(0);
        let refusal = b.pool.put(0, used, Tick(1), descriptors).unwrap_err().0;
        assert_eq!(b.pool.figures().live, 0);
        refusal
    };
    assert_eq!(refusal(Settings { max: Some(0), ..settings() }, PLENTY), Refusal::Full);
    assert_eq!(refusal(Settings { purge_delay: Duration::ZERO, ..settings() }, PLENTY), Refusal::NoTime);
    let mut b = Bench::new(Settings { max: Some(2), ..settings() }, 1);
    let used = b.connect(0);
    b.fill(0, 2);
    assert_eq!(b.pool.put(0, used, Tick(1), PLENTY).unwrap_err().0, Refusal::Full);
    assert_eq!(refusal(settings(), Descriptors::Short), Refusal::Descriptors);
    let mut b = Bench::new(settings(), 1);
    let [one, more] = [b.connect(0), b.connect(0)];
    assert!(b.pool.put(0, one, Tick(1), Descriptors::Scarce).is_ok(), "a thread may have one");
    assert_eq!(b.pool.put(0, more, Tick(1), Descriptors::Scarce).unwrap_err().0, Refusal::Descriptors);
    b.fill(0, 1);
    assert!(b.pool.close().len() == 2 && b.pool.is_closed());
    let used = b.connect(0);
    assert_eq!(b.pool.put(0, used, Tick(1), PLENTY).unwrap_err().0, Refusal::Closed);
    b.pool.open();
    assert_eq!(b.fill(0, 1).len(), 1);
}

#[test]
fn more_than_needed_are_not_kept() {
    let mut b = Bench::new(settings(), 1);
    b.fill(0, 2);
    // Two purges forget that two were needed at once.
    drop(b.pool.purge());
    drop(b.pool.purge());
    let waiting = b.pool.figures().idle;
    let used = b.take(0, Order::IdleThenSafe).unwrap();
    let more = b.connect(0);
    assert!(b.pool.put(0, used, Tick(9), PLENTY).is_ok());
    let surplus = b.pool.put(0, more, Tick(9), PLENTY);
    assert_eq!(b.pool.figures().idle, waiting + u64::from(surplus.is_ok()));
    let low = Settings { low: 10, ..settings() };
    let mut b = Bench::new(low, 1);
    assert_eq!(b.fill(0, 10).len(), 10);
}

#[test]
fn half_of_what_nobody_needs_is_purged_the_oldest_first() {
    let mut b = Bench::new(settings(), 2);
    b.fill(0, 8);
    assert_eq!(b.pool.figures().recent_max, 8);
    assert!(b.pool.purge().is_empty(), "all of them were needed until now");
    assert_eq!((b.pool.figures().need, b.pool.figures().recent_max), (8, 0));
    assert!(b.pool.purge().is_empty(), "the estimate remembers");
    assert_eq!(b.pool.figures().need, 4);
    let purged: Vec<u32> = b.pool.purge().iter().map(|c| c.id).collect();
    assert_eq!(purged, [1, 2]);
    assert_eq!(b.pool.figures().need, 2);
    assert_eq!(b.pool.purge().len(), 2);
    assert_eq!(b.pool.figures().idle, 4);
}

#[test]
fn what_is_purged_counts_as_idle_until_it_is_gone() {
    let mut b = Bench::new(settings(), 1);
    b.fill(0, 1);
    let doomed = b.pool.close();
    assert!(b.take(0, Order::IdleThenSafe).is_none());
    let figures = b.pool.figures();
    assert_eq!((figures.used, figures.idle, figures.idle_tree), (0, 1, 1));
    assert!(!b.pool.is_deserted());
    drop(doomed);
    assert_eq!(b.pool.figures().idle, 0);
    assert!(b.pool.is_deserted());
}

#[test]
fn what_is_held_goes_back_unless_it_was_doomed() {
    let mut b = Bench::new(settings(), 1);
    let tickets = b.fill(0, 2);
    let held = b.pool.detach(tickets[0]).unwrap();
    assert!(b.pool.detach(tickets[0]).is_none());
    assert_eq!((held.id, held.tree()), (1, Some(Tree::Idle)));
    held.put_back().unwrap();
    let held = b.pool.detach(tickets[0]).unwrap();
    assert!(b.pool.doom(tickets[0]).is_none());
    assert_eq!(held.put_back().unwrap_err().id, 1);
    let held = b.pool.detach(tickets[1]).unwrap();
    assert_eq!(b.pool.doom_all().len(), 0);
    assert_eq!(held.put_back().unwrap_err().id, 2);
    assert_eq!((b.pool.figures().live, b.alive.get()), (0, 0));
    assert_eq!(b.fill(0, 1)[0].thread(), 0);
}

#[test]
fn a_session_keeps_so_many_and_closes_them_at_its_end() {
    struct Server(Rc<ServerPool<Conn>>);
    impl Pooled<Conn> for Server {
        fn pool(&self) -> &ServerPool<Conn> {
            &self.0
        }
    }
    let pool = Rc::new(ServerPool::new(settings(), 1));
    let alive: Rc<Cell<u64>> = Rc::default();
    let private = |id| {
        alive.set(alive.get() + 1);
        pool.seat().occupy(Conn { id, alive: alive.clone() }, 7).into_private()
    };
    let mut own = Own::new();
    let first = own.rest(Server(pool.clone()), 0, private(1), Tick(1), 2).unwrap();
    own.rest(Server(pool.clone()), 0, private(2), Tick(2), 2).unwrap();
    assert!(own.rest(Server(pool.clone()), 0, private(3), Tick(3), 2).is_err());
    assert_eq!((pool.figures().private, pool.figures().private_idle), (2, 2));
    // The first is held by whoever watches it: it still has its place, but cannot be had.
    let held = pool.detach(first).unwrap();
    assert_eq!(own.servers().count(), 2);
    assert_eq!(own.rouse(&Server(pool.clone()), |key, _| key == 7).unwrap().id, 2);
    held.put_back().unwrap();
    assert!(own.rouse(&Server(pool.clone()), |key, _| key == 8).is_none());
    assert!(pool.doom(first).is_some());
    assert_eq!(own.servers().count(), 0);
    own.rest(Server(pool.clone()), 0, private(4), Tick(4), 2).unwrap();
    drop(own);
    assert_eq!((pool.figures().live, alive.get()), (0, 0));
}

#[test]
fn a_purge_begins_once_and_ends_when_nothing_waits() {
    let mut b = Bench::new(settings(), 1);
    b.fill(0, 1);
    assert!(b.pool.begin_purging() && !b.pool.begin_purging());
    assert!(!b.pool.end_purging());
    drop(b.take(0, Order::IdleThenSafe));
    assert!(b.pool.end_purging() && b.pool.begin_purging());
}

#[test]
fn a_connection_is_doomed_to_make_room_wherever_one_is() {
    let mut b = Bench::new(settings(), 3);
    b.fill(0, 2);
    b.fill(2, 1);
    let order: Vec<u32> = (0..4).filter_map(|_| b.pool.doom_one(0)).map(|c| c.id).collect();
    assert_eq!(order, [1, 2, 3]);
}

#[test]
fn a_strict_limit_counts_all_connections() {
    let mut b = Bench::new(settings(), 1);
    b.fill(0, 1);
    let private = b.connect(0).into_private();
    assert!(b.pool.seat_within(2).is_none());
    drop(private);
    assert!(b.pool.seat_within(2).is_some());
}

#[derive(Clone, Debug)]
enum Step {
    Connect(u64),
    Put(usize, usize),
    Take(usize, u64, bool),
    Detach(usize),
    PutBack(usize),
    DoomHeld(usize),
    Doom(usize),
    Purge,
    Close,
    Open,
    DropUsed(usize),
    DropDoomed(usize),
    Seclude(usize),
    Rest(usize),
    Rouse(usize),
    DropPrivate(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..4_usize;
    prop_oneof![
        (0..2_u64).prop_map(Step::Connect),
        (n.clone(), 0..2_usize).prop_map(|(i, t)| Step::Put(i, t)),
        (0..2_usize, 0..2_u64, any::<bool>()).prop_map(|(t, k, safe)| Step::Take(t, k, safe)),
        n.clone().prop_map(Step::Detach),
        n.clone().prop_map(Step::PutBack),
        n.clone().prop_map(Step::DoomHeld),
        n.clone().prop_map(Step::Doom),
        Just(Step::Purge),
        Just(Step::Close),
        Just(Step::Open),
        n.clone().prop_map(Step::DropUsed),
        n.clone().prop_map(Step::DropDoomed),
        n.clone().prop_map(Step::Seclude),
        n.clone().prop_map(Step::Rest),
        n.clone().prop_map(Step::Rouse),
        n.prop_map(Step::DropPrivate),
    ]
}

/// Ticket, tree, thread, number, key.
type Waiting = (Ticket, Option<Tree>, usize, u32, u64);

/// Everything there is, by state: the figures follow from it.
struct Plain<'p> {
    used: Vec<Used<Conn>>,
    private: Vec<Private<Conn>>,
    /// Tickets of what waits or is held, with tree and thread.
    waiting: Vec<Waiting>,
    /// With thread, key, and whether it was doomed meanwhile.
    held: Vec<(Held<'p, Conn>, usize, u64, bool)>,
    doomed: Vec<(Doomed<Conn>, usize)>,
    closed: bool,
}

fn pick<T>(from: &mut Vec<T>, index: usize) -> Option<T> {
    if from.is_empty() { None } else { Some(from.swap_remove(index % from.len())) }
}

impl<'p> Plain<'p> {
    fn forget(&mut self, id: u32) -> Option<Waiting> {
        let at = self.waiting.iter().position(|w| w.3 == id)?;
        Some(self.waiting.swap_remove(at))
    }

    fn all_doomed(&mut self, doomed: Vec<Doomed<Conn>>) {
        for d in doomed {
            let (_, _, thread, ..) = self.forget(d.id).expect("only what waits is doomed");
            self.doomed.push((d, thread));
        }
    }

    fn run(
        &mut self,
        pool: &'p ServerPool<Conn>,
        step: &Step,
        now: u64,
        fresh: &mut dyn FnMut(u64) -> Used<Conn>,
    ) {
        match *step {
            Step::Connect(key) => self.used.push(fresh(key)),
            Step::Put(i, thread) => self.put(pool, i, thread, now),
            Step::Take(thread, key, safe) => {
                let order = if safe { Order::Safe } else { Order::IdleThenSafe };
                let search = Search { thread, key, order, reach: 0..2, descriptors: PLENTY };
                match pool.take(&search, |_| true) {
                    Some((used, from)) => {
                        let (_, tree, thread, ..) = self.forget(used.id).expect("it waited");
                        assert!(thread == from && (tree == Some(Tree::Safe) || !safe));
                        self.used.push(used);
                    }
                    None => assert!(!self.waiting.iter().any(|w| {
                        let suits = w.1 == Some(Tree::Safe) || (w.1.is_some() && !safe);
                        suits && w.4 == key && (w.2 == thread || pool.figures().idle >= pool.settings().low)
                    })),
                }
            }
            Step::Detach(i) => {
                if let Some(&(ticket, tree, thread, id, key)) = self.waiting.get(i) {
                    let held = pool.detach(ticket).expect("it waits");
                    assert_eq!((held.id, held.tree()), (id, tree));
                    self.held.push((held, thread, key, false));
                    self.forget(id);
                    assert!(pool.detach(ticket).is_none() && pool.knows(ticket));
                }
            }
            Step::PutBack(i) => {
                if let Some((held, thread, key, spoilt)) = pick(&mut self.held, i) {
                    let (ticket, tree, id) = (held.ticket(), held.tree(), held.id);
                    match held.put_back() {
                        Ok(()) => {
                            assert!(!spoilt);
                            self.waiting.push((ticket, tree, thread, id, key));
                        }
                        Err(doomed) => {
                            assert!(spoilt);
                            self.doomed.push((doomed, thread));
                        }
                    }
                }
            }
            Step::DoomHeld(i) => {
                if let Some((held, thread, ..)) = pick(&mut self.held, i) {
                    self.doomed.push((held.doom(), thread));
                }
            }
            Step::Doom(i) => {
                if let Some(&(ticket, ..)) = self.waiting.get(i) {
                    self.all_doomed(pool.doom(ticket).into_iter().collect());
                } else if let Some((held, .., spoilt)) = self.held.get_mut(0) {
                    assert!(pool.doom(held.ticket()).is_none());
                    *spoilt = true;
                }
            }
            Step::Purge => self.all_doomed(pool.purge()),
            Step::Close => {
                self.closed = true;
                self.held.iter_mut().for_each(|h| h.3 = true);
                self.all_doomed(pool.close());
                assert!(self.waiting.is_empty());
            }
            Step::Open => {
                self.closed = false;
                pool.open();
            }
            Step::DropUsed(i) => drop(pick(&mut self.used, i)),
            Step::DropDoomed(i) => drop(pick(&mut self.doomed, i)),
            Step::Seclude(i) => self.private.extend(pick(&mut self.used, i).map(Used::into_private)),
            Step::Rest(i) => {
                if let Some(private) = pick(&mut self.private, i) {
                    let (id, key) = (private.id, private.key());
                    match pool.rest(i % 2, private, Tick(now)) {
                        Ok(ticket) => self.waiting.push((ticket, None, i % 2, id, key)),
                        Err(private) => {
                            assert!(self.closed);
                            self.private.push(private);
                        }
                    }
                }
            }
            Step::Rouse(i) => {
                let resting: Vec<_> = self.waiting.iter().filter(|w| w.1.is_none()).copied().collect();
                if let Some(&(ticket, _, _, id, _)) = resting.get(i) {
                    self.private.push(pool.rouse(ticket, |_, c| c.id == id).expect("it rests"));
                    self.forget(id);
                }
            }
            Step::DropPrivate(i) => drop(pick(&mut self.private, i)),
        }
    }

    fn put(&mut self, pool: &ServerPool<Conn>, i: usize, thread: usize, now: u64) {
        let Some(used) = pick(&mut self.used, i) else { return };
        let (id, key) = (used.id, used.key());
        match pool.put(thread, used, Tick(now), PLENTY) {
            Ok(ticket) => {
                assert!(!self.closed);
                let held = pool.detach(ticket).expect("it waits");
                let tree = held.tree();
                held.put_back().expect("nobody doomed it");
                self.waiting.push((ticket, tree, thread, id, key));
            }
            Err((refusal, used)) => {
                assert_eq!(refusal == Refusal::Closed, self.closed);
                self.used.push(used);
            }
        }
    }

    fn figures(&self) -> [u64; 6] {
        let trees = || {
            let waiting = self.waiting.iter().map(|w| w.1);
            let held = self.held.iter().map(|h| h.0.tree());
            waiting.chain(held).chain(self.doomed.iter().map(|d| d.0.tree()))
        };
        let count = |wanted: Option<Tree>| trees().filter(|t| *t == wanted).count() as u64;
        let (idle, safe) = (count(Some(Tree::Idle)), count(Some(Tree::Safe)));
        let resting = count(None);
        [self.used.len() as u64, idle + safe, idle, safe, self.private.len() as u64 + resting, resting]
    }

    fn by_thread(&self, thread: usize) -> u64 {
        let waiting = self.waiting.iter().filter(|w| w.1.is_some() && w.2 == thread).count();
        let held = self.held.iter().filter(|h| h.0.tree().is_some() && h.1 == thread).count();
        let doomed = self.doomed.iter().filter(|d| d.0.tree().is_some() && d.1 == thread).count();
        (waiting + held + doomed) as u64
    }
}

proptest! {
    #[test]
    fn figures_follow_every_sequence_of_steps(
        steps in proptest::collection::vec(step(), 1..200),
        max in proptest::option::of(1..6_u64),
        low in 0..5_u64,
    ) {
        let pool = ServerPool::new(Settings { max, low, ..settings() }, 2);
        let alive: Rc<Cell<u64>> = Rc::default();
        let mut ids = 0;
        let mut fresh = |key| {
            ids += 1;
            alive.set(alive.get() + 1);
            pool.seat().occupy(Conn { id: ids, alive: alive.clone() }, key)
        };
        let mut plain = Plain {
            used: Vec::new(),
            private: Vec::new(),
            waiting: Vec::new(),
            held: Vec::new(),
            doomed: Vec::new(),
            closed: false,
        };
        for (now, step) in steps.into_iter().enumerate() {
            plain.run(&pool, &step, now as u64 + 1, &mut fresh);
            let f = pool.figures();
            prop_assert_eq!(
                [f.used, f.idle, f.idle_tree, f.safe_tree, f.private, f.private_idle],
                plain.figures()
            );
            prop_assert_eq!(f.used + f.idle + f.private, alive.get());
            prop_assert_eq!(f.live, alive.get());
            prop_assert!(max.is_none_or(|max| f.idle <= max));
            for (thread, idle) in pool.idle_by_thread().enumerate() {
                prop_assert_eq!(idle, plain.by_thread(thread));
            }
        }
        drop(plain);
        drop(pool.doom_all());
        prop_assert_eq!((pool.figures().live, alive.get()), (0, 0));
    }
}
