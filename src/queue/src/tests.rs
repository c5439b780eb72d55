use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

#[derive(Debug)]
struct Window {
    key: usize,
    slots: Slots,
    limit: AtomicU64,
    open: AtomicBool,
}

impl Desk for Window {
    fn slots(&self) -> &Slots {
        &self.slots
    }

    fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

fn window(key: usize, limit: u64) -> Arc<Window> {
    let (slots, limit, open) = (Slots::default(), AtomicU64::new(limit), AtomicBool::new(true));
    Arc::new(Window { key, slots, limit, open })
}

fn queue() -> Arc<Queue<Window>> {
    Arc::default()
}

/// What a ticket was called for.
#[derive(Debug, PartialEq)]
enum Called {
    To(usize),
    Away,
}

fn called(ticket: &mut Ticket<Window>) -> Option<Called> {
    match ticket.poll(&Context::from_waker(Waker::noop())) {
        Poll::Pending => None,
        Poll::Ready(Outcome::Admitted(window)) => Some(Called::To(window.key)),
        Poll::Ready(Outcome::SentAway) => Some(Called::Away),
    }
}

#[test]
fn a_slot_goes_to_whoever_waited_for_longest() {
    let (q, a, b) = (queue(), window(1, 1), window(2, 1));
    assert!(q.enter(&a) && q.enter(&b) && !q.enter(&a) && !q.has_room(&b));
    let mut any = q.wait_for_any([&a, &b], Order::default());
    let mut own = q.wait_for(&a, 0, Order::default()).unwrap();
    let mut late = q.wait_for_any([&a, &b], Order::default());
    assert_eq!((any.ahead(), own.ahead(), late.ahead()), (0, 0, 1));
    assert_eq!((q.waiting(), q.common_max.get(), a.slots.waiting()), (2, 2, 1));
    q.leave(&a);
    assert_eq!((called(&mut any), called(&mut own)), (Some(Called::To(1)), None));
    q.leave(&b);
    assert_eq!((called(&mut own), called(&mut late)), (None, Some(Called::To(2))));
    q.leave(&a);
    assert_eq!(called(&mut own), Some(Called::To(1)));
    assert_eq!((a.slots.served(), b.slots.served(), q.waiting()), (1, 1, 0));
}

#[test]
fn a_server_that_is_not_open_serves_its_own_line_only() {
    let (q, a) = (queue(), window(1, 1));
    assert!(q.enter(&a));
    let (mut any, mut own) =
        (q.wait_for_any([&a], Order::default()), q.wait_for(&a, 0, Order::default()).unwrap());
    a.open.store(false, Ordering::Relaxed);
    q.leave(&a);
    assert_eq!((called(&mut any), called(&mut own)), (None, Some(Called::To(1))));
    q.leave(&a);
    assert_eq!(called(&mut any), None);
    a.open.store(true, Ordering::Relaxed);
    q.admit(&a);
    assert_eq!(called(&mut any), Some(Called::To(1)));
}

#[test]
fn who_leaves_the_line_is_passed_over_and_loses_no_slot() {
    let (q, a) = (queue(), window(1, 1));
    assert!(q.enter(&a));
    let (gone, called_and_gone) =
        (q.wait_for_any([&a], Order::default()), q.wait_for_any([&a], Order::default()));
    drop(gone);
    q.leave(&a);
    assert_eq!((a.slots.served(), q.waiting()), (1, 0));
    drop(called_and_gone);
    assert_eq!((a.slots.served(), q.has_room(&a)), (0, true));
}

#[test]
fn lines_have_limits_and_limits_change() {
    let (q, a) = (queue(), window(1, 1));
    assert!(q.enter(&a));
    let mut first = q.wait_for(&a, 1, Order::default()).unwrap();
    assert_eq!(q.wait_for(&a, 1, Order::default()).map(drop), Err(Full));
    a.limit.store(2, Ordering::Relaxed);
    q.admit(&a);
    assert_eq!(called(&mut first), Some(Called::To(1)));
    assert_eq!((a.slots.served(), a.slots.waiting(), a.slots.waiting_max.get()), (2, 0, 1));
}

#[test]
fn those_whose_server_is_lost_choose_again() {
    let (q, a) = (queue(), window(1, 1));
    assert!(q.enter(&a));
    let (mut own, mut any) =
        (q.wait_for(&a, 0, Order::default()).unwrap(), q.wait_for_any([&a], Order::default()));
    assert_eq!((q.send_away_from(&a), called(&mut own)), (1, Some(Called::Away)));
    assert_eq!((q.send_all_away(), called(&mut any)), (1, Some(Called::Away)));
    assert_eq!((q.waiting(), a.slots.waiting(), a.slots.served()), (0, 0, 1));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Come(usize),
    ComeTo(usize),
    Leave(usize),
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3usize).prop_map(Step::Come),
        (0..3usize).prop_map(Step::ComeTo),
        (0..8usize).prop_map(Step::Leave),
        (0..8usize).prop_map(Step::GiveUp),
    ]
}

proptest! {
    /// Whatever happens: no server serves more than its limit, no free slot is left while somebody waits who could
    /// have it, and all figures agree with what is held.
    #[test]
    fn no_slot_is_lost(steps in prop::collection::vec(step(), 0..60)) {
        let (q, windows) = (queue(), [window(0, 1), window(1, 2), window(2, 1)]);
        let (mut held, mut tickets) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Come(w) | Step::ComeTo(w) if q.enter(&windows[w]) => held.push(w),
                Step::Come(_) => tickets.push(q.wait_for_any(&windows, Order::default())),
                Step::ComeTo(w) => tickets.push(q.wait_for(&windows[w], 0, Order::default()).unwrap()),
                Step::Leave(i) if i < held.len() => q.leave(&windows[held.swap_remove(i)]),
                Step::GiveUp(i) if i < tickets.len() => drop(tickets.swap_remove(i)),
                Step::Leave(_) | Step::GiveUp(_) => {}
            }
            let mut at = 0;
            while at < tickets.len() {
                if let Some(Called::To(key)) = called(&mut tickets[at]) {
                    held.push(key);
                    drop(tickets.swap_remove(at));
                } else {
                    at += 1;
                }
            }
            for (w, window) in windows.iter().enumerate() {
                let serves = held.iter().filter(|h| **h == w).count() as u64;
                prop_assert_eq!(window.slots.served(), serves);
                prop_assert!(serves <= window.limit());
                let free = serves < window.limit();
                prop_assert!(!free || (q.waiting() == 0 && window.slots.waiting() == 0));
            }
            let own: u64 = windows.iter().map(|w| w.slots.waiting()).sum();
            prop_assert_eq!(q.waiting() + own, tickets.len() as u64);
        }
    }
}
