//! Addresses and the hosts and ports of authorities.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{bytes, plain, with};
use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{Converter, unchecked};
use crate::sample::{Sample, Type, as_ipv4};

const MASKS: Signature = Signature::some(1, &[ArgKind::Mask4, ArgKind::Mask6]);

/// The converters of addresses.
pub static CONVERTERS: &[Converter] = &[
    plain("host_only", Type::Str, Type::Str, |s, _, _| {
        let mut host = bytes(s)?.into_owned();
        if let Some(colon) = port_colon(&host) {
            host.truncate(colon);
        }
        host.make_ascii_lowercase();
        Some(Sample::Str(Cow::Owned(host)))
    }),
    with("ipmask", MASKS, Type::Addr, Type::Addr, unchecked, |s, args, _| masked(s.to_addr()?, args)),
    plain("port_only", Type::Str, Type::Int, |s, _, _| {
        let text = bytes(s)?;
        let port = port_colon(&text).map_or(&[][..], |colon| &text[colon + 1..]);
        Some(Sample::Int(i64::from(leading_number(port))))
    }),
];

/// Where the colon before a port stands: the last one, unless it is within the brackets of an address.
fn port_colon(authority: &[u8]) -> Option<usize> {
    let colon = authority.iter().rposition(|b| *b == b':')?;
    let bracket = authority.iter().rposition(|b| *b == b']');
    (bracket.is_none_or(|bracket| bracket < colon)).then_some(colon)
}

fn leading_number(text: &[u8]) -> u32 {
    let digits = text.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |number: u32, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
}

fn masked(address: IpAddr, args: &Args) -> Option<Sample<'static>> {
    let masked4 = |address: Ipv4Addr| match args.0.first() {
        Some(Arg::Ipv4(mask)) => Some(Sample::Ipv4(Ipv4Addr::from(u32::from(address) & u32::from(*mask)))),
        _ => None,
    };
    match address {
        IpAddr::V4(address) => masked4(address),
        IpAddr::V6(address) => match (as_ipv4(address), args.0.get(1)) {
            (Some(address), _) => masked4(address),
            (None, Some(Arg::Ipv6(mask))) => {
                Some(Sample::Ipv6(Ipv6Addr::from(u128::from(address) & u128::from(*mask))))
            }
            // Without a mask of its own family there is no answer.
            (None, _) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};

    #[test]
    fn hosts_and_ports_are_told_apart() {
        expect(&[
            ("str(Foo.Bar:80),host_only", "foo.bar"),
            ("str([::1]:80),host_only", "[::1]"),
            ("str([::1]),host_only", "[::1]"),
            ("str(a:),host_only", "a"),
            ("str(a:8:9),host_only", "a:8"),
            ("str(),host_only", ""),
            ("str(a:80),port_only", "80"),
            ("str([::1]:80),port_only", "80"),
            ("str([::1]),port_only", "0"),
            ("str(a),port_only", "0"),
            ("str(a:),port_only", "0"),
            ("str(a:99999),port_only", "99999"),
            ("str(a:8:9),port_only", "9"),
        ]);
    }

    #[test]
    fn addresses_are_masked() {
        expect(&[
            ("ipv4(1.2.3.4),ipmask(24)", "1.2.3.0"),
            ("ipv4(1.2.3.4),ipmask(255.255.0.0)", "1.2.0.0"),
            ("ipv6(2001:db8:1:2::5),ipmask(24,64)", "2001:db8:1:2::"),
            ("ipv6(2001:db8:1:2::5),ipmask(24,ffff:ffff::)", "2001:db8::"),
            ("ipv6(::ffff:1.2.3.4),ipmask(24,64)", "1.2.3.0"),
            ("str(1.2.3.4),ipmask(8)", "1.0.0.0"),
            ("int(16909060),ipmask(8)", "1.0.0.0"),
        ]);
        expect_none(&["ipv6(2001:db8:1:2::5),ipmask(24)"]);
        assert!(error("ipv4(1.2.3.4),ipmask(33)").contains("failed to parse '33' as type 'IPv4 mask'"));
    }
}
