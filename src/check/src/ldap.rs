//! The answer to an anonymous bind (RFC 4511, section 4.2.2).

use backend::CheckStatus;

use crate::ready::{Answer, Judgement};

/// What is said of a server that speaks something else.
pub(crate) const FOREIGN: &str = "Not LDAPv3 protocol";
/// Where the codes are explained, as log readers know it.
const CODES: &str = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9";

/// A part of the answer that is not there, or is not what it should be.
enum Obstacle {
    Short,
    Foreign,
}

pub(crate) fn judge(answer: Answer<'_>) -> Judgement {
    match result_code(answer.data) {
        Ok(0) => Judgement::Good(Some("Success".to_owned())),
        Ok(code) => {
            Judgement::Bad { status: CheckStatus::L7Status, code: u16::from(code), info: CODES.to_owned() }
        }
        Err(Obstacle::Short) => answer.short(),
        Err(Obstacle::Foreign) => Judgement::invalid(FOREIGN),
    }
}

/// A message with number 1 that is the answer to a bind, and its result.
fn result_code(data: &[u8]) -> Result<u8, Obstacle> {
    let mut rest = length(expect(data, &[0x30])?)?;
    rest = expect(rest, &[0x02, 0x01, 0x01])?;
    rest = length(expect(rest, &[0x61])?)?;
    rest = expect(rest, &[0x0a, 0x01])?;
    rest.first().copied().ok_or(Obstacle::Short)
}

fn expect<'a>(data: &'a [u8], wanted: &[u8]) -> Result<&'a [u8], Obstacle> {
    let there = data.len().min(wanted.len());
    match data[..there] == wanted[..there] {
        true if there == wanted.len() => Ok(&data[there..]),
        true => Err(Obstacle::Short),
        false => Err(Obstacle::Foreign),
    }
}

/// Steps over a length, short or in up to four bytes.
fn length(data: &[u8]) -> Result<&[u8], Obstacle> {
    let (first, rest) = data.split_first().ok_or(Obstacle::Short)?;
    match first {
        0..0x80 => Ok(rest),
        0x80..=0x84 => rest.get(usize::from(first - 0x80)..).ok_or(Obstacle::Short),
        _ => Err(Obstacle::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ready::More;
    use proptest::prelude::*;

    const OK: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";

    fn of(data: &[u8]) -> Judgement {
        judge(Answer { data, more: More::Possible })
    }

    #[test]
    fn a_server_that_binds_is_good() {
        assert_eq!(of(OK), Judgement::Good(Some("Success".to_owned())));
        assert_eq!(
            of(b"\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"),
            Judgement::Good(Some("Success".to_owned()))
        );
        let refused = [&OK[..9], &[49], &OK[10..]].concat();
        let expected = Judgement::Bad { status: CheckStatus::L7Status, code: 49, info: CODES.to_owned() };
        assert_eq!(of(&refused), expected);
        assert_eq!(of(b"\x30\x89"), Judgement::invalid(FOREIGN));
        assert_eq!(judge(Answer { data: &OK[..5], more: More::No }), Judgement::invalid(""));
    }

    proptest! {
        #[test]
        fn parts_of_an_answer_are_waited_for(len in 0..10usize) {
            prop_assert_eq!(of(&OK[..len]), Judgement::Wait);
        }

        #[test]
        fn nothing_is_too_odd_to_be_judged(data: Vec<u8>) {
            let _ = of(&data);
        }
    }
}
