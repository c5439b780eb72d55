//! The keywords of connecting: options of `server` lines, and `source`.

use std::borrow::Cow;
use std::sync::Arc;

use base::addr::{Addr, Family};
use config::options::{LineOption, ServerOption};
use config::{OptionCx, Refusal, Statement};
use grammar::address::{self, Address, Host, Port, Protocol};
use lang::{Contexts, Expr, LogFormat};
use sys::namespace::Namespace;

use crate::dial::{
    DialSettings, FastOpen, HeaderSettings, PortPool, Sending, ServerNamespace, ServerPort, ServerTransport,
    Shown, Source, Websockets,
};
use crate::settings::BackendSettings;

const fn option(
    name: &'static str,
    args: usize,
    parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
) -> ServerOption {
    ServerOption(LineOption { name, group: "", args, manual: "5.2", parse })
}

macro_rules! header {
    ($field:ident = $value:expr) => {
        |cx| {
            cx.slot::<DialSettings>().header.$field = $value;
            Ok(())
        }
    };
}

macro_rules! set {
    ($field:ident = $value:expr) => {
        |cx| {
            cx.slot::<DialSettings>().$field = $value;
            Ok(())
        }
    };
}

/// The server options of connecting.
pub static DIAL_OPTIONS: &[ServerOption] = &[
    option("cc", 1, |cx| {
        let algorithm = cx.take()?;
        cx.slot::<DialSettings>().congestion = Some(algorithm.into());
        Ok(())
    }),
    option("namespace", 1, |cx| {
        let name = cx.take()?;
        let namespace = match &*name {
            "*" => ServerNamespace::Clients,
            name => match Namespace::open(name) {
                Ok(namespace) => ServerNamespace::Named(namespace),
                Err(e) => return Err(cx.refuse(format!("cannot open namespace '{name}' ({e})"))),
            },
        };
        cx.slot::<DialSettings>().namespace = namespace;
        Ok(())
    }),
    option("no-send-proxy", 0, header!(v1 = Sending::No)),
    option("no-send-proxy-v2", 0, header!(v2 = Sending::No)),
    option("no-send-proxy-v2-ssl", 0, |cx| tls_header(cx, Sending::No, |h| &mut h.tls)),
    option("no-send-proxy-v2-ssl-cn", 0, |cx| tls_header(cx, Sending::No, |h| &mut h.common_name)),
    option("no-tfo", 0, set!(fast_open = FastOpen::Off)),
    option("pool-conn-name", 1, |cx| {
        let text = cx.take_bytes()?;
        let name = Expr::parse(text, cx.statement.registry).map_err(|e| cx.refuse(e.message))?;
        cx.slot::<DialSettings>().name = Some(Arc::new(name));
        Ok(())
    }),
    option("proto", 1, |cx| {
        let name = cx.take()?;
        let protocol = match name.as_ref() {
            "h1" => net::Protocol::Http1,
            "h2" => net::Protocol::Http2,
            "none" => net::Protocol::None,
            "fcgi" | "spop" | "quic" | "qmux" => {
                return Err(cx.refuse(format!("'{name}' is not supported by this version")));
            }
            other => return Err(cx.refuse(format!("unknown MUX protocol '{other}'"))),
        };
        cx.slot::<DialSettings>().protocol = Some(protocol);
        Ok(())
    }),
    option("proxy-v2-options", 1, header_options),
    option("send-proxy", 0, header!(v1 = Sending::Yes)),
    option("send-proxy-v2", 0, header!(v2 = Sending::Yes)),
    option("send-proxy-v2-ssl", 0, |cx| tls_header(cx, Sending::Yes, |h| &mut h.tls)),
    option("send-proxy-v2-ssl-cn", 0, |cx| tls_header(cx, Sending::Yes, |h| &mut h.common_name)),
    option("set-proxy-v2-tlv-fmt(*)", 0, tlv_format),
    option("socks4", 1, |cx| {
        let at = cx.at + 1;
        cx.take_bytes()?;
        let written = &*cx.statement.address(at);
        let proxy = endpoint(written, Range::Refused).map_err(|why| cx.refuse(why))?.addr;
        if proxy.port().is_none_or(|port| port == 0) {
            return Err(
                cx.refuse(format!("missing port specification in '{}'", String::from_utf8_lossy(written)))
            );
        }
        cx.slot::<DialSettings>().socks4 = Some(proxy);
        Ok(())
    }),
    option("source", 1, |cx| {
        let words = source_words(cx.statement, cx.at + 1);
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let (source, taken) = read_source(&words, Range::Allowed).map_err(|why| cx.refuse(why))?;
        for _ in 0..taken {
            cx.take()?;
        }
        cx.slot::<DialSettings>().source = Some(source);
        Ok(())
    }),
    option("tcp-md5sig", 1, |cx| {
        let key = cx.take_bytes()?;
        if key.is_empty() || key.len() > sys::options::MD5_KEY_MAX {
            return Err(cx.refuse(format!("expects a password of 1 to {} bytes", sys::options::MD5_KEY_MAX)));
        }
        cx.slot::<DialSettings>().md5_key = Some(key.into());
        Ok(())
    }),
    option("tcp-ut", 1, |cx| {
        let timeout = cx.take_duration()?;
        cx.slot::<DialSettings>().user_timeout = Some(timeout);
        Ok(())
    }),
    option("tfo", 0, set!(fast_open = FastOpen::On)),
    option("ws", 1, |cx| {
        let name = cx.take()?;
        cx.slot::<DialSettings>().websockets = match name.as_ref() {
            "auto" => Websockets::Auto,
            "h1" => Websockets::Http1,
            "h2" => Websockets::Http2,
            other => {
                return Err(cx.refuse(format!("has to be 'auto', 'h1' or 'h2', got '{other}'")));
            }
        };
        Ok(())
    }),
    option("usesrc", 0, |cx| Err(cx.refuse("is only allowed after a 'source' statement"))),
];

fn header_options(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let list = cx.take()?;
    for name in list.split(',') {
        let header = &mut cx.slot::<DialSettings>().header;
        match name {
            "authority" => header.authority = Sending::Yes,
            "crc32c" => header.checksum = Sending::Yes,
            "unique-id" => header.unique_id = Sending::Yes,
            "cert-cn" => header.common_name = Sending::Yes,
            "cert-key" => header.key = Sending::Yes,
            "cert-sig" => header.signature = Sending::Yes,
            "ssl" => header.tls = Sending::Yes,
            "ssl-cipher" => header.cipher = Sending::Yes,
            other => return Err(cx.refuse(format!("'{other}' : unknown proxy v2 option"))),
        }
    }
    Ok(())
}

/// These options begin or end the header itself too.
fn tls_header(
    cx: &mut OptionCx<'_, '_>,
    sending: Sending,
    which: fn(&mut HeaderSettings) -> &mut Sending,
) -> Result<(), Refusal> {
    let header = &mut cx.slot::<DialSettings>().header;
    header.v2 = sending;
    *which(header) = sending;
    Ok(())
}

/// Where what is told to a server is rendered.
const CONNECTING: Contexts = Contexts::BALANCE.or(Contexts::CONNECT);

fn tlv_format(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let name = cx.name();
    let written = name.split_once('(').map_or("", |(_, rest)| rest.strip_suffix(')').unwrap_or(rest));
    let number = match written.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => written.parse(),
    };
    let number = number.map_err(|_| cx.refuse("could not convert TLV ID"))?;
    let kind = u8::try_from(number).map_err(|_| cx.refuse("the maximum allowed TLV ID is 255"))?;
    let format = if cx.peek().is_some() {
        let text = cx.take_bytes()?;
        let format = LogFormat::parse(text, cx.statement.registry, CONNECTING);
        Some(Arc::new(format.map_err(|e| cx.refuse(e.message))?))
    } else {
        None
    };
    cx.slot::<DialSettings>().header.tlvs.push((kind, format));
    Ok(())
}

/// The `source` directive of a proxy.
pub(crate) fn source(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let words = source_words(s, 0);
    let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
    let (source, taken) =
        read_source(&words, Range::Refused).map_err(|why| s.refuse(0, format!("'source' {why}.")))?;
    if taken < words.len() {
        let text = "'source' only supports optional keywords 'interface' and 'usesrc'.";
        return Err(s.refuse(taken, text));
    }
    s.slot::<BackendSettings>().source = Some(source);
    Ok(())
}

/// The words from a `source` address on, with the variables of its addresses filled in.
fn source_words<'a>(s: &Statement<'a>, from: usize) -> Vec<Cow<'a, [u8]>> {
    let words = s.rest(from);
    let is_address = |i: usize| i == 0 || words[i - 1].bytes() == b"usesrc";
    (0..words.len())
        .map(|i| if is_address(i) { s.address(from + i) } else { words[i].bytes().into() })
        .collect()
}

/// Whether a range of ports may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Allowed,
    Refused,
}

/// An address with its ports.
struct Endpoint {
    addr: Addr,
    ports: Option<(u16, u16)>,
}

fn endpoint(written: &[u8], range: Range) -> Result<Endpoint, String> {
    let text = String::from_utf8_lossy(written);
    let address = address::parse(written).map_err(|e| format!("'{text}' : {}", e.message))?;
    let ports = match address.port {
        Port::Range(low, high) if low != high => Some((low, high)),
        _ => None,
    };
    if ports.is_some() && range == Range::Refused {
        return Err(format!("'{text}' : port range not permitted here"));
    }
    if matches!(address.port, Port::Offset(_)) {
        return Err(format!("'{text}' : port offset not permitted here"));
    }
    let port = match address.port {
        Port::Fixed(port) | Port::Range(port, _) => port,
        Port::None | Port::Offset(_) => 0,
    };
    let addr = net::resolve_with_port(&address, port)
        .map_err(|e| format!("'{text}' : invalid address: '{}' ({e})", address.host))?;
    Ok(Endpoint { addr, ports })
}

/// Reads what follows `source`; gives the number of words that it took, too.
fn read_source(words: &[&[u8]], range: Range) -> Result<(Source, usize), String> {
    let usage = "expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>";
    let first = words.first().ok_or(usage)?;
    let Endpoint { addr, ports } = endpoint(first, range)?;
    let ports = ports.map(|(low, high)| Arc::new(PortPool::new(low, high)));
    let mut source = Source { addr, ports, shown: None, interface: None };
    let mut taken = 1;
    while let Some(word) = words.get(taken) {
        let value = words.get(taken + 1);
        match *word {
            b"usesrc" => {
                let expected =
                    "'usesrc' expects <addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)' as argument";
                source.shown = Some(shown(value.ok_or(expected)?)?);
            }
            b"interface" => {
                let name = value.ok_or("'interface' : missing interface name")?;
                source.interface = Some(String::from_utf8_lossy(name).into());
            }
            _ => break,
        }
        taken += 2;
    }
    Ok((source, taken))
}

fn shown(word: &[u8]) -> Result<Shown, String> {
    match word {
        b"client" => return Ok(Shown::Client),
        b"clientip" => return Ok(Shown::ClientIp),
        _ => {}
    }
    if let Some(rest) = word.strip_prefix(b"hdr_ip(") {
        return header_source(rest.strip_suffix(b")").unwrap_or(rest));
    }
    let Endpoint { addr, .. } = endpoint(word, Range::Refused).map_err(|why| format!("'usesrc' {why}"))?;
    if addr.family() == Family::Unix {
        return Err("'usesrc' expects an IP address".to_owned());
    }
    Ok(Shown::Addr(addr))
}

fn header_source(arguments: &[u8]) -> Result<Shown, String> {
    let text = String::from_utf8_lossy(arguments);
    let (name, occurrence) = match text.split_once(',') {
        None => (text.as_ref(), "-1"),
        Some((name, occurrence)) => (name, occurrence.trim()),
    };
    let occurrence: i32 = occurrence
        .parse()
        .map_err(|_| format!("usesrc hdr_ip(name,num) expects an integer, got '{occurrence}'"))?;
    if name.trim().is_empty() {
        return Err("usesrc hdr_ip(name,num) expects a header name".to_owned());
    }
    if occurrence < -10 {
        return Err("usesrc hdr_ip(name,num) does not support occurrences below -10".to_owned());
    }
    Ok(Shown::Header { name: name.trim().as_bytes().into(), occurrence })
}

/// What an address as written says of connections beyond the address itself.
pub(crate) fn note_address(address: &Address, dial: &mut DialSettings) -> Result<(), &'static str> {
    match address.transport {
        Some(address::Transport::Datagram) => return Err("a dgram-type address is not acceptable here"),
        Some(address::Transport::Quic) => return Err("QUIC is not supported by this version"),
        Some(address::Transport::Stream) | None => {}
    }
    match address.host {
        Host::Descriptor(_) => return Err("a file descriptor is not acceptable here"),
        Host::Server(_) => return Err("reverse HTTP is not supported by this version"),
        Host::Any | Host::V4(_) | Host::V6(_) | Host::Name(_) | Host::Path(_) => {}
    }
    dial.transport = match address.protocol {
        Protocol::Mptcp => ServerTransport::Mptcp,
        Protocol::Default => ServerTransport::Stream,
    };
    dial.port = match address.port {
        Port::Range(low, high) if low != high => return Err("port range not permitted here"),
        Port::Fixed(0) | Port::Range(0, _) | Port::None => ServerPort::Clients(0),
        Port::Offset(by) => ServerPort::Clients(by),
        Port::Fixed(_) | Port::Range(..) => ServerPort::Own,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source_of(text: &str, range: Range) -> Result<(Source, usize), String> {
        let words: Vec<&[u8]> = text.split(' ').filter(|w| !w.is_empty()).map(str::as_bytes).collect();
        read_source(&words, range)
    }

    #[test]
    fn sources_are_read_with_what_follows() {
        let (source, taken) =
            source_of("10.0.0.1 usesrc clientip interface eth0 weight 1", Range::Refused).unwrap();
        assert_eq!((taken, source.addr), (5, Addr::inet([10, 0, 0, 1], 0)));
        assert_eq!((source.shown, source.interface.as_deref()), (Some(Shown::ClientIp), Some("eth0")));
        let (source, _) = source_of("10.0.0.1:5-7", Range::Allowed).unwrap();
        assert_eq!(source.ports.and_then(|p| p.lease()).map(|l| l.port()), Some(5));
        let header = |name: &str, occurrence| Shown::Header { name: name.as_bytes().into(), occurrence };
        for (text, expected) in [
            ("client", Shown::Client),
            ("1.2.3.4:5", Shown::Addr(Addr::inet([1, 2, 3, 4], 5))),
            ("hdr_ip(x-ip)", header("x-ip", -1)),
            ("hdr_ip(x-ip,2)", header("x-ip", 2)),
            ("hdr_ip(x-ip,-10)", header("x-ip", -10)),
        ] {
            let (source, _) = source_of(&format!("0.0.0.0 usesrc {text}"), Range::Refused).unwrap();
            assert_eq!(source.shown, Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            "x.invalid",
            "1.2.3.4:5-7",
            "1.2.3.4:+5",
            "1.2.3.4 usesrc",
            "1.2.3.4 usesrc unix@/x",
            "1.2.3.4 usesrc 1.2.3.4:1-2",
            "1.2.3.4 usesrc hdr_ip(a,-11)",
            "1.2.3.4 usesrc hdr_ip(a,x)",
            "1.2.3.4 usesrc hdr_ip()",
            "1.2.3.4 interface",
        ] {
            assert!(source_of(text, Range::Refused).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_tell_where_the_port_comes_from() {
        for (text, port) in [
            ("127.0.0.1:80", Ok(ServerPort::Own)),
            ("127.0.0.1", Ok(ServerPort::Clients(0))),
            ("0.0.0.0:0", Ok(ServerPort::Clients(0))),
            ("127.0.0.1:+5", Ok(ServerPort::Clients(5))),
            ("127.0.0.1:-5", Ok(ServerPort::Clients(-5))),
            ("127.0.0.1:1-2", Err("port range not permitted here")),
            ("fd@3", Err("a file descriptor is not acceptable here")),
            ("udp@127.0.0.1:1", Err("a dgram-type address is not acceptable here")),
        ] {
            let mut dial = DialSettings::default();
            let noted = note_address(&address::parse(text.as_bytes()).unwrap(), &mut dial);
            assert_eq!(noted.map(|()| dial.port), port, "{text}");
        }
    }
}
