//! How many bytes a head counts for in logs (`%B`, `%U`).
//!
//! Heads are counted in a form that is the same for every version of HTTP, not as they are on the wire: a fixed
//! part for the start line and the end of the headers, and the texts without what separates them. Existing
//! log analysis sums these figures up, so that they have to be the same.

use http::{Headers, RequestHead, ResponseHead};

/// The fixed part of a head.
const FIXED: usize = 21;
/// The fixed part of a trailer section.
const TRAILERS_END: usize = 1;

/// What a request's head counts for.
pub(crate) fn of_request(head: &RequestHead) -> u64 {
    let line = head.method.as_bytes().len() + head.target.len() + head.version.as_bytes().len();
    (FIXED + line + head.headers.size()) as u64
}

/// What a response's head counts for.
pub(crate) fn of_response(head: &ResponseHead) -> u64 {
    let line = head.version.as_bytes().len() + 3 + head.reason.len();
    (FIXED + line + head.headers.size()) as u64
}

/// What a trailer section counts for; nothing when there is none.
pub(crate) fn of_trailers(trailers: &Headers) -> u64 {
    if trailers.is_empty() { 0 } else { (TRAILERS_END + trailers.size()) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Status;

    #[test]
    fn a_head_counts_its_texts_and_a_fixed_part() {
        let mut head = ResponseHead::default();
        head.set_status_and_reason(Status(204), b"No Content");
        assert_eq!(of_response(&head), 42);
        head.set_status_and_reason(Status(304), b"Not Modified");
        head.headers.push(b"content-length", b"10");
        head.headers.push(b"etag", b"\"a\"");
        assert_eq!(of_response(&head), 67);
    }

    #[test]
    fn trailers_count_only_when_there_are_some() {
        let mut trailers = Headers::new();
        assert_eq!(of_trailers(&trailers), 0);
        trailers.push(b"trail", b"x");
        assert_eq!(of_trailers(&trailers), 7);
    }
}
