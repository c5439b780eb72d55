//! What the program says of itself, and what it started from.

use net::BoundListener;

use crate::load::Load;

/// What the program says of itself, and what it started from.
#[derive(Debug, Default)]
pub struct Program {
    /// The full version.
    pub version: String,
    /// Its date.
    pub date: String,
    /// `description` of `global`.
    pub description: Option<String>,
    /// The environment as the configuration left it.
    pub environment: Vec<(String, String)>,
    /// Every listening socket of the process, for the next process to take.
    pub listeners: Vec<BoundListener>,
    /// How many sockets of the runtime API there are.
    pub sockets: usize,
    /// `maxconn` of the process as it started; what it is now is the site's.
    pub maxconn: u64,
    /// When the process started.
    pub started: base::clock::WallTime,
    /// How long that took, in milliseconds.
    pub boot_millis: u64,
    /// Warnings given while starting.
    pub warnings: u64,
    /// How busy it is.
    pub load: Load,
}
