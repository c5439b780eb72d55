//! What went wrong, in the system's words.

use std::ffi::CStr;
use std::fmt;
use std::io;

/// A system call that failed, and what it was to achieve.
#[derive(Debug)]
pub struct Error {
    what: String,
    source: io::Error,
}

impl Error {
    /// Ties a failure to what was being done, as in "cannot chroot to /var/empty".
    pub fn new(what: impl Into<String>, source: io::Error) -> Self {
        Self { what: what.into(), source }
    }

    /// The system's error number, if it was the system that refused.
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// The system's error alone.
    pub fn into_io(self) -> io::Error {
        self.source
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, reason(&self.source))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The text of an error without the number that the standard library adds, as strerror(3) gives it.
pub fn reason(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), errno_text)
}

/// The text of an error number.
pub fn errno_text(errno: i32) -> String {
    let mut text = [0; 128];
    // SAFETY: the buffer is writable for the length given; the XSI variant ends it with a zero.
    let failed = unsafe { libc::strerror_r(errno, text.as_mut_ptr().cast(), text.len()) } != 0;
    match CStr::from_bytes_until_nul(&text) {
        Ok(text) if !failed => text.to_string_lossy().into_owned(),
        _ => format!("error {errno}"),
    }
}

/// The error numbers that other rooms tell apart.
pub mod errno {
    pub use libc::{
        EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EMFILE, ENETDOWN,
        ENETUNREACH, ENFILE, ENOBUFS, ENOENT, ENOMEM, EPERM, EPROTO, ETIMEDOUT,
    };
}

/// Turns the -1 of a system call into its error.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same for calls that return a length; restarts what a signal interrupted.
pub(crate) fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let result = call();
        if result >= 0 {
            return Ok(result as usize);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_no_number() {
        assert_eq!(reason(&io::Error::from_raw_os_error(libc::EADDRINUSE)), "Address already in use");
        assert_eq!(errno_text(libc::EADDRNOTAVAIL), "Cannot assign requested address");
    }

    #[test]
    fn an_error_names_what_was_being_done() {
        let e = Error::new("cannot chroot to /x", io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(e.to_string(), "cannot chroot to /x (No such file or directory)");
        assert_eq!(e.errno(), Some(libc::ENOENT));
    }
}
