//! Sample fetches on the client's connection, and on the proxies and the server that a stream meets.

use base::addr::Addr;

use super::{NONE, SESSION, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, Fetched, Values};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const FRONTEND: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYY...");
const CONTENT: Contexts = Contexts::of(".YYYYYYYYYYYYYYYYYY...");
const BACKEND: Contexts = Contexts::of("......YYYYYYYYYYYYYY..");
const SERVER: Contexts = Contexts::of("..........YYYYYYYYYY..");

const AUTHORITY: u8 = 0x02;
const UNIQUE_ID: u8 = 0x05;

/// The symbolic names of the types of a PROXY header.
const TLV_NAMES: &[(&str, u8)] = &[
    ("ALPN", 0x01),
    ("AUTHORITY", AUTHORITY),
    ("CRC32C", 0x03),
    ("NOOP", 0x04),
    ("UNIQUE_ID", UNIQUE_ID),
    ("SSL", 0x20),
    ("SSL_VERSION", 0x21),
    ("SSL_CN", 0x22),
    ("SSL_CIPHER", 0x23),
    ("SSL_SIG_ALG", 0x24),
    ("SSL_KEY_ALG", 0x25),
    ("NETNS", 0x30),
];

/// The fetches on connections.
pub static FETCHES: &[Fetch] = &[
    one("be_id", NONE, Type::Int, BACKEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(s.backend.unwrap_or(s.frontend).id.into())))
    }),
    one("be_name", NONE, Type::Str, BACKEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::text(s.backend.unwrap_or(s.frontend).name.as_bytes())))
    }),
    one("fc_dst", NONE, Type::Addr, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.session.own_destination()?.ip().map(Sample::ip))
    }),
    one("fc_dst_port", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || port(s.session.own_destination()))
    }),
    one("fc_err", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(s.session.fault.as_ref().map_or(0, |f| f.id.into()))))
    }),
    one("fc_err_name", NONE, Type::Str, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.session.fault.as_ref().map(|f| Sample::text(f.name.as_bytes())))
    }),
    one("fc_err_str", NONE, Type::Str, SESSION, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::text(s.session.fault.as_ref().map_or("Success", |f| f.message).as_bytes())))
    }),
    one("fc_pp_authority", NONE, Type::Str, SESSION, "7.3.3", |s, _, c| {
        single(c, || tlvs(s, AUTHORITY).next().map(Sample::text))
    }),
    Fetch {
        name: "fc_pp_tlv",
        args: Signature::all(&[ArgKind::TlvType]),
        out: Type::Str,
        contexts: CONTENT,
        manual: "7.3.3",
        values: Values::Many,
        eval: tlv,
    },
    one("fc_pp_unique_id", NONE, Type::Str, SESSION, "7.3.3", |s, _, c| {
        single(c, || tlvs(s, UNIQUE_ID).next().map(Sample::text))
    }),
    one("fc_rcvd_proxy", NONE, Type::Bool, SESSION, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Bool(s.session.introduction.is_some())))
    }),
    one("fc_src", NONE, Type::Addr, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.session.own_source()?.ip().map(Sample::ip))
    }),
    one("fc_src_port", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || port(s.session.own_source()))
    }),
    one("fe_id", NONE, Type::Int, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(s.frontend.id.into())))
    }),
    one("fe_name", NONE, Type::Str, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::text(s.frontend.name.as_bytes())))
    }),
    one("so_id", NONE, Type::Int, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(s.session.listener_id.into())))
    }),
    one("so_name", NONE, Type::Str, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || s.session.listener_name().map(|name| Sample::text(name.as_bytes())))
    }),
    one("srv_id", NONE, Type::Int, SERVER, "7.3.3", |s, _, c| {
        single(c, || s.server.map(|server| Sample::Int(server.id.into())))
    }),
    one("srv_name", NONE, Type::Str, SERVER, "7.3.3", |s, _, c| {
        single(c, || s.server.map(|server| Sample::text(server.name.as_bytes())))
    }),
];

fn port(addr: Option<&Addr>) -> Option<Sample<'static>> {
    addr.and_then(Addr::port).map(|port| Sample::Int(port.into()))
}

/// The values of a type in the PROXY header.
fn tlvs<'a>(scene: &Scene<'a>, kind: u8) -> impl Iterator<Item = &'a [u8]> {
    scene.session.introduction.iter().flat_map(move |i| i.values(kind))
}

fn tlv<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let Some(kind) = tlv_kind(args.str(0)) else { return Fetched::Absent };
    let nth = match cursor {
        Cursor::Single => 0,
        Cursor::Nth(n) => n,
    };
    tlvs(scene, kind).nth(nth).map(Sample::text).into()
}

/// The type that a number, in any of the three common bases, or a symbolic name means.
pub(crate) fn tlv_kind(written: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(written).ok()?;
    if let Some((_, kind)) = TLV_NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*kind);
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u8::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expr;
    use crate::facts::{
        Introduction, LocalAddr, Payload, ProcessFacts, ProxyFacts, SessionFacts, StreamFacts,
    };
    use base::registry::Registry;

    fn ask(text: &str, session: &SessionFacts, stream: &StreamFacts) -> Option<String> {
        let mut registry = Registry::default();
        registry.add(FETCHES);
        registry.add(super::super::FETCHES);
        let expr = Expr::parse(text.as_bytes(), &registry).unwrap();
        let (process, frontend) =
            (ProcessFacts::default(), ProxyFacts { name: "f".into(), id: 3, ..ProxyFacts::default() });
        let scene = Scene {
            now: Default::default(),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session,
            stream: Some(stream),
            request: None,
            response: None,
            payload: Payload::Unavailable,
        };
        let sample = expr.eval(&scene).value()?.into_owned();
        Some(String::from_utf8_lossy(&sample.into_text()).into_owned())
    }

    fn addr(text: &str) -> Addr {
        Addr::Inet(text.parse().unwrap())
    }

    #[test]
    fn the_connections_own_addresses_outlive_headers_and_rules() {
        let mut session = SessionFacts {
            source: Some(addr("127.0.0.1:5")),
            destination: LocalAddr::known(addr("127.0.0.1:80")),
            ..SessionFacts::default()
        };
        session.replace_source(addr("1.2.3.4:11"));
        session.replace_destination(addr("5.6.7.8:22"));
        let stream = StreamFacts { source: Some(addr("9.9.9.9:11")), ..StreamFacts::default() };
        for (fetch, value) in [
            ("src", "9.9.9.9"),
            ("src_port", "11"),
            ("dst", "5.6.7.8"),
            ("dst_port", "22"),
            ("fc_src", "127.0.0.1"),
            ("fc_src_port", "5"),
            ("fc_dst", "127.0.0.1"),
            ("fc_dst_port", "80"),
            ("fe_id", "3"),
            ("be_name", "f"),
        ] {
            assert_eq!(ask(fetch, &session, &stream).as_deref(), Some(value), "{fetch}");
        }
    }

    #[test]
    fn what_a_proxy_header_says_is_found_by_type() {
        let tlvs = [(2, "abc"), (0xe1, "foo"), (0xe1, "bar"), (5, "")];
        let tlvs = tlvs.map(|(kind, value)| (kind, Box::from(value.as_bytes()))).to_vec();
        let session =
            SessionFacts { introduction: Some(Box::new(Introduction { tlvs })), ..SessionFacts::default() };
        let stream = StreamFacts::default();
        for (fetch, value) in [
            ("fc_pp_authority", Some("abc")),
            ("fc_pp_unique_id", Some("")),
            ("fc_pp_tlv(0xE1)", Some("foo")),
            ("fc_pp_tlv(AUTHORITY)", Some("abc")),
            ("fc_pp_tlv(225)", Some("foo")),
            ("fc_pp_tlv(7)", None),
        ] {
            assert_eq!(ask(fetch, &session, &stream).as_deref(), value, "{fetch}");
        }
    }

    #[test]
    fn types_are_written_in_numbers_or_names() {
        assert_eq!((tlv_kind(b"0x20"), tlv_kind(b"32"), tlv_kind(b"SSL")), (Some(32), Some(32), Some(32)));
        assert_eq!((tlv_kind(b"256"), tlv_kind(b"ssl"), tlv_kind(b"\xff")), (None, None, None));
    }
}
