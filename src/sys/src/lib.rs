//! Every raw system call: ids, limits, sockets, descriptor passing, splice, fork; the only room with `unsafe`.
//!
//! Everything here is Linux. What the rest of the house calls is safe, speaks in standard types, and
//! reports the system's own reason for a failure.

#![warn(clippy::pedantic)]
#![warn(clippy::undocumented_unsafe_blocks)]
#![expect(
    clippy::module_name_repetitions,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "the workspace's short list of exceptions, which this room's manifest cannot inherit"
)]

pub mod addr;
pub mod cpu;
pub mod crypt;
pub mod error;
pub mod fdpass;
pub mod ids;
pub mod limits;
pub mod namespace;
pub mod options;
pub mod process;
pub mod random;
pub mod reactor;
pub mod signal;
pub mod socket;
pub mod splice;
pub mod time;

pub use addr::{SockAddr, SockName};
pub use error::{Error, reason};
