//! What is under way in the process now, for expressions that ask about more than their own stream.
//!
//! Proxies are named by their place in the draft, as references in expressions have it.

use std::fmt::Debug;
use std::time::Duration;

use base::clock::Tick;

/// Live figures of the process, its proxies and its servers. Asking takes no lock.
pub trait World: Debug + Send + Sync {
    /// Client connections that are served.
    fn connections(&self) -> u64;
    /// Whether the process is about to end.
    fn is_stopping(&self) -> bool;
    /// How long it has been running.
    fn uptime(&self, now: Tick) -> Duration;
    /// How busy the calling thread is, in percent.
    fn thread_usage(&self, now: Tick) -> u8;
    /// How busy all threads are on average, in percent.
    fn process_usage(&self, now: Tick) -> u8;
    /// The number of the calling thread, from 0, and of its group.
    fn thread(&self) -> (usize, usize);

    /// The place of the proxy with this `id`.
    fn proxy_of_id(&self, id: u32) -> Option<usize>;
    /// The place of the frontend of this name.
    fn frontend_named(&self, name: &[u8]) -> Option<usize>;
    /// The place of the backend of this name.
    fn backend_named(&self, name: &[u8]) -> Option<usize>;
    /// The `id` of the server of this name.
    fn server_named(&self, backend: usize, name: &[u8]) -> Option<u32>;

    /// Figures of a frontend.
    fn frontend(&self, proxy: usize, now: Tick) -> Option<FrontendFigures>;
    /// Figures of a backend.
    fn backend(&self, proxy: usize, now: Tick) -> Option<BackendFigures>;
    /// Room in a backend, for which all of its servers are looked at.
    fn room(&self, proxy: usize) -> Option<Room>;
    /// Figures of a server.
    fn server(&self, proxy: usize, id: u32, now: Tick) -> Option<ServerFigures>;
}

/// A frontend now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrontendFigures {
    /// Connections.
    pub connections: u64,
    /// New sessions a second.
    pub session_rate: u64,
    /// Requests a second.
    pub request_rate: u64,
}

/// A backend now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackendFigures {
    /// Streams.
    pub connections: u64,
    /// New sessions a second.
    pub session_rate: u64,
    /// Those that wait for it or for one of its servers.
    pub queued: u64,
    /// Servers that new requests may go to.
    pub usable: u64,
}

/// How many more a backend takes; none where a limit is missing that would say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// On its servers and in their queues.
    pub slots: Option<i64>,
    /// On its usable servers.
    pub free: Option<i64>,
}

/// A server now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerFigures {
    /// Streams that it serves.
    pub connections: u64,
    /// How many it serves at most; 0 for any number.
    pub limit: u64,
    /// Those that wait for it.
    pub queued: u64,
    /// New sessions a second.
    pub session_rate: u32,
    /// Whether it works.
    pub up: bool,
    /// Its weight in the balancing now.
    pub weight: u32,
    /// Its weight as the operator sees it.
    pub user_weight: u32,
    /// Its configured weight.
    pub initial_weight: u32,
}
