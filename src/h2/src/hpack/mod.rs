//! Compression of header fields (RFC 7541).

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod table;

pub use decoder::{Corrupt, Decoder};
pub use encoder::Encoder;
pub use huffman::{decode as huffman_decode, encode as huffman_encode};
