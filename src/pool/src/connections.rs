//! A server's connections as those see them who need not know what a connection is.

use std::any::Any;
use std::fmt::Debug;

use crate::ledger::Figures;

/// The connections of one server.
pub trait Connections: Any + Debug + Send + Sync {
    /// The figures now.
    fn figures(&self) -> Figures;

    /// The idle connections of each thread.
    fn idle_by_thread(&self) -> Vec<u64>;

    /// Closes those that wait, and keeps none from now on.
    fn close(&self);

    /// Keeps connections again.
    fn open(&self);

    /// Closes those that wait: they go where the server no longer is.
    fn renew(&self);

    /// Whether the server can be removed: it is closed, and no connection to it is left.
    fn is_deserted(&self) -> bool;
}
