//! The header fields that a parser has to look into, noted while all are copied.

/// Where they are. Most heads have few of them, and then nothing is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Special {
    /// The number of fields noted so far, whatever their name.
    fields: usize,
    pub(crate) host: Place,
    pub(crate) length: Place,
    pub(crate) coding: Place,
    pub(crate) connection: Place,
    pub(crate) upgrade: Place,
    pub(crate) te: Place,
    pub(crate) expect: Place,
}

/// Where the fields of a name are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Nowhere,
    Once(usize),
    More,
}

impl Place {
    pub(crate) fn is_somewhere(self) -> bool {
        self != Self::Nowhere
    }

    fn add(&mut self, at: usize) {
        *self = if *self == Self::Nowhere { Self::Once(at) } else { Self::More };
    }
}

impl Special {
    /// Whether the message says anything about its connection.
    pub(crate) fn concerns_connection(self) -> bool {
        self.connection.is_somewhere() || self.upgrade.is_somewhere()
    }

    /// Notes the next field by its lower-case name.
    #[inline]
    pub(crate) fn note(&mut self, name: &[u8]) {
        let at = self.fields;
        self.fields += 1;
        match name.len() {
            2 if name == b"te" => self.te.add(at),
            4 if name == b"host" => self.host.add(at),
            6 if name == b"expect" => self.expect.add(at),
            7 if name == b"upgrade" => self.upgrade.add(at),
            10 if name == b"connection" => self.connection.add(at),
            14 if name == b"content-length" => self.length.add(at),
            17 if name == b"transfer-encoding" => self.coding.add(at),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_noted_by_name() {
        let mut special = Special::default();
        for name in ["accept", "host", "content-length", "hose", "connection", "upgrade", "te", "expect"] {
            special.note(name.as_bytes());
        }
        assert_eq!(special.host, Place::Once(1));
        assert_eq!(special.length, Place::Once(2));
        assert_eq!(special.coding, Place::Nowhere);
        assert_eq!((special.connection, special.upgrade), (Place::Once(4), Place::Once(5)));
        assert_eq!((special.te, special.expect), (Place::Once(6), Place::Once(7)));
        assert!(special.te.is_somewhere() && !special.coding.is_somewhere());
    }
}
