//! Codecs of the small protocols: PROXY, SOCKS4, NetScaler client IP.
//!
//! Nothing here reads or writes: decoders take the bytes that have arrived and say [`Parsed::Partial`]
//! until they have enough, encoders append to a vector.

pub mod cip;
pub mod proxy;
pub mod socks4;

/// What a decoder makes of the bytes that have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// All is well so far, and more must come.
    Partial,
    /// The message is complete; it took this many bytes.
    Complete(T, usize),
}
