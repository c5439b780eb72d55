//! The ring of consistent hashing: every server has many points on it, and a hash belongs to the nearest.

use std::net::IpAddr;

use lang::converters::hashes::avalanche;

use crate::server::Server;
use crate::settings::RingKey;

/// How many points a server has for each unit of its weight.
const POINTS: u32 = 16;

/// How many points a server may have at most, so that those of numbered servers do not meet.
const RANGE: u32 = 256 * POINTS;

/// A ring of servers.
#[derive(Debug, Default)]
pub(crate) struct Ring(Vec<(u32, u16)>);

impl Ring {
    /// The ring of these servers, each with its weight in points.
    pub(crate) fn new<'s>(servers: impl Iterator<Item = &'s Server>) -> Self {
        let mut points = Vec::new();
        for (index, server) in servers.enumerate() {
            let first = first_point(server);
            let own = (0..server.weight() * POINTS).map(|i| (avalanche(first.wrapping_add(i)), index as u16));
            points.extend(own);
        }
        points.sort_by_key(|(at, _)| *at);
        Self(points)
    }

    /// The server of a point, counted around.
    pub(crate) fn at(&self, point: usize) -> Option<usize> {
        self.0.get(point % self.0.len().max(1)).map(|(_, server)| usize::from(*server))
    }

    /// The point behind the last one that was used so far, on another ring.
    pub(crate) fn after(&self, other: &Self, used: usize) -> usize {
        let last = used.checked_sub(1).and_then(|point| other.0.get(point % other.0.len().max(1)));
        last.map_or(0, |(last, _)| self.0.partition_point(|(at, _)| at <= last))
    }

    /// How many points there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The servers for a hash, the nearest first, then as they follow on the ring.
    pub(crate) fn from(&self, hash: u32) -> impl Iterator<Item = usize> {
        let count = self.0.len();
        let next = self.0.partition_point(|(at, _)| *at < hash);
        let start = if count == 0 {
            0
        } else {
            let (next, last) = (next % count, (next + count - 1) % count);
            let closer = self.0[next].0.wrapping_sub(hash) < hash.wrapping_sub(self.0[last].0);
            if closer { next } else { last }
        };
        (0..count).map(move |i| usize::from(self.0[(start + i) % count].1))
    }
}

/// What the places of a server's points come from.
fn first_point(server: &Server) -> u32 {
    let by_id = || server.facts.id.wrapping_mul(RANGE);
    let address = server.address.load();
    let ip = || match address.ip()? {
        IpAddr::V4(ip) => Some(u32::from_le_bytes(ip.octets())),
        IpAddr::V6(_) => None,
    };
    match server.settings.ring_key {
        RingKey::Id => by_id(),
        RingKey::Address => ip().map_or_else(by_id, avalanche),
        RingKey::AddressAndPort => {
            let port = u32::from(address.port().unwrap_or(0));
            ip().map_or_else(by_id, |ip| avalanche(ip.wrapping_add(avalanche(port))))
        }
    }
}
