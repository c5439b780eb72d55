//! The options that both accepted and connecting stream sockets take.

use std::io;
use std::os::fd::BorrowedFd;

use sys::options::{self, KeepAlive, Switch};
use sys::socket::Domain;

/// What to set on a stream socket. `None` leaves the system's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOptions {
    /// Send small segments at once; on unless told otherwise.
    pub no_delay: Switch,
    /// Probe idle connections (`option tcpka` and its like).
    pub keep_alive: Option<KeepAlive>,
    /// Reset instead of ending in order when closing (`option nolinger`).
    pub reset_on_close: Switch,
    /// `tune.rcvbuf.client`, `tune.rcvbuf.server`.
    pub receive_buffer: Option<u32>,
    /// `tune.sndbuf.client`, `tune.sndbuf.server`.
    pub send_buffer: Option<u32>,
    /// `tune.notsent-lowat.client`, `tune.notsent-lowat.server`.
    pub notsent_lowat: Option<u32>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            no_delay: Switch::On,
            keep_alive: None,
            reset_on_close: Switch::Off,
            receive_buffer: None,
            send_buffer: None,
            notsent_lowat: None,
        }
    }
}

impl StreamOptions {
    /// Sets the options. On a listener they pass on to what it accepts, which saves their calls for
    /// each connection.
    pub(crate) fn apply(&self, fd: BorrowedFd<'_>, domain: Domain) -> io::Result<()> {
        if let Some(bytes) = self.receive_buffer {
            options::receive_buffer(fd, bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            options::send_buffer(fd, bytes)?;
        }
        if domain == Domain::Unix {
            return Ok(());
        }
        if self.no_delay == Switch::On {
            options::no_delay(fd)?;
        }
        if let Some(how) = self.keep_alive {
            options::keep_alive(fd, how)?;
        }
        if self.reset_on_close == Switch::On {
            options::reset_on_close(fd, Switch::On)?;
        }
        if let Some(bytes) = self.notsent_lowat {
            options::notsent_lowat(fd, bytes)?;
        }
        Ok(())
    }
}
