//! The names that OpenSSL gives to versions, cipher suites, curves and signature algorithms, which configurations use.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::ALL_KX_GROUPS;
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SupportedCipherSuite};

use crate::suites::SUITES;

/// A version of the protocol, those that this program does not speak included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SSL 3.0; not spoken.
    Ssl3,
    /// TLS 1.0; not spoken.
    Tls10,
    /// TLS 1.1; not spoken.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    /// All, the oldest first.
    pub const ALL: [Self; 5] = [Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// By the argument of `ssl-min-ver` and `ssl-max-ver`.
    pub fn find(name: &str) -> Option<Self> {
        Some(match name {
            "SSLv3" => Self::Ssl3,
            "TLSv1.0" => Self::Tls10,
            "TLSv1.1" => Self::Tls11,
            "TLSv1.2" => Self::Tls12,
            "TLSv1.3" => Self::Tls13,
            _ => return None,
        })
    }

    /// What `ssl_fc_protocol` and `%sslv` show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    pub(crate) fn of(version: ProtocolVersion) -> Option<Self> {
        match version {
            ProtocolVersion::TLSv1_2 => Some(Self::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Self::Tls13),
            _ => None,
        }
    }
}

/// A suite of TLS 1.2 and the words of OpenSSL's cipher lists that it answers to.
struct Suite {
    suite: CipherSuite,
    name: &'static str,
    words: &'static [&'static str],
}

macro_rules! suites {
    ($($suite:ident $name:literal: $($word:literal)+;)+) => {
        &[$(Suite { suite: CipherSuite::$suite, name: $name, words: &[$($word),+] },)+]
    };
}

/// The suites of TLS 1.2, in the order in which they are preferred unless a configuration says otherwise.
const SUITES_12: &[Suite] = suites! {
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 "ECDHE-ECDSA-AES256-GCM-SHA384":
        "aECDSA" "ECDSA" "AES" "AES256" "AESGCM" "SHA384";
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 "ECDHE-RSA-AES256-GCM-SHA384":
        "aRSA" "RSA" "AES" "AES256" "AESGCM" "SHA384";
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 "ECDHE-ECDSA-CHACHA20-POLY1305":
        "aECDSA" "ECDSA" "CHACHA20" "SHA256";
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 "ECDHE-RSA-CHACHA20-POLY1305":
        "aRSA" "RSA" "CHACHA20" "SHA256";
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "ECDHE-ECDSA-AES128-GCM-SHA256":
        "aECDSA" "ECDSA" "AES" "AES128" "AESGCM" "SHA256";
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "ECDHE-RSA-AES128-GCM-SHA256":
        "aRSA" "RSA" "AES" "AES128" "AESGCM" "SHA256";
};

/// Words that every suite of TLS 1.2 which there is answers to.
const COMMON: &[&str] =
    &["ALL", "DEFAULT", "HIGH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "TLSv1.2", "COMPLEMENTOFDEFAULT"];

const SUITES_13: &[(CipherSuite, &str)] = &[
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
];

/// What OpenSSL calls a suite.
pub(crate) fn suite_name(suite: CipherSuite) -> &'static str {
    let new = SUITES_13.iter().find(|(s, _)| *s == suite).map(|(_, name)| *name);
    new.or_else(|| SUITES_12.iter().find(|s| s.suite == suite).map(|s| s.name)).unwrap_or("(NONE)")
}

/// Suites that clients offer and that do not exist here.
const FOREIGN: &[(u16, &str)] = &[
    (0x000a, "DES-CBC3-SHA"),
    (0x002f, "AES128-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x0035, "AES256-SHA"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x003c, "AES128-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0x006b, "DHE-RSA-AES256-SHA256"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
    (0x009f, "DHE-RSA-AES256-GCM-SHA384"),
    (0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
    (0xc009, "ECDHE-ECDSA-AES128-SHA"),
    (0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    (0xc024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xccaa, "DHE-RSA-CHACHA20-POLY1305"),
];

/// What OpenSSL calls a suite that was offered, whether it exists here or not.
pub(crate) fn offered_name(number: [u8; 2]) -> String {
    let wanted = u16::from_be_bytes(number);
    match suite_name(CipherSuite::from(wanted)) {
        "(NONE)" => FOREIGN.iter().find(|(n, _)| *n == wanted).map_or_else(
            || format!("UNKNOWN({:02x},{:02x})", number[0], number[1]),
            |(_, name)| (*name).to_owned(),
        ),
        name => name.to_owned(),
    }
}

/// The bits of a suite's key.
pub(crate) fn key_bits(suite: CipherSuite) -> u32 {
    if suite_name(suite).contains("128") && !suite_name(suite).contains("CHACHA20") { 128 } else { 256 }
}

fn supported(suite: CipherSuite) -> Option<SupportedCipherSuite> {
    SUITES.iter().find(|s| s.suite() == suite).copied()
}

/// The suites of TLS 1.2 that a list in OpenSSL's form chooses, in its order (`ciphers`). Words for suites that do not
/// exist here choose nothing.
pub(crate) fn suites_12(list: &str) -> Vec<SupportedCipherSuite> {
    let mut chosen: Vec<&Suite> = Vec::new();
    let mut banned: Vec<&Suite> = Vec::new();
    for word in list.split([':', ',', ' ']).filter(|w| !w.is_empty()) {
        let (sign, words) = match word.as_bytes()[0] {
            sign @ (b'!' | b'-' | b'+') => (sign, &word[1..]),
            b'@' => continue,
            _ => (b' ', word),
        };
        let named = |s: &&Suite| words.split('+').all(|w| answers(s, w));
        let is = |s: &Suite, other: &Suite| s.suite == other.suite;
        for suite in SUITES_12.iter().filter(named) {
            let at = chosen.iter().position(|s| is(s, suite));
            match (sign, at) {
                (b'!', _) => {
                    banned.push(suite);
                    chosen.retain(|s| !is(s, suite));
                }
                (b'-', _) => chosen.retain(|s| !is(s, suite)),
                (b'+', Some(at)) => {
                    let moved = chosen.remove(at);
                    chosen.push(moved);
                }
                (b' ', None) if !banned.iter().any(|s| is(s, suite)) => chosen.push(suite),
                _ => {}
            }
        }
    }
    chosen.into_iter().filter_map(|s| supported(s.suite)).collect()
}

fn answers(suite: &Suite, word: &str) -> bool {
    suite.name == word || suite.words.contains(&word) || COMMON.contains(&word)
}

/// The suites of TLS 1.2 that are used unless a configuration says otherwise.
pub(crate) fn default_suites_12() -> Vec<SupportedCipherSuite> {
    SUITES_12.iter().filter_map(|s| supported(s.suite)).collect()
}

/// The suites of TLS 1.3 of a list (`ciphersuites`).
pub(crate) fn suites_13(list: &str) -> Vec<SupportedCipherSuite> {
    let find = |word: &str| SUITES_13.iter().find(|(_, name)| *name == word).and_then(|(s, _)| supported(*s));
    list.split(':').filter_map(find).collect()
}

/// The suites of TLS 1.3 that are used unless a configuration says otherwise.
pub(crate) fn default_suites_13() -> Vec<SupportedCipherSuite> {
    SUITES_13.iter().filter_map(|(s, _)| supported(*s)).collect()
}

const GROUPS: &[(NamedGroup, &[&str])] = &[
    (NamedGroup::X25519, &["X25519", "x25519"]),
    (NamedGroup::secp256r1, &["P-256", "prime256v1", "secp256r1"]),
    (NamedGroup::secp384r1, &["P-384", "secp384r1"]),
    (NamedGroup::X25519MLKEM768, &["X25519MLKEM768"]),
    (NamedGroup::secp256r1MLKEM768, &["SecP256r1MLKEM768"]),
    (NamedGroup::MLKEM768, &["MLKEM768"]),
];

/// The key exchange groups of a list (`curves`), in its order; names of others choose nothing.
pub(crate) fn groups(list: &str) -> Vec<&'static dyn SupportedKxGroup> {
    let find = |word: &str| {
        let word = word.trim_start_matches(['?', '*', '-']);
        let (group, _) = GROUPS.iter().find(|(_, names)| names.contains(&word))?;
        ALL_KX_GROUPS.iter().find(|g| g.name() == *group).copied()
    };
    list.split([':', '/']).filter_map(find).collect()
}

/// What OpenSSL calls a key exchange group.
pub(crate) fn group_name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::secp256r1 => "prime256v1",
        NamedGroup::secp384r1 => "secp384r1",
        NamedGroup::X25519 => "X25519",
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768",
        NamedGroup::MLKEM768 => "MLKEM768",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<&'static str> {
        suites_12(list).iter().map(|s| suite_name(s.suite())).collect()
    }

    #[test]
    fn cipher_lists_choose_by_names_words_and_signs() {
        assert_eq!(names("ECDHE-RSA-AES128-GCM-SHA256"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA:ECDHE-ECDSA-CHACHA20-POLY1305"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]
        );
        assert_eq!(
            names("HIGH:!aRSA:!CHACHA20"),
            ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"]
        );
        assert_eq!(
            names("ECDHE+AESGCM+aRSA"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("ALL:-AES:@STRENGTH").len(), 2);
        assert_eq!(names("AES128:AES256:+AES128").last(), Some(&"ECDHE-RSA-AES128-GCM-SHA256"));
        assert!(names("AES128-SHA:kRSA").is_empty());
    }

    #[test]
    fn groups_have_several_names() {
        let found: Vec<_> =
            groups("P-384:prime256v1:P-521:X25519").iter().map(|g| group_name(g.name())).collect();
        assert_eq!(found, ["secp384r1", "prime256v1", "X25519"]);
    }

    #[test]
    fn all_suites_are_there() {
        assert_eq!(default_suites_12().len() + default_suites_13().len(), SUITES.len());
        assert_eq!(suites_13("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256").len(), 1);
    }
}
