//! What `WebSocket` handshakes of HTTP/1 need beside those of HTTP/2 (RFC 6455, section 4; RFC 8441, section 5).

use std::hash::{BuildHasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{RequestHead, ResponseHead};
use sha1::{Digest, Sha1};

/// What the proof of a server is made with.
const SECRET: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const KEY: &[u8] = b"sec-websocket-key";
const PROOF: &[u8] = b"sec-websocket-accept";

/// A key is needed that the client did not give; gives the proof that the server must answer with.
pub(crate) fn add_key(head: &mut RequestHead) -> String {
    let random = RandomState::new();
    let bytes = [random.hash_one(0u8).to_ne_bytes(), random.hash_one(1u8).to_ne_bytes()].concat();
    let key = STANDARD.encode(bytes);
    head.headers.set(KEY, key.as_bytes());
    proof_of(key.as_bytes())
}

/// Whether a server has proven that it understood.
pub(crate) fn is_proven(response: &ResponseHead, proof: &str) -> bool {
    response.headers.find(PROOF) == Some(proof.as_bytes())
}

/// A response that accepts an extended `CONNECT` says what one of HTTP/1 would.
pub(crate) fn accept_upgrade(request: &RequestHead, response: &mut ResponseHead) {
    response.headers.push(b"upgrade", request.headers.find(b"upgrade").unwrap_or(b"websocket"));
    response.headers.push(b"connection", b"upgrade");
    if let Some(key) = request.headers.find(KEY) {
        response.headers.push(PROOF, proof_of(key).as_bytes());
    }
}

fn proof_of(key: &[u8]) -> String {
    let mut digest = Sha1::new();
    digest.update(key);
    digest.update(SECRET);
    STANDARD.encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_of_the_rfc() {
        assert_eq!(proof_of(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_are_new_each_time_and_proven() {
        let (mut one, mut other) = (RequestHead::default(), RequestHead::default());
        let proof = add_key(&mut one);
        add_key(&mut other);
        assert_ne!(one.headers.find(KEY), other.headers.find(KEY));
        assert_eq!(one.headers.find(KEY).map(<[u8]>::len), Some(24));
        let mut response = ResponseHead::default();
        assert!(!is_proven(&response, &proof));
        accept_upgrade(&one, &mut response);
        assert!(is_proven(&response, &proof));
    }
}
