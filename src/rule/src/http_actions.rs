//! Actions on HTTP messages, and the ones that end a story.

use std::fmt;
use std::sync::Arc;

use config::Refusal;
use http::{Bytes, FixedField, Status};
use lang::logformat::LogFormat;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::reply::{Closing, Reply};
use crate::rewrite::made;
use crate::txn::{FIELD_OVERHEAD, Txn};
use crate::verdict::{Ending, Verdict};

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const BOTH: RuleSets = RuleSets::HTTP_REQUEST.or(RuleSets::HTTP_RESPONSE);
const ALL: RuleSets = RuleSets::HTTP;
const TCP_REQUEST: RuleSets = RuleSets::TCP_CONNECTION.or(RuleSets::TCP_SESSION).or(RuleSets::TCP_CONTENT);

/// The actions of this room.
pub static ACTIONS: &[Action] = &[
    Action { name: "accept", sets: TCP_REQUEST.or(RuleSets::TCP_RESPONSE), manual: "4.4.1", parse: accept },
    Action { name: "add-header", sets: ALL, manual: "4.4.1", parse: |cx| header(cx, HeaderEdit::Add) },
    Action { name: "allow", sets: ALL, manual: "4.4.1", parse: accept },
    Action { name: "close", sets: RuleSets::TCP_RESPONSE, manual: "4.4.1", parse: close },
    Action { name: "del-header", sets: ALL, manual: "4.4.1", parse: del_header },
    Action { name: "deny", sets: BOTH, manual: "4.4.1", parse: |cx| deny(cx, Refusing::Deny) },
    Action { name: "redirect", sets: BOTH, manual: "4.4.1", parse: redirect },
    Action {
        name: "reject",
        sets: TCP_REQUEST.or(RuleSets::TCP_RESPONSE).or(REQUEST),
        manual: "4.4.1",
        parse: reject,
    },
    Action { name: "return", sets: BOTH, manual: "4.4.1", parse: answer },
    Action { name: "set-header", sets: ALL, manual: "4.4.1", parse: |cx| header(cx, HeaderEdit::Set) },
    Action {
        name: "silent-drop",
        sets: TCP_REQUEST.or(RuleSets::TCP_RESPONSE).or(BOTH),
        manual: "4.4.1",
        parse: |_| Ok(Box::new(SilentDrop)),
    },
    Action { name: "tarpit", sets: REQUEST, manual: "4.4.1", parse: |cx| deny(cx, Refusing::Tarpit) },
];

fn accept(_: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(Accept))
}

fn reject(_: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(Reject))
}

fn close(_: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(CloseServer))
}

#[derive(Debug)]
struct Accept;

impl Act for Accept {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::Accept
    }
}

#[derive(Debug)]
struct Reject;

impl Act for Reject {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::Reject)
    }
}

#[derive(Debug)]
struct CloseServer;

impl Act for CloseServer {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::CloseServer)
    }
}

#[derive(Debug)]
struct SilentDrop;

impl Act for SilentDrop {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::SilentDrop)
    }
}

#[derive(Clone, Copy, Debug)]
enum HeaderEdit {
    Add,
    Set,
}

#[derive(Debug)]
struct EditHeader {
    field: FieldSource,
    edit: HeaderEdit,
    set: RuleSets,
}

/// Where a field comes from.
#[derive(Debug)]
enum FieldSource {
    /// It is always the same.
    Fixed(FixedField),
    /// Its value is made for each message.
    Made(Box<[u8]>, LogFormat),
}

fn header(cx: &mut ActionCx<'_, '_>, edit: HeaderEdit) -> Result<Box<dyn Act>, Refusal> {
    let name: Box<[u8]> = cx.expect_value("a header name and a format string")?.into();
    let value = cx.expect_format("a header name and a format string")?;
    let field = match value.constant() {
        Some(value) => FieldSource::Fixed(FixedField::new(&name, value)),
        None => FieldSource::Made(name, value),
    };
    Ok(Box::new(EditHeader { field, edit, set: cx.set }))
}

impl Act for EditHeader {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        match &self.field {
            FieldSource::Fixed(field) => {
                if !self.fits(txn, field.name(), field.size()) {
                    return self.fail(txn, field.name());
                }
                if let Some(headers) = txn.headers(self.set) {
                    match self.edit {
                        HeaderEdit::Add => headers.push_fixed(field),
                        HeaderEdit::Set => headers.set_fixed(field),
                    }
                }
                Verdict::Continue
            }
            FieldSource::Made(name, format) => made(txn, format, |txn, value| {
                if !self.fits(txn, name, name.len() + value.len()) {
                    return self.fail(txn, name);
                }
                if let Some(headers) = txn.headers(self.set) {
                    match self.edit {
                        HeaderEdit::Add => headers.push(name, value),
                        HeaderEdit::Set => headers.set(name, value),
                    }
                }
                Verdict::Continue
            }),
        }
    }
}

impl EditHeader {
    /// Whether there is room for a field of so many bytes, without those that it replaces.
    fn fits(&self, txn: &mut Txn<'_>, name: &[u8], size: usize) -> bool {
        let needed = size + FIELD_OVERHEAD;
        let room = txn.room(self.set);
        if room >= needed {
            return true;
        }
        let Some(headers) = txn.headers(self.set) else { return true };
        let freed: usize = match self.edit {
            HeaderEdit::Add => 0,
            HeaderEdit::Set => headers.find_all(name).map(|v| v.len() + name.len() + FIELD_OVERHEAD).sum(),
        };
        room + freed >= needed
    }

    /// What was to be replaced is gone all the same.
    fn fail(&self, txn: &mut Txn<'_>, name: &[u8]) -> Verdict {
        if let (HeaderEdit::Set, Some(headers)) = (self.edit, txn.headers(self.set)) {
            headers.remove(name);
        }
        txn.rewrite_failed(self.set)
    }
}

/// How `del-header` chooses the headers to remove.
enum NameTest {
    Is(Box<[u8]>),
    Begins(Box<[u8]>),
    Ends(Box<[u8]>),
    Contains(Box<[u8]>),
    Matches(pattern::Patterns),
}

impl fmt::Debug for NameTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameTest")
    }
}

#[derive(Debug)]
struct DelHeader {
    test: NameTest,
    set: RuleSets,
}

fn del_header(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let name: Box<[u8]> = cx.expect_value("a header name")?.to_ascii_lowercase().into();
    let mut test = NameTest::Is(name.clone());
    if cx.peek().as_deref() == Some("-m") {
        cx.take();
        let method = cx.expect("a matching method after '-m'")?;
        test = match method.as_ref() {
            "str" => NameTest::Is(name),
            "beg" => NameTest::Begins(name),
            "end" => NameTest::Ends(name),
            "sub" => NameTest::Contains(name),
            "reg" => {
                let built =
                    pattern::Patterns::build(pattern::Method::Reg, pattern::Case::Insensitive, &[&name]);
                NameTest::Matches(built.map_err(|e| cx.refuse(e.message))?)
            }
            other => return Err(cx.refuse_last(format!("unknown matching method '{other}'"))),
        };
    }
    Ok(Box::new(DelHeader { test, set: cx.set }))
}

impl Act for DelHeader {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(headers) = txn.headers(self.set) else { return Verdict::Continue };
        match &self.test {
            NameTest::Is(name) => {
                headers.remove(name);
            }
            NameTest::Begins(part) => {
                headers.retain(|h| !h.name.to_ascii_lowercase().starts_with(part));
            }
            NameTest::Ends(part) => {
                headers.retain(|h| !h.name.to_ascii_lowercase().ends_with(part));
            }
            NameTest::Contains(part) => {
                headers.retain(|h| {
                    !h.name.to_ascii_lowercase().windows(part.len().max(1)).any(|w| w == &**part)
                });
            }
            NameTest::Matches(patterns) => {
                headers.retain(|h| !patterns.matches(lang::Sample::text(h.name)));
            }
        }
        Verdict::Continue
    }
}

/// Where the body of an answer comes from.
#[derive(Debug)]
enum Content {
    /// There is none.
    Empty,
    /// The same for everyone.
    Fixed(Bytes),
    /// Made anew each time.
    Format(LogFormat),
    /// The proxy's error page for the status.
    ErrorPage,
}

/// `status`, `content-type`, `string`, `lf-string`, `file`, `lf-file`, `hdr` of `return` and `deny`.
#[derive(Debug)]
struct Template {
    status: u16,
    content_type: Option<Box<[u8]>>,
    content: Content,
    headers: Vec<(Box<[u8]>, LogFormat)>,
}

/// Answers with which `http-request return` and `deny` may come without naming a status of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StatusWord {
    Status,
    DenyStatus,
}

impl Template {
    fn parse(cx: &mut ActionCx<'_, '_>, default_status: u16, word: StatusWord) -> Result<Self, Refusal> {
        let mut t =
            Self { status: default_status, content_type: None, content: Content::Empty, headers: Vec::new() };
        while let Some(argument) = cx.take() {
            match argument.as_ref() {
                "status" => t.status = status(cx, 200..=599)?,
                "deny_status" if word == StatusWord::DenyStatus => t.status = status(cx, 200..=599)?,
                "content-type" => t.content_type = Some(cx.expect_value("a content type")?.into()),
                "string" => {
                    t.content = Content::Fixed(Bytes::copy_from_slice(cx.expect_value("a string")?));
                }
                "lf-string" => t.content = Content::Format(cx.expect_body("a format string")?),
                "file" => t.content = Content::Fixed(read_file(cx)?.into()),
                "lf-file" => {
                    let text = read_file(cx)?;
                    let format = LogFormat::parse(&text, cx.registry(), cx.within());
                    t.content = Content::Format(format.map_err(|e| cx.refuse_last(e.message))?);
                }
                "default-errorfiles" => t.content = Content::ErrorPage,
                "hdr" => {
                    let name = cx.expect_value("a header name and a value")?.into();
                    let value = cx.expect_format("a header name and a value")?;
                    t.headers.push((name, value));
                }
                other => return Err(cx.refuse_last(format!("unknown argument '{other}'"))),
            }
        }
        t.check(cx)?;
        Ok(t)
    }

    fn check(&self, cx: &ActionCx<'_, '_>) -> Result<(), Refusal> {
        let has_body = matches!(self.content, Content::Fixed(_) | Content::Format(_));
        if has_body
            && self.content_type.is_none()
            && !matches!(&self.content, Content::Fixed(b) if b.is_empty())
        {
            return Err(cx.refuse("a body was given without its 'content-type'"));
        }
        if !has_body && self.content_type.is_some() {
            return Err(cx.refuse("a 'content-type' was given without a body"));
        }
        Ok(())
    }

    /// Whether the error page is meant rather than an answer of its own.
    fn is_error_page(&self) -> bool {
        matches!(self.content, Content::ErrorPage)
    }

    fn reply(&self, txn: &Txn<'_>) -> Reply {
        let scene = txn.scene();
        let mut reply = Reply::new(self.status);
        let mut value = Vec::new();
        for (name, format) in &self.headers {
            value.clear();
            format.render(&scene, &mut value);
            // What has nothing to say is left out.
            if !value.is_empty() {
                reply.head.headers.push(name, &value);
            }
        }
        reply.body = match &self.content {
            Content::Empty | Content::ErrorPage => Bytes::new(),
            Content::Fixed(body) => body.clone(),
            Content::Format(format) => {
                let mut body = Vec::new();
                format.render(&scene, &mut body);
                body.into()
            }
        };
        reply.content_type.clone_from(&self.content_type);
        reply
    }
}

fn status(cx: &mut ActionCx<'_, '_>, range: std::ops::RangeInclusive<u16>) -> Result<u16, Refusal> {
    let text = cx.expect("a status code")?;
    match text.parse() {
        Ok(status) if range.contains(&status) => Ok(status),
        _ => Err(cx.refuse_last(format!(
            "expects an integer between {} and {} for the status code, got '{text}'",
            range.start(),
            range.end()
        ))),
    }
}

fn read_file(cx: &mut ActionCx<'_, '_>) -> Result<Vec<u8>, Refusal> {
    let name = cx.expect("a file name")?;
    std::fs::read(name.as_ref()).map_err(|e| cx.refuse_last(format!("failed to read file '{name}' : {e}")))
}

#[derive(Debug)]
struct Answer(Template);

fn answer(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(Answer(Template::parse(cx, 200, StatusWord::Status)?)))
}

impl Act for Answer {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        Verdict::End(if self.0.is_error_page() {
            Ending::Deny(self.0.status, None)
        } else {
            Ending::Answer(Box::new(self.0.reply(txn)))
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Refusing {
    Deny,
    Tarpit,
}

#[derive(Debug)]
struct Deny {
    template: Option<Template>,
    status: u16,
    manner: Refusing,
}

fn deny(cx: &mut ActionCx<'_, '_>, manner: Refusing) -> Result<Box<dyn Act>, Refusal> {
    let default = match (manner, RuleSets::HTTP_RESPONSE.meets(cx.set)) {
        (Refusing::Tarpit, _) => 500,
        (Refusing::Deny, true) => 502,
        (Refusing::Deny, false) => 403,
    };
    let template = Template::parse(cx, default, StatusWord::DenyStatus)?;
    let status = template.status;
    // Without a body or headers of its own, the proxy's error page for the status is sent.
    let plain =
        matches!(template.content, Content::Empty | Content::ErrorPage) && template.headers.is_empty();
    Ok(Box::new(Deny { template: (!plain).then_some(template), status, manner }))
}

impl Act for Deny {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let reply = self.template.as_ref().map(|t| Box::new(t.reply(txn)));
        Verdict::End(match self.manner {
            Refusing::Deny => Ending::Deny(self.status, reply),
            Refusing::Tarpit => Ending::Tarpit(self.status, reply),
        })
    }
}

/// What a redirection points to.
#[derive(Debug)]
enum Destination {
    Location(LogFormat),
    Prefix(LogFormat),
    Scheme(LogFormat),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Query {
    #[default]
    Keep,
    Drop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slash {
    #[default]
    AsIs,
    Append,
}

/// A compiled `redirect`, as a rule and as a directive of its own.
#[derive(Debug)]
struct Redirect {
    to: Destination,
    code: u16,
    query: Query,
    slash: Slash,
    keep_query: bool,
    cookie: Option<Arc<[u8]>>,
    ignore_empty: bool,
    set: RuleSets,
}

fn redirect(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(Redirect::parse(cx)?))
}

impl Redirect {
    /// Reads the arguments behind `redirect`.
    fn parse(cx: &mut ActionCx<'_, '_>) -> Result<Self, Refusal> {
        let mut to = None;
        let mut r = (302, Query::Keep, Slash::AsIs, None, false, false);
        while let Some(word) = cx.take() {
            match word.as_ref() {
                "location" => to = Some(Destination::Location(cx.expect_format("a location")?)),
                "prefix" => to = Some(Destination::Prefix(cx.expect_format("a prefix")?)),
                "scheme" => to = Some(Destination::Scheme(cx.expect_format("a scheme")?)),
                "code" => {
                    r.0 = status(cx, 301..=308)?;
                    if !matches!(r.0, 301 | 302 | 303 | 307 | 308) {
                        return Err(cx.refuse_last(
                            "unsupported HTTP code (must be one of 301, 302, 303, 307 or 308)",
                        ));
                    }
                }
                "drop-query" => r.1 = Query::Drop,
                "append-slash" => r.2 = Slash::Append,
                "keep-query" => r.5 = true,
                "ignore-empty" => r.4 = true,
                "set-cookie" => r.3 = Some(cookie(cx.expect_value("a cookie")?, "; path=/;")),
                "clear-cookie" => {
                    r.3 = Some(cookie(cx.expect_value("a cookie")?, "; path=/; Max-Age=0;"));
                }
                other => {
                    return Err(cx.refuse_last(format!(
                        "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', \
                         'drop-query', 'keep-query', 'ignore-empty' or 'append-slash' (was '{other}')"
                    )));
                }
            }
        }
        let to =
            to.ok_or_else(|| cx.refuse("redirection type expected ('prefix', 'location', or 'scheme')"))?;
        Ok(Self {
            to,
            code: r.0,
            query: r.1,
            slash: r.2,
            cookie: r.3,
            ignore_empty: r.4,
            keep_query: r.5,
            set: cx.set,
        })
    }

    fn location(&self, txn: &Txn<'_>) -> Option<Vec<u8>> {
        let scene = txn.scene();
        let request = scene.request?;
        let mut out = Vec::with_capacity(128);
        match &self.to {
            Destination::Location(format) => {
                format.render(&scene, &mut out);
                if self.keep_query
                    && let Some(query) = request.query().filter(|q| !q.is_empty())
                {
                    out.push(if out.contains(&b'?') { b'&' } else { b'?' });
                    out.extend_from_slice(query);
                }
            }
            Destination::Prefix(format) => {
                format.render(&scene, &mut out);
                if out == b"/" {
                    out.clear();
                }
                self.push_path(request, &mut out);
            }
            Destination::Scheme(format) => {
                format.render(&scene, &mut out);
                out.extend_from_slice(b"://");
                out.extend_from_slice(request.host().unwrap_or_default());
                self.push_path(request, &mut out);
            }
        }
        Some(out)
    }

    fn push_path(&self, request: &http::RequestHead, out: &mut Vec<u8>) {
        let path = request.path();
        out.extend_from_slice(path);
        if self.slash == Slash::Append && path.last() != Some(&b'/') {
            out.push(b'/');
        }
        if self.query == Query::Keep
            && let Some(query) = request.query()
        {
            out.push(b'?');
            out.extend_from_slice(query);
        }
    }
}

fn cookie(value: &[u8], attributes: &str) -> Arc<[u8]> {
    let mut text = value.to_vec();
    text.extend_from_slice(attributes.as_bytes());
    text.into()
}

impl Act for Redirect {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(location) = self.location(txn) else {
            return Verdict::Fault("a redirect was reached without a request");
        };
        if location.is_empty() && self.ignore_empty {
            return Verdict::Continue;
        }
        let mut reply = Reply::new(self.code);
        reply.head.headers.push(b"content-length", b"0");
        reply.head.headers.push(b"location", &location);
        if matches!(self.code, 302 | 303 | 307) {
            reply.head.headers.push(b"cache-control", b"no-cache");
        }
        if let Some(cookie) = &self.cookie {
            reply.head.headers.push(b"set-cookie", cookie);
        }
        if RuleSets::HTTP_RESPONSE.meets(self.set) {
            reply.closing = Closing::KeepAlive;
        }
        debug_assert_eq!(reply.head.status, Status(self.code));
        Verdict::End(Ending::Answer(Box::new(reply)))
    }
}
