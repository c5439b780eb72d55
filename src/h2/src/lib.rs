//! The HTTP/2 codec (RFC 9113), free of I/O.
//!
//! A [`Connection`] takes the bytes that came from the peer, keeps what they say for the streams that they belong to,
//! and collects the bytes that go to the peer. Whoever serves a stream polls it for its head and its body; whoever
//! serves the connection feeds it and sends its output. Both are woken when there is something for them.

mod code;
mod connection;
mod frame;
pub mod hpack;
mod message;
mod settings;
mod state;
mod stream;

pub use code::Code;
pub use connection::{Appetite, Connection, Counts, Intake, Refused, Role};
pub use message::{Protocol, RequestInfo, Verdict};
pub use settings::{ExtendedConnect, Settings, Strictness};
pub use stream::{End, Gone, Key, Reading};

/// The bytes that every client sends first (RFC 9113, section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
