use base::addr::Addr;
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn client(source: &str, destination: &str) -> Origin {
    let addr = |text: &str| Addr::Inet(text.parse().unwrap());
    Origin::Client { source: addr(source), destination: addr(destination) }
}

fn whole(bytes: &[u8]) -> Header {
    match decode(bytes) {
        Ok(Parsed::Complete(header, n)) if n == bytes.len() => header,
        other => panic!("{other:?} for {bytes:?}"),
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const INET: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 0, 11, 0, 22];

fn v2(command: u8, family: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&[command, family]);
    out.extend_from_slice(&(body.len() as u16).to_be_bytes());
    out.extend_from_slice(&body);
    out
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out
}

#[test]
fn lines_name_the_client() {
    let v4 = whole(b"PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n");
    assert_eq!(v4.origin, client("1.2.3.4:11", "5.6.7.8:22"));
    let v6 = whole(b"PROXY TCP6 ABCD::1 ::ffff:5.6.7.8 0 65535\r\n");
    assert_eq!(v6.origin, client("[abcd::1]:0", "[::ffff:5.6.7.8]:65535"));
}

#[test]
fn an_unknown_client_may_be_told_at_length() {
    assert_eq!(whole(b"PROXY UNKNOWN\r\n").origin, Origin::Unknown);
    assert_eq!(whole(b"PROXY UNKNOWN whatever \xff this is\r\n").origin, Origin::Unknown);
    assert_eq!(decode(b"PROXY UNKNOWNS\r\n"), Err(Error::Unhandled));
}

#[test]
fn a_line_has_at_most_107_bytes() {
    let line = |len: usize| [b"PROXY UNKNOWN ".as_slice(), &vec![b'x'; len - 16], b"\r\n"].concat();
    whole(&line(107));
    assert_eq!(decode(&line(108)), Err(Error::Invalid));
    assert_eq!(decode(&line(107)[..106]), Ok(Parsed::Partial));
}

#[test]
fn lines_are_taken_to_the_letter() {
    for (line, error) in [
        ("proxy TCP4 1.2.3.4 5.6.7.8 11 22\r\n", Error::NotProxy),
        ("PROXY\r\n", Error::NotProxy),
        ("GET / HTTP/1.0\r\n\r\n", Error::NotProxy),
        ("PROXY  TCP4 1.2.3.4 5.6.7.8 11 22\r\n", Error::Unhandled),
        ("PROXY \r\n", Error::Unhandled),
        ("PROXY TCP5 1.2.3.4 5.6.7.8 11 22\r\n", Error::Unhandled),
        ("PROXY UDP4 1.2.3.4 5.6.7.8 11 22\r\n", Error::Unhandled),
        ("PROXY TCP4\t1.2.3.4 5.6.7.8 11 22\r\n", Error::Unhandled),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 11 22\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4\r5.6.7.8 11 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4  5.6.7.8 11 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 11 22 \r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 11\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8  22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3 5.6.7.8 11 22\r\n", Error::Invalid),
        ("PROXY TCP4 01.2.3.4 5.6.7.8 11 22\r\n", Error::Invalid),
        ("PROXY TCP4 ::1 ::2 11 22\r\n", Error::Invalid),
        ("PROXY TCP6 1.2.3.4 5.6.7.8 11 22\r\n", Error::Invalid),
        ("PROXY TCP6 fe80::1%1 ::2 11 22\r\n", Error::Invalid),
        ("PROXY TCP6 [::1] ::2 11 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 65536 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 011 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 -1 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 +1 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 0x10 22\r\n", Error::Invalid),
        ("PROXY TCP4 1.2.3.4\0 5.6.7.8 11 22\r\n", Error::Invalid),
    ] {
        assert_eq!(decode(line.as_bytes()), Err(error), "{line:?}");
    }
}

#[test]
fn blocks_name_the_client() {
    assert_eq!(whole(&v2(0x21, 0x11, &[INET])).origin, client("1.2.3.4:11", "5.6.7.8:22"));
    let mut six = [0; 36];
    (six[15], six[31], six[33], six[35]) = (1, 2, 11, 22);
    assert_eq!(whole(&v2(0x21, 0x21, &[&six])).origin, client("[::1]:11", "[::2]:22"));
}

#[test]
fn headers_may_come_in_pieces() {
    let block = v2(0x21, 0x11, &[INET, &tlv(0xe1, b"x")]);
    for header in [&block[..], b"PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n", b"PROXY UNKNOWN\r\n"] {
        for cut in 0..header.len() {
            assert_eq!(decode(&header[..cut]), Ok(Parsed::Partial), "{cut} of {header:?}");
        }
        let with_data = [header, b"\r\n\r\n\0"].concat();
        assert!(matches!(decode(&with_data), Ok(Parsed::Complete(_, n)) if n == header.len()));
    }
}

#[test]
fn a_local_block_may_hold_anything() {
    for body in [&b""[..], INET, b"\x01\x02", &tlv(0xe1, b"x")] {
        for family in [0, 0x11, 0x55] {
            assert_eq!(whole(&v2(0x20, family, &[body])).origin, Origin::Local);
        }
    }
    assert_eq!(whole(&v2(0x20, 0, &[&tlv(0xe1, b"x")])).tlvs.get(0xe1), Some(&b"x"[..]));
    assert_eq!(decode(&v2(0x20, 0, &[&tlv(kind::CRC32C, &[0; 4])])), Err(Error::Invalid));
}

#[test]
fn blocks_that_cannot_be_used_are_refused() {
    let unix = [b'/'; 216];
    for (bytes, error) in [
        (v2(0x11, 0x11, &[INET]), Error::NotProxy),
        (v2(0x31, 0x11, &[INET]), Error::NotProxy),
        (v2(0x22, 0x11, &[INET]), Error::Invalid),
        (v2(0x21, 0x00, &[]), Error::Invalid),
        (v2(0x21, 0x12, &[INET]), Error::Invalid),
        (v2(0x21, 0x31, &[&unix]), Error::Invalid),
        (v2(0x21, 0x41, &[INET]), Error::Invalid),
        (v2(0x21, 0x13, &[INET]), Error::Invalid),
        (v2(0x21, 0x11, &[]), Error::Invalid),
        (v2(0x21, 0x11, &[&INET[..11]]), Error::Invalid),
        (v2(0x21, 0x21, &[&[0; 35]]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &[1]]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &[1, 0]]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &[1, 0, 9, 0]]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &tlv(kind::AUTHORITY, &[b'a'; 256])]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &tlv(kind::UNIQUE_ID, &[b'a'; 129])]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &tlv(0xe1, &[b'a'; MAX_TLV + 1])]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &tlv(kind::CRC32C, &[0; 3])]), Error::Invalid),
        (v2(0x21, 0x11, &[INET, &tlv(kind::CRC32C, &[0; 5])]), Error::Invalid),
    ] {
        assert_eq!(decode(&bytes), Err(error), "{bytes:?}");
    }
}

#[test]
fn the_first_tlv_of_a_type_counts() {
    let header = whole(&v2(
        0x21,
        0x11,
        &[INET, &tlv(0xe1, b"a"), &tlv(0xe1, b"b"), &tlv(0xe2, b""), &tlv(kind::NOOP, b"pad")],
    ));
    assert_eq!(header.tlvs.get(0xe1), Some(&b"a"[..]));
    assert_eq!(header.tlvs.get(0xe2), Some(&b""[..]));
    assert_eq!(header.tlvs.get(0xe3), None);
    assert_eq!(header.tlvs.get(kind::NOOP), None);
    assert_eq!(header.tlvs.iter().count(), 4);
    whole(&v2(0x21, 0x11, &[INET, &tlv(kind::AUTHORITY, &[b'a'; 255]), &tlv(kind::UNIQUE_ID, &[1; 128])]));
}

#[test]
fn checksums_are_made_and_verified() {
    let mut out = Vec::new();
    let tlvs = [Tlv::Value(0xe1, b"foo"), Tlv::Checksum, Tlv::Value(kind::ALPN, b"h2")];
    encode_v2(&client("127.0.0.1:60582", "127.0.0.1:8852"), &tlvs, &mut out).unwrap();
    assert!(whole(&out).tlvs.get(kind::CRC32C).is_some());
    for bit in 0..out.len() * 8 {
        let mut broken = out.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        assert!(
            !matches!(decode(&broken), Ok(Parsed::Complete(h, _)) if h.tlvs.get(3).is_some()),
            "bit {bit}"
        );
    }
    let twice = v2(0x21, 0x11, &[INET, &tlv(3, b"abcd"), &tlv(3, b"abcd")]);
    assert_eq!(decode(&twice), Err(Error::Invalid));
}

#[test]
fn the_tls_session_is_nested() {
    let ssl = SslTlv {
        client: SslTlv::SSL | SslTlv::CERT_CONN,
        verify: 0,
        fields: vec![
            SslField { kind: kind::SSL_VERSION, value: Bytes::from_static(b"TLSv1.3") },
            SslField { kind: kind::SSL_CN, value: Bytes::from_static(b"a.example") },
        ],
    };
    let mut out = Vec::new();
    encode_v2(&client("1.2.3.4:1", "5.6.7.8:2"), &[Tlv::Ssl(&ssl)], &mut out).unwrap();
    assert_eq!(&out[28..43], b"\x20\x00\x1b\x03\0\0\0\0\x21\x00\x07TLSv");
    assert_eq!(whole(&out).tlvs.ssl(), Some(ssl));
    assert_eq!(SslTlv::decode(b"\x01"), None);
    assert_eq!(SslTlv::decode(b"\x01\0\0\0\0\x21"), None);
}

#[test]
fn lines_are_written_as_servers_expect() {
    let line = |origin: &Origin| {
        let mut out = Vec::new();
        encode_v1(origin, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        line(&client("127.0.0.1:52116", "127.0.0.1:80")),
        "PROXY TCP4 127.0.0.1 127.0.0.1 52116 80\r\n"
    );
    assert_eq!(line(&client("[::1]:38528", "[::1]:80")), "PROXY TCP6 ::1 ::1 38528 80\r\n");
    assert_eq!(line(&Origin::Local), "PROXY UNKNOWN\r\n");
    let unix = Origin::Client { source: Addr::unix(b"/a"), destination: Addr::unix(b"/b") };
    assert_eq!(line(&unix), "PROXY UNKNOWN\r\n");
    let mixed = client("[2001:db8::5]:50668", "127.0.0.1:8851");
    assert_eq!(line(&mixed), "PROXY TCP6 2001:db8::5 ::ffff:127.0.0.1 50668 8851\r\n");
}

#[test]
fn blocks_are_written_as_servers_expect() {
    let block = |origin: &Origin| {
        let mut out = Vec::new();
        encode_v2(origin, &[Tlv::Value(kind::ALPN, b"h2")], &mut out).unwrap();
        out
    };
    assert_eq!(block(&client("1.2.3.4:11", "5.6.7.8:22")), v2(0x21, 0x11, &[INET, b"\x01\x00\x02h2"]));
    assert_eq!(block(&Origin::Local), v2(0x20, 0, &[b"\x01\x00\x02h2"]));
    let unix = Origin::Client { source: Addr::unix(b"/a"), destination: Addr::unix(b"/b") };
    assert_eq!(block(&unix), v2(0x20, 0, &[b"\x01\x00\x02h2"]));
    let mixed = whole(&block(&client("[2001:db8::5]:1", "127.0.0.1:2")));
    assert_eq!(mixed.origin, client("[2001:db8::5]:1", "[::ffff:127.0.0.1]:2"));
}

#[test]
fn a_header_that_does_not_fit_leaves_nothing_behind() {
    let mut out = b"before".to_vec();
    let value = vec![0; 40_000];
    let tlvs = [Tlv::Value(0xe1, &value), Tlv::Value(0xe2, &value)];
    assert_eq!(encode_v2(&client("1.2.3.4:1", "5.6.7.8:2"), &tlvs, &mut out), Err(EncodeError::TooLong));
    assert_eq!(out, b"before");
}

fn any_addr() -> impl Strategy<Value = Addr> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| Addr::inet(ip, port)),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| Addr::inet(ip, port)),
    ]
}

fn unmapped(origin: Origin) -> Origin {
    match origin {
        Origin::Client { source, destination } => {
            Origin::Client { source: source.unmapped(), destination: destination.unmapped() }
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300), head in 0..3) {
        let prefix: &[u8] = [&b""[..], b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n\x21"][head as usize];
        let input = [prefix, &bytes].concat();
        if let Ok(Parsed::Complete(_, n)) = decode(&input) {
            prop_assert!(n <= input.len());
            prop_assert_eq!(decode(&input[..n - 1]), Ok(Parsed::Partial));
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        source in any_addr(),
        destination in any_addr(),
        tlvs in proptest::collection::vec((0xe0..=0xefu8, proptest::collection::vec(any::<u8>(), 0..60)), 0..5),
    ) {
        let origin = Origin::Client { source, destination };
        let mut line = Vec::new();
        encode_v1(&origin, &mut line);
        prop_assert_eq!(unmapped(whole(&line).origin), unmapped(origin.clone()));
        let mut list: Vec<_> = tlvs.iter().map(|(k, v)| Tlv::Value(*k, v)).collect();
        list.push(Tlv::Checksum);
        let mut block = Vec::new();
        encode_v2(&origin, &list, &mut block).unwrap();
        let header = whole(&block);
        prop_assert_eq!(unmapped(header.origin), unmapped(origin));
        let seen: Vec<_> = header.tlvs.iter().map(|(k, v)| (k, v.to_vec())).collect();
        prop_assert_eq!(&seen[..seen.len() - 1], &tlvs[..]);
    }
}
