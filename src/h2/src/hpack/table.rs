//! The tables that fields are looked up in (RFC 7541, section 2.3).

use std::collections::VecDeque;

use super::Corrupt;

/// The static table (RFC 7541, appendix A); its first entry has the index 1.
#[rustfmt::skip]
pub(super) static STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""), (b":method", b"GET"), (b":method", b"POST"), (b":path", b"/"),
    (b":path", b"/index.html"), (b":scheme", b"http"), (b":scheme", b"https"), (b":status", b"200"),
    (b":status", b"204"), (b":status", b"206"), (b":status", b"304"), (b":status", b"400"),
    (b":status", b"404"), (b":status", b"500"), (b"accept-charset", b""), (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""), (b"accept-ranges", b""), (b"accept", b""), (b"access-control-allow-origin", b""),
    (b"age", b""), (b"allow", b""), (b"authorization", b""), (b"cache-control", b""),
    (b"content-disposition", b""), (b"content-encoding", b""), (b"content-language", b""), (b"content-length", b""),
    (b"content-location", b""), (b"content-range", b""), (b"content-type", b""), (b"cookie", b""),
    (b"date", b""), (b"etag", b""), (b"expect", b""), (b"expires", b""),
    (b"from", b""), (b"host", b""), (b"if-match", b""), (b"if-modified-since", b""),
    (b"if-none-match", b""), (b"if-range", b""), (b"if-unmodified-since", b""), (b"last-modified", b""),
    (b"link", b""), (b"location", b""), (b"max-forwards", b""), (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""), (b"range", b""), (b"referer", b""), (b"refresh", b""),
    (b"retry-after", b""), (b"server", b""), (b"set-cookie", b""), (b"strict-transport-security", b""),
    (b"transfer-encoding", b""), (b"user-agent", b""), (b"vary", b""), (b"via", b""),
    (b"www-authenticate", b""),
];

/// What an entry counts beside its bytes (RFC 7541, section 4.1).
const OVERHEAD: usize = 32;

/// One entry: where its name stands, its value right behind it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    name: usize,
    value: usize,
}

impl Entry {
    fn size(self) -> usize {
        self.name + self.value + OVERHEAD
    }
}

/// The fields that were sent before, newest first.
///
/// Their bytes stand one behind the other; what was evicted is dropped from the front now and then.
#[derive(Debug)]
pub(super) struct Dynamic {
    bytes: Vec<u8>,
    entries: VecDeque<Entry>,
    size: usize,
    limit: usize,
}

impl Dynamic {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), entries: VecDeque::new(), size: 0, limit }
    }

    /// A field by its index over both tables.
    pub(super) fn get(&self, index: usize) -> Result<(&[u8], &[u8]), Corrupt> {
        if let Some(fixed) = STATIC.get(index.checked_sub(1).ok_or(Corrupt)?) {
            return Ok(*fixed);
        }
        let entry = self.entries.get(index - 1 - STATIC.len()).ok_or(Corrupt)?;
        let bytes = &self.bytes[entry.start..][..entry.name + entry.value];
        Ok(bytes.split_at(entry.name))
    }

    /// Changes how much may be kept.
    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.make_room(0);
    }

    /// Keeps a field; one that is larger than the whole table empties it.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let needed = name.len() + value.len() + OVERHEAD;
        self.make_room(needed);
        if needed > self.limit {
            return;
        }
        self.compact();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_front(Entry { start, name: name.len(), value: value.len() });
        self.size += needed;
    }

    fn make_room(&mut self, needed: usize) {
        while self.size + needed > self.limit
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
        if self.entries.is_empty() {
            self.bytes.clear();
        }
    }

    /// Drops what was evicted once that is as much as what may be kept.
    fn compact(&mut self) {
        let Some(first) = self.entries.back().map(|oldest| oldest.start) else { return };
        if first > self.limit {
            self.bytes.drain(..first);
            self.entries.iter_mut().for_each(|entry| entry.start -= first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_entries_make_room_for_new_ones() {
        let mut table = Dynamic::new(3 * (OVERHEAD + 2));
        for n in b'a'..=b'z' {
            table.insert(&[n], &[n]);
        }
        assert_eq!(table.get(62), Ok((&b"z"[..], &b"z"[..])));
        assert_eq!(table.get(64), Ok((&b"x"[..], &b"x"[..])));
        assert_eq!(table.get(65), Err(Corrupt));
        assert!(table.bytes.len() < 3 * table.limit, "{}", table.bytes.len());
        table.resize(OVERHEAD + 2);
        assert_eq!((table.get(62).is_ok(), table.get(63)), (true, Err(Corrupt)));
        table.insert(b"too large", b"for this table");
        assert_eq!(table.get(62), Err(Corrupt));
    }

    #[test]
    fn the_static_table_comes_first() {
        let table = Dynamic::new(4096);
        assert_eq!(table.get(0), Err(Corrupt));
        assert_eq!(table.get(2), Ok((&b":method"[..], &b"GET"[..])));
        assert_eq!(table.get(61), Ok((&b"www-authenticate"[..], &b""[..])));
        assert_eq!(table.get(62), Err(Corrupt));
    }
}
