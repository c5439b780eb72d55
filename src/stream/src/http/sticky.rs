//! Persistence by cookies: the server that a request asks for, and what its response says of it.

use backend::{CookieMode, CookieSettings, Running, Server};
use http::{Change, CookieSide, Method, Place, SetCookie};
use lang::facts::Persistence;
use std::sync::Arc;

use super::edits;
use crate::site::BackendSide;
use crate::story::Story;

/// The dates of a cookie that a client presented, in seconds since 1970; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dates {
    last: u32,
    first: u32,
}

/// A date is more than so many seconds ahead of ours only when something is wrong with it.
const FUTURE: i64 = 86_400;

/// The cookie that a backend's servers are told by, if it has one.
fn settings(backend: &BackendSide) -> Option<&CookieSettings> {
    backend.core.settings.cookies.cookie.as_deref().filter(|_| backend.common.facts.http)
}

/// The letters of a stream that has just come to a backend.
pub(crate) fn letters(backend: &BackendSide) -> lang::facts::CookieLetters {
    let letter = if settings(backend).is_some_and(CookieSettings::is_logged) { b'N' } else { b'-' };
    lang::facts::CookieLetters { client: letter, server: letter }
}

/// Looks for the server that the request asks for, and takes out what is none of the server's business.
pub(super) fn of_request(story: &mut Story<'_>, backend: &BackendSide) {
    if story.frontend.captures.cookie.is_some() {
        http::change_request_cookies(&mut story.request.headers, |_, _| Change::Keep);
        story.capture_cookie(CookieSide::Request);
    }
    let Some(cookie) = settings(backend) else { return };
    let mut search = Search {
        backend,
        cookie,
        persistence: story.facts.overrides.persistence,
        elsewhere: story.assigned.is_some(),
        now: i64::try_from(story.worker.date().seconds()).unwrap_or_default(),
        letter: b'N',
        dates: Dates::default(),
        server: None,
    };
    http::change_request_cookies(&mut story.request.headers, |name, value| search.visit(name, value));
    let Search { letter, dates, server, .. } = search;
    story.presented = dates;
    if cookie.is_logged() {
        story.facts.cookies.client = letter;
    }
    if server.is_some() {
        story.assigned = server;
    }
}

/// The search for a server among the cookies of a request.
struct Search<'b> {
    backend: &'b BackendSide,
    cookie: &'b CookieSettings,
    persistence: Persistence,
    /// Whether rules have chosen a server already.
    elsewhere: bool,
    now: i64,
    letter: u8,
    dates: Dates,
    server: Option<Arc<Server>>,
}

impl Search<'_> {
    fn visit(&mut self, name: &[u8], value: &[u8]) -> Change {
        if *name != *self.cookie.name {
            return Change::Keep;
        }
        let (id, change) = match self.cookie.mode {
            CookieMode::Prefix => match value.iter().position(|b| *b == b'~') {
                Some(end) => (&value[..end], Change::Shorten(end + 1)),
                None => (value, Change::Keep),
            },
            CookieMode::Insert if self.cookie.indirect.is_on() => (value, Change::Remove),
            _ => (value, Change::Keep),
        };
        self.look(id);
        change
    }

    fn look(&mut self, value: &[u8]) {
        // With prefixes, what is behind the value is the server's.
        let (id, dates) = match self.cookie.mode {
            CookieMode::Prefix => (value, Dates::default()),
            _ => split(value),
        };
        // Of several cookies, the last one's dates count.
        for (known, date) in [(&mut self.dates.last, dates.last), (&mut self.dates.first, dates.first)] {
            *known = if date != 0 { date } else { *known };
        }
        if let Some(letter) = self.age(dates) {
            self.letter = letter;
            self.dates = Dates::default();
        } else if self.server.is_none() {
            if self.elsewhere || self.persistence == Persistence::Ignored {
                self.letter = b'U';
            } else {
                self.find(id);
            }
        }
    }

    /// Why a cookie with these dates counts no more.
    fn age(&self, dates: Dates) -> Option<u8> {
        let outdated = |date: u32, limit: u32| {
            let age = self.now - i64::from(date);
            date != 0 && (age > i64::from(limit) || age < -FUTURE)
        };
        if self.cookie.max_idle.is_some_and(|limit| outdated(dates.last, limit)) {
            return Some(b'E');
        }
        self.cookie.max_life.is_some_and(|limit| outdated(dates.first, limit)).then_some(b'O')
    }

    /// Looks for the first server with this value that may be used.
    fn find(&mut self, id: &[u8]) {
        let insists = self.persistence == Persistence::Forced || self.backend.insistence.0.is_on();
        for server in self.backend.core.servers.load().iter() {
            if server.cookie().is_none_or(|own| **own != *id) {
                continue;
            }
            let up = server.running() == Running::Yes;
            self.letter = if up { b'V' } else { b'D' };
            if up || insists {
                self.server = Some(server.clone());
                return;
            }
        }
        if self.letter == b'N' {
            self.letter = b'I';
        }
    }
}

/// A value and the dates behind it.
fn split(value: &[u8]) -> (&[u8], Dates) {
    let Some(end) = value.iter().position(|b| *b == b'|') else { return (value, Dates::default()) };
    let (id, rest) = (&value[..end], &value[end + 1..]);
    let date = |text: Option<&[u8]>| text.and_then(|t| t.get(..5)).map_or(0, decode);
    let mut parts = rest.splitn(2, |b| *b == b'|');
    let (last, first) = (date(parts.next()), date(parts.next()));
    (id, Dates { last, first })
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A date in five digits of base 64, in units of four seconds; 0 if it is none.
fn decode(text: &[u8]) -> u32 {
    let digit = |sum: u32, byte: &u8| {
        let value = DIGITS.iter().position(|d| d == byte)?;
        Some(sum << 6 | value as u32)
    };
    text.iter().try_fold(0, digit).map_or(0, |units| units << 2)
}

fn encode(seconds: u32, out: &mut Vec<u8>) {
    let units = seconds.wrapping_add(3) >> 2;
    out.extend([24, 18, 12, 6, 0].map(|shift| DIGITS[(units >> shift & 63) as usize]));
}

/// Adds, changes or removes what the response says of the persistence cookie.
pub(super) fn of_response(story: &mut Story<'_>, backend: &BackendSide, server: &Server) {
    if story.frontend.captures.cookie.is_some() {
        change_set_cookies(story, |_| Fate::Keep);
        story.capture_cookie(CookieSide::Response);
    }
    let Some(cookie) = settings(backend) else { return };
    if story.facts.overrides.persistence == Persistence::Ignored {
        change_set_cookies(story, |_| Fate::Keep);
        return;
    }
    let value = server.cookie();
    let direct = story.assigned.as_ref().is_some_and(|assigned| std::ptr::eq(Arc::as_ptr(assigned), server));
    let fate = if cookie.preserve.is_on() {
        Fate::Keep
    } else if cookie.mode == CookieMode::Insert || direct && cookie.indirect.is_on() {
        Fate::Remove
    } else {
        match (cookie.mode, &value) {
            (CookieMode::Rewrite, Some(value)) => Fate::Write(Place::Instead, value.to_vec()),
            (CookieMode::Prefix, Some(value)) => Fate::Write(Place::Before, [&value[..], b"~"].concat()),
            _ => Fate::Keep,
        }
    };
    let mut set = false;
    change_set_cookies(story, |name| {
        if *name != *cookie.name {
            return Fate::Keep;
        }
        set = true;
        fate.clone()
    });
    if set && cookie.is_logged() {
        story.facts.cookies.server = match fate {
            Fate::Keep => b'P',
            Fate::Remove => b'D',
            Fate::Write(..) => b'R',
        };
    }
    if cookie.mode == CookieMode::Insert && !(set && cookie.preserve.is_on()) {
        insert(story, cookie, value.as_deref().map(|v| &**v), direct);
    }
}

/// What becomes of a cookie that a server sets.
#[derive(Clone)]
enum Fate {
    Keep,
    Remove,
    Write(Place, Vec<u8>),
}

fn change_set_cookies(story: &mut Story<'_>, mut fate: impl FnMut(&[u8]) -> Fate) {
    let headers = &mut story.response.headers;
    let mut at = 0;
    while let Some(found) = headers.position_from(b"set-cookie", at) {
        at = found + 1;
        let Some(field) = headers.get(found) else { return };
        let Some(set) = SetCookie::of(field.value) else { continue };
        let written = match fate(&field.value[set.name.clone()]) {
            Fate::Remove => {
                headers.remove_at(found);
                at = found;
                continue;
            }
            Fate::Write(place, bytes) => set.with(field.value, &bytes, place),
            Fate::Keep if set.is_spaced() => set.with(field.value, b"", Place::Before),
            Fate::Keep => continue,
        };
        headers.replace_value(found, &written);
    }
}

/// Sets the cookie, unless the client has the right one.
fn insert(story: &mut Story<'_>, cookie: &CookieSettings, value: Option<&[u8]>, direct: bool) {
    let now = story.worker.date().seconds() as u32;
    let posted = || story.request.method == Method::Post;
    if cookie.post_only.is_on() && !posted() || direct && !is_stale(cookie, story.presented, now) {
        return;
    }
    let mut text = [&cookie.name, &b"="[..]].concat();
    match value {
        Some(value) => {
            text.extend_from_slice(value);
            let first = if story.presented.first != 0 { story.presented.first } else { now };
            push_dates(cookie, Dates { last: now, first }, &mut text);
        }
        None => text.extend_from_slice(b"; Expires=Thu, 01-Jan-1970 00:00:01 GMT"),
    }
    text.extend_from_slice(&cookie.attributes);
    let private = cookie.uncached.is_on() && edits::is_cacheable(&story.request.method, &story.response);
    story.response.headers.push(b"set-cookie", &text);
    if private {
        story.response.headers.push(b"cache-control", b"private");
    }
    story.facts.cookies.server = if direct && value.is_some() { b'U' } else { b'I' };
}

/// Whether the dates of a cookie that was presented are to be renewed, or to go.
fn is_stale(cookie: &CookieSettings, presented: Dates, now: u32) -> bool {
    let Dates { last, first } = presented;
    let renewed = (cookie.max_idle.is_some() || last != 0) && (last == 0 || last < now);
    renewed || (cookie.max_life.is_some() != (first != 0))
}

fn push_dates(cookie: &CookieSettings, dates: Dates, out: &mut Vec<u8>) {
    if cookie.is_dated() {
        out.push(b'|');
        encode(dates.last, out);
    }
    if cookie.max_life.is_some() {
        out.push(b'|');
        encode(dates.first, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_stand_behind_values() {
        let mut text = b"c1|".to_vec();
        encode(1_795_394_837, &mut text);
        assert_eq!(text, b"c1|awONG");
        let (id, dates) = split(b"c1|awONG|awONG");
        assert_eq!((id, dates), (&b"c1"[..], Dates { last: 1_795_394_840, first: 1_795_394_840 }));
        for plain in [&b"c1"[..], b"c1|", b"c1|xx", b"c1|AAAAA", b"c1|!!!!!"] {
            assert_eq!(split(plain), (&b"c1"[..], Dates::default()));
        }
        assert_eq!(split(b"c1|awONGx").1.first, 0);
    }
}
