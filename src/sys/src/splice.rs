//! Moving bytes between sockets within the kernel, through a pipe.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::{check, retry};
use crate::socket::More;

/// A pipe that holds bytes on their way between two sockets.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    held: usize,
}

impl Pipe {
    /// A new pipe of the system's usual size.
    pub fn new() -> io::Result<Self> {
        let mut pair = [-1; 2];
        // SAFETY: the array holds the two descriptors, which are ours alone on success.
        let (read, write) = unsafe {
            check(libc::pipe2(pair.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK))?;
            (OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1]))
        };
        Ok(Self { read, write, held: 0 })
    }

    /// Asks for another size (`tune.pipesize`); tells the one granted.
    pub fn resize(&self, bytes: usize) -> io::Result<usize> {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        // SAFETY: plain integers.
        check(unsafe { libc::fcntl(self.write.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) }).map(|n| n as usize)
    }

    /// The bytes that are in the pipe.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Moves at most `max` bytes from a socket into the pipe; 0 is the end of the stream.
    /// `WouldBlock` says that the socket is empty or the pipe is full.
    pub fn fill(&mut self, from: BorrowedFd<'_>, max: usize) -> io::Result<usize> {
        let n = splice(from, self.write.as_fd(), max, 0)?;
        self.held += n;
        Ok(n)
    }

    /// Moves what the pipe holds to a socket; tells how many bytes went out.
    pub fn drain(&mut self, to: BorrowedFd<'_>, more: More) -> io::Result<usize> {
        let flag = match more {
            More::Yes => libc::SPLICE_F_MORE,
            More::No => 0,
        };
        let n = splice(self.read.as_fd(), to, self.held, flag)?;
        self.held -= n;
        Ok(n)
    }
}

fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize, more: libc::c_uint) -> io::Result<usize> {
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK | more;
    let null = std::ptr::null_mut();
    // SAFETY: plain descriptors and no offsets.
    retry(|| unsafe { libc::splice(from.as_raw_fd(), null, to.as_raw_fd(), null, len, flags) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{self, socket_pair};

    #[test]
    fn bytes_cross_the_pipe() {
        let (a, b) = socket_pair().unwrap();
        let (c, d) = socket_pair().unwrap();
        let mut pipe = Pipe::new().unwrap();
        assert_eq!(pipe.fill(b.as_fd(), 100).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        socket::send(a.as_fd(), b"hello", More::No).unwrap();
        assert_eq!(pipe.fill(b.as_fd(), 4).unwrap(), 4);
        assert_eq!(pipe.held(), 4);
        assert_eq!(pipe.drain(c.as_fd(), More::No).unwrap(), 4);
        assert_eq!(pipe.held(), 0);
        let mut got = [0; 8];
        assert_eq!(socket::recv(d.as_fd(), &mut got).unwrap(), 4);
        assert_eq!(&got[..4], b"hell");
        drop(a);
        assert_eq!(pipe.fill(b.as_fd(), 10).unwrap(), 1);
        assert_eq!(pipe.fill(b.as_fd(), 10).unwrap(), 0);
    }

    #[test]
    fn pipes_can_grow() {
        let pipe = Pipe::new().unwrap();
        assert!(pipe.resize(1 << 17).unwrap() >= 1 << 17);
    }
}
