//! Random bytes of the system.

use std::cell::RefCell;
use std::io;

/// What is asked for at once: most users want a few bytes, often.
const STOCK: usize = 256;

struct Stock {
    bytes: [u8; STOCK],
    left: usize,
}

thread_local! {
    static STORE: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK], left: 0 }) };
}

/// So many random bytes that nobody else gets. More than 256 are refused by the compiler.
///
/// # Errors
/// When the system has none, which it has not before it has fully started.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    const { assert!(N <= STOCK, "more than the stock holds") };
    STORE.with_borrow_mut(|stock| {
        if stock.left < N {
            fill(&mut stock.bytes)?;
            stock.left = STOCK;
        }
        let mut taken = [0; N];
        let from = stock.left - N;
        taken.copy_from_slice(&stock.bytes[from..stock.left]);
        // What is given away must not be found again.
        stock.bytes[from..stock.left].fill(0);
        stock.left = from;
        Ok(taken)
    })
}

/// Requests of up to 256 bytes are served whole, and are not interrupted.
fn fill(into: &mut [u8; STOCK]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of a slice that is ours to write.
    let got = unsafe { libc::getrandom(into.as_mut_ptr().cast(), into.len(), 0) };
    if got == STOCK as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_never_given_twice() {
        let all: std::collections::HashSet<[u8; 16]> = (0..100).map(|_| bytes().unwrap()).collect();
        assert_eq!(all.len(), 100);
        assert!(!all.contains(&[0; 16]));
    }
}
