//! Every order in which two threads can step through the pool, and three within a bound of preemptions.
//!
//! An actor does what one thread does at a time. Each scenario sets the scene anew for every order, lets its actors
//! run, and then looks: nothing that was doomed can be had, and every figure is what can be counted by hand.
//!
//! `contrib/check/models` runs these; `--full` adds all triples, `--mutations` leaves out one guard after the other.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex as Shelf};
use std::time::Duration;

use base::clock::Tick;
use loom::thread;

use crate::*;

/// A connection, counted as long as it exists. Its counter is no part of what is modelled.
#[derive(Debug)]
struct Probe {
    id: usize,
    alive: Arc<AtomicUsize>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// What an actor still has at its end.
enum Has {
    Used(Used<Probe>),
    Private(Private<Probe>),
    Doomed(Doomed<Probe>),
}

/// What an actor finds at its beginning: one idle connection of thread 0 with its ticket, one of a session, and one in
/// use for each actor.
struct Scene {
    pool: Arc<ServerPool<Probe>>,
    alive: Arc<AtomicUsize>,
    idle: Ticket,
    own: Ticket,
    busy: Shelf<Vec<Used<Probe>>>,
}

#[derive(Clone, Copy)]
struct Actor {
    name: &'static str,
    act: fn(&Scene) -> Vec<Has>,
}

const NOW: Tick = Tick(5);

fn make(pool: &ServerPool<Probe>, alive: &Arc<AtomicUsize>, id: usize) -> Used<Probe> {
    alive.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    pool.seat().occupy(Probe { id, alive: alive.clone() }, 0)
}

/// The number of the connection that waits for anybody.
const IDLE: usize = 0;
/// The number of the connection that waits for its session.
const OWN: usize = 1;

impl Scene {
    fn new(actors: usize, settings: Settings) -> Self {
        let pool = ServerPool::new(settings, 2);
        let alive = Arc::default();
        // Made first, so that as many as there are count as needed.
        let busy = (0..actors).map(|n| make(&pool, &alive, 2 + n)).collect();
        let idle = pool.put(0, make(&pool, &alive, IDLE), NOW, Descriptors::Plenty).unwrap();
        let own = pool.rest(0, make(&pool, &alive, OWN).into_private(), NOW).unwrap();
        Self { pool: Arc::new(pool), alive, idle, own, busy: Shelf::new(busy) }
    }

    fn gift(&self) -> Used<Probe> {
        self.busy.lock().unwrap().pop().unwrap()
    }

    fn take(&self, thread: usize) -> Option<Used<Probe>> {
        let order = Order::IdleThenSafe;
        let search = Search { thread, key: 0, order, reach: 0..2, descriptors: Descriptors::Plenty };
        let taken = self.pool.take(&search, |_| true).map(|(used, _)| used);
        if let Some(used) = &taken {
            assert_ne!(used.id, OWN, "a session's own connection was given to somebody else");
        }
        taken
    }

    fn put(&self, thread: usize, used: Used<Probe>) -> Vec<Has> {
        match self.pool.put(thread, used, NOW, Descriptors::Plenty) {
            Ok(_) => Vec::new(),
            Err((_, used)) => vec![Has::Used(used)],
        }
    }
}

/// Looks what happened on a connection, and puts it back.
fn look(s: &Scene, ticket: Ticket) -> Vec<Has> {
    let Some(held) = s.pool.detach(ticket) else { return Vec::new() };
    held.put_back().err().map(Has::Doomed).into_iter().collect()
}

/// Finds that the peer has closed.
fn lose(s: &Scene, ticket: Ticket) -> Vec<Has> {
    s.pool.detach(ticket).map(|held| Has::Doomed(held.doom())).into_iter().collect()
}

fn doomed(doomed: impl IntoIterator<Item = Doomed<Probe>>) -> Vec<Has> {
    doomed.into_iter().map(Has::Doomed).collect()
}

const fn actor(name: &'static str, act: fn(&Scene) -> Vec<Has>) -> Actor {
    Actor { name, act }
}

static ACTORS: &[Actor] = &[
    actor("the owner looks", |s| look(s, s.idle)),
    actor("the owner finds it closed", |s| lose(s, s.idle)),
    actor("the owner takes", |s| s.take(0).map(Has::Used).into_iter().collect()),
    actor("another thread takes over", |s| s.take(1).map(Has::Used).into_iter().collect()),
    actor("a request comes and goes", |s| match s.take(1) {
        Some(used) => s.put(1, used),
        None => Vec::new(),
    }),
    actor("one is given back", |s| s.put(0, s.gift())),
    actor("one is closed", |s| {
        drop(s.gift());
        Vec::new()
    }),
    actor("one becomes private", |s| vec![Has::Private(s.gift().into_private())]),
    actor("the purge", |s| doomed(s.pool.purge())),
    actor("too many descriptors", |s| doomed(s.pool.doom_one(0))),
    actor("maintenance", |s| doomed(s.pool.close())),
    actor("maintenance ends", |s| {
        s.pool.open();
        Vec::new()
    }),
    actor("all are doomed", |s| doomed(s.pool.doom_all())),
    actor("the session looks for its own", |s| {
        s.pool.rouse(s.own, |_, _| true).map(Has::Private).into_iter().collect()
    }),
    actor("the session ends", |s| doomed(s.pool.doom(s.own))),
    actor("the owner looks at the session's", |s| look(s, s.own)),
];

/// How many times a thread may be interrupted where it could go on.
type Preemptions = Option<usize>;

/// As often as it can: every order there is.
const ANY: Preemptions = None;

fn model(preemptions: Preemptions, scenario: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(scenario);
}

fn settings() -> Settings {
    Settings { purge_delay: Duration::from_secs(1), ..Settings::default() }
}

/// Runs actors at once: all but the last have threads of their own.
fn play(scene: &Arc<Scene>, actors: &[Actor]) -> Vec<Has> {
    let (last, others) = actors.split_last().unwrap();
    let start = |actor: &Actor| {
        let (scene, act) = (scene.clone(), actor.act);
        let results = Arc::new(Shelf::new(None));
        let shelf = results.clone();
        let handle = thread::spawn(move || *shelf.lock().unwrap() = Some(act(&scene)));
        (handle, results)
    };
    let started: Vec<_> = others.iter().map(start).collect();
    let mut has = (last.act)(scene);
    for (handle, results) in started {
        handle.join().unwrap();
        has.extend(results.lock().unwrap().take().unwrap());
    }
    has
}

/// After all actors have ended: figures against what can be counted.
fn judge(scene: &Scene, has: Vec<Has>, actors: &[Actor]) {
    let pool = &scene.pool;
    let figures = pool.figures();
    let left = scene.busy.lock().unwrap().len();
    let of = |pick: fn(&Has) -> bool| has.iter().filter(|h| pick(h)).count();
    let used = left + of(|h| matches!(h, Has::Used(c) if c.id != OWN));
    let private = of(|h| matches!(h, Has::Private(c) if c.id != IDLE));
    let doomed_idle = of(|h| matches!(h, Has::Doomed(d) if d.tree().is_some()));
    let doomed_own = of(|h| matches!(h, Has::Doomed(d) if d.tree().is_none()));
    let closed = pool.is_closed();
    let names: Vec<_> = actors.iter().map(|a| a.name).collect();

    // What was doomed, and can be had all the same?
    let waiting = pool.doom_all();
    let shared = waiting.iter().filter(|w| w.tree().is_some()).count();
    assert!(!closed || waiting.is_empty(), "{names:?}: a connection waits for a closed server");
    let swept = names.contains(&"all are doomed");
    let (found, ids) = (&waiting, [IDLE, OWN]);
    let survivors =
        found.iter().filter(|w| ids.contains(&w.id) && !names.contains(&"a request comes and goes"));
    assert!(!swept || survivors.count() == 0, "{names:?}: a doomed connection is back");
    let never_used_again = waiting.iter().filter(|w| w.id == IDLE && w.tree() == Some(Tree::Safe)).count();
    assert!(never_used_again == 0 || names.contains(&"a request comes and goes"), "{names:?}: wrong tree");

    assert_eq!(figures.used as usize, used, "{names:?}: used");
    assert_eq!(figures.idle as usize, shared + doomed_idle, "{names:?}: idle");
    assert_eq!(figures.idle, figures.idle_tree + figures.safe_tree, "{names:?}: the trees");
    assert_eq!(pool.idle_by_thread().sum::<u64>(), figures.idle, "{names:?}: the threads");
    let of_first = waiting.iter().filter(|w| w.tree().is_some() && w.owner() == 0).count()
        + of(|h| matches!(h, Has::Doomed(d) if d.tree().is_some() && d.owner() == 0));
    assert_eq!(pool.idle_by_thread().next(), Some(of_first as u64), "{names:?}: thread 0");
    let resting = waiting.len() - shared;
    assert_eq!(figures.private as usize, private + resting + doomed_own, "{names:?}: private");
    let alive = scene.alive.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(figures.live as usize, alive, "{names:?}: all connections");
    assert_eq!((figures.used + figures.idle + figures.private) as usize, alive, "{names:?}: the sum");

    drop((has, waiting));
    scene.busy.lock().unwrap().clear();
    let end = pool.figures();
    let rest = [end.used, end.idle, end.idle_tree, end.safe_tree, end.private, end.private_idle, end.live];
    assert_eq!(rest, [0; 7], "{names:?}: what is left at the end");
    assert_eq!(pool.is_deserted(), closed, "{names:?}");
}

fn run(preemptions: Preemptions, actors: Vec<Actor>) {
    model(preemptions, move || {
        let scene = Arc::new(Scene::new(actors.len(), settings()));
        let has = play(&scene, &actors);
        judge(&scene, has, &actors);
    });
}

/// Each actor with itself and with those after it.
fn pairs_of(first: usize) {
    for second in &ACTORS[first..] {
        run(ANY, vec![ACTORS[first], *second]);
    }
}

macro_rules! pairs {
    ($($name:ident = $first:literal),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                pairs_of($first);
            }
        )*

        #[test]
        fn every_actor_has_its_pairs() {
            assert_eq!([$($first),*].len(), ACTORS.len());
        }
    };
}

pairs! {
    pairs_00 = 0, pairs_01 = 1, pairs_02 = 2, pairs_03 = 3, pairs_04 = 4, pairs_05 = 5, pairs_06 = 6, pairs_07 = 7,
    pairs_08 = 8, pairs_09 = 9, pairs_10 = 10, pairs_11 = 11, pairs_12 = 12, pairs_13 = 13, pairs_14 = 14,
    pairs_15 = 15,
}

/// All triples that begin with one actor.
fn triples_of(first: usize) {
    for (place, second) in ACTORS.iter().enumerate().skip(first) {
        for third in &ACTORS[place..] {
            run(Some(3), vec![ACTORS[first], *second, *third]);
        }
    }
}

macro_rules! triples {
    ($($name:ident = $first:literal),* $(,)?) => {$(
        #[test]
        #[ignore = "takes minutes: part of the full set"]
        fn $name() {
            triples_of($first);
        }
    )*};
}

triples! {
    triples_00 = 0, triples_01 = 1, triples_02 = 2, triples_03 = 3, triples_04 = 4, triples_05 = 5, triples_06 = 6,
    triples_07 = 7, triples_08 = 8, triples_09 = 9, triples_10 = 10, triples_11 = 11, triples_12 = 12,
    triples_13 = 13, triples_14 = 14, triples_15 = 15,
}

#[test]
fn the_limit_of_idle_connections_holds_for_all_threads_together() {
    model(ANY, || {
        let scene = Arc::new(Scene::new(2, Settings { max: Some(2), ..settings() }));
        let give = [actor("gives", |s| s.put(0, s.gift())), actor("gives", |s| s.put(1, s.gift()))];
        let has = play(&scene, &give);
        assert_eq!((scene.pool.figures().idle, has.len()), (2, 1));
    });
}

#[test]
fn a_strict_limit_holds_for_all_threads_together() {
    model(ANY, || {
        let pool = Arc::new(ServerPool::<()>::new(settings(), 2));
        let other = pool.clone();
        let handle = thread::spawn(move || other.seat_within(1).map(std::mem::forget).is_some());
        let here = pool.seat_within(1).map(std::mem::forget).is_some();
        assert!(handle.join().unwrap() != here);
        assert_eq!(pool.figures().live, 1);
    });
}

#[test]
fn a_busy_neighbour_is_not_waited_for() {
    model(ANY, || {
        let scene = Scene::new(0, settings());
        let taken = scene.pool.while_busy(0, || scene.take(1).is_some());
        assert!(!taken && scene.take(1).is_some());
    });
}

#[test]
fn a_void_ticket_is_good_for_nobody_else() {
    model(ANY, || {
        let scene = Scene::new(1, settings());
        let first = scene.take(0);
        let put = scene.put(0, scene.gift());
        assert!(first.is_some() && put.is_empty());
        assert!(scene.pool.detach(scene.idle).is_none());
    });
}

#[test]
fn what_goes_back_is_not_proven_by_that() {
    model(ANY, || {
        let scene = Arc::new(Scene::new(0, settings()));
        let other = scene.clone();
        let handle = thread::spawn(move || drop(look(&other, other.idle)));
        let (order, descriptors) = (Order::Safe, Descriptors::Plenty);
        let safe = Search { thread: 1, key: 0, order, reach: 0..2, descriptors };
        assert!(scene.pool.take(&safe, |_| true).is_none());
        handle.join().unwrap();
        assert!(scene.pool.take(&safe, |_| true).is_none());
    });
}

/// No observer ever sees fewer connections than there are.
fn observed(act: fn(&Scene) -> Vec<Has>) {
    model(ANY, move || {
        let scene = Arc::new(Scene::new(1, settings()));
        let other = scene.clone();
        let handle = thread::spawn(move || {
            let figures = other.pool.figures();
            assert!(figures.used + figures.idle + figures.private >= 3, "{figures:?}");
        });
        let has = act(&scene);
        handle.join().unwrap();
        drop(has);
    });
}

#[test]
fn a_connection_that_is_taken_is_always_seen() {
    observed(|s| s.take(0).map(Has::Used).into_iter().collect());
}

#[test]
fn a_connection_that_is_given_back_is_always_seen() {
    observed(|s| s.put(0, s.gift()));
}

#[test]
fn a_connection_that_becomes_private_is_always_seen() {
    observed(|s| vec![Has::Private(s.gift().into_private())]);
}

#[test]
fn a_server_is_deserted_only_when_it_is() {
    model(ANY, || {
        let scene = Arc::new(Scene::new(1, settings()));
        let other = scene.clone();
        let handle = thread::spawn(move || {
            drop(other.pool.close());
            let alive = |s: &Scene| s.alive.load(std::sync::atomic::Ordering::Relaxed);
            assert!(!other.pool.is_deserted() || alive(&other) == 0);
        });
        // It never goes away: it only changes hands.
        let private = scene.gift().into_private();
        handle.join().unwrap();
        assert_eq!(private.id, 2);
    });
}

#[test]
fn whoever_puts_one_into_an_empty_pool_has_it_purged() {
    model(ANY, || {
        let scene = Arc::new(Scene::new(1, settings()));
        assert!(scene.pool.begin_purging());
        drop(scene.take(0));
        let other = scene.clone();
        let purge = thread::spawn(move || other.pool.end_purging());
        let put = scene.put(1, scene.gift());
        let begun = scene.pool.begin_purging();
        let ended = purge.join().unwrap();
        // One of the two goes on, and only one.
        assert!(put.is_empty() && (begun == ended), "begun {begun}, ended {ended}");
    });
}
