//! Networks: an address and a mask (configuration manual, section 7.1.6).

use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::sync::Arc;

use crate::item::Item;
use crate::list::List;
use crate::tree::{Key, Tree};

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
        /// How many bits count.
        bits: u8,
    },
}

/// Whether what is no address may be the name of a host (`-n` forbids it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostNames {
    /// It may; the system resolves it. It also knows the short forms of IPv4 addresses, such as `127.1`.
    Resolved,
    /// It may not.
    #[default]
    Refused,
}

impl Network {
    /// Reads `addr`, `addr/bits` and, for IPv4, `addr/mask`.
    pub fn parse(text: &[u8], names: HostNames) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (address, mask) = match text.split_once('/') {
            Some((a, m)) => (a, Some(m)),
            None => (text, None),
        };
        let address = match address.parse() {
            Ok(IpAddr::V6(a)) => return Self::v6(u128::from(a), mask),
            Ok(IpAddr::V4(a)) => a,
            Err(_) if names == HostNames::Resolved => resolve(address)?,
            Err(_) => return None,
        };
        let mask = match mask {
            None => u32::MAX,
            Some(m) if m.contains('.') => u32::from(m.parse::<Ipv4Addr>().ok()?),
            Some(m) => {
                let bits = m.parse::<u32>().ok().filter(|b| *b <= 32)?;
                u32::MAX.checked_shl(32 - bits).unwrap_or(0)
            }
        };
        Some(Self::V4 { address: u32::from(address) & mask, mask })
    }

    /// Whether an address lies in it. An IPv4 address also lies in the IPv6 network of its mapped form,
    /// and one that embeds an IPv4 address in the IPv4 network.
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Self::V4 { address, mask }, IpAddr::V4(a)) => u32::from(a) & mask == address,
            (Self::V4 { address, mask }, IpAddr::V6(a)) => {
                embedded_ipv4(a.into()).is_some_and(|a| a & mask == address)
            }
            (Self::V6 { address, bits }, ip) => {
                let a = match ip {
                    IpAddr::V4(a) => a.to_ipv6_mapped(),
                    IpAddr::V6(a) => a,
                };
                u128::from(a) & v6_mask(bits) == address
            }
        }
    }

    fn v6(address: u128, mask: Option<&str>) -> Option<Self> {
        let bits = mask.map_or(Some(128), |m| m.parse().ok().filter(|b| *b <= 128))?;
        Some(Self::V6 { address: address & v6_mask(bits), bits })
    }
}

fn v6_mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

fn resolve(name: &str) -> Option<Ipv4Addr> {
    let mut found = (name, 0).to_socket_addrs().ok()?;
    found.find_map(|a| match a.ip() {
        IpAddr::V4(a) => Some(a),
        IpAddr::V6(_) => None,
    })
}

/// The IPv4 address within a mapped (`::ffff:a.b.c.d`), a compatible (`::a.b.c.d`) or a 6to4 (`2002:a.b.c.d::`) one.
pub(crate) fn embedded_ipv4(a: u128) -> Option<u32> {
    if matches!(a >> 32, 0 | 0xffff) {
        return Some(a as u32);
    }
    (a >> 112 == 0x2002).then_some((a >> 80) as u32)
}

/// All networks of a list: the longest prefix wins, and masks that are no prefixes come last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    v4: Tree,
    v6: Tree,
    /// Those with masks that are no prefixes: address and mask.
    odd: List<(u32, u32)>,
    /// What entries mean that are written as host names: names may mean something else later.
    named: List<Network>,
}

/// How an entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In a tree.
    InTree,
    /// In a list.
    InList,
}

impl Networks {
    /// Adds an entry whose key is a network, or a host name if that is allowed.
    pub(crate) fn add(&mut self, item: &Arc<Item>, names: HostNames) -> Option<()> {
        let strictly = Network::parse(item.key(), HostNames::Refused);
        let network = strictly.or_else(|| Network::parse(item.key(), names))?;
        if strictly.is_none() {
            self.named.push(item.clone(), network);
        }
        self.insert(network, item.clone());
        Some(())
    }

    /// The network of an entry that was added.
    pub(crate) fn network_of(&self, item: &Item) -> Option<Network> {
        let named = || self.named.get(item.id).map(|slot| slot.test);
        Network::parse(item.key(), HostNames::Refused).or_else(named)
    }

    pub(crate) fn insert(&mut self, network: Network, item: Arc<Item>) {
        match network {
            Network::V4 { address, mask } if is_prefix(mask) => {
                let (bytes, len) = (address.to_be_bytes(), mask.count_ones() as usize);
                self.v4.insert(Key::bits(&bytes, len), item);
            }
            Network::V4 { address, mask } => self.odd.push(item, (address, mask)),
            Network::V6 { address, bits } => {
                self.v6.insert(Key::bits(&address.to_be_bytes(), bits.into()), item);
            }
        }
    }

    pub(crate) fn remove(&mut self, network: Network, id: u64) {
        self.named.remove(id);
        match network {
            Network::V4 { address, mask } if is_prefix(mask) => {
                let (bytes, len) = (address.to_be_bytes(), mask.count_ones() as usize);
                self.v4.remove(Key::bits(&bytes, len), id);
            }
            Network::V4 { .. } => self.odd.remove(id),
            Network::V6 { address, bits } => {
                self.v6.remove(Key::bits(&address.to_be_bytes(), bits.into()), id);
            }
        }
    }

    pub(crate) fn replace(&mut self, network: Network, item: &Arc<Item>) {
        match network {
            Network::V4 { address, mask } if is_prefix(mask) => {
                let (bytes, len) = (address.to_be_bytes(), mask.count_ones() as usize);
                self.v4.replace(Key::bits(&bytes, len), item);
            }
            Network::V4 { .. } => self.odd.replace(item),
            Network::V6 { address, bits } => {
                self.v6.replace(Key::bits(&address.to_be_bytes(), bits.into()), item);
            }
        }
    }

    pub(crate) fn find(&self, ip: IpAddr) -> Option<(&Arc<Item>, Found)> {
        let (v4, v6) = match ip {
            IpAddr::V4(a) => (Some(u32::from(a)), u128::from(a.to_ipv6_mapped())),
            IpAddr::V6(a) => (embedded_ipv4(a.into()), a.into()),
        };
        let of_v4 = || v4.and_then(|a| self.v4.longest(&a.to_be_bytes()));
        let of_v6 = || self.v6.longest(&v6.to_be_bytes());
        let bucket = if ip.is_ipv4() { of_v4().or_else(of_v6) } else { of_v6().or_else(of_v4) };
        if let Some(bucket) = bucket {
            return Some((bucket.first(), Found::InTree));
        }
        let a = v4?;
        let odd = self.odd.iter().find(|slot| a & slot.test.1 == slot.test.0)?;
        Some((&odd.item, Found::InList))
    }
}

pub(crate) fn is_prefix(mask: u32) -> bool {
    mask.leading_ones() == mask.count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(all: &[&str]) -> Networks {
        let mut networks = Networks::default();
        for (i, net) in all.iter().enumerate() {
            let item = Arc::new(Item::new(i as u64, 0, net.as_bytes(), None));
            networks.insert(Network::parse(net.as_bytes(), HostNames::Refused).unwrap(), item);
        }
        networks
    }

    fn found(networks: &Networks, ip: &str) -> Option<u64> {
        networks.find(ip.parse().unwrap()).map(|(item, _)| item.id())
    }

    fn within(net: &str, ip: &str) -> bool {
        let listed = found(&networks(&[net]), ip).is_some();
        let alone = Network::parse(net.as_bytes(), HostNames::Refused).unwrap();
        assert_eq!(alone.contains(ip.parse().unwrap()), listed, "{net} {ip}");
        listed
    }

    #[test]
    fn networks_come_in_many_forms() {
        assert!(within("10.0.0.0/8", "10.200.3.4"));
        assert!(within("192.0.2.0/255.255.255.0", "192.0.2.9"));
        assert!(!within("192.0.2.1", "192.0.2.2"));
        assert!(within("2001:db8::/32", "2001:db8:1::1"));
        assert!(within("2001:db8::/33", "2001:db8:1::1"));
        assert!(!within("2001:db8:8000::/33", "2001:db8:1::1"));
        assert!(within("0.0.0.0/0", "1.2.3.4"));
        assert!(within("10.1.2.3/255.0.0.255", "10.9.9.3"));
    }

    #[test]
    fn families_meet_in_embedded_addresses() {
        assert!(within("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(within("192.0.2.0/24", "::192.0.2.7"));
        assert!(within("192.0.2.0/24", "2002:c000:207::"));
        assert!(within("::ffff:0:0/96", "192.0.2.7"));
        assert!(!within("192.0.2.0/24", "2001:db8::1"));
    }

    #[test]
    fn short_forms_are_those_of_the_resolver() {
        let resolved = |t: &str| Network::parse(t.as_bytes(), HostNames::Resolved);
        assert_eq!(resolved("127.1"), Network::parse(b"127.0.0.1", HostNames::Refused));
        assert_eq!(resolved("10.12/8"), Network::parse(b"10.0.0.0/8", HostNames::Refused));
        assert_eq!(Network::parse(b"127.1", HostNames::Refused), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["10.0.0.0/33", "1.2.3.4.5", "a", "", "::/129", "256/8", "::1/ffff::", "1.2.3.4/"] {
            assert_eq!(Network::parse(bad.as_bytes(), HostNames::Refused), None, "{bad}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_other_masks_come_last() {
        let all = networks(&["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/255.0.255.0", "11.0.0.5/255.0.0.255"]);
        assert_eq!(found(&all, "10.1.2.3"), Some(1));
        assert_eq!(found(&all, "10.2.0.3"), Some(0));
        assert_eq!(found(&all, "11.2.0.5"), Some(3));
        assert_eq!(found(&all, "11.2.0.6"), None);
    }

    proptest! {
        #[test]
        fn a_list_of_networks_agrees_with_a_search_of_all(
            nets in prop::collection::vec((0u32..4, 0u32..=32, any::<u32>()), 1..30),
            (high, low) in (0u32..4, any::<u32>()),
        ) {
            let make = |(high, bits, low): (u32, u32, u32)| {
                format!("{}/{bits}", Ipv4Addr::from(high << 30 | low >> 2))
            };
            let texts: Vec<String> = nets.into_iter().map(make).collect();
            let all: Vec<&str> = texts.iter().map(String::as_str).collect();
            let address = high << 30 | low >> 2;
            let parsed = all.iter().enumerate().filter_map(|(i, t)| {
                match Network::parse(t.as_bytes(), HostNames::Refused)? {
                    Network::V4 { address: net, mask } if address & mask == net => Some((i as u64, mask)),
                    _ => None,
                }
            });
            let best = parsed.max_by_key(|(i, mask)| (*mask, std::cmp::Reverse(*i))).map(|(i, _)| i);
            prop_assert_eq!(found(&networks(&all), &Ipv4Addr::from(address).to_string()), best);
        }
    }
}
