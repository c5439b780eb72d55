//! The Huffman code of strings (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, and longer ones follow
//! shorter ones. The lengths alone say everything.

use super::Corrupt;

/// The bits of each symbol's code; the last one is the end of the string, which is never sent.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SYMBOLS: usize = 257;
const END: u16 = 256;
const LONGEST: usize = 30;
/// Codes of up to so many bits are found at once.
const SHORT: u32 = 10;

/// The codes, and what decoding goes by.
struct Code {
    codes: [u32; SYMBOLS],
    /// The symbols in the order of their codes.
    ordered: [u16; SYMBOLS],
    /// The first code of each length, and the place of its symbol.
    first: [(u32, u16); LONGEST + 1],
    /// How many codes there are of each length.
    count: [u16; LONGEST + 1],
    /// By the next bits: symbol and length; none, where the code is longer.
    short: [(u8, u8); 1 << SHORT],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut this = Self {
            codes: [0; SYMBOLS],
            ordered: [0; SYMBOLS],
            first: [(0, 0); LONGEST + 1],
            count: [0; LONGEST + 1],
            short: [(0, 0); 1 << SHORT],
        };
        let (mut code, mut place, mut length) = (0u32, 0usize, 1usize);
        while length <= LONGEST {
            code <<= 1;
            this.first[length] = (code, place as u16);
            let mut symbol = 0;
            while symbol < SYMBOLS {
                if LENGTHS[symbol] as usize == length {
                    this.codes[symbol] = code;
                    this.ordered[place] = symbol as u16;
                    this.count[length] += 1;
                    this.note_short(symbol, length as u32);
                    code += 1;
                    place += 1;
                }
                symbol += 1;
            }
            length += 1;
        }
        this
    }

    const fn note_short(&mut self, symbol: usize, length: u32) {
        if length > SHORT {
            return;
        }
        let spare = SHORT - length;
        let mut low = 0;
        while low < 1 << spare {
            self.short[((self.codes[symbol] << spare) | low) as usize] = (symbol as u8, length as u8);
            low += 1;
        }
    }

    /// The symbol that the next bits, left-aligned, begin with, and its length.
    #[inline]
    fn find(&self, bits: u64) -> (u16, u32) {
        let (symbol, length) = self.short[(bits >> (64 - SHORT)) as usize];
        if length > 0 {
            return (u16::from(symbol), length.into());
        }
        let mut length = SHORT as usize + 1;
        loop {
            let code = (bits >> (64 - length)) as u32;
            let (first, place) = self.first[length];
            // The code is complete: what no shorter code takes, one of the longest does.
            if code.wrapping_sub(first) < u32::from(self.count[length]) || length == LONGEST {
                let place = usize::from(place) + code.wrapping_sub(first) as usize;
                return (self.ordered[place.min(SYMBOLS - 1)], length as u32);
            }
            length += 1;
        }
    }
}

/// Appends what a coded string says.
pub fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
    out.reserve(coded.len() * 8 / 5);
    let mut rest = coded;
    // The bits that come next stand on the left.
    let (mut bits, mut held) = (0u64, 0u32);
    loop {
        while held <= 56
            && let Some((byte, next)) = rest.split_first()
        {
            bits |= u64::from(*byte) << (56 - held);
            held += 8;
            rest = next;
        }
        if held == 0 {
            return Ok(());
        }
        let (symbol, length) = CODE.find(bits);
        if length > held {
            // What is left over is padding: fewer than eight bits, all of them set.
            let ones = bits >> (64 - held) == (1 << held) - 1;
            return if held < 8 && ones { Ok(()) } else { Err(Corrupt) };
        }
        if symbol == END {
            return Err(Corrupt);
        }
        out.push(symbol as u8);
        bits <<= length;
        held -= length;
    }
}

/// Appends a string in the code.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut held) = (0u64, 0u32);
    for &byte in text {
        let (code, length) = (CODE.codes[usize::from(byte)], u32::from(LENGTHS[usize::from(byte)]));
        bits = bits << length | u64::from(code);
        held += length;
        while held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    if held > 0 {
        let spare = 8 - held;
        out.push((bits << spare) as u8 | ((1 << spare) - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_of_the_rfc() {
        let code = |symbol: usize| (CODE.codes[symbol], LENGTHS[symbol]);
        assert_eq!(code(0), (0x1ff8, 13));
        assert_eq!(code(usize::from(b'0')), (0, 5));
        assert_eq!(code(usize::from(b'~')), (0x1ffd, 13));
        assert_eq!(code(127), (0x0fff_fffc, 28));
        assert_eq!(code(255), (0x03ff_ffee, 26));
        assert_eq!(code(usize::from(END)), (0x3fff_ffff, 30));
    }

    #[test]
    fn bad_padding_is_corrupt() {
        let result = |coded: &[u8]| {
            let mut out = Vec::new();
            decode(coded, &mut out).map(|()| out)
        };
        assert_eq!(result(&[0x07]), Ok(b"0".to_vec()));
        assert_eq!(result(&[0x00]), Err(Corrupt), "padding with zeroes");
        assert_eq!(result(&[0x07, 0xff]), Err(Corrupt), "a whole byte of padding");
        assert_eq!(result(&[0xff, 0xff, 0xff, 0xff]), Err(Corrupt), "the end is never sent");
        assert_eq!(result(&[]), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text: Vec<u8>) {
            let (mut coded, mut back) = (Vec::new(), Vec::new());
            encode(&text, &mut coded);
            prop_assert_eq!(decode(&coded, &mut back), Ok(()));
            prop_assert_eq!(back, text);
        }

        #[test]
        fn anything_is_decoded_or_refused(coded: Vec<u8>) {
            let mut back = Vec::new();
            if decode(&coded, &mut back).is_ok() {
                let mut again = Vec::new();
                encode(&back, &mut again);
                prop_assert_eq!(again, coded);
            }
        }
    }
}
