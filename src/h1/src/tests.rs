//! The codec as a whole: verdicts on whole messages, and properties that hold for any bytes.

mod corpus;
mod heads;
mod properties;
mod smuggling;

use http::{RequestHead, ResponseHead};

use crate::{
    Asked, Cursor, Options, ParseError, Progress, RequestInfo, ResponseInfo, Strictness, parse_request,
    parse_response,
};

fn relaxed() -> Options {
    Options { strictness: Strictness::Relaxed, ..Options::default() }
}

/// Parses a complete request, or panics when it is not complete.
fn request(bytes: &[u8], options: &Options) -> Result<(RequestHead, RequestInfo), ParseError> {
    let mut head = RequestHead::default();
    match parse_request(bytes, &mut Cursor::new(), options, &mut head)? {
        Progress::Complete(info) => Ok((head, info)),
        Progress::Partial => panic!("incomplete: {}", bytes.escape_ascii()),
    }
}

/// Parses a complete response, or panics when it is not complete.
fn response(
    bytes: &[u8],
    asked: &Asked,
    options: &Options,
) -> Result<(ResponseHead, ResponseInfo), ParseError> {
    let mut head = ResponseHead::default();
    match parse_response(bytes, &mut Cursor::new(), options, asked, &mut head)? {
        Progress::Complete(info) => Ok((head, info)),
        Progress::Partial => panic!("incomplete: {}", bytes.escape_ascii()),
    }
}

/// The status a request is answered with, or 200 when it is forwarded.
fn verdict(bytes: &[u8], options: &Options) -> u16 {
    request(bytes, options).map_or_else(|error| error.status().0, |_| 200)
}
