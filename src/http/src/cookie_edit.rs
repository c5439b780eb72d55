//! Changes to cookies inside of the fields that carry them.

use std::ops::Range;

use crate::Headers;
use crate::cookie::{CookieSide, Pair};
use crate::token::{is_blank, trim};

/// What becomes of a cookie of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is.
    Keep,
    /// It goes, and the attributes that follow it.
    Remove,
    /// The first bytes of its value go, this many.
    Shorten(usize),
}

/// Lets every cookie of a request be changed, told its name and value. Blanks around their equals signs go in any case;
/// so does a field that has nothing left but attributes.
pub fn change_request_cookies(headers: &mut Headers, mut change: impl FnMut(&[u8], &[u8]) -> Change) {
    let mut at = 0;
    while let Some(found) = headers.position_from(b"cookie", at) {
        at = found + 1;
        let Some(field) = headers.get(found) else { return };
        match Line::new(field.value).rewrite(&mut change) {
            Rewritten::Same => {}
            Rewritten::Value(value) => headers.replace_value(found, &value),
            Rewritten::Nothing => {
                headers.remove_at(found);
                at = found;
            }
        }
    }
}

/// What a line became.
enum Rewritten {
    Same,
    Value(Vec<u8>),
    Nothing,
}

/// The value of one `Cookie` field while it is rewritten.
struct Line<'a> {
    text: &'a [u8],
    /// What was changed so far; nothing until something is.
    out: Option<Vec<u8>>,
    /// Up to where the text is in it.
    copied: usize,
    /// Where the separator in front of what goes stands, when something goes.
    gap: Option<usize>,
    /// Whether a cookie stays.
    stays: bool,
}

impl<'a> Line<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, out: None, copied: 0, gap: None, stays: false }
    }

    fn rewrite(mut self, change: &mut impl FnMut(&[u8], &[u8]) -> Change) -> Rewritten {
        // Where the separator in front of a pair stands, and where the pair begins.
        let (mut separator, mut start) = (0, 0);
        while start < self.text.len() {
            let pair = Pair::scan(self.text, start, CookieSide::Request);
            self.take(separator, &pair, change);
            separator = pair.end;
            start = pair.end + 1;
        }
        if let Some(gap) = self.gap.take() {
            self.copy_to(gap);
            self.copied = self.text.len();
            if self.stays && separator < self.text.len() {
                // What follows the last separator is there, though it is nothing.
                self.push(&[self.text[separator], b' ']);
            }
        }
        let Some(mut out) = self.out else { return Rewritten::Same };
        out.extend_from_slice(&self.text[self.copied..]);
        if out.is_empty() || !self.stays { Rewritten::Nothing } else { Rewritten::Value(out) }
    }

    fn take(&mut self, separator: usize, pair: &Pair, change: &mut impl FnMut(&[u8], &[u8]) -> Change) {
        let name = &self.text[pair.name.clone()];
        // Attributes go with the cookie in front of them.
        if name.first() == Some(&b'$') {
            return;
        }
        let what = match &pair.value {
            Some(value) => change(name, &self.text[value.clone()]),
            None => Change::Keep,
        };
        if what == Change::Remove {
            self.gap.get_or_insert(separator);
            return;
        }
        self.stays = true;
        self.close_gap(separator, pair.name.start);
        let Some(value) = &pair.value else { return };
        if pair.name.end + 1 != value.start {
            self.copy_to(pair.name.end);
            self.push(b"=");
            self.copied = value.start;
        }
        if let Change::Shorten(len) = what
            && len > 0
        {
            self.copy_to(value.start);
            self.copied = value.start + len;
        }
    }

    /// What went is over where a pair begins that stays.
    fn close_gap(&mut self, separator: usize, pair: usize) {
        let Some(gap) = self.gap.take() else { return };
        self.copy_to(gap);
        let out = self.out.get_or_insert_default();
        while out.last().is_some_and(|b| is_blank(*b)) {
            out.pop();
        }
        if !out.is_empty() {
            out.extend_from_slice(&[self.text[separator], b' ']);
        }
        self.copied = pair;
    }

    fn copy_to(&mut self, end: usize) {
        let part = &self.text[self.copied..end.max(self.copied)];
        self.out.get_or_insert_default().extend_from_slice(part);
        self.copied = end;
    }

    fn push(&mut self, bytes: &[u8]) {
        self.out.get_or_insert_default().extend_from_slice(bytes);
    }
}

/// The cookie that the value of a `Set-Cookie` field sets: what comes first, up to a semicolon or comma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// Where its name stands.
    pub name: Range<usize>,
    /// Where its value stands.
    pub value: Range<usize>,
}

impl SetCookie {
    /// The cookie of a field's value, if it has one.
    pub fn of(text: &[u8]) -> Option<Self> {
        let Pair { name, value, .. } = Pair::scan(text, 0, CookieSide::Request);
        Some(Self { name, value: value? })
    }

    /// The text of the whole field with these bytes in front of the value, or instead of it, and without blanks around
    /// the equals sign.
    pub fn with(&self, text: &[u8], bytes: &[u8], place: Place) -> Vec<u8> {
        let rest = match place {
            Place::Before => self.value.start,
            Place::Instead => self.value.end,
        };
        [trim(&text[..self.name.end]), b"=", bytes, &text[rest..]].concat()
    }

    /// Whether there are blanks around the equals sign.
    pub fn is_spaced(&self) -> bool {
        self.name.end + 1 != self.value.start
    }
}

/// Where something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In front of a value.
    Before,
    /// Instead of it.
    Instead,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changed(value: &str, change: impl FnMut(&[u8], &[u8]) -> Change) -> Vec<String> {
        let mut headers = Headers::new();
        headers.push(b"a", b"b");
        headers.push(b"Cookie", value.as_bytes());
        headers.push(b"c", b"d");
        change_request_cookies(&mut headers, change);
        assert!(headers.contains(b"a") && headers.contains(b"c"));
        headers.find_all(b"cookie").map(|v| String::from_utf8(v.to_vec()).unwrap()).collect()
    }

    fn without(value: &str) -> String {
        let gone = changed(value, |name, _| if name == b"S" { Change::Remove } else { Change::Keep });
        gone.first().cloned().unwrap_or_else(|| "-".to_owned())
    }

    #[test]
    fn a_cookie_that_goes_leaves_no_trace() {
        for (value, left) in [
            ("a=1; S=2; b=3", "a=1; b=3"),
            ("S=2; b=3", "b=3"),
            ("a=1; S=2", "a=1"),
            ("S=2", "-"),
            ("S=2;", "-"),
            ("a=1;S=2;b=3", "a=1; b=3"),
            ("a=1 ; S = 2 ; b=3", "a=1; b=3"),
            ("a=1, S=2; b=3", "a=1; b=3"),
            ("a=1; S=2, b=3", "a=1, b=3"),
            ("S=1; S=2; b=3", "b=3"),
            ("a=1; S=1; S=2; b=3; S=4; c", "a=1; b=3; c"),
            ("a=1; S=2;", "a=1; "),
            ("S=2;;b=3", ";b=3"),
            (";S=2", "-"),
            (";;S=2", ";"),
            ("a=\";S=1\"; S=2", "a=\";S=1\""),
        ] {
            assert_eq!(without(value), left, "{value}");
        }
    }

    #[test]
    fn attributes_follow_their_cookie() {
        assert_eq!(without("$Version=1; S=2; $Path=/; b=3"), "$Version=1; b=3");
        assert_eq!(without("$Version=1; S=2"), "-");
        assert_eq!(without("a=1; $S=2; S=3"), "a=1; $S=2");
    }

    #[test]
    fn blanks_around_equals_signs_go() {
        assert_eq!(changed("a = 1; b= 2 ; c =3", |_, _| Change::Keep), ["a=1; b=2 ; c=3"]);
        assert_eq!(changed("a=1; b", |_, _| Change::Keep), ["a=1; b"]);
    }

    #[test]
    fn values_are_shortened_in_place() {
        assert_eq!(changed("a=1; b = x~2; c", |_, v| Change::Shorten(v.len() - 1)), ["a=1; b=2; c"]);
    }

    #[test]
    fn set_cookies_are_rewritten() {
        let with = |text: &str, place| {
            let cookie = SetCookie::of(text.as_bytes()).unwrap();
            String::from_utf8(cookie.with(text.as_bytes(), b"v", place)).unwrap()
        };
        assert_eq!(with("a = b ; path=/", Place::Instead), "a=v ; path=/");
        assert_eq!(with("a=b,c=d; e", Place::Before), "a=vb,c=d; e");
        assert_eq!(with("a=", Place::Instead), "a=v");
        assert_eq!(SetCookie::of(b"a; b=c"), None);
    }

    proptest! {
        #[test]
        fn what_stays_is_what_was_there(value in "[aS$=;, \"]{0,24}") {
            let names = |headers: &Headers| {
                crate::request_cookies(headers).filter(|c| c.name != b"S" && !c.name.starts_with(b"$"))
                    .map(|c| (c.name.to_vec(), c.value.to_vec())).collect::<Vec<_>>()
            };
            let mut headers = Headers::new();
            headers.push(b"Cookie", value.trim().as_bytes());
            let before = names(&headers);
            change_request_cookies(&mut headers, |name, _| if name == b"S" { Change::Remove } else { Change::Keep });
            prop_assert_eq!(names(&headers), before);
            let mut left = crate::request_cookies(&headers);
            prop_assert!(left.all(|c| c.name != b"S"));
        }
    }
}
