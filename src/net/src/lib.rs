//! Sockets, listeners and connections.
//!
//! [`Socket`] is the one stream socket of the house, whether TCP, Multipath TCP or UNIX; it registers
//! with the event loop of the thread that first has to wait for it. [`listen::bind`] opens what a
//! `bind` line describes, [`connect::start`] begins a connection, and [`Deadline`] is the one timer of
//! a connection.

pub mod addr;
pub mod bind;
pub mod bind_options;
pub mod connect;
pub mod deadline;
pub mod fetches;
pub mod handover;
pub mod listen;
pub mod listener;
pub mod options;
pub mod pipe;
pub mod resolve;
pub mod socket;
pub mod threads;
mod unix;

pub use addr::destination_of;
pub use bind::{BindDraft, BindDrafts, DIRECTIVES};
pub use bind_options::{AcceptProxy, BIND_OPTIONS, ListenerSettings, Protocol};
pub use connect::{ConnectError, ConnectErrorKind, ConnectSpec, Connecting};
pub use deadline::Deadline;
pub use fetches::{FETCHES, round_trip};
pub use handover::Inherited;
pub use listen::{BindError, BoundListener, ListenAddr, ListenSpec};
pub use listener::{AcceptError, Accepted, Listener};
pub use options::StreamOptions;
pub use pipe::PipeLease;
pub use resolve::{resolve, resolve_with_port};
pub use socket::{DetachedSocket, Socket, Spliced};
pub use sys::namespace::Namespace;
pub use sys::options::{KeepAlive, Switch, TcpInfo};
pub use sys::reactor::open_descriptors;
pub use sys::socket::{More, Transport};
pub use threads::{Shards, ThreadNumber, ThreadSet};
