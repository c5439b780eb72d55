//! Samples: the values that fetches produce and converters transform (configuration manual, section 7).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::text::IpText;

/// A typed value, borrowed from what it was taken from where possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample<'a> {
    /// A truth value.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// Text, in whatever encoding it came.
    Str(Cow<'a, [u8]>),
    /// A block of bytes.
    Bin(Cow<'a, [u8]>),
    /// An HTTP method.
    Method(Cow<'a, [u8]>),
}

/// The type of a sample, or what a converter or an argument asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Any type.
    Any,
    /// Whatever came in.
    Same,
    /// Truth value.
    Bool,
    /// Signed integer.
    Int,
    /// An IPv4 or an IPv6 address.
    Addr,
    /// IPv4 address.
    Ipv4,
    /// IPv6 address.
    Ipv6,
    /// String.
    Str,
    /// Binary.
    Bin,
    /// HTTP method.
    Method,
}

impl Type {
    /// The name by which `-dK` lists it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Same => "same",
            Self::Bool => "bool",
            Self::Int => "sint",
            Self::Addr => "addr",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Str => "str",
            Self::Bin => "bin",
            Self::Method => "meth",
        }
    }

    /// Whether a sample of this type may be cast to `to` at all; single values may still fail.
    pub fn casts_to(self, to: Self) -> bool {
        use Type::{Addr, Any, Bin, Bool, Int, Ipv4, Ipv6, Method, Same, Str};
        let others: &[Self] = match self {
            Any | Same => return true,
            Bool => &[Int, Str, Bin],
            Int => &[Bool, Addr, Ipv4, Ipv6, Str, Bin],
            Addr => &[Ipv4, Ipv6, Str, Bin],
            Ipv4 => &[Addr, Int, Ipv6, Str, Bin],
            Ipv6 => &[Addr, Ipv4, Str, Bin],
            Str => &[Bool, Int, Addr, Ipv4, Ipv6, Bin, Method],
            Bin => &[Str],
            Method => &[Str, Bin],
        };
        to == self || matches!(to, Any | Same) || others.contains(&to)
    }
}

impl<'a> Sample<'a> {
    /// Borrowed text.
    pub fn text(bytes: &'a [u8]) -> Self {
        Self::Str(Cow::Borrowed(bytes))
    }

    /// Text of its own.
    pub fn owned(bytes: Vec<u8>) -> Self {
        Self::Str(Cow::Owned(bytes))
    }

    /// An IP address.
    pub fn ip(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(a) => Self::Ipv4(a),
            IpAddr::V6(a) => Self::Ipv6(a),
        }
    }

    /// The type of this value.
    #[inline]
    pub fn kind(&self) -> Type {
        match self {
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Ipv4(_) => Type::Ipv4,
            Self::Ipv6(_) => Type::Ipv6,
            Self::Str(_) => Type::Str,
            Self::Bin(_) => Type::Bin,
            Self::Method(_) => Type::Method,
        }
    }

    /// The value as another type; `None` when this one has no such reading.
    #[inline]
    pub fn cast(self, to: Type) -> Option<Self> {
        if to == self.kind() { Some(self) } else { self.cast_from_another(to) }
    }

    fn cast_from_another(self, to: Type) -> Option<Self> {
        match to {
            Type::Any | Type::Same => Some(self),
            // An address is neither true nor false.
            Type::Bool if matches!(self, Self::Ipv4(_)) => None,
            Type::Bool => self.to_int().map(|i| Self::Bool(i != 0)),
            Type::Int => self.to_int().map(Self::Int),
            Type::Addr if matches!(self, Self::Ipv4(_) | Self::Ipv6(_)) => Some(self),
            Type::Addr => self.to_addr().map(Self::ip),
            Type::Ipv4 => self.to_ipv4().map(Self::Ipv4),
            Type::Ipv6 => self.to_ipv6().map(Self::Ipv6),
            Type::Str => Some(Self::Str(self.into_text())),
            Type::Bin => self.into_binary().map(Self::Bin),
            Type::Method => match self {
                Self::Str(s) => Some(Self::Method(s)),
                _ => None,
            },
        }
    }

    /// Whether the value counts as true where a condition wants a boolean.
    pub fn to_bool(&self) -> Option<bool> {
        self.to_int().map(|i| i != 0)
    }

    /// The value as an integer.
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Self::Bool(b) => Some(i64::from(*b)),
            Self::Int(i) => Some(*i),
            Self::Ipv4(a) => Some(i64::from(u32::from(*a))),
            Self::Str(s) => leading_int(s),
            Self::Ipv6(_) | Self::Bin(_) | Self::Method(_) => None,
        }
    }

    /// The value as an address of whichever family it has.
    pub fn to_addr(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(a) => Some((*a).into()),
            Self::Ipv6(a) => Some((*a).into()),
            Self::Int(i) => Some(Ipv4Addr::from(*i as u32).into()),
            Self::Str(s) => read_address(s),
            _ => None,
        }
    }

    fn to_ipv4(&self) -> Option<Ipv4Addr> {
        match self.to_addr()? {
            IpAddr::V4(a) => Some(a),
            IpAddr::V6(a) => as_ipv4(a),
        }
    }

    fn to_ipv6(&self) -> Option<Ipv6Addr> {
        match self.to_addr()? {
            IpAddr::V4(a) => Some(a.to_ipv6_mapped()),
            IpAddr::V6(a) => Some(a),
        }
    }

    /// The value as text, as log lines and headers print it.
    pub fn into_text(self) -> Cow<'a, [u8]> {
        match self {
            Self::Str(s) | Self::Method(s) => s,
            Self::Bool(b) => Cow::Borrowed(if b { b"1" } else { b"0" }),
            Self::Int(i) => Cow::Owned(itoa::Buffer::new().format(i).as_bytes().to_vec()),
            Self::Ipv4(a) => Cow::Owned(IpText::new(a.into()).into()),
            Self::Ipv6(a) => Cow::Owned(IpText::new(a.into()).into()),
            // As text, a block of bytes ends at its first zero.
            Self::Bin(b) => match (memchr::memchr(0, &b), b) {
                (None, all) => all,
                (Some(end), Cow::Borrowed(b)) => Cow::Borrowed(&b[..end]),
                (Some(end), Cow::Owned(mut b)) => {
                    b.truncate(end);
                    Cow::Owned(b)
                }
            },
        }
    }

    fn into_binary(self) -> Option<Cow<'a, [u8]>> {
        Some(match self {
            Self::Str(s) | Self::Method(s) | Self::Bin(s) => s,
            Self::Int(i) => Cow::Owned(i.to_be_bytes().to_vec()),
            Self::Ipv4(a) => Cow::Owned(a.octets().to_vec()),
            Self::Ipv6(a) => Cow::Owned(a.octets().to_vec()),
            Self::Bool(b) => Cow::Owned(i64::from(b).to_be_bytes().to_vec()),
        })
    }

    /// The same value, borrowing its bytes from this one.
    #[must_use]
    pub fn borrowed(&'a self) -> Self {
        match self {
            Self::Bool(b) => Self::Bool(*b),
            Self::Int(i) => Self::Int(*i),
            Self::Ipv4(a) => Self::Ipv4(*a),
            Self::Ipv6(a) => Self::Ipv6(*a),
            Self::Str(s) => Self::Str(Cow::Borrowed(s)),
            Self::Bin(s) => Self::Bin(Cow::Borrowed(s)),
            Self::Method(s) => Self::Method(Cow::Borrowed(s)),
        }
    }

    /// The same value, owning all of its bytes.
    pub fn into_owned(self) -> Sample<'static> {
        match self {
            Self::Bool(b) => Sample::Bool(b),
            Self::Int(i) => Sample::Int(i),
            Self::Ipv4(a) => Sample::Ipv4(a),
            Self::Ipv6(a) => Sample::Ipv6(a),
            Self::Str(s) => Sample::Str(Cow::Owned(s.into_owned())),
            Self::Bin(s) => Sample::Bin(Cow::Owned(s.into_owned())),
            Self::Method(s) => Sample::Method(Cow::Owned(s.into_owned())),
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, or that of a 6to4 network.
pub fn as_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = |start: usize| octets[start..].first_chunk::<4>().copied().map(Ipv4Addr::from);
    match (&octets[..10], &octets[10..12]) {
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0] | [0xff, 0xff]) => at(12),
        ([0x20, 0x02, ..], _) => at(2),
        _ => None,
    }
}

/// The address that a text tells. An IPv4 one may be followed by anything but a dot, such as a port, and its numbers
/// may begin with zeroes; an IPv6 one stands alone.
fn read_address(text: &[u8]) -> Option<IpAddr> {
    if memchr::memchr2(b':', b'.', text).is_some_and(|at| text[at] == b':') {
        return std::str::from_utf8(text).ok()?.parse().ok().map(IpAddr::V6);
    }
    let mut rest = text;
    let mut octets = [0_u8; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let digits = rest.get(..len).filter(|digits| !digits.is_empty())?;
        *octet = digits.iter().try_fold(0_u8, |v, d| v.checked_mul(10)?.checked_add(d - b'0'))?;
        rest = match (rest.get(len), place) {
            (Some(b'.'), 0..3) => &rest[len + 1..],
            (Some(b'.'), _) | (_, 0..3) => return None,
            _ => &[],
        };
    }
    Some(IpAddr::V4(octets.into()))
}

/// The integer at the start of a text, 0 when it starts with none; an empty text has no reading. Saturates.
fn leading_int(s: &[u8]) -> Option<i64> {
    let (negative, digits) = match s.first()? {
        b'-' => (true, &s[1..]),
        b'+' => (false, &s[1..]),
        _ => (false, s),
    };
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = if negative { -1 } else { 1 };
    let step = |v: i64, d: &u8| v.saturating_mul(10).saturating_add(sign * i64::from(d - b'0'));
    Some(digits[..len].iter().fold(0, step))
}

/// Upper-case hexadecimal digits of a block of bytes.
pub fn hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_cast_to_addresses_and_back() {
        assert_eq!(Sample::Int(0x7f00_0001).cast(Type::Ipv4), Some(Sample::Ipv4(Ipv4Addr::LOCALHOST)));
        assert_eq!(Sample::Ipv4(Ipv4Addr::LOCALHOST).cast(Type::Int), Some(Sample::Int(0x7f00_0001)));
        assert_eq!(Sample::Ipv6(Ipv6Addr::LOCALHOST).cast(Type::Int), None);
    }

    #[test]
    fn text_is_read_as_far_as_it_is_a_number() {
        assert_eq!(Sample::text(b"12abc").cast(Type::Int), Some(Sample::Int(12)));
        assert_eq!(Sample::text(b"-7").cast(Type::Int), Some(Sample::Int(-7)));
        assert_eq!(Sample::text(b"99999999999999999999").cast(Type::Int), Some(Sample::Int(i64::MAX)));
        assert_eq!(Sample::text(b"-99999999999999999999").cast(Type::Int), Some(Sample::Int(i64::MIN)));
        assert_eq!(Sample::text(b"abc").cast(Type::Int), Some(Sample::Int(0)));
        assert_eq!(Sample::text(b"").cast(Type::Int), None);
    }

    #[test]
    fn an_ipv4_address_ends_where_no_dot_follows() {
        let read = |text: &'static str| Sample::text(text.as_bytes()).cast(Type::Ipv4);
        for text in ["10.0.0.1", "10.0.0.1:80", "10.0.0.1 ", "010.0.00.1", "10.0.0.1/8", "10.0.0.1x"] {
            assert_eq!(read(text), Some(Sample::Ipv4(Ipv4Addr::new(10, 0, 0, 1))), "{text}");
        }
        for text in [
            "",
            "10",
            "10.0",
            "10.0.0",
            "10.0.0.",
            "10.0.0.1.",
            "10.0.0.256",
            " 10.0.0.1",
            "10..0.1",
            "a.b.c.d",
            "x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in ["::1x", "::1 ", "1:2", ":"] {
            assert_eq!(Sample::text(text.as_bytes()).cast(Type::Ipv6), None, "{text}");
        }
    }

    #[test]
    fn binary_becomes_text_up_to_its_first_zero() {
        let cast = |b: &'static [u8]| Sample::Bin(Cow::Borrowed(b)).cast(Type::Str);
        assert_eq!(cast(b"\x01\xab"), Some(Sample::text(b"\x01\xab")));
        assert_eq!(cast(b"ab\0c"), Some(Sample::text(b"ab")));
        assert_eq!(Sample::Bin(Cow::Owned(b"ab\0c".to_vec())).cast(Type::Str), Some(Sample::text(b"ab")));
    }

    #[test]
    fn truth_casts_to_numbers_and_addresses_do_not_to_truth() {
        let bytes = Sample::Bin(Cow::Owned(vec![0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(Sample::Bool(true).cast(Type::Bin), Some(bytes));
        assert_eq!(Sample::Ipv4(Ipv4Addr::LOCALHOST).cast(Type::Bool), None);
    }

    #[test]
    fn some_addresses_stand_for_others() {
        for (v6, v4) in [
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("::1.2.3.4", Some("1.2.3.4")),
            ("2002:102:304::1", Some("1.2.3.4")),
            ("::ffff:0:1.2.3.4", None),
            ("64:ff9b::1.2.3.4", None),
            ("2001:db8::1", None),
        ] {
            assert_eq!(as_ipv4(v6.parse().unwrap()).map(|a| a.to_string()).as_deref(), v4, "{v6}");
        }
    }

    #[test]
    fn truth_is_written_as_a_digit() {
        assert_eq!(Sample::Bool(true).into_text().as_ref(), b"1");
    }

    #[test]
    fn every_possible_cast_is_announced() {
        let samples = [
            Sample::Bool(true),
            Sample::Int(1),
            Sample::Ipv4(Ipv4Addr::LOCALHOST),
            Sample::Ipv6(Ipv6Addr::LOCALHOST),
            Sample::text(b"1"),
            Sample::Bin(Cow::Borrowed(b"1")),
            Sample::Method(Cow::Borrowed(b"GET")),
        ];
        let types = [Type::Bool, Type::Int, Type::Ipv4, Type::Ipv6, Type::Str, Type::Bin, Type::Method];
        for s in samples {
            for t in types {
                if s.clone().cast(t).is_some() {
                    assert!(s.kind().casts_to(t), "{:?} to {t:?}", s.kind());
                }
            }
        }
    }
}
