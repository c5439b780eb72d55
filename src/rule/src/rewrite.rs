//! Actions that rewrite messages: request targets, methods, statuses, and values by regular expressions.

use std::cell::Cell;

use config::Refusal;
use http::uri::{Authority, Form, Target};
use http::{RequestHead, Status};
use lang::facts::RewriteStrictness;
use lang::logformat::LogFormat;
use pattern::Rewriter;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::Txn;
use crate::verdict::Verdict;

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const RESPONSE: RuleSets = RuleSets::HTTP_RESPONSE.or(RuleSets::HTTP_AFTER);

const fn action(
    name: &'static str,
    sets: RuleSets,
    parse: fn(&mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal>,
) -> Action {
    Action { name, sets, manual: "4.4.1", parse }
}

/// The actions of this file.
pub static REWRITES: &[Action] = &[
    action("replace-header", RuleSets::HTTP, |cx| replace_field(cx, Extent::Value)),
    action("replace-path", REQUEST, |cx| replace_line(cx, Part::Path)),
    action("replace-pathq", REQUEST, |cx| replace_line(cx, Part::PathAndQuery)),
    action("replace-uri", REQUEST, |cx| replace_line(cx, Part::Target)),
    action("replace-value", RuleSets::HTTP, |cx| replace_field(cx, Extent::Elements)),
    action("set-method", REQUEST, |cx| set_line(cx, Part::Method)),
    action("set-path", REQUEST, |cx| set_line(cx, Part::Path)),
    action("set-pathq", REQUEST, |cx| set_line(cx, Part::PathAndQuery)),
    action("set-query", REQUEST, |cx| set_line(cx, Part::Query)),
    action("set-status", RESPONSE, set_status),
    action("set-uri", REQUEST, |cx| set_line(cx, Part::Target)),
    action("strict-mode", RuleSets::HTTP, strict_mode),
];

thread_local! {
    /// Room for the value that is being made, and for what it replaces.
    static VALUE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Makes a value and does something with it.
pub(crate) fn made(
    txn: &mut Txn<'_>,
    format: &LogFormat,
    act: impl FnOnce(&mut Txn<'_>, &[u8]) -> Verdict,
) -> Verdict {
    let mut value = VALUE.take();
    format.render(&txn.scene(), &mut value);
    let verdict = act(txn, &value);
    value.clear();
    VALUE.set(value);
    verdict
}

/// A part of a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Method,
    Path,
    PathAndQuery,
    Query,
    Target,
}

impl Part {
    /// The part of a request.
    pub(crate) fn of(self, head: &RequestHead) -> &[u8] {
        match self {
            Self::Method => head.method.as_bytes(),
            Self::Path => head.path(),
            Self::PathAndQuery => head.path_and_query(),
            Self::Query => head.query().unwrap_or_default(),
            Self::Target => &head.target,
        }
    }

    fn set(self, head: &mut RequestHead, value: &[u8]) {
        match self {
            Self::Method => head.set_method(value),
            Self::Path => head.set_path(value),
            Self::PathAndQuery => head.set_path_and_query(value),
            Self::Query => head.set_query(value),
            Self::Target => head.set_target(value),
        }
    }

    /// Gives the part another value, where there is room for it and it names a host if it has to.
    pub(crate) fn rewrite(self, txn: &mut Txn<'_>, value: &[u8]) -> Verdict {
        let room = txn.room(REQUEST);
        let Some(head) = txn.request.as_deref_mut() else { return Verdict::Continue };
        if value.len() > self.of(head).len() + room {
            return txn.rewrite_failed(REQUEST);
        }
        if let (Self::Method, Some(stream)) = (self, txn.stream.as_deref_mut()) {
            stream.first_method.get_or_insert_with(|| Box::new(head.method.clone()));
        }
        self.set(head, value);
        if self == Self::Target && !name_host(head) {
            return txn.rewrite_failed(REQUEST);
        }
        Verdict::Continue
    }
}

/// A target with an authority says whom the request is for, and `Host` must say the same. Tells whether the authority
/// names a host.
fn name_host(head: &mut RequestHead) -> bool {
    let target = Target::parse(&head.method, &head.target);
    let authority = match target.form {
        Form::Absolute | Form::Authority => target.authority,
        // Whatever else a rule makes up goes as an authority.
        Form::Other => &head.target,
        Form::Origin | Form::Asterisk => return true,
    };
    let userinfo = Authority::parse(authority).userinfo.map_or(0, |info| info.len() + 1);
    let host = &authority[userinfo..];
    if host.is_empty() {
        return target.form == Form::Other;
    }
    if let Some(at) = head.headers.position(b"host") {
        head.headers.replace_value(at, host);
    }
    true
}

#[derive(Debug)]
struct SetLine {
    part: Part,
    value: LogFormat,
}

fn set_line(cx: &mut ActionCx<'_, '_>, part: Part) -> Result<Box<dyn Act>, Refusal> {
    let value = cx.expect_format("exactly 1 argument <format>")?;
    if cx.peek().is_some() {
        return Err(cx.refuse("expects exactly 1 argument <format>"));
    }
    Ok(Box::new(SetLine { part, value }))
}

impl Act for SetLine {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        made(txn, &self.value, |txn, value| self.part.rewrite(txn, value))
    }
}

#[derive(Debug)]
struct ReplaceLine {
    part: Part,
    regex: Rewriter,
    template: LogFormat,
}

fn replace_line(cx: &mut ActionCx<'_, '_>, part: Part) -> Result<Box<dyn Act>, Refusal> {
    const FORM: &str = "exactly 2 arguments <match-regex> and <replace-format>";
    let regex = regex(cx, FORM)?;
    let template = cx.expect_format(FORM)?;
    Ok(Box::new(ReplaceLine { part, regex, template }))
}

fn regex(cx: &mut ActionCx<'_, '_>, form: &str) -> Result<Rewriter, Refusal> {
    let text = cx.expect_value(form)?;
    Rewriter::build(text).map_err(|e| cx.refuse_last(format!("failed to parse the regex : {e}")))
}

impl Act for ReplaceLine {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        made(txn, &self.template, |txn, template| {
            let mut value = Vec::new();
            let Some(head) = txn.request.as_deref() else { return Verdict::Continue };
            match self.regex.rewrite(self.part.of(head), template, &mut value) {
                Some(()) => self.part.rewrite(txn, &value),
                None => Verdict::Continue,
            }
        })
    }
}

/// What of a header field a regular expression looks at.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// The whole value.
    Value,
    /// Each element of a list.
    Elements,
}

#[derive(Debug)]
struct ReplaceField {
    name: Box<[u8]>,
    extent: Extent,
    regex: Rewriter,
    template: LogFormat,
    set: RuleSets,
}

fn replace_field(cx: &mut ActionCx<'_, '_>, extent: Extent) -> Result<Box<dyn Act>, Refusal> {
    const FORM: &str = "exactly 3 arguments";
    let name = cx.expect_value(FORM)?.into();
    let regex = regex(cx, FORM)?;
    let template = cx.expect_format(FORM)?;
    Ok(Box::new(ReplaceField { name, extent, regex, template, set: cx.set }))
}

impl ReplaceField {
    /// What becomes of a value; `None` when it stays as it is.
    fn replaced(&self, value: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(value.len() + template.len());
        if let Extent::Value = self.extent {
            return self.regex.rewrite(value, template, &mut out).map(|()| out);
        }
        let (mut changed, mut start) = (false, true);
        for range in http::element_ranges(value) {
            if !std::mem::take(&mut start) {
                out.push(b',');
            }
            let element = &value[range];
            if self.regex.rewrite(element.trim_ascii(), template, &mut out).is_some() {
                changed = true;
            } else {
                out.extend_from_slice(element);
            }
        }
        changed.then_some(out)
    }
}

impl Act for ReplaceField {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        made(txn, &self.template, |txn, template| {
            let mut next = 0;
            loop {
                let room = txn.room(self.set);
                let Some(headers) = txn.headers(self.set) else { return Verdict::Continue };
                let Some(at) = headers.position_from(&self.name, next) else { return Verdict::Continue };
                next = at + 1;
                let Some(before) = headers.get(at).map(|field| field.value) else { continue };
                let Some(after) = self.replaced(before, template) else { continue };
                if after.len() > before.len() + room {
                    return txn.rewrite_failed(self.set);
                }
                headers.replace_value(at, &after);
            }
        })
    }
}

#[derive(Debug)]
struct SetStatus {
    status: Status,
    reason: Option<Box<[u8]>>,
    set: RuleSets,
}

fn set_status(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let text = cx.expect("1 argument: <status>; or 3 arguments: <status> reason <fmt>")?;
    let status = text.parse().ok().filter(|code| (100..=999).contains(code));
    let status =
        status.ok_or_else(|| cx.refuse_last("expects an integer status code between 100 and 999"))?;
    let mut reason = None;
    if cx.peek().as_deref() == Some("reason") {
        cx.take();
        reason = Some(cx.expect_value("a text behind 'reason'")?.into());
    }
    Ok(Box::new(SetStatus { status: Status(status), reason, set: cx.set }))
}

impl Act for SetStatus {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let room = txn.room(self.set);
        let Some(head) = txn.response.as_deref_mut() else { return Verdict::Continue };
        let reason = self.reason.as_deref().unwrap_or_else(|| self.status.reason().as_bytes());
        if reason.len() > head.reason.len() + room {
            return txn.rewrite_failed(self.set);
        }
        head.set_status_and_reason(self.status, reason);
        Verdict::Continue
    }
}

#[derive(Debug)]
struct StrictMode(RewriteStrictness);

fn strict_mode(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let strictness = match cx.expect("exactly 1 argument")?.as_ref() {
        "on" => RewriteStrictness::Strict,
        "off" => RewriteStrictness::Lenient,
        other => {
            return Err(cx.refuse_last(format!("'{other}' is neither 'on' nor 'off'")));
        }
    };
    Ok(Box::new(StrictMode(strictness)))
}

impl Act for StrictMode {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        if let Some(stream) = txn.stream.as_deref_mut() {
            stream.rewrites.strictness = self.0;
        }
        Verdict::Continue
    }
}

#[cfg(test)]
mod tests;
