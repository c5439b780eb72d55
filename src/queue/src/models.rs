//! Every order in which two or three threads can step through a queue, within a bound of preemptions.
//!
//! After each order: nobody waits while a slot is free that he could have, and no slot is lost or had twice.

use std::sync::Arc;
use std::task::{Context, Waker};

use loom::thread;

use super::*;

#[derive(Debug)]
struct Window {
    key: usize,
    slots: Slots,
}

impl Desk for Window {
    fn slots(&self) -> &Slots {
        &self.slots
    }

    fn limit(&self) -> u64 {
        1
    }

    fn is_open(&self) -> bool {
        true
    }
}

type Rooms = (Arc<Queue<Window>>, [Arc<Window>; 2]);

fn rooms() -> Rooms {
    (Arc::default(), [0, 1].map(|key| Arc::new(Window { key, slots: Slots::default() })))
}

fn model(scenario: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(scenario);
}

/// What a stream has once it has come.
enum Has {
    Slot(Arc<Window>),
    Ticket(Ticket<Window>),
}

/// Comes as a stream does that may go to any server, the first one first.
fn come((queue, windows): &Rooms) -> Has {
    for window in windows {
        if queue.enter(window) {
            return Has::Slot(window.clone());
        }
    }
    Has::Ticket(queue.wait_for_any(windows, Order::default()))
}

/// Comes for the first server only.
fn come_for_first((queue, windows): &Rooms) -> Has {
    if queue.enter(&windows[0]) {
        return Has::Slot(windows[0].clone());
    }
    Has::Ticket(queue.wait_for(&windows[0], 0, Order::default()).unwrap())
}

/// Leaves what it has: a slot after its service, a line because it has no more patience.
fn go((queue, _): &Rooms, has: Has) {
    match has {
        Has::Slot(window) => queue.leave(&window),
        Has::Ticket(ticket) => drop(ticket),
    }
}

/// Those who hold a ticket that was called have a slot.
fn settle(has: Has) -> Has {
    let Has::Ticket(mut ticket) = has else { return has };
    match ticket.poll(&Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(Outcome::Admitted(window)) => Has::Slot(window),
        _ => Has::Ticket(ticket),
    }
}

/// Compares the figures with what is held.
fn look((queue, windows): &Rooms, has: &[Has]) {
    let tickets = has.iter().filter(|h| matches!(h, Has::Ticket(_))).count();
    for window in windows {
        let serves = |h: &&Has| matches!(h, Has::Slot(w) if w.key == window.key);
        let served = has.iter().filter(serves).count() as u64;
        assert_eq!(window.slots.served(), served, "each slot is held once");
        assert!(served <= 1);
        let free = served == 0;
        assert!(
            !free || (queue.waiting() == 0 && window.slots.waiting() == 0),
            "a slot is free, and one waits"
        );
    }
    let own: u64 = windows.iter().map(|w| w.slots.waiting()).sum();
    assert_eq!(queue.waiting() + own, tickets as u64);
}

#[test]
fn a_slot_that_is_given_back_meets_one_who_comes() {
    model(|| {
        let rooms = rooms();
        let (first, second) = (come(&rooms), come(&rooms));
        let other = rooms.clone();
        let leaver = thread::spawn(move || {
            go(&other, first);
            go(&other, second);
        });
        let mine = come(&rooms);
        leaver.join().unwrap();
        let mine = settle(mine);
        look(&rooms, std::slice::from_ref(&mine));
        assert!(matches!(mine, Has::Slot(_)), "two slots are free for one stream");
    });
}

#[test]
fn one_who_gives_up_meets_the_slot_that_comes_to_him() {
    model(|| {
        let rooms = rooms();
        let held = [come(&rooms), come(&rooms)];
        let (impatient, patient) = (come(&rooms), come(&rooms));
        let other = rooms.clone();
        let leaver = thread::spawn(move || held.into_iter().for_each(|h| go(&other, h)));
        go(&rooms, impatient);
        leaver.join().unwrap();
        let patient = settle(patient);
        look(&rooms, std::slice::from_ref(&patient));
        assert!(matches!(patient, Has::Slot(_)));
    });
}

#[test]
fn two_come_while_one_leaves() {
    model(|| {
        let rooms = rooms();
        let (held, kept) = (come_for_first(&rooms), come(&rooms));
        let (one, two) = (rooms.clone(), rooms.clone());
        let comer = thread::spawn(move || come_for_first(&one));
        let leaver = thread::spawn(move || go(&two, held));
        let mine = come(&rooms);
        let theirs = comer.join().unwrap();
        leaver.join().unwrap();
        look(&rooms, &[settle(mine), settle(theirs), kept]);
    });
}

#[test]
fn those_who_are_sent_away_meet_the_slot() {
    model(|| {
        let rooms = rooms();
        let (held, kept) = (come_for_first(&rooms), come(&rooms));
        let waiting = come_for_first(&rooms);
        let other = rooms.clone();
        let leaver = thread::spawn(move || go(&other, held));
        rooms.0.send_away_from(&rooms.1[0]);
        leaver.join().unwrap();
        let has = match settle(waiting) {
            Has::Slot(window) => vec![Has::Slot(window), kept],
            Has::Ticket(gone) => {
                drop(gone);
                vec![kept]
            }
        };
        look(&rooms, &has);
    });
}
