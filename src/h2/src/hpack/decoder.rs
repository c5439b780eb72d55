//! From header blocks to fields.

use std::fmt;

use super::table::Dynamic;
use super::{huffman, integer};

/// A header block that is none: nothing that follows on the connection can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid header block")
    }
}

impl std::error::Error for Corrupt {}

/// Decodes the header blocks of one connection, in their order.
#[derive(Debug)]
pub struct Decoder {
    table: Dynamic,
    /// What the peer may raise the table to.
    limit: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// How a literal field is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

impl Decoder {
    /// A decoder whose table may take so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { table: Dynamic::new(limit), limit, name: Vec::new(), value: Vec::new() }
    }

    /// Decodes one block, field by field.
    pub fn decode(&mut self, mut block: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> Result<(), Corrupt> {
        let mut begun = false;
        while let Some(&first) = block.first() {
            if first & 0xe0 == 0x20 {
                // Its size changes at the beginning of a block only (section 4.2).
                let (size, rest) = integer::read(block, 5)?;
                if begun || size > self.limit {
                    return Err(Corrupt);
                }
                self.table.resize(size);
                block = rest;
                continue;
            }
            begun = true;
            block = if first & 0x80 != 0 {
                let (index, rest) = integer::read(block, 7)?;
                let (name, value) = self.table.get(index)?;
                each(name, value);
                rest
            } else if first & 0x40 != 0 {
                self.literal(block, 6, Keep::Yes, &mut each)?
            } else {
                self.literal(block, 4, Keep::No, &mut each)?
            };
        }
        Ok(())
    }

    fn literal<'b>(
        &mut self,
        block: &'b [u8],
        prefix: u32,
        keep: Keep,
        each: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<&'b [u8], Corrupt> {
        let Self { table, name, value, .. } = self;
        let (index, rest) = integer::read(block, prefix)?;
        if index > 0 && keep == Keep::No {
            let (value, rest) = string(rest, value)?;
            each(table.get(index)?.0, value);
            return Ok(rest);
        }
        let (name, rest) = if index == 0 {
            string(rest, name)?
        } else {
            // Keeping it may evict the entry that has its name.
            name.clear();
            name.extend_from_slice(table.get(index)?.0);
            (&name[..], rest)
        };
        let (value, rest) = string(rest, value)?;
        each(name, value);
        if keep == Keep::Yes {
            table.insert(name, value);
        }
        Ok(rest)
    }
}

/// Reads a string; gives it, and what follows.
fn string<'a, 'b: 'a>(bytes: &'b [u8], scratch: &'a mut Vec<u8>) -> Result<(&'a [u8], &'b [u8]), Corrupt> {
    let coded = bytes.first().ok_or(Corrupt)? & 0x80 != 0;
    let (length, rest) = integer::read(bytes, 7)?;
    let (text, rest) = rest.split_at_checked(length).ok_or(Corrupt)?;
    if !coded {
        return Ok((text, rest));
    }
    scratch.clear();
    huffman::decode(text, scratch)?;
    Ok((scratch, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(decoder: &mut Decoder, hex: &str) -> Result<String, Corrupt> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let text = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let block: Vec<u8> = digits.chunks(2).map(text).collect();
        let mut out = String::new();
        decoder.decode(&block, |name, value| {
            let text = String::from_utf8_lossy(name) + ": " + String::from_utf8_lossy(value) + "\n";
            out.push_str(&text);
        })?;
        Ok(out)
    }

    /// RFC 7541, appendices C.3 and C.4: three requests, without and with the Huffman code.
    #[test]
    fn requests_of_the_rfc() {
        let first = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n";
        let second = format!("{first}cache-control: no-cache\n");
        let third = ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n\
                     custom-key: custom-value\n";
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        for blocks in [plain, coded] {
            let mut decoder = Decoder::new(4096);
            for (block, expected) in blocks.iter().zip([first, &second, third]) {
                assert_eq!(fields(&mut decoder, block).as_deref(), Ok(expected));
            }
        }
    }

    /// RFC 7541, appendix C.6.1 and C.6.2: entries are evicted.
    #[test]
    fn responses_of_the_rfc() {
        let mut decoder = Decoder::new(256);
        let first = fields(
            &mut decoder,
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d \
             29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        );
        let rest = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\n\
                    location: https://www.example.com\n";
        assert_eq!(first.unwrap(), format!(":status: 302\n{rest}"));
        let second = fields(&mut decoder, "4883 640e ffc1 c0bf");
        assert_eq!(second.unwrap(), format!(":status: 307\n{rest}"));
    }

    #[test]
    fn blocks_that_are_none() {
        let mut decoder = Decoder::new(4096);
        for bad in ["80", "be", "41", "4103 61", "0085 ffff ffff ff", "82 3f e1 1f", "3f e2 1f", "7f", "c1"] {
            assert_eq!(fields(&mut decoder, bad), Err(Corrupt), "{bad}");
        }
        assert_eq!(fields(&mut decoder, "3f e1 1f 82").as_deref(), Ok(":method: GET\n"));
        assert_eq!(fields(&mut decoder, "20 82").as_deref(), Ok(":method: GET\n"));
    }
}
