//! What frontends capture of messages (`capture request header`, `capture cookie`, ...).

use std::future::poll_fn;
use std::time::Duration;

use http::{CookieSide, Headers};
use lang::facts::Captured;
use rule::captures::Slot;

use crate::story::Story;

impl Story<'_> {
    /// Lets time pass.
    pub(crate) async fn pause_for(&mut self, time: Duration) {
        let now = self.now();
        self.expire(now, Some(time));
        poll_fn(|cx| self.deadline.poll_expired(cx)).await;
    }

    /// Room for what the frontend captures.
    pub(crate) fn prepare_captures(&mut self) {
        let captures = &self.frontend.captures;
        let rooms = |slots: &[Slot]| Captured::new(slots.iter().map(|slot| slot.room));
        if !captures.request.is_empty() {
            self.facts.request_captures = rooms(&captures.request);
        }
        if !captures.response.is_empty() {
            self.facts.response_captures = rooms(&captures.response);
        }
    }

    /// Captures headers of the request.
    #[inline]
    pub(crate) fn capture_request(&mut self) {
        if self.frontend.captures.is_empty() {
            return;
        }
        self.prepare_captures();
        keep(&self.frontend.captures.request, &self.request.headers, &self.facts.request_captures);
    }

    /// Captures headers of the response.
    #[inline]
    pub(crate) fn capture_response(&self) {
        if self.frontend.captures.response.is_empty() {
            return;
        }
        keep(&self.frontend.captures.response, &self.response.headers, &self.facts.response_captures);
    }

    /// Captures the cookie of one side, where the frontend does that.
    #[inline]
    pub(crate) fn capture_cookie(&mut self, side: CookieSide) {
        if self.frontend.captures.cookie.is_some() {
            self.keep_cookie(side);
        }
    }

    fn keep_cookie(&mut self, side: CookieSide) {
        let Some(wanted) = &self.frontend.captures.cookie else { return };
        let room = wanted.room.min(self.site.tuning.cookie);
        let cut = |text: &[u8]| text.starts_with(&wanted.name).then(|| text[..text.len().min(room)].into());
        match side {
            CookieSide::Request => {
                let headers = &self.request.headers;
                let text = |c: http::Cookie<'_>| cut(&headers.get(c.field)?.value[c.span]);
                self.facts.request_cookie = http::request_cookies(headers).find_map(text);
            }
            CookieSide::Response => {
                let text = |value| {
                    let set = http::SetCookie::of(value)?;
                    cut(&value[set.name.start..set.value.end])
                };
                let mut values = self.response.headers.find_all(b"set-cookie");
                self.facts.response_cookie = values.find_map(text);
            }
        }
    }
}

/// The last value of each header counts.
fn keep(slots: &[Slot], headers: &Headers, captured: &Captured) {
    for (at, slot) in slots.iter().enumerate() {
        let Some(name) = &slot.header else { continue };
        if let Some(value) = headers.find_all(name).last() {
            captured.set(at, value);
        }
    }
}
