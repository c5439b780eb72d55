//! The greeting of the protocol of agents that filter streams (SPOE.txt, section 3.2).

use crate::ready::{Answer, Judgement, More};

/// Frames of the two kinds that an agent answers with: its own greeting, or that it leaves.
const GREETING: u8 = 101;
const LEAVING: u8 = 102;
/// The flags of a frame that is complete in itself, then the number of the stream and that of the frame.
const COMPLETE: &[u8] = &[0, 0, 0, 1, 0, 0];
/// The largest frame that is taken; buffers hold its length, too.
const MAX_FRAME: u64 = 16_380;
const MIN_FRAME: u64 = 256;

/// The frame that greets an agent, and asks it to take it for a check.
pub(crate) fn hello() -> Vec<u8> {
    let mut frame = vec![1];
    frame.extend_from_slice(COMPLETE);
    frame.extend_from_slice(b"\x12supported-versions\x08\x032.0");
    frame.extend_from_slice(b"\x0emax-frame-size\x03\xfc\xf0\x06");
    frame.extend_from_slice(b"\x0ccapabilities\x08\0");
    frame.extend_from_slice(b"\x0bhealthcheck\x11");
    let mut out = (frame.len() as u32).to_be_bytes().to_vec();
    out.extend_from_slice(&frame);
    out
}

const INVALID: &str = "invalid frame received";

pub(crate) fn judge(answer: Answer<'_>) -> Judgement {
    let data = answer.data;
    if data.len() <= 4 {
        return match answer.more {
            More::Possible => Judgement::Wait,
            More::No => Judgement::invalid(INVALID),
        };
    }
    if !matches!(data[4], GREETING | LEAVING) {
        return Judgement::invalid(INVALID);
    }
    let length = u32::from_be_bytes([data[0], data[1], data[2], data[3]]) as usize;
    let Some(frame) = data.get(4..4usize.saturating_add(length)) else { return answer.short() };
    match frame.get(1..).and_then(|f| f.strip_prefix(COMPLETE)).map(Fields::read) {
        None | Some(None) => Judgement::invalid(INVALID),
        Some(Some(fields)) => fields.judge(),
    }
}

/// What a greeting says.
#[derive(Default)]
struct Fields<'a> {
    version: Option<&'a [u8]>,
    max_frame: Option<u64>,
    capabilities: bool,
}

impl<'a> Fields<'a> {
    /// Names, each with a value that has a type.
    fn read(mut rest: &'a [u8]) -> Option<Self> {
        let mut fields = Self::default();
        while !rest.is_empty() {
            let name = text(&mut rest)?;
            let (kind, tail) = rest.split_first()?;
            rest = tail;
            match (name, kind & 0x0f) {
                (b"version", 8) => fields.version = Some(text(&mut rest)?),
                (b"max-frame-size", 2..=5) => fields.max_frame = Some(number(&mut rest)?),
                (b"capabilities", 8) => {
                    text(&mut rest)?;
                    fields.capabilities = true;
                }
                (_, kind) => pass_over(kind, &mut rest)?,
            }
        }
        Some(fields)
    }

    fn judge(&self) -> Judgement {
        match (self.version, self.max_frame) {
            (None, _) => Judgement::invalid("version value not found"),
            (Some(version), _) if version.trim_ascii() != b"2.0" => Judgement::invalid("unsupported version"),
            (_, None) => Judgement::invalid("max-frame-size value not found"),
            (_, Some(size)) if !(MIN_FRAME..=MAX_FRAME).contains(&size) => {
                Judgement::invalid("max-frame-size too big or too small")
            }
            _ if !self.capabilities => Judgement::invalid("capabilities value not found"),
            _ => Judgement::Good(Some("SPOA server is ok".to_owned())),
        }
    }
}

/// Steps over a value.
fn pass_over(kind: u8, rest: &mut &[u8]) -> Option<()> {
    match kind {
        0 | 1 => {}
        2..=5 => drop(number(rest)?),
        6 => *rest = rest.get(4..)?,
        7 => *rest = rest.get(16..)?,
        8 | 9 => drop(text(rest)?),
        _ => return None,
    }
    Some(())
}

/// A text behind its length.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(text)
}

/// A number: 240 and more go on in the next byte with what four bits cannot hold, and then with seven bits each.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let (first, mut tail) = rest.split_first()?;
    let mut value = u64::from(*first);
    let mut shift = 4;
    let mut last = *first >= 240;
    while last {
        let (next, after) = tail.split_first()?;
        value = value.checked_add(u64::from(*next).checked_shl(shift)?)?;
        (tail, shift, last) = (after, shift + 7, *next >= 128);
    }
    *rest = tail;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, fields: &[u8]) -> Vec<u8> {
        let body = [&[kind], COMPLETE, fields].concat();
        [&(body.len() as u32).to_be_bytes(), &body[..]].concat()
    }

    fn of(data: &[u8]) -> Judgement {
        judge(Answer { data, more: More::Possible })
    }

    const FIELDS: &[u8] = b"\x07version\x08\x032.0\x0emax-frame-size\x03\xfc\xf0\x06\x0ccapabilities\x08\0";

    #[test]
    fn an_agent_greets_back() {
        assert_eq!(of(&frame(GREETING, FIELDS)), Judgement::Good(Some("SPOA server is ok".to_owned())));
        assert_eq!(of(&frame(103, FIELDS)), Judgement::invalid(INVALID));
        assert_eq!(of(&frame(GREETING, b"")), Judgement::invalid("version value not found"));
        assert_eq!(
            of(&frame(GREETING, b"\x07version\x08\x031.0")),
            Judgement::invalid("unsupported version")
        );
        assert_eq!(of(&frame(GREETING, b"\x07version\x08")), Judgement::invalid(INVALID));
        let size = b"\x07version\x08\x032.0\x0emax-frame-size\x03\x0a";
        assert_eq!(of(&frame(GREETING, size)), Judgement::invalid("max-frame-size too big or too small"));
        assert_eq!(hello().len(), 82);
    }

    #[test]
    fn numbers_have_as_many_bytes_as_they_need() {
        for (bytes, value) in [(&b"\x05"[..], 5), (b"\xfc\xf0\x06", 16_380), (b"\xf0\x00", 240)] {
            assert_eq!(number(&mut &bytes[..]), Some(value));
        }
    }

    proptest! {
        #[test]
        fn parts_of_a_frame_are_waited_for(len in 0..50usize) {
            prop_assert_eq!(of(&frame(GREETING, FIELDS)[..len]), Judgement::Wait);
        }

        #[test]
        fn nothing_is_too_odd_to_be_judged(kind in 100u8..104, data: Vec<u8>) {
            let _ = of(&frame(kind, &data));
            let _ = of(&data);
        }
    }
}
