//! The frontends' listeners, as the runtime API pauses and stops them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use net::BoundListener;
use stream::ListenerFacts;

/// What a frontend's listeners do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Door {
    /// They accept.
    Open = 0,
    /// They wait for `enable frontend`.
    Paused = 1,
    /// They are gone for good.
    Stopped = 2,
}

/// The listeners of all frontends.
#[derive(Debug, Default)]
pub struct Traffic {
    frontends: Vec<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    bound: Vec<(Arc<BoundListener>, Arc<ListenerFacts>)>,
    door: AtomicU8,
}

impl Traffic {
    /// The listeners of that many frontends.
    pub fn new(frontends: usize, bound: &[(Arc<BoundListener>, Arc<ListenerFacts>)]) -> Self {
        let mut all: Vec<Listeners> = (0..frontends).map(|_| Listeners::default()).collect();
        for (listener, facts) in bound {
            if let Some(frontend) = all.get_mut(facts.frontend) {
                frontend.bound.push((Arc::clone(listener), Arc::clone(facts)));
            }
        }
        Self { frontends: all }
    }

    /// How many listeners there are that are not stopped.
    pub fn listening(&self) -> usize {
        let open = |i: &usize| self.door(*i) != Door::Stopped;
        (0..self.frontends.len()).filter(open).map(|i| self.frontends[i].bound.len()).sum()
    }

    /// What is known of a frontend's listeners.
    pub fn listeners(&self, frontend: usize) -> impl Iterator<Item = &ListenerFacts> {
        self.frontends.get(frontend).into_iter().flat_map(|f| f.bound.iter().map(|(_, facts)| &**facts))
    }

    /// What a frontend's listeners do.
    pub fn door(&self, frontend: usize) -> Door {
        match self.frontends.get(frontend).map(|f| f.door.load(Ordering::Relaxed)) {
            Some(1) => Door::Paused,
            Some(2) => Door::Stopped,
            _ => Door::Open,
        }
    }

    /// Makes them accept, wait, or leave.
    ///
    /// # Errors
    /// When the system does not let them.
    pub fn set(&self, frontend: usize, door: Door) -> std::io::Result<()> {
        let Some(listeners) = self.frontends.get(frontend) else { return Ok(()) };
        for (listener, _) in &listeners.bound {
            match door {
                Door::Open => listener.resume()?,
                Door::Paused => listener.pause()?,
                Door::Stopped => listener.stop(),
            }
        }
        listeners.door.store(door as u8, Ordering::Relaxed);
        Ok(())
    }
}
