//! Headers of Ethernet, IP and TCP, as in the first packet of a connection.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{INT, bytes, part, plain, with};
use crate::arg::Signature;
use crate::expr::{Converter, unchecked};
use crate::sample::{Sample, Type};

macro_rules! number {
    ($name:literal, $read:expr) => {
        plain($name, Type::Bin, Type::Int, |s, _, _| {
            let read: fn(&[u8]) -> Option<u32> = $read;
            read(&bytes(s)?).map(|n| Sample::Int(i64::from(n)))
        })
    };
}

macro_rules! block {
    ($name:literal, $range:expr) => {
        plain($name, Type::Bin, Type::Bin, |s, _, _| {
            let bytes = bytes(s)?;
            let range: fn(&[u8]) -> Option<std::ops::Range<usize>> = $range;
            let range = range(&bytes)?;
            Some(Sample::Bin(part(bytes, range)))
        })
    };
}

macro_rules! address {
    ($name:literal, $v4:literal, $v6:literal) => {
        plain($name, Type::Bin, Type::Addr, |s, _, _| {
            let packet = bytes(s)?;
            match Ip::of(&packet)?.version {
                Version::V4 => Some(Sample::Ipv4(Ipv4Addr::from(*packet[$v4..].first_chunk::<4>()?))),
                Version::V6 => Some(Sample::Ipv6(Ipv6Addr::from(*packet[$v6..].first_chunk::<16>()?))),
            }
        })
    };
}

/// The converters of packets.
pub static CONVERTERS: &[Converter] = &[
    block!("eth.data", |frame| Some(ethernet(frame)?..frame.len())),
    block!("eth.dst", |frame| (frame.len() >= 6).then_some(0..6)),
    block!("eth.hdr", |frame| Some(0..ethernet(frame)?)),
    number!("eth.proto", |frame| u16_at(frame, ethernet(frame)? - 2)),
    block!("eth.src", |frame| (frame.len() >= 12).then_some(6..12)),
    number!("eth.vlan", |frame| match ethernet(frame)? {
        14 => None,
        len => u16_at(frame, len - 4).map(|tag| tag & 0xfff),
    }),
    block!("ip.data", |packet| Some(Ip::of(packet)?.header..packet.len())),
    number!("ip.df", |packet| Some(u32::from(Ip::of(packet)?.unfragmented(packet)))),
    address!("ip.dst", 16, 24),
    with("ip.fp", Signature::optional(&[INT]), Type::Bin, Type::Bin, unchecked, |s, args, _| {
        fingerprint(&bytes(s)?, args.int(0).unwrap_or(0)).map(|fp| Sample::Bin(Cow::Owned(fp)))
    }),
    block!("ip.hdr", |packet| Some(0..Ip::of(packet)?.header)),
    number!("ip.proto", |packet| Some(u32::from(Ip::of(packet)?.protocol))),
    address!("ip.src", 12, 8),
    number!("ip.tos", |packet| Some(u32::from(Ip::of(packet)?.service(packet)))),
    number!("ip.ttl", |packet| Some(u32::from(Ip::of(packet)?.hops(packet)))),
    number!("ip.ver", |packet| Some(u32::from(packet.first()? >> 4))),
    number!("tcp.dst", |segment| u16_at(tcp(segment)?, 2)),
    number!("tcp.flags", |segment| Some(u32::from(tcp(segment)?[13]))),
    number!("tcp.options.mss", |segment| match option(segment, MSS)? {
        Sought::There(data) => u16_at(data, 0),
        Sought::Missing => Some(0),
    }),
    number!("tcp.options.sack", |segment| has_option(segment, SACK)),
    number!("tcp.options.tsopt", |segment| has_option(segment, TIMESTAMP)),
    number!("tcp.options.tsval", |segment| {
        match option(segment, TIMESTAMP)? {
            Sought::There(data) => data.first_chunk().map(|value| u32::from_be_bytes(*value)),
            Sought::Missing => Some(0),
        }
    }),
    number!("tcp.options.wscale", |segment| match option(segment, WINDOW_SCALE)? {
        Sought::There(data) => data.first().copied().map(u32::from),
        Sought::Missing => Some(0),
    }),
    number!("tcp.options.wsopt", |segment| has_option(segment, WINDOW_SCALE)),
    plain("tcp.options_list", Type::Bin, Type::Bin, |s, _, _| {
        Some(Sample::Bin(options(&bytes(s)?)?.map(|(kind, _)| kind).collect()))
    }),
    number!("tcp.seq", |segment| Some(u32::from_be_bytes(*tcp(segment)?[4..].first_chunk()?))),
    number!("tcp.src", |segment| u16_at(tcp(segment)?, 0)),
    number!("tcp.win", |segment| u16_at(tcp(segment)?, 14)),
];

const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK: u8 = 4;
const TIMESTAMP: u8 = 8;

fn u16_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|pair| u32::from(u16::from_be_bytes(*pair)))
}

/// The length of an Ethernet header with its tags of virtual networks.
fn ethernet(frame: &[u8]) -> Option<usize> {
    let mut at = 12;
    while matches!(u16_at(frame, at)?, 0x8100 | 0x88a8) {
        at += 4;
    }
    Some(at + 2)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

/// The header of an IP packet.
struct Ip {
    version: Version,
    /// Its length with options or extensions.
    header: usize,
    /// Whether there are any.
    extended: bool,
    protocol: u8,
}

impl Ip {
    fn of(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::v4(packet),
            6 => Self::v6(packet),
            _ => None,
        }
    }

    fn v4(packet: &[u8]) -> Option<Self> {
        let header = usize::from(packet[0] & 15) * 4;
        (header >= 20 && packet.len() >= header).then(|| Self {
            version: Version::V4,
            header,
            extended: header > 20,
            protocol: packet[9],
        })
    }

    fn v6(packet: &[u8]) -> Option<Self> {
        // Hop-by-hop options, routing, fragment, authentication, destination options, mobility, and two
        // numbers for experiments.
        const EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 253, 254];
        let mut protocol = *packet.get(6)?;
        let mut header = 40;
        while EXTENSIONS.contains(&protocol) {
            let len = usize::from(*packet.get(header + 1)?);
            let size = match protocol {
                44 => 8,
                51 => (len + 2) * 4,
                _ => (len + 1) * 8,
            };
            protocol = packet[header];
            header += size;
        }
        (packet.len() >= header).then_some(Self {
            version: Version::V6,
            header,
            extended: header > 40,
            protocol,
        })
    }

    fn service(&self, packet: &[u8]) -> u8 {
        match self.version {
            Version::V4 => packet[1],
            Version::V6 => packet[0] << 4 | packet[1] >> 4,
        }
    }

    fn hops(&self, packet: &[u8]) -> u8 {
        match self.version {
            Version::V4 => packet[8],
            Version::V6 => packet[7],
        }
    }

    /// Whether fragments are forbidden, as they always are in IPv6.
    fn unfragmented(&self, packet: &[u8]) -> bool {
        self.version == Version::V6 || packet[6] & 0x40 != 0
    }
}

/// A segment that has at least the header without options.
fn tcp(segment: &[u8]) -> Option<&[u8]> {
    (segment.len() >= 20).then_some(segment)
}

/// The options of a segment, each with its kind and data; `None` if the header is not all there.
fn options(segment: &[u8]) -> Option<impl Iterator<Item = (u8, &[u8])>> {
    const END: u8 = 0;
    const NOTHING: u8 = 1;
    let header = usize::from(tcp(segment)?[12] >> 4) * 4;
    let mut rest = segment.get(20..header)?;
    Some(std::iter::from_fn(move || {
        let (kind, tail) = rest.split_first().filter(|(kind, _)| **kind != END)?;
        if *kind == NOTHING {
            rest = tail;
            return Some((*kind, &[][..]));
        }
        let len = usize::from(*tail.first()?).checked_sub(2)?;
        let (data, after) = tail[1..].split_at_checked(len)?;
        rest = after;
        Some((*kind, data))
    }))
}

/// What a look for an option came to.
enum Sought<'s> {
    There(&'s [u8]),
    Missing,
}

impl<'s> Sought<'s> {
    fn data(self) -> Option<&'s [u8]> {
        match self {
            Self::There(data) => Some(data),
            Self::Missing => None,
        }
    }
}

/// An option of a segment whose header is all there.
fn option(segment: &[u8], wanted: u8) -> Option<Sought<'_>> {
    let found = options(segment)?.find(|(kind, _)| *kind == wanted);
    Some(found.map_or(Sought::Missing, |(_, data)| Sought::There(data)))
}

/// 1 if an option is there, else 0.
fn has_option(segment: &[u8], wanted: u8) -> Option<u32> {
    option(segment, wanted).map(|option| u32::from(matches!(option, Sought::There(_))))
}

/// What does not change from packet to packet of one host, in eight bytes; `mode` adds more.
fn fingerprint(packet: &[u8], mode: i64) -> Option<Vec<u8>> {
    const CWR_AND_ECE: u8 = 0xc0;
    let ip = Ip::of(packet).filter(|ip| ip.protocol == 6)?;
    let segment = packet.get(ip.header..)?;
    let kinds: Vec<u8> = options(segment)?.map(|(kind, _)| kind).collect();
    let data_len = ip.total(packet)?.checked_sub(ip.header + usize::from(segment[12] >> 4) * 4)?;
    let hops = match ip.hops(packet) {
        0..=32 => 0,
        33..=64 => 1,
        65..=128 => 2,
        129.. => 3,
    };
    let shape = u8::from(ip.version == Version::V6) << 7
        | u8::from(ip.unfragmented(packet)) << 6
        | hops << 4
        | u8::from(ip.extended) << 3
        | u8::from(data_len > 0) << 2
        | (segment[13] & CWR_AND_ECE) >> 6;
    let scale =
        option(segment, WINDOW_SCALE)?.data().and_then(<[u8]>::first).map_or(0, |scale| (scale + 1).min(15));
    let mss = option(segment, MSS)?.data().and_then(<[u8]>::first_chunk::<2>).copied().unwrap_or_default();
    let mut out = vec![ip.service(packet), shape, segment[12] & 0xf0 | scale];
    out.extend_from_slice(&segment[14..16]);
    out.extend_from_slice(&mss);
    out.push(kinds.iter().fold(0, |seen, kind| {
        seen | match kind {
            0 | 1 => 0,
            2..=8 => 1 << (kind - 2),
            9.. => 0x80,
        }
    }));
    if mode & 1 != 0 {
        out.push(ip.hops(packet));
    }
    if mode & 2 != 0 {
        out.extend_from_slice(&kinds);
    }
    if mode & 4 != 0 {
        out.extend_from_slice(match ip.version {
            Version::V4 => &packet[12..16],
            Version::V6 => &packet[8..24],
        });
    }
    Some(out)
}

impl Ip {
    /// The length of the whole packet that the header announces.
    fn total(&self, packet: &[u8]) -> Option<usize> {
        Some(match self.version {
            Version::V4 => u16_at(packet, 2)? as usize,
            Version::V6 => u16_at(packet, 4)? as usize + 40,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{expect_none, text};
    use super::*;
    use proptest::prelude::*;

    const ETHERNET: &str = "0102030405060708090a0b0c0800";
    const TAGGED: &str = "0102030405060708090a0b0c8100002a0800";
    const V4: &str = "450200340001400040060000c0a80001c0a80002";
    const V4_OPTIONS: &str = "460200380001000080060000c0a80001c0a8000201010100";
    const V6: &str = "602000000020064020010db800000000000000000000000120010db8000000000000000000000002";
    const V6_EXTENDED: &str =
        "602000000028004020010db800000000000000000000000120010db80000000000000000000000020600050200000000";
    const SYN: &str = "1f90005000000010000000008002faf000000000020405b40103030701010402";
    const SYN_STAMPED: &str = "d4310050123456780000000090c2ffff00000000020405b40402080a0000002a00000000";

    fn read(packet: &[&str], converter: &str) -> Option<String> {
        text(&format!("bin({}),{converter}", packet.concat()))
    }

    #[test]
    fn ethernet_headers_are_read() {
        for (header, vlan) in [(ETHERNET, None), (TAGGED, Some("42"))] {
            assert_eq!(read(&[header, V4], "eth.data,hex,lower").unwrap(), V4);
            assert_eq!(read(&[header, V4], "eth.hdr,hex,lower").unwrap(), header);
            assert_eq!(read(&[header, V4], "eth.dst,hex").unwrap(), "010203040506");
            assert_eq!(read(&[header, V4], "eth.src,hex").unwrap(), "0708090A0B0C");
            assert_eq!(read(&[header, V4], "eth.proto").unwrap(), "2048");
            assert_eq!(read(&[header, V4], "eth.vlan").as_deref(), vlan);
        }
    }

    #[test]
    fn ip_headers_are_read() {
        for (header, rows) in [
            (V4, ["1", "192.168.0.2", "192.168.0.1", "2", "64", "4"]),
            (V4_OPTIONS, ["0", "192.168.0.2", "192.168.0.1", "2", "128", "4"]),
            (V6, ["1", "2001:db8::2", "2001:db8::1", "2", "64", "6"]),
            (V6_EXTENDED, ["1", "2001:db8::2", "2001:db8::1", "2", "64", "6"]),
        ] {
            for (converter, wanted) in
                ["ip.df", "ip.dst", "ip.src", "ip.tos", "ip.ttl", "ip.ver"].iter().zip(rows)
            {
                assert_eq!(read(&[header, SYN], converter).unwrap(), wanted, "{converter} of {header}");
            }
            assert_eq!(read(&[header, SYN], "ip.proto").unwrap(), "6");
            assert_eq!(read(&[header, SYN], "ip.hdr,hex,lower").unwrap(), header);
            assert_eq!(read(&[header, SYN], "ip.data,hex,lower").unwrap(), SYN);
        }
    }

    #[test]
    fn fingerprints_tell_hosts_apart() {
        assert_eq!(read(&[V4, SYN], "ip.fp,hex").unwrap(), "025088FAF005B407");
        assert_eq!(read(&[V4, SYN], "ip.fp(7),hex").unwrap(), "025088FAF005B40740020103010104C0A80001");
        assert_eq!(read(&[V6, SYN], "ip.fp,hex").unwrap(), "02D088FAF005B407");
        assert_eq!(read(&[V6_EXTENDED, SYN], "ip.fp,hex").unwrap(), "02D888FAF005B407");
        assert_eq!(
            read(&[V4_OPTIONS, SYN], "ip.fp(7),hex").unwrap(),
            "022888FAF005B40780020103010104C0A80001"
        );
    }

    #[test]
    fn a_length_that_does_not_hold_the_headers_has_no_fingerprint() {
        assert_eq!(read(&[V4, SYN_STAMPED], "ip.fp"), None);
    }

    #[test]
    fn tcp_headers_are_read() {
        let names = [
            "dst",
            "flags",
            "options.mss",
            "options.sack",
            "options.tsopt",
            "options.wscale",
            "options.wsopt",
            "options_list,hex",
            "seq",
            "src",
            "win",
        ];
        for (segment, rows) in [
            (SYN, ["80", "2", "1460", "1", "0", "7", "1", "020103010104", "16", "8080", "64240"]),
            (SYN_STAMPED, ["80", "194", "1460", "1", "1", "0", "0", "020408", "305419896", "54321", "65535"]),
        ] {
            for (name, wanted) in names.iter().zip(rows) {
                assert_eq!(read(&[segment], &format!("tcp.{name}")).unwrap(), wanted, "{name} of {segment}");
            }
        }
        assert_eq!(read(&[SYN_STAMPED], "tcp.options.tsval").unwrap(), "42");
        assert_eq!(read(&[SYN], "tcp.options.tsval").unwrap(), "0");
        assert_eq!(read(&[&SYN[..40]], "tcp.options.mss"), None);
        expect_none(&["bin(1f90),tcp.dst", "str(),ip.ver", "bin(45),ip.src"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(mut bytes: Vec<u8>, version in 0..3_usize) {
            if let Some(first) = bytes.first_mut() {
                *first = [0x45, 0x60, *first][version];
            }
            ethernet(&bytes);
            options(&bytes).map(Iterator::count);
            fingerprint(&bytes, 7);
            if let Some(ip) = Ip::of(&bytes) {
                prop_assert!(ip.header <= bytes.len());
            }
        }
    }
}
