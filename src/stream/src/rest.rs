//! Connections that wait for work, at the price of a place in a list.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::conn::Conn;
use crate::session::Session;

/// Those that rest on one thread.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    places: RefCell<Places>,
    /// How often they were all called.
    calls: Cell<u32>,
}

#[derive(Debug, Default)]
struct Places {
    wakers: Vec<Option<Waker>>,
    free: Vec<u32>,
}

impl Resting {
    /// Wakes all of them.
    pub(crate) fn call(&self) {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.places.borrow().wakers.iter().flatten().for_each(Waker::wake_by_ref);
    }

    fn enter(&self, waker: &Waker) -> u32 {
        let mut places = self.places.borrow_mut();
        if let Some(place) = places.free.pop() {
            places.wakers[place as usize] = Some(waker.clone());
            return place;
        }
        places.wakers.push(Some(waker.clone()));
        places.wakers.len() as u32 - 1
    }

    fn leave(&self, place: u32) {
        let mut places = self.places.borrow_mut();
        places.wakers[place as usize] = None;
        places.free.push(place);
    }
}

/// A session at rest: until there is something to read, until its deadline, or until all are called.
pub(crate) struct Rest<'s> {
    session: &'s mut Session,
    conn: &'s Conn,
    /// The place in the list, and how often all had been called before.
    place: Option<(u32, u32)>,
}

impl<'s> Rest<'s> {
    pub(crate) fn new(session: &'s mut Session, conn: &'s Conn) -> Self {
        Self { session, conn, place: None }
    }
}

impl Future for Rest<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let resting = &this.session.worker.resting;
        // The task is always the same, and so is its waker.
        let (_, calls) = *this.place.get_or_insert_with(|| (resting.enter(cx.waker()), resting.calls.get()));
        if calls != resting.calls.get() || this.conn.poll_news(cx).is_ready() {
            return Poll::Ready(());
        }
        this.session.deadline.poll_expired(cx)
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if let Some((place, _)) = self.place {
            self.session.worker.resting.leave(place);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    pub(crate) struct Bell(AtomicU32);

    impl Bell {
        pub(crate) fn rung(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_who_rest_are_called_and_nobody_else() {
        let resting = Resting::default();
        let bells: Vec<_> = (0..3).map(|_| Arc::new(Bell::default())).collect();
        let places: Vec<_> = bells.iter().map(|b| resting.enter(&Waker::from(b.clone()))).collect();
        resting.leave(places[1]);
        resting.call();
        let rung: Vec<_> = bells.iter().map(|b| b.rung()).collect();
        assert_eq!(rung, [1, 0, 1]);
        assert_eq!(resting.enter(&Waker::from(bells[1].clone())), places[1], "places are used again");
        assert_eq!(resting.places.borrow().wakers.len(), 3);
    }
}
