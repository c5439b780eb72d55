//! What holds for any message and any cut.

use http::{BodyLength, Headers, RequestHead, ResponseHead};
use proptest::prelude::*;

use super::relaxed;
use crate::{
    Asked, BodyDecoder, BodyEvent, ConnectionLine, Cursor, NameCase, Options, ParseError, Progress,
    RequestInfo, Side, chunk, parse_request, parse_response, write_request, write_response,
};

type Parsed = Result<Option<(RequestHead, RequestInfo)>, ParseError>;

/// Parses with more and more of the bytes, cut at these places.
fn parse_in_steps(bytes: &[u8], cuts: &[usize], options: &Options) -> Parsed {
    let mut head = RequestHead::default();
    let mut cursor = Cursor::new();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(bytes.len());
    for end in ends {
        if let Progress::Complete(info) = parse_request(&bytes[..end], &mut cursor, options, &mut head)? {
            return Ok(Some((head, info)));
        }
    }
    Ok(None)
}

/// Bytes that look like requests, more or less.
fn requestish() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        4 => Just("GET /a?b HTTP/1.1\r\n".to_owned()),
        1 => Just("\n\r\n\r\n\nPOST http://h:80/ HTTP/1.0\n".to_owned()),
        1 => Just("CONNECT h:443 HTTP/1.1\r\n".to_owned()),
        1 => "[A-Z]{1,5} [ -~\u{80}]{1,9} HTTP/[0-9]\\.[0-9]\r\n",
        1 => Just("GET /a\r\n".to_owned()),
    ];
    let name = prop_oneof![
        Just("Host"),
        Just("Content-Length"),
        Just("Transfer-Encoding"),
        Just("Connection"),
        Just("Upgrade"),
        Just("TE"),
        Just("X-Name"),
        Just("Bad Name"),
        Just("\tX"),
    ];
    let value = prop_oneof![
        Just("h".to_owned()),
        Just("3".to_owned()),
        Just("3, 3".to_owned()),
        Just("chunked".to_owned()),
        Just("close".to_owned()),
        Just("keep-alive, Upgrade".to_owned()),
        Just("websocket".to_owned()),
        Just("a\r\n  folded".to_owned()),
        Just("\r\n\t".to_owned()),
        "[ -~\t\0\u{e9}]{0,12}",
    ];
    let end = prop_oneof![4 => Just("\r\n"), 1 => Just("\n")];
    let field = (name, value, end).prop_map(|(name, value, end)| format!("{name}: {value}{end}"));
    let fields = proptest::collection::vec(field, 0..8).prop_map(|fields| fields.concat());
    let tail = prop_oneof![4 => Just("\r\n"), 1 => Just("\nbody"), 1 => Just("")];
    (start, fields, tail)
        .prop_map(|(start, fields, tail)| [start, fields, tail.to_owned()].concat().into_bytes())
}

/// Heads that are valid, in their parts.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(("x-[a-z0-9]{1,12}", "([!-~]([ -~]{0,20}[!-~])?)?"), 0..12)
}

fn steps_through(
    decoder: &mut BodyDecoder,
    input: &[u8],
    cuts: &[usize],
) -> Result<(Vec<u8>, Headers, usize), ParseError> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(input.len());
    let (mut at, mut data, mut trailers) = (0, Vec::new(), Headers::new());
    for end in ends {
        loop {
            let received = &input[at..end.max(at)];
            let step = decoder.decode(received, &mut trailers)?;
            at += step.consumed;
            match step.event {
                BodyEvent::Data(range) => data.extend_from_slice(&received[range]),
                BodyEvent::NeedMore => break,
                BodyEvent::End => return Ok((data, trailers, at)),
            }
        }
    }
    Ok((data, trailers, at))
}

proptest! {
    #[test]
    fn cuts_do_not_matter_for_requests(bytes in requestish(), cuts in proptest::collection::vec(any::<usize>(), 0..12)) {
        for options in [Options::default(), relaxed()] {
            let whole = parse_in_steps(&bytes, &[], &options);
            let stepwise = parse_in_steps(&bytes, &cuts, &options);
            // An incomplete line may be refused earlier or later.
            prop_assert_eq!(whole.ok().flatten(), stepwise.ok().flatten());
        }
    }

    #[test]
    fn every_single_cut_is_the_same(bytes in requestish()) {
        let options = relaxed();
        let whole = parse_in_steps(&bytes, &[], &options);
        let bytewise: Vec<usize> = (0..bytes.len()).collect();
        let stepwise = parse_in_steps(&bytes, &bytewise, &options);
        prop_assert_eq!(whole.ok().flatten(), stepwise.ok().flatten());
    }

    #[test]
    fn any_bytes_are_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for options in [Options::default(), relaxed()] {
            let _ = parse_request(&bytes, &mut Cursor::new(), &options, &mut RequestHead::default());
            let asked = Asked::default();
            let _ = parse_response(&bytes, &mut Cursor::new(), &options, &asked, &mut ResponseHead::default());
        }
    }

    #[test]
    fn written_requests_are_read_back(
        method in "[A-Z]{3,8}",
        target in "/[!\"$-~]{0,30}",
        fields in fields(),
        length in proptest::option::of(any::<u64>()),
    ) {
        prop_assume!(method != "PRI" && method != "CONNECT");
        let mut head = RequestHead { target: target.into_bytes(), ..RequestHead::default() };
        head.set_method(method.as_bytes());
        head.headers.extend(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let body = length.map_or(BodyLength::None, BodyLength::Length);
        if let Some(length) = length {
            head.headers.push(b"content-length", length.to_string().as_bytes());
        }
        let mut out = Vec::new();
        write_request(&head, body, ConnectionLine::Nothing, NameCase::Lower, &mut out);
        let (read, info) = parse_in_steps(&out, &[], &Options::default()).unwrap().unwrap();
        prop_assert_eq!(read, head);
        prop_assert_eq!((info.head_len, info.body), (out.len(), body));
    }

    #[test]
    fn written_responses_are_read_back(
        status in 200_u16..204,
        reason in "[!-~]([ -~]{0,20})?",
        fields in fields(),
        length in any::<u64>(),
    ) {
        let mut head = ResponseHead::default();
        head.set_status_and_reason(http::Status(status), reason.as_bytes());
        head.headers.extend(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        head.headers.push(b"content-length", length.to_string().as_bytes());
        let mut out = Vec::new();
        write_response(&head, BodyLength::Length(length), ConnectionLine::Nothing, NameCase::Lower, &mut out);
        let mut read = ResponseHead::default();
        let asked = Asked::default();
        let progress = parse_response(&out, &mut Cursor::new(), &Options::default(), &asked, &mut read).unwrap();
        let Progress::Complete(info) = progress else { panic!("incomplete") };
        prop_assert_eq!(read, head);
        prop_assert_eq!((info.head_len, info.body), (out.len(), BodyLength::Length(length)));
    }

    #[test]
    fn chunks_are_read_back(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6),
        trailer in proptest::option::of("[a-z]{1,9}"),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        after in proptest::collection::vec(any::<u8>(), 0..9),
    ) {
        let mut wire = Vec::new();
        for piece in &pieces {
            chunk::push_chunk(piece, &mut wire);
        }
        let mut trailers = Headers::new();
        if let Some(value) = &trailer {
            trailers.push(b"x-trailer", value.as_bytes());
        }
        chunk::push_last(&trailers, NameCase::Lower, &mut wire);
        let length = wire.len();
        wire.extend_from_slice(&after);
        let mut decoder = BodyDecoder::new(BodyLength::Chunked, Side::Response, Options::default());
        let (data, read, consumed) = steps_through(&mut decoder, &wire, &cuts).unwrap();
        prop_assert_eq!(data, pieces.concat());
        prop_assert_eq!(read, trailers);
        prop_assert_eq!(consumed, length);
        prop_assert!(decoder.is_done());
    }

    #[test]
    fn any_bytes_are_decoded(bytes in "[0-9a-f;\r\n \t:x]{0,60}", cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        let complete = |cuts: &[usize]| {
            let mut decoder = BodyDecoder::new(BodyLength::Chunked, Side::Request, Options::default());
            let read = steps_through(&mut decoder, bytes.as_bytes(), cuts).ok();
            read.filter(|_| decoder.is_done())
        };
        prop_assert_eq!(complete(&[]), complete(&cuts));
    }
}
