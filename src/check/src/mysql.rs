//! The first packets of the protocol of `MySQL`.

use backend::CheckStatus;

use crate::ready::{Answer, Judgement};

/// Which version of the protocol a login is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Before 4.1.
    Old,
    /// Since then.
    New,
}

const HEADER: usize = 4;
/// The first byte of a packet that tells of an error.
const ERROR: u8 = 0xff;

/// The packet that logs in without a password, and the one that leaves again.
pub(crate) fn login(user: &[u8], dialect: Dialect) -> Vec<u8> {
    let mut body = Vec::new();
    match dialect {
        // What the client can do; no limit for packets is told.
        Dialect::Old => body.extend_from_slice(b"\0\x80\0\0\x01"),
        Dialect::New => {
            body.extend_from_slice(b"\0\x82\0\0\0\x80\0\x01\x21");
            body.extend_from_slice(&[0; 23]);
        }
    }
    body.extend_from_slice(user);
    body.extend_from_slice(b"\0\0");
    let mut out = packet(1, &body);
    out.extend_from_slice(&packet(0, b"\x01"));
    out
}

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = (body.len() as u32).to_le_bytes()[..3].to_vec();
    out.push(number);
    out.extend_from_slice(body);
    out
}

/// The first complete packet; an error is judged already.
fn first(answer: Answer<'_>) -> Result<&[u8], Judgement> {
    let data = answer.data;
    if data.len() <= HEADER {
        return Err(answer.short());
    }
    let length = usize::from(data[0]) | usize::from(data[1]) << 8 | usize::from(data[2]) << 16;
    let Some(body) = data.get(HEADER..HEADER + length).filter(|b| !b.is_empty()) else {
        return Err(answer.short());
    };
    if body[0] != ERROR {
        return Ok(body);
    }
    let code = body.get(1..3).map_or(0, |c| u16::from_le_bytes([c[0], c[1]]));
    let info = String::from_utf8_lossy(data.get(HEADER + 3..).unwrap_or_default()).into_owned();
    Err(Judgement::Bad { status: CheckStatus::L7Status, code, info })
}

/// What the server says first: its version.
pub(crate) fn greeting(answer: Answer<'_>) -> Judgement {
    match first(answer) {
        Err(judgement) => judgement,
        Ok(body) => {
            let version = body[1..].split(|b| *b == 0).next().unwrap_or_default();
            Judgement::Good(Some(String::from_utf8_lossy(version).into_owned()))
        }
    }
}

/// What it says of the login, behind the greeting.
pub(crate) fn outcome(answer: Answer<'_>) -> Judgement {
    let greeting = first(answer).map_or(0, |body| HEADER + body.len());
    let rest = answer.data.get(greeting..).unwrap_or_default();
    match first(Answer { data: rest, ..answer }) {
        Err(judgement) => judgement,
        Ok(_) => Judgement::Good(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ready::More;
    use proptest::prelude::*;

    fn of(data: &[u8]) -> Judgement {
        greeting(Answer { data, more: More::Possible })
    }

    #[test]
    fn the_greeting_tells_the_version() {
        assert_eq!(of(b"\x08\0\0\0\x0a8.0.1\0x"), Judgement::Good(Some("8.0.1".to_owned())));
        let refused = of(b"\x0b\0\0\0\xff\x6a\x04Too many");
        let expected =
            Judgement::Bad { status: CheckStatus::L7Status, code: 1130, info: "Too many".to_owned() };
        assert_eq!(refused, expected);
        assert_eq!(greeting(Answer { data: b"\x08\0\0", more: More::No }), Judgement::invalid(""));
    }

    #[test]
    fn logins_differ_by_dialect() {
        assert_eq!(login(b"bob", Dialect::Old), b"\x0a\0\0\x01\0\x80\0\0\x01bob\0\0\x01\0\0\0\x01");
        let new = login(b"bob", Dialect::New);
        assert_eq!((new.len(), new[0]), (46, 37));
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd_to_be_judged(data: Vec<u8>) {
            let _ = of(&data);
            let _ = outcome(Answer { data: &data, more: More::No });
        }
    }
}
