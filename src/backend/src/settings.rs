//! What the configuration says of backends and their servers.

use std::sync::Arc;
use std::time::Duration;

use config::{Place, Setting, Slots};
use grammar::address::Address;

use crate::cookie::Stickiness;
use crate::dial::Source;
use crate::retry::RetryOn;

/// A `server` line.
#[derive(Debug, Default)]
pub struct ServerDraft {
    /// Its name.
    pub name: Arc<str>,
    /// Its address as written.
    pub address: Option<Address>,
    /// The address as written, for messages.
    pub written: String,
    /// Where it stands.
    pub place: Place,
    /// Its settings, by feature.
    pub slots: Slots,
}

/// The servers of a proxy, and what `default-server` set so far.
#[derive(Debug, Default)]
pub struct ServerDrafts {
    /// The servers in order.
    pub list: Vec<ServerDraft>,
    /// The settings that the next servers start from.
    pub defaults: Slots,
}

impl Clone for ServerDrafts {
    fn clone(&self) -> Self {
        Self { list: Vec::new(), defaults: self.defaults.inherited() }
    }
}

/// `default-server` is inherited, servers are not.
impl Setting for ServerDrafts {}

/// The options of a server that concern balancing and limits.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// `weight`, 0 to 256.
    pub weight: u32,
    /// `backup`.
    pub role: Role,
    /// `disabled`.
    pub start: Start,
    /// `maxconn`; 0 for no limit.
    pub maxconn: u64,
    /// `minconn`: the limit while the backend is idle; 0 when it does not depend on that.
    pub minconn: u64,
    /// `maxqueue`; 0 for no limit.
    pub maxqueue: u64,
    /// `id`.
    pub id: Option<u32>,
    /// `pool-max-conn`, `pool-low-conn`, `pool-purge-delay`.
    pub pool: pool::Settings,
    /// `max-reuse`: how often a connection is used again at most; `None` for no limit.
    pub max_reuse: Option<u32>,
    /// What `maxconn` limits.
    pub limited: Limited,
    /// `idle-ping`, for protocols that can ask whether the peer is still there.
    pub idle_ping: Option<Duration>,
    /// `cookie`: the value that stands for it.
    pub cookie: Option<Box<[u8]>>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            weight: 1,
            role: Role::Active,
            start: Start::Enabled,
            maxconn: 0,
            minconn: 0,
            maxqueue: 0,
            id: None,
            pool: pool::Settings::default(),
            max_reuse: None,
            limited: Limited::Requests,
            idle_ping: None,
            cookie: None,
        }
    }
}

impl Setting for ServerSettings {}

/// What a server's `maxconn` limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limited {
    /// Requests under way.
    #[default]
    Requests,
    /// Connections too, idle ones among them (`strict-maxconn`).
    Connections,
}

/// When a server is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Always.
    #[default]
    Active,
    /// When no active server is left.
    Backup,
}

/// How a server starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Ready.
    #[default]
    Enabled,
    /// In maintenance.
    Disabled,
}

/// The keywords of a backend that concern balancing and connecting.
#[derive(Clone, Debug)]
pub struct BackendSettings {
    /// `balance`.
    pub algorithm: Algorithm,
    /// `retries`.
    pub retries: u32,
    /// `retry-on`.
    pub retry_on: RetryOn,
    /// `option redispatch`: after how many attempts another server is tried; 0 never, negative counts
    /// from the last.
    pub redispatch: i32,
    /// `option allbackups`.
    pub all_backups: bool,
    /// `fullconn`.
    pub fullconn: u64,
    /// `source`, for servers without their own.
    pub source: Option<Source>,
    /// `http-reuse`.
    pub reuse: pool::Reuse,
    /// `max-keep-alive-queue`: how many may wait for a server for it to be preferred; no limit without.
    pub keep_alive_queue: Option<u64>,
    /// `option prefer-last-server`.
    pub preferred: Preferred,
    /// `cookie`, `dynamic-cookie-key`.
    pub cookies: Stickiness,
}

/// The server that a session's later requests go to where none is prescribed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preferred {
    /// The one whose turn it is.
    #[default]
    Balanced,
    /// The one to which the session has a connection of its own.
    Last,
}

impl Default for BackendSettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::RoundRobin,
            retries: 3,
            retry_on: RetryOn::default(),
            redispatch: 0,
            all_backups: false,
            fullconn: 0,
            source: None,
            reuse: pool::Reuse::default(),
            keep_alive_queue: None,
            preferred: Preferred::default(),
            cookies: Stickiness::default(),
        }
    }
}

impl Setting for BackendSettings {}

impl Algorithm {
    /// Whether it may choose any server for a stream, whatever that brings.
    pub fn is_free(self) -> bool {
        matches!(self, Self::RoundRobin | Self::First | Self::LeastConn)
    }
}

/// How servers are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// `roundrobin`: each in turn, by weight.
    #[default]
    RoundRobin,
    /// `first`: the first one that has a free connection slot.
    First,
    /// `leastconn`: the one with the fewest connections.
    LeastConn,
}
