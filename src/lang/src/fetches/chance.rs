//! Sample fetches on chance.

use base::clock::WallTime;

use super::{one, single};
use crate::arg::{ArgKind, Signature};
use crate::expr::{Contexts, Fetch};
use crate::sample::{Sample, Type, hex};

/// The fetches on chance.
pub static FETCHES: &[Fetch] = &[one(
    "uuid",
    Signature::optional(&[ArgKind::UuidVersion]),
    Type::Str,
    Contexts::ANY,
    "7.3.2",
    |s, a, c| {
        single(c, || {
            let random = sys::random::bytes().ok()?;
            let id = match a.int(0) {
                None | Some(4) => random_id(random),
                Some(7) => timed_id(s.now.1, random),
                Some(_) => return None,
            };
            Some(Sample::owned(written(id)))
        })
    },
)];

/// Version 4 of RFC 9562: random but for the version and the variant.
fn random_id(mut id: [u8; 16]) -> [u8; 16] {
    mark(&mut id, 4);
    id
}

/// Version 7 of RFC 9562: milliseconds since 1970, then random.
fn timed_id(now: WallTime, mut id: [u8; 16]) -> [u8; 16] {
    let millis = now.seconds() * 1000 + u64::from(now.subsec_millis());
    id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    mark(&mut id, 7);
    id
}

fn mark(id: &mut [u8; 16], version: u8) {
    id[6] = id[6] & 0x0f | version << 4;
    id[8] = id[8] & 0x3f | 0x80;
}

/// In five groups of hexadecimal digits.
fn written(id: [u8; 16]) -> Vec<u8> {
    let mut digits = hex(&id);
    digits.make_ascii_lowercase();
    for at in [20, 16, 12, 8] {
        digits.insert(at, b'-');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_carry_their_version_and_variant() {
        let text = |id| String::from_utf8(written(id)).unwrap();
        assert_eq!(text(random_id([0xff; 16])), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(text(random_id([0; 16])), "00000000-0000-4000-8000-000000000000");
        assert_eq!(text(timed_id(WallTime::default(), [0xab; 16])), "00000000-0000-7bab-abab-abababababab");
    }
}
