//! Why a chain is not trusted, by the numbers and the names of OpenSSL's `X509_V_ERR` constants.

use lang::converters::x509::NAMES;

/// A result of a verification; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u8);

impl Code {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const NO_ISSUER: Self = Self(2);
    pub(crate) const NO_CRL: Self = Self(3);
    pub(crate) const BAD_SIGNATURE: Self = Self(7);
    pub(crate) const BAD_CRL_SIGNATURE: Self = Self(8);
    pub(crate) const NOT_YET_VALID: Self = Self(9);
    pub(crate) const EXPIRED: Self = Self(10);
    pub(crate) const CRL_NOT_YET_VALID: Self = Self(11);
    pub(crate) const CRL_EXPIRED: Self = Self(12);
    pub(crate) const SELF_SIGNED: Self = Self(18);
    pub(crate) const SELF_SIGNED_IN_CHAIN: Self = Self(19);
    pub(crate) const NO_LOCAL_ISSUER: Self = Self(20);
    pub(crate) const UNVERIFIED_LEAF: Self = Self(21);
    pub(crate) const TOO_LONG: Self = Self(22);
    pub(crate) const REVOKED: Self = Self(23);
    pub(crate) const PATH_LENGTH: Self = Self(25);
    pub(crate) const PURPOSE: Self = Self(26);
    pub(crate) const NO_CRL_ISSUER: Self = Self(33);
    pub(crate) const CRITICAL_EXTENSION: Self = Self(34);
    pub(crate) const NO_CRL_SIGN: Self = Self(35);
    pub(crate) const INVALID_EXTENSION: Self = Self(41);
    pub(crate) const NOT_PERMITTED: Self = Self(47);
    pub(crate) const EXCLUDED: Self = Self(48);
    pub(crate) const CONSTRAINT_TYPE: Self = Self(51);
    pub(crate) const HOST: Self = Self(62);
    pub(crate) const WEAK_DIGEST: Self = Self(68);
    pub(crate) const INVALID_CA: Self = Self(79);
}

/// The errors that do not end a handshake (`ca-ignore-err`, `crt-ignore-err`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ignored(u128);

impl Ignored {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u128::MAX);

    /// Reads a list of numbers and names between commas, or `all`.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        if list == "all" {
            return Ok(Self::ALL);
        }
        let mut ignored = Self::NONE;
        for word in list.split(',').filter(|w| !w.is_empty()) {
            ignored.0 |= 1 << number(word, list)?;
        }
        Ok(ignored)
    }

    pub(crate) fn holds(self, code: Code) -> bool {
        self.0 & 1 << code.0 != 0
    }
}

fn number(word: &str, list: &str) -> Result<usize, String> {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        let highest = NAMES.len() - 1;
        return word
            .parse()
            .ok()
            .filter(|n| (1..=highest).contains(n))
            .ok_or_else(|| format!("ID '{word}' out of range (1..{highest}) in error IDs list '{list}'"));
    }
    let short = word.strip_prefix("X509_V_");
    let found = NAMES.iter().position(|name| short.is_some_and(|short| !short.is_empty() && short == *name));
    found.ok_or_else(|| format!("error constant '{word}' unknown in error IDs list '{list}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_take_numbers_and_names() {
        let list = Ignored::parse("X509_V_ERR_CERT_REVOKED,10").unwrap();
        assert!(list.holds(Code::REVOKED) && list.holds(Code::EXPIRED) && !list.holds(Code::SELF_SIGNED));
        assert!(Ignored::parse("all").unwrap().holds(Code::INVALID_CA));
        assert!(Ignored::parse("10,FOO").unwrap_err().contains("'FOO' unknown in error IDs list '10,FOO'"));
        assert!(Ignored::parse("95").unwrap_err().contains("out of range (1..94)"));
        assert!(Ignored::parse("-5").is_err());
    }
}
