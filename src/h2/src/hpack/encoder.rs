//! From fields to header blocks.

use super::integer;

/// Encodes the header blocks of one connection.
///
/// It uses the static table only: a proxy's fields come from many peers and seldom twice over one connection, and
/// what is not kept costs neither memory nor searches.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Whether the peer is to be told that its table is not used.
    table: Table,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Table {
    #[default]
    AsAnnounced,
    ToBeEmptied,
}

impl Encoder {
    /// The peer keeps less from now on than it did: what it was told to keep, nothing, must be said once (section 4.2).
    pub fn shrink(&mut self) {
        self.table = Table::ToBeEmptied;
    }

    /// Starts a block.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.table) == Table::ToBeEmptied {
            out.push(0x20);
        }
    }

    /// Appends a field.
    pub fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        match index_of(name) {
            0 => {
                out.push(0x00);
                string(name, out);
            }
            index => integer::push(index, 4, 0x00, out),
        }
        string(value, out);
    }

    /// Appends a field that never stands in a table, wherever it goes from here (section 7.1.3).
    pub fn secret(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        match index_of(name) {
            0 => {
                out.push(0x10);
                string(name, out);
            }
            index => integer::push(index, 4, 0x10, out),
        }
        string(value, out);
    }

    /// Appends the method of a request.
    pub fn method(method: &[u8], out: &mut Vec<u8>) {
        match method {
            b"GET" => out.push(0x82),
            b"POST" => out.push(0x83),
            other => literal(2, other, out),
        }
    }

    /// Appends the scheme of a request.
    pub fn scheme(scheme: &[u8], out: &mut Vec<u8>) {
        match scheme {
            b"http" => out.push(0x86),
            b"https" => out.push(0x87),
            other => literal(6, other, out),
        }
    }

    /// Appends the path of a request.
    pub fn path(path: &[u8], out: &mut Vec<u8>) {
        match path {
            b"/" => out.push(0x84),
            b"/index.html" => out.push(0x85),
            other => literal(4, other, out),
        }
    }

    /// Appends the authority of a request.
    pub fn authority(authority: &[u8], out: &mut Vec<u8>) {
        literal(1, authority, out);
    }

    /// Appends the status of a response.
    pub fn status(status: u16, out: &mut Vec<u8>) {
        let index = match status {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            other => {
                let digits = [other / 100 % 10, other / 10 % 10, other % 10].map(|digit| b'0' + digit as u8);
                return literal(8, &digits, out);
            }
        };
        out.push(0x80 | index);
    }
}

fn literal(index: usize, value: &[u8], out: &mut Vec<u8>) {
    integer::push(index, 4, 0x00, out);
    string(value, out);
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    integer::push(text.len(), 7, 0x00, out);
    out.extend_from_slice(text);
}

/// Where the static table has this name; 0 where it has not.
fn index_of(name: &[u8]) -> usize {
    match name {
        b"accept-charset" => 15,
        b"accept-encoding" => 16,
        b"accept-language" => 17,
        b"accept-ranges" => 18,
        b"accept" => 19,
        b"access-control-allow-origin" => 20,
        b"age" => 21,
        b"allow" => 22,
        b"authorization" => 23,
        b"cache-control" => 24,
        b"content-disposition" => 25,
        b"content-encoding" => 26,
        b"content-language" => 27,
        b"content-length" => 28,
        b"content-location" => 29,
        b"content-range" => 30,
        b"content-type" => 31,
        b"cookie" => 32,
        b"date" => 33,
        b"etag" => 34,
        b"expect" => 35,
        b"expires" => 36,
        b"from" => 37,
        b"host" => 38,
        b"if-match" => 39,
        b"if-modified-since" => 40,
        b"if-none-match" => 41,
        b"if-range" => 42,
        b"if-unmodified-since" => 43,
        b"last-modified" => 44,
        b"link" => 45,
        b"location" => 46,
        b"max-forwards" => 47,
        b"proxy-authenticate" => 48,
        b"proxy-authorization" => 49,
        b"range" => 50,
        b"referer" => 51,
        b"refresh" => 52,
        b"retry-after" => 53,
        b"server" => 54,
        b"set-cookie" => 55,
        b"strict-transport-security" => 56,
        b"transfer-encoding" => 57,
        b"user-agent" => 58,
        b"vary" => 59,
        b"via" => 60,
        b"www-authenticate" => 61,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::STATIC;
    use super::super::{Corrupt, Decoder};
    use super::*;
    use proptest::prelude::*;

    type Fields = Vec<(Vec<u8>, Vec<u8>)>;

    fn decoded(block: &[u8]) -> Result<Fields, Corrupt> {
        let mut fields = Vec::new();
        Decoder::new(4096)
            .decode(block, |name, value| fields.push((name.to_vec(), value.to_vec())))
            .map(|()| fields)
    }

    #[test]
    fn names_of_the_static_table_are_found_in_it() {
        for (at, (name, _)) in STATIC.iter().enumerate() {
            if !name.starts_with(b":") {
                assert_eq!(index_of(name), at + 1, "{}", String::from_utf8_lossy(name));
            }
        }
        assert_eq!(index_of(b"x-other"), 0);
    }

    #[test]
    fn pseudo_headers() {
        let mut out = Vec::new();
        let mut encoder = Encoder::default();
        encoder.shrink();
        encoder.begin(&mut out);
        Encoder::method(b"GET", &mut out);
        Encoder::method(b"PURGE", &mut out);
        Encoder::scheme(b"https", &mut out);
        Encoder::path(b"/", &mut out);
        Encoder::path(b"/x", &mut out);
        Encoder::authority(b"a", &mut out);
        Encoder::status(200, &mut out);
        Encoder::status(103, &mut out);
        Encoder::secret(b"authorization", b"x", &mut out);
        let text: Vec<_> = decoded(&out).unwrap().into_iter().map(|(n, v)| [n, v].join(&b'=')).collect();
        let expected = ":method=GET :method=PURGE :scheme=https :path=/ :path=/x :authority=a :status=200 \
                        :status=103 authorization=x";
        assert_eq!(String::from_utf8(text.join(&b' ')).unwrap(), expected);
        assert_eq!(out[0], 0x20);
        let before = out.len();
        encoder.begin(&mut out);
        assert_eq!(out.len(), before, "it is said once");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(fields: Vec<(Vec<u8>, Vec<u8>)>) {
            let mut out = Vec::new();
            for (name, value) in &fields {
                Encoder::field(name, value, &mut out);
            }
            prop_assert_eq!(decoded(&out), Ok(fields));
        }
    }
}
