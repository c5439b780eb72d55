//! Actions on many header fields at once, whose names and values an expression gives as one binary text.

use config::Refusal;
use lang::{Expr, Sample, Type};

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::{FIELD_OVERHEAD, Txn};
use crate::verdict::Verdict;

/// The actions of this file.
pub static HEADER_LISTS: &[Action] = &[
    Action {
        name: "add-headers-bin",
        sets: RuleSets::HTTP,
        manual: "4.4.1",
        parse: |cx| insert(cx, Before::Kept),
    },
    Action { name: "del-headers-bin", sets: RuleSets::HTTP, manual: "4.4.1", parse: remove },
    Action {
        name: "set-headers-bin",
        sets: RuleSets::HTTP,
        manual: "4.4.1",
        parse: |cx| insert(cx, Before::Replaced),
    },
];

/// What becomes of fields that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Kept,
    Replaced,
}

#[derive(Debug)]
struct Insert {
    list: Expr,
    prefix: Box<[u8]>,
    before: Before,
    set: RuleSets,
}

fn list(cx: &mut ActionCx<'_, '_>) -> Result<Expr, Refusal> {
    let list = cx.expect_expr("an expression that gives header fields")?;
    if list.out().casts_to(Type::Bin) {
        return Ok(list);
    }
    Err(cx.refuse_last("what the expression gives is not binary"))
}

fn insert(cx: &mut ActionCx<'_, '_>, before: Before) -> Result<Box<dyn Act>, Refusal> {
    let list = list(cx)?;
    let mut prefix: Box<[u8]> = Box::default();
    if cx.peek().as_deref() == Some("prefix") {
        cx.take();
        prefix = cx.expect_value("a prefix behind 'prefix'")?.into();
    }
    Ok(Box::new(Insert { list, prefix, before, set: cx.set }))
}

/// The bytes that an expression gives.
fn bytes_of(list: &Expr, txn: &Txn<'_>) -> Option<Vec<u8>> {
    match list.eval(&txn.scene()).value()?.cast(Type::Bin)? {
        Sample::Bin(bytes) => Some(bytes.into_owned()),
        _ => None,
    }
}

impl Act for Insert {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(text) = bytes_of(&self.list, txn) else { return Verdict::Continue };
        let mut texts = Texts(&text);
        loop {
            let (Some(name), Some(value)) = (texts.next(), texts.next()) else {
                return txn.rewrite_failed(self.set);
            };
            if name.is_empty() {
                return Verdict::Continue;
            }
            if !name.starts_with(&self.prefix) {
                continue;
            }
            if let (Before::Replaced, Some(headers)) = (self.before, txn.headers(self.set)) {
                headers.remove(&name.to_ascii_lowercase());
            }
            if txn.room(self.set) < name.len() + value.len() + FIELD_OVERHEAD {
                return txn.rewrite_failed(self.set);
            }
            if let Some(headers) = txn.headers(self.set) {
                headers.push(name, value);
            }
        }
    }
}

/// How names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Whole,
    Begins,
    Ends,
    Contains,
}

impl Comparison {
    fn holds(self, name: &[u8], text: &[u8]) -> bool {
        match self {
            Self::Whole => name.eq_ignore_ascii_case(text),
            Self::Begins => name.get(..text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text)),
            Self::Ends => {
                let from = name.len().checked_sub(text.len());
                from.is_some_and(|from| name[from..].eq_ignore_ascii_case(text))
            }
            Self::Contains => {
                text.is_empty() || name.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
            }
        }
    }
}

#[derive(Debug)]
struct Remove {
    list: Expr,
    comparison: Comparison,
    set: RuleSets,
}

fn remove(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let list = list(cx)?;
    let mut comparison = Comparison::Whole;
    if cx.peek().as_deref() == Some("-m") {
        cx.take();
        comparison = match cx.expect("a matching method behind '-m'")?.as_ref() {
            "str" => Comparison::Whole,
            "beg" => Comparison::Begins,
            "end" => Comparison::Ends,
            "sub" => Comparison::Contains,
            "reg" => return Err(cx.refuse_last("'-m reg' is not for lists of names: it would take too long")),
            other => return Err(cx.refuse_last(format!("unknown matching method '{other}'"))),
        };
    }
    Ok(Box::new(Remove { list, comparison, set: cx.set }))
}

impl Act for Remove {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(text) = bytes_of(&self.list, txn) else { return Verdict::Continue };
        let mut names = Texts(&text);
        loop {
            let Some(name) = names.next() else { return txn.rewrite_failed(self.set) };
            if name.is_empty() {
                return Verdict::Continue;
            }
            if let Some(headers) = txn.headers(self.set) {
                headers.retain(|field| !self.comparison.holds(field.name, name));
            }
        }
    }
}

/// Texts behind their lengths, up to an empty one. What is cut off is not there.
struct Texts<'a>(&'a [u8]);

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = length(self.0)?;
        let text = rest.get(..length)?;
        self.0 = &rest[length..];
        Some(text)
    }
}

/// A length of variable length: a first byte below 240 is all of it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let mut value = u64::from(*first);
    if value < 240 {
        return Some((value as usize, rest));
    }
    let mut shift = 4;
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        value = value.checked_add(u64::from(*byte).checked_shl(shift)?)?;
        if *byte < 128 {
            return Some((usize::try_from(value).ok()?, rest));
        }
        shift += 7;
        // Nothing is that long.
        if shift > 32 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_grow_by_bytes() {
        assert_eq!(length(&[239, 9]), Some((239, &[9][..])));
        assert_eq!(length(&[240, 0]), Some((240, &[][..])));
        assert_eq!(length(&[255, 127]), Some((2287, &[][..])));
        assert_eq!(length(&[240, 128, 0]), Some((2288, &[][..])));
        assert_eq!(length(&[240]), None);
        assert_eq!(length(&[240, 128, 128, 128, 128, 128, 128]), None);
    }

    #[test]
    fn texts_end_where_they_are_cut() {
        let all = |bytes: &'static [u8]| Texts(bytes).collect::<Vec<_>>();
        assert_eq!(all(b"\x01a\x02bc\x00\x00"), [&b"a"[..], b"bc", b"", b""]);
        assert_eq!(all(b"\x01a\x05bc"), [&b"a"[..]]);
    }

    #[test]
    fn names_are_compared_without_regard_to_case() {
        assert!(Comparison::Whole.holds(b"x-a", b"X-A") && !Comparison::Whole.holds(b"x-ab", b"x-a"));
        assert!(Comparison::Begins.holds(b"x-ab", b"X-") && !Comparison::Begins.holds(b"x", b"x-"));
        assert!(Comparison::Ends.holds(b"x-ab", b"AB") && !Comparison::Ends.holds(b"b", b"ab"));
        assert!(Comparison::Contains.holds(b"x-ab", b"-A") && !Comparison::Contains.holds(b"x", b"y"));
    }
}
