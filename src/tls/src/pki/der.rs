//! The outermost layers of DER: elements with their tags and contents.

pub(crate) use lang::der::encode;

pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const SEQUENCE: u8 = 0x30;

/// An element: its tag, its content, and all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'d> {
    pub(crate) tag: u8,
    pub(crate) content: &'d [u8],
    pub(crate) whole: &'d [u8],
}

/// Reads elements one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    pub(crate) fn new(input: &'d [u8]) -> Self {
        Self(input)
    }

    /// The next element; none at the end, and where it is malformed.
    pub(crate) fn next(&mut self) -> Option<Element<'d>> {
        let input = self.0;
        let (&tag, rest) = input.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let digits = rest.get(..count)?;
                (digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)), 2 + count)
            }
            _ => return None,
        };
        let end = header.checked_add(len)?;
        let whole = input.get(..end)?;
        self.0 = &input[end..];
        Some(Element { tag, content: &whole[header..], whole })
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element if it has this tag; otherwise nothing is read.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Element<'d>> {
        if self.0.first() == Some(&tag) { self.next() } else { None }
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'d>> {
        self.next().filter(|e| e.tag == tag)
    }
}

/// What stands around everything that is signed: the signed part, the contents of the algorithm's identifier, and the
/// signature.
pub(crate) struct Signed<'d> {
    pub(crate) body: &'d [u8],
    pub(crate) algorithm: &'d [u8],
    pub(crate) signature: &'d [u8],
}

impl<'d> Signed<'d> {
    pub(crate) fn read(der: &'d [u8]) -> Option<Self> {
        let mut parts = Reader::new(Reader::new(der).expect(SEQUENCE)?.content);
        let body = parts.expect(SEQUENCE)?.whole;
        let algorithm = parts.expect(SEQUENCE)?.content;
        let signature = bits(parts.expect(BIT_STRING)?)?;
        Some(Self { body, algorithm, signature })
    }
}

/// The bytes of a string of bits that has no odd ones.
pub(crate) fn bits(element: Element<'_>) -> Option<&[u8]> {
    element.content.strip_prefix(&[0])
}

/// A public key: the contents of its algorithm's identifier, and the key.
pub(crate) fn public_key(info: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = Reader::new(Reader::new(info).expect(SEQUENCE)?.content);
    Some((parts.expect(SEQUENCE)?.content, bits(parts.expect(BIT_STRING)?)?))
}
