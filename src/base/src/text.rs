//! Addresses as text, without the machinery of `fmt`: they stand in every log line and in many headers.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};

/// The text of an IP address.
#[derive(Clone, Copy, Debug)]
pub struct IpText {
    room: [u8; IpText::ROOM],
    len: u8,
}

impl IpText {
    /// The longest one: an IPv6 address with an IPv4 address in it.
    const ROOM: usize = 45;

    /// The text, in the form that RFC 5952 recommends for IPv6.
    pub fn new(ip: IpAddr) -> Self {
        let mut text = Self { room: [0; Self::ROOM], len: 0 };
        match ip {
            IpAddr::V4(ip) => text.push_v4(ip),
            IpAddr::V6(ip) => {
                let mut rest = &mut text.room[..];
                // It cannot fail: there is room for the longest.
                let _ = write!(rest, "{ip}");
                text.len = (Self::ROOM - rest.len()) as u8;
            }
        }
        text
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.room[..usize::from(self.len)]
    }

    fn push_v4(&mut self, ip: Ipv4Addr) {
        let mut at = 0;
        for (i, octet) in ip.octets().into_iter().enumerate() {
            if i > 0 {
                self.room[at] = b'.';
                at += 1;
            }
            if octet >= 100 {
                self.room[at] = b'0' + octet / 100;
                at += 1;
            }
            if octet >= 10 {
                self.room[at] = b'0' + octet / 10 % 10;
                at += 1;
            }
            self.room[at] = b'0' + octet % 10;
            at += 1;
        }
        self.len = at as u8;
    }
}

impl From<IpText> for Vec<u8> {
    fn from(text: IpText) -> Self {
        text.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_reads_as_fmt_writes_it() {
        for octet in 0..=255 {
            let ip = Ipv4Addr::new(octet, 0, 255 - octet, octet);
            assert_eq!(IpText::new(ip.into()).as_bytes(), ip.to_string().as_bytes());
        }
    }

    #[test]
    fn the_longest_addresses_fit() {
        for text in
            ["255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:255.255.255.255", "::"]
        {
            assert_eq!(IpText::new(text.parse().unwrap()).as_bytes(), text.as_bytes());
        }
    }
}
