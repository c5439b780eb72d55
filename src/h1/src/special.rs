//! The header fields that a parser has to look into, noted while all are copied.

/// A set of them. Most heads have none or one, and then nothing is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Special(u8);

impl Special {
    pub(crate) const HOST: Self = Self(1);
    /// `Content-Length` and `Transfer-Encoding`.
    pub(crate) const FRAMING: Self = Self(2);
    /// `Connection` and `Upgrade`.
    pub(crate) const CONNECTION: Self = Self(4);
    pub(crate) const TE: Self = Self(8);
    pub(crate) const EXPECT: Self = Self(16);

    /// Notes a field by its lower-case name.
    #[inline]
    pub(crate) fn note(&mut self, name: &[u8]) {
        let found = match name.len() {
            2 if name == b"te" => Self::TE,
            4 if name == b"host" => Self::HOST,
            6 if name == b"expect" => Self::EXPECT,
            7 if name == b"upgrade" => Self::CONNECTION,
            10 if name == b"connection" => Self::CONNECTION,
            14 if name == b"content-length" => Self::FRAMING,
            17 if name == b"transfer-encoding" => Self::FRAMING,
            _ => return,
        };
        self.0 |= found.0;
    }

    #[inline]
    pub(crate) fn has(self, which: Self) -> bool {
        self.0 & which.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_noted_by_name() {
        for (name, which) in [
            ("host", Special::HOST),
            ("content-length", Special::FRAMING),
            ("transfer-encoding", Special::FRAMING),
            ("connection", Special::CONNECTION),
            ("upgrade", Special::CONNECTION),
            ("te", Special::TE),
            ("expect", Special::EXPECT),
        ] {
            let mut special = Special::default();
            special.note(name.as_bytes());
            assert_eq!(special, which, "{name}");
        }
        let mut special = Special::default();
        special.note(b"accept");
        special.note(b"hose");
        assert_eq!(special, Special::default());
    }
}
