//! Passing descriptors to another process over a UNIX socket.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::error::retry;

/// The most descriptors that the kernel passes with one message.
pub const MAX_FDS: usize = 253;

/// Room for the control message of `MAX_FDS` descriptors, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

// SAFETY: CMSG_SPACE only computes a length.
const CONTROL: usize = unsafe { libc::CMSG_SPACE((MAX_FDS * size_of::<RawFd>()) as u32) } as usize;

/// Sends bytes with descriptors; the receiver gets duplicates. Tells how many bytes went out.
pub fn send(over: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if fds.len() > MAX_FDS || bytes.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let mut control = Control([0; CONTROL]);
    let payload = fds.len() * size_of::<RawFd>();
    let mut piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: an all-zero header is a valid empty one.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut piece;
    header.msg_iovlen = 1;
    if !fds.is_empty() {
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: the control buffer is aligned and has room for MAX_FDS descriptors; both macros
        // compute places within it from the header just filled in.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(payload as u32) as usize;
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(payload as u32) as usize;
            let data = libc::CMSG_DATA(first);
            for (i, fd) in fds.iter().enumerate() {
                let number = fd.as_raw_fd().to_ne_bytes();
                data.add(i * number.len()).copy_from_nonoverlapping(number.as_ptr(), number.len());
            }
        }
    }
    // SAFETY: header, piece and control stay valid during the call.
    retry(|| unsafe { libc::sendmsg(over.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) })
}

/// Receives bytes and the descriptors that came with them, close-on-exec. No bytes: the end.
pub fn recv(over: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = Control([0; CONTROL]);
    let mut piece = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: an all-zero header is a valid empty one.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut piece;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL;
    // SAFETY: header, piece and control are writable and stay valid during the call.
    let got = retry(|| unsafe { libc::recvmsg(over.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) })?;
    let mut fds = Vec::new();
    // SAFETY: the kernel has filled in the control buffer; the macros walk within the length that it
    // reported, and every descriptor in it is new and ours alone.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&raw const header);
        while !at.is_null() {
            if (*at).cmsg_level == libc::SOL_SOCKET && (*at).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*at).cmsg_len - libc::CMSG_LEN(0) as usize;
                let data = std::slice::from_raw_parts(libc::CMSG_DATA(at), bytes);
                for &number in data.as_chunks::<4>().0 {
                    fds.push(OwnedFd::from_raw_fd(RawFd::from_ne_bytes(number)));
                }
            }
            at = libc::CMSG_NXTHDR(&raw const header, at);
        }
    }
    if header.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok((got, fds))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::socket::{self, More, socket_pair};

    #[test]
    fn descriptors_arrive_in_order_and_work() {
        let (a, b) = socket_pair().unwrap();
        let (one, two) = socket_pair().unwrap();
        assert_eq!(send(a.as_fd(), b"hi", &[one.as_fd(), two.as_fd()]).unwrap(), 2);
        drop((one, two));
        let mut bytes = [0; 8];
        let (n, fds) = recv(b.as_fd(), &mut bytes).unwrap();
        assert_eq!((&bytes[..n], fds.len()), (&b"hi"[..], 2));
        socket::send(fds[0].as_fd(), b"z", More::No).unwrap();
        assert_eq!(socket::recv(fds[1].as_fd(), &mut bytes).unwrap(), 1);
    }

    #[test]
    fn a_full_message_carries_the_maximum() {
        let (a, b) = socket_pair().unwrap();
        let many = vec![a.as_fd(); MAX_FDS];
        send(a.as_fd(), b"x", &many).unwrap();
        let (_, fds) = recv(b.as_fd(), &mut [0; 1]).unwrap();
        assert_eq!(fds.len(), MAX_FDS);
        assert!(send(a.as_fd(), b"x", &vec![a.as_fd(); MAX_FDS + 1]).is_err());
    }

    #[test]
    fn bytes_without_descriptors_are_plain() {
        let (a, b) = socket_pair().unwrap();
        send(a.as_fd(), b"abc", &[]).unwrap();
        let mut bytes = [0; 8];
        let (n, fds) = recv(b.as_fd(), &mut bytes).unwrap();
        assert_eq!((n, fds.len()), (3, 0));
        drop(a);
        assert_eq!(recv(b.as_fd(), &mut bytes).unwrap().0, 0);
    }
}
