//! Networks: an address and a mask (configuration manual, section 7.1.6).

use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 or IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4, with a mask that need not be a prefix.
    V4 {
        /// The network's address.
        address: u32,
        /// Which bits count.
        mask: u32,
    },
    /// IPv6.
    V6 {
        /// The network's address.
        address: u128,
        /// Which bits count.
        mask: u128,
    },
}

impl Network {
    /// Reads `addr`, `addr/bits` or `addr/mask`; short IPv4 forms such as `10/8` are completed by zeroes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (address, mask) = match text.split_once('/') {
            Some((a, m)) => (a, Some(m)),
            None => (text, None),
        };
        if let Ok(IpAddr::V6(a)) = address.parse() {
            let bits = mask.map_or(Some(128), |m| m.parse().ok().filter(|b| *b <= 128))?;
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            return Some(Self::V6 { address: u128::from(a) & mask, mask });
        }
        let address = short_ipv4(address)?;
        let mask = match mask {
            None => u32::MAX,
            Some(m) if m.contains('.') => u32::from(m.parse::<Ipv4Addr>().ok()?),
            Some(m) => {
                let bits = m.parse::<u32>().ok().filter(|b| *b <= 32)?;
                u32::MAX.checked_shl(32 - bits).unwrap_or(0)
            }
        };
        Some(Self::V4 { address: address & mask, mask })
    }

    /// Whether an address lies in it. An IPv4 address also lies in the IPv6 network of its mapped form,
    /// and a mapped one in the IPv4 network.
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Self::V4 { address, mask }, IpAddr::V4(a)) => u32::from(a) & mask == address,
            (Self::V6 { address, mask }, IpAddr::V6(a)) => u128::from(a) & mask == address,
            (Self::V4 { address, mask }, IpAddr::V6(a)) => {
                embedded_ipv4(u128::from(a)).is_some_and(|a| a & mask == address)
            }
            (Self::V6 { address, mask }, IpAddr::V4(a)) => u128::from(a.to_ipv6_mapped()) & mask == address,
        }
    }
}

/// `10`, `10.1`, `10.1.2` and `10.1.2.3`.
fn short_ipv4(text: &str) -> Option<u32> {
    let parts: Vec<u8> = text.split('.').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    if parts.len() > 4 {
        return None;
    }
    let mut octets = [0; 4];
    octets[..parts.len()].copy_from_slice(&parts);
    Some(u32::from_be_bytes(octets))
}

/// The IPv4 address within a mapped (`::ffff:a.b.c.d`) or 6to4 (`2002:a.b.c.d::`) one.
fn embedded_ipv4(a: u128) -> Option<u32> {
    if a >> 32 == 0xffff {
        return Some(a as u32);
    }
    (a >> 112 == 0x2002).then_some((a >> 80) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(net: &str, ip: &str) -> bool {
        Network::parse(net.as_bytes()).unwrap().contains(ip.parse().unwrap())
    }

    #[test]
    fn networks_come_in_many_forms() {
        assert!(within("10/8", "10.200.3.4"));
        assert!(within("192.0.2.0/255.255.255.0", "192.0.2.9"));
        assert!(!within("192.0.2.1", "192.0.2.2"));
        assert!(within("2001:db8::/32", "2001:db8:1::1"));
        assert!(within("0.0.0.0/0", "1.2.3.4"));
    }

    #[test]
    fn families_meet_in_mapped_addresses() {
        assert!(within("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(within("::ffff:0:0/96", "192.0.2.7"));
        assert!(!within("192.0.2.0/24", "2001:db8::1"));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["10.0.0.0/33", "1.2.3.4.5", "a", "", "::/129", "256/8"] {
            assert_eq!(Network::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
