//! Redirections: an action, and a directive of its own.

use base::registry::Registry;
use config::directive::Arity;
use config::{Check, Diagnostics, Directive, Draft, Prefix, Refusal, Section, Sections, Statement};
use http::RequestHead;
use lang::Scene;
use lang::logformat::LogFormat;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::directives::condition_after;
use crate::reply::{Message, Reply};
use crate::set::{Rule, Rules};
use crate::txn::Txn;
use crate::verdict::{Ending, Verdict};

/// The action of this file.
pub static REDIRECT: &[Action] = &[Action {
    name: "redirect",
    sets: RuleSets::HTTP_REQUEST.or(RuleSets::HTTP_RESPONSE),
    manual: "4.4.1",
    parse: |cx| Ok(Box::new(Redirect::parse(cx, Texts::Formats)?)),
}];

/// The directive of this file.
pub static REDIRECT_DIRECTIVES: &[Directive] = &[Directive {
    name: "redirect",
    section: Section::Proxy(Sections::ALL.without(Sections::DEFAULTS)),
    prefix: Prefix::None,
    arity: Arity::AtLeast(0),
    manual: "4.2",
    parse: directive,
}];

/// The checks of this file.
pub static REDIRECT_CHECKS: &[Check] = &[Check { name: "redirects", run: check }];

/// Redirections have no meaning where there is no HTTP.
fn check(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in draft.proxies.iter().filter(|p| p.mode != config::Mode::Http) {
        if proxy.slots.get::<Rules>().is_some_and(|rules| !rules.redirects.is_empty()) {
            let (kind, name) = (proxy.kind.title(), &proxy.name);
            diagnostics
                .warning(format!("'redirect' rules ignored for {kind} '{name}' as they require HTTP mode."));
        }
    }
}

fn directive(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let place = s.place.clone();
    let mut cx = ActionCx::new(s, RuleSets::HTTP_REQUEST, None, 0);
    let action = Box::new(Redirect::parse(&mut cx, Texts::Literal)?);
    let at = cx.position();
    let (within, side) = RuleSets::HTTP_REQUEST.first(s.proxy().kind);
    let condition = condition_after(s, at, within, &format!("{side} redirect rule"))?;
    if let Some(later) = s.slot::<Rules>().later_than(RuleSets(u16::MAX)) {
        s.warn(format!("a 'redirect' rule placed after {later} rule will still be processed before."));
    }
    s.slot::<Rules>().redirects.push(Rule { condition, action, place });
    Ok(())
}

/// Whether what is written is taken as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    Literal,
    Formats,
}

#[derive(Debug)]
enum Text {
    Fixed(Box<[u8]>),
    Format(LogFormat),
}

impl Text {
    fn read(cx: &mut ActionCx<'_, '_>, word: &str, texts: Texts) -> Result<Self, Refusal> {
        let what = format!("an argument for '{word}'");
        match texts {
            Texts::Literal => cx.expect_value(&what).map(|text| Self::Fixed(text.into())),
            Texts::Formats => cx.expect_format(&what).map(Self::Format),
        }
    }

    fn render(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Fixed(text) => out.extend_from_slice(text),
            Self::Format(format) => format.render(scene, out),
        }
    }
}

/// What a redirection points to.
#[derive(Debug)]
enum Destination {
    Location(Text),
    Prefix(Text),
    Scheme(Text),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Query {
    Keep,
    Drop,
}

/// Whether a location gets the request's query, and a path a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Append {
    Nothing,
    It,
}

/// Whether a rule with an empty location applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Empty {
    Sent,
    Ignored,
}

/// A cookie that the client is to keep, or to forget.
#[derive(Debug)]
struct Cookie {
    value: Text,
    attributes: &'static [u8],
}

#[derive(Debug)]
struct Redirect {
    to: Destination,
    code: u16,
    query: Query,
    slash: Append,
    request_query: Append,
    cookie: Option<Cookie>,
    empty: Empty,
}

/// How long a cookie is kept.
const SESSION: &[u8] = b"; path=/;";
const GONE: &[u8] = b"; path=/; Max-Age=0;";

impl Redirect {
    fn parse(cx: &mut ActionCx<'_, '_>, texts: Texts) -> Result<Self, Refusal> {
        let mut to = None;
        let (mut code, mut query, mut cookie) = (302, Query::Keep, None);
        let (mut slash, mut request_query, mut empty) = (Append::Nothing, Append::Nothing, Empty::Sent);
        while let Some(word) = cx.take() {
            match word.as_ref() {
                "location" => to = Some(Destination::Location(Text::read(cx, &word, texts)?)),
                "prefix" => to = Some(Destination::Prefix(Text::read(cx, &word, texts)?)),
                "scheme" => to = Some(Destination::Scheme(Text::read(cx, &word, texts)?)),
                "code" => code = status(cx)?,
                "drop-query" => query = Query::Drop,
                "append-slash" => slash = Append::It,
                "keep-query" => request_query = Append::It,
                "ignore-empty" => empty = Empty::Ignored,
                "set-cookie" => {
                    let value = Text::read(cx, &word, Texts::Literal)?;
                    cookie = Some(Cookie { value, attributes: SESSION });
                }
                "set-cookie-fmt" => {
                    let value = Text::read(cx, &word, Texts::Formats)?;
                    cookie = Some(Cookie { value, attributes: SESSION });
                }
                "clear-cookie" => {
                    let value = Text::read(cx, &word, Texts::Literal)?;
                    cookie = Some(Cookie { value, attributes: GONE });
                }
                other => {
                    return Err(cx.refuse_last(format!(
                        "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'set-cookie-fmt', \
                         'clear-cookie', 'drop-query', 'keep-query', 'ignore-empty' or 'append-slash' \
                         (was '{other}')"
                    )));
                }
            }
        }
        let to =
            to.ok_or_else(|| cx.refuse("redirection type expected ('prefix', 'location', or 'scheme')"))?;
        Ok(Self { to, code, query, slash, request_query, cookie, empty })
    }

    fn location(&self, scene: &Scene<'_>, request: &RequestHead) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        match &self.to {
            Destination::Location(location) => {
                location.render(scene, &mut out);
                let query = request.query().filter(|q| !q.is_empty() && self.request_query == Append::It);
                if let Some(query) = query {
                    out.push(if out.contains(&b'?') { b'&' } else { b'?' });
                    out.extend_from_slice(query);
                }
            }
            Destination::Prefix(prefix) => {
                prefix.render(scene, &mut out);
                if out == b"/" {
                    out.clear();
                }
                self.push_path(request, &mut out);
            }
            Destination::Scheme(scheme) => {
                scheme.render(scene, &mut out);
                out.extend_from_slice(b"://");
                out.extend_from_slice(request.headers.find(b"host").unwrap_or_default());
                self.push_path(request, &mut out);
            }
        }
        out
    }

    fn push_path(&self, request: &RequestHead, out: &mut Vec<u8>) {
        let path = match request.path() {
            b"" | b"*" => b"/",
            path => path,
        };
        out.extend_from_slice(path);
        if let Some(query) = request.query().filter(|_| self.query == Query::Keep) {
            out.push(b'?');
            out.extend_from_slice(query);
        }
        if self.slash == Append::It && out.last() != Some(&b'/') {
            out.push(b'/');
        }
    }
}

fn status(cx: &mut ActionCx<'_, '_>) -> Result<u16, Refusal> {
    let text = cx.expect("an HTTP code behind 'code'")?;
    let code = text.parse().ok().filter(|code| matches!(code, 301 | 302 | 303 | 307 | 308));
    code.ok_or_else(|| {
        let text =
            format!("'code': unsupported HTTP code '{text}' (must be one of 301, 302, 303, 307 or 308)");
        cx.refuse_last(text)
    })
}

impl Act for Redirect {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let scene = txn.scene();
        let Some(request) = scene.request else {
            return Verdict::Fault("a redirect was reached without a request");
        };
        let location = self.location(&scene, request);
        if location.is_empty() && self.empty == Empty::Ignored {
            return Verdict::Continue;
        }
        let mut reply = Reply::new(self.code);
        let headers = &mut reply.head.headers;
        headers.push(b"content-length", b"0");
        headers.push(b"location", &location);
        if matches!(self.code, 302 | 303 | 307) {
            headers.push(b"cache-control", b"no-cache");
        }
        if let Some(cookie) = &self.cookie {
            let mut value = Vec::new();
            cookie.value.render(&scene, &mut value);
            value.extend_from_slice(cookie.attributes);
            headers.push(b"set-cookie", &value);
        }
        Verdict::End(Ending::Answer(Message::Own(Box::new(reply))))
    }

    fn is_final(&self) -> bool {
        self.empty == Empty::Sent
    }
}
