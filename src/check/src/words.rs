//! The words of `http-check` and `tcp-check` lines.

use std::borrow::Cow;
use std::sync::Arc;

use config::{Refusal, Statement};
use grammar::span::Span;
use lang::regex::{Case, Regex, Times};
use lang::vars::{Provisos, Scope, VarName};
use lang::{CompileError, Contexts, Expr, LogFormat};

use backend::CheckStatus;

use crate::rules::{
    Connect, Content, Division, Expect, HeaderMatch, Matcher, Part, Port, Request, Send, Sense, SetVar, Step,
    TextMatch, Value, Whose, Wish, from_hex, status_codes,
};
use crate::settings::{Method, Origin, Written, plain_request};

/// The words of a line, one after the other.
pub(crate) struct Words<'s, 'd> {
    pub(crate) statement: &'s mut Statement<'d>,
    at: usize,
}

type Read<T> = Result<T, Refusal>;

/// The rules that a line adds to.
type Pick = for<'s, 'd> fn(&'s mut Statement<'d>) -> &'s mut Written;

impl<'s, 'd> Words<'s, 'd> {
    pub(crate) fn of(statement: &'s mut Statement<'d>) -> Self {
        Self { statement, at: 0 }
    }

    fn peek(&self) -> Option<Cow<'d, str>> {
        (self.at < self.statement.args()).then(|| self.statement.arg(self.at))
    }

    pub(crate) fn next(&mut self) -> Option<Cow<'d, str>> {
        self.peek().inspect(|_| self.at += 1)
    }

    /// The next word, which something needs.
    pub(crate) fn text(&mut self, what: &str) -> Read<Cow<'d, str>> {
        self.next().ok_or_else(|| self.lacking(what))
    }

    fn bytes(&mut self, what: &str) -> Read<&'d [u8]> {
        self.text(what)?;
        Ok(self.statement.bytes(self.at - 1))
    }

    fn lacking(&self, what: &str) -> Refusal {
        Refusal::new(format!("'{}' : {what} expected as argument.", self.statement.keyword()))
    }

    /// An error about the word taken last.
    pub(crate) fn refuse(&self, why: impl AsRef<str>) -> Refusal {
        let text = format!("'{}' : {}.", self.statement.keyword(), why.as_ref());
        self.statement.refuse(self.at.saturating_sub(1), text)
    }

    fn blame(&self, e: &CompileError) -> Refusal {
        let text = format!("'{}' : {}.", self.statement.keyword(), e.message);
        self.statement.refuse_part(self.at.saturating_sub(1), e.span, text)
    }

    fn unknown(&self, known: &str) -> Refusal {
        let word = self.statement.arg(self.at.saturating_sub(1)).into_owned();
        self.refuse(format!("unknown argument '{word}'; {known} are known"))
    }

    pub(crate) fn format(&mut self, what: &str) -> Read<LogFormat> {
        let text = self.bytes(what)?;
        LogFormat::parse(text, self.statement.registry, Contexts::CHECK).map_err(|e| self.blame(&e))
    }

    fn expr(&mut self, what: &str) -> Read<Expr> {
        let text = self.bytes(what)?;
        let expr = Expr::parse(text, self.statement.registry).map_err(|e| self.blame(&e))?;
        expr.check(Contexts::CHECK, Span::new(0, text.len())).map_err(|e| self.blame(&e))?;
        Ok(expr)
    }

    fn regex(&mut self, what: &str) -> Read<Regex> {
        self.regex_in(what, Case::Sensitive)
    }

    fn regex_in(&mut self, what: &str, case: Case) -> Read<Regex> {
        let text = self.bytes(what)?;
        Regex::new(text, case, Times::First).map_err(|e| self.refuse(e))
    }

    fn hex(&mut self, what: &str) -> Read<Box<[u8]>> {
        let text = self.bytes(what)?;
        from_hex(text)
            .map(Into::into)
            .ok_or_else(|| self.refuse("an even number of hexadecimal digits is expected"))
    }

    fn comment(&mut self) -> Read<Option<Box<str>>> {
        Ok(Some(self.text("'comment' : a string")?.into()))
    }

    /// The end of the line.
    pub(crate) fn end(&self) -> Read<()> {
        match self.peek() {
            None => Ok(()),
            Some(extra) => {
                let text = format!("'{}' : unexpected argument '{extra}'.", self.statement.keyword());
                Err(self.statement.refuse(self.at, text))
            }
        }
    }
}

/// What has been done with the server before a rule.
fn before(written: &mut Written) -> (Option<&Step>, Option<&Step>) {
    let active = |r: &&crate::rules::Rule| crate::ruleset::is_active(r);
    let rules = written.own();
    (rules.iter().find(active).map(|r| &r.step), rules.iter().rev().find(active).map(|r| &r.step))
}

/// `connect`: if there is one, everything goes by one.
pub(crate) fn connect(s: &mut Statement<'_>, pick: Pick) -> Read<()> {
    let mut connect = Connect::default();
    let mut comment = None;
    let mut words = Words::of(s);
    while let Some(word) = words.next() {
        match word.as_ref() {
            "default" => connect.whose = Whose::Servers,
            "port" => connect.port = Some(port(&mut words)?),
            "addr" => address(&mut words, &mut connect)?,
            "send-proxy" => connect.header = Wish::Yes,
            "via-socks4" => connect.socks4 = Wish::Yes,
            "ssl" => connect.tls = Wish::Yes,
            "sni" => connect.sni = Some(words.bytes("'sni' : a string")?.into()),
            "alpn" => {
                let list = words.bytes("'alpn' : a list of protocols")?;
                connect.alpn = Some(protocols(list).map_err(|why| words.refuse(why))?);
            }
            "proto" => {
                let name = words.text("'proto' : a protocol")?;
                let protocol = protocol(&name).map_err(|why| words.refuse(why))?;
                let family = words.statement.keyword().split(' ').next().unwrap_or_default().to_owned();
                if (family == "http-check") != (protocol != net::Protocol::None) {
                    return Err(words.refuse(format!("invalid MUX protocol '{name}' for {family}")));
                }
                connect.protocol = Some(protocol);
            }
            "linger" => connect.linger = Wish::Yes,
            "comment" => comment = words.comment()?,
            _ => {
                return Err(words.unknown(
                    "'default', 'port', 'addr', 'send-proxy', 'via-socks4', 'ssl', 'sni', 'alpn', 'proto', 'linger' and \
                     'comment'",
                ));
            }
        }
    }
    let keyword = s.keyword();
    let written = pick(s);
    if matches!(before(written).0, Some(Step::Send(_) | Step::Expect(_))) {
        return Err(Refusal::new(format!(
            "'{keyword}' : where there is a 'connect' step, the first one must be a 'connect' as well; only variables and comments may go before it."
        )));
    }
    written.push(Step::Connect(Box::new(connect)), comment);
    Ok(())
}

/// The protocols that a server is offered, between commas.
pub(crate) fn protocols(list: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let names = || list.split(|b| *b == b',');
    if names().any(|name| name.is_empty() || name.len() > 255) {
        return Err("expects names of 1 to 255 characters between commas".to_owned());
    }
    Ok(names().map(<[u8]>::to_vec).collect())
}

/// The protocol that a check is to speak.
pub(crate) fn protocol(name: &str) -> Result<net::Protocol, String> {
    match name {
        "h1" => Ok(net::Protocol::Http1),
        "h2" => Ok(net::Protocol::Http2),
        "none" => Ok(net::Protocol::None),
        "fcgi" | "quic" | "spop" => Err(format!("protocol '{name}' is not available for checks")),
        _ => Err(format!("unknown protocol '{name}'")),
    }
}

fn port(words: &mut Words<'_, '_>) -> Read<Port> {
    let text = words.text("'port' : a port or a sample expression")?;
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let number = text.parse().ok().filter(|n| *n > 0);
        return number
            .map(Port::Number)
            .ok_or_else(|| words.refuse("'port' expects a port between 1 and 65535"));
    }
    words.at -= 1;
    words.expr("'port' : an expression").map(Port::Expr)
}

fn address(words: &mut Words<'_, '_>, connect: &mut Connect) -> Read<()> {
    let written = words.bytes("'addr' : an address")?;
    let filled = words.statement.draft.environment.fill(written).into_owned();
    let address = grammar::address::parse(&filled).map_err(|e| words.refuse(&e.message))?;
    let address = net::resolve(&address).map_err(|e| words.refuse(e.to_string()))?;
    connect.address = Some(address);
    Ok(())
}

/// `send`, `send-lf`, `send-binary` and `send-binary-lf` of `tcp-check`.
pub(crate) fn send(s: &mut Statement<'_>, read: fn(&mut Words<'_, '_>) -> Read<Send>) -> Read<()> {
    let mut words = Words::of(s);
    let data = read(&mut words)?;
    let mut comment = None;
    while let Some(word) = words.next() {
        match word.as_ref() {
            "comment" => comment = words.comment()?,
            _ => return Err(words.unknown("'comment'")),
        }
    }
    tcp(s).push(Step::Send(data), comment);
    Ok(())
}

pub(crate) fn bytes(words: &mut Words<'_, '_>) -> Read<Send> {
    words.bytes("a string").map(|b| Send::Bytes(b.into()))
}

pub(crate) fn text(words: &mut Words<'_, '_>) -> Read<Send> {
    words.format("a log-format string").map(Send::Text)
}

pub(crate) fn binary(words: &mut Words<'_, '_>) -> Read<Send> {
    words.hex("hexadecimal digits").map(Send::Bytes)
}

pub(crate) fn binary_text(words: &mut Words<'_, '_>) -> Read<Send> {
    words.format("a log-format string").map(Send::Hex)
}

/// The `tcp-check` rules of the section of a line.
pub(crate) fn tcp<'s>(s: &'s mut Statement<'_>) -> &'s mut Written {
    &mut s.slot::<crate::ProxyChecks>().tcp
}

/// The `http-check` rules of the section of a line. The request of the defaults goes with the rules that it is for.
pub(crate) fn http<'s>(s: &'s mut Statement<'_>) -> &'s mut Written {
    let checks = s.slot::<crate::ProxyChecks>();
    if checks.http.origin == Origin::Inherited && matches!(checks.method, Method::Http(_)) {
        checks.method = Method::Http(Arc::new(plain_request()));
    }
    &mut checks.http
}

/// `http-check send`
pub(crate) fn http_send(s: &mut Statement<'_>) -> Read<()> {
    let mut request = Request::default();
    let mut comment = None;
    let mut words = Words::of(s);
    while let Some(word) = words.next() {
        match word.as_ref() {
            "meth" => request.method = Some(words.bytes("'meth' : a method")?.into()),
            "uri" => request.target = Some(Content::Fixed(words.bytes("'uri' : a URI")?.into())),
            "uri-lf" => {
                request.target = Some(Content::Format(words.format("'uri-lf' : a log-format string")?));
            }
            "ver" => {
                request.version =
                    Some(version(&words.text("'ver' : a version")?).map_err(|why| words.refuse(why))?);
            }
            "hdr" => {
                let name = words.bytes("'hdr' : a name and a value")?;
                if name.is_empty() || !name.iter().all(|b| http_token(*b)) {
                    return Err(words.refuse("'hdr' : invalid header name"));
                }
                let value = words.format("'hdr' : a name and a value")?;
                // How much follows is what the request says of itself.
                if !name.eq_ignore_ascii_case(b"content-length")
                    && !name.eq_ignore_ascii_case(b"transfer-encoding")
                {
                    request.headers.push((name.to_ascii_lowercase().into(), value));
                }
            }
            "body" => request.body = Some(Content::Fixed(words.bytes("'body' : a string")?.into())),
            "body-lf" => {
                request.body = Some(Content::Format(words.format("'body-lf' : a log-format string")?));
            }
            "comment" => comment = words.comment()?,
            _ => {
                return Err(
                    words.unknown("'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body', 'body-lf' and 'comment'")
                );
            }
        }
    }
    let keyword = s.keyword();
    let written = http(s);
    if matches!(before(written).1, Some(Step::Send(_) | Step::Expect(_))) {
        return Err(Refusal::new(format!(
            "'{keyword}' : another request needs a connection of its own: a 'connect' rule must go before it."
        )));
    }
    written.push(Step::Send(Send::Http(Box::new(request))), comment);
    Ok(())
}

fn http_token(b: u8) -> bool {
    ::http::token::is_token(&[b])
}

/// The version as requests have it: 1.1 for all that came after 1.0.
pub(crate) fn version(text: &str) -> Result<Box<[u8]>, String> {
    let digits = text.strip_prefix("HTTP/").and_then(|v| v.split_once('.'));
    let number = |t: &str| t.parse::<u8>().ok().filter(|n| *n < 10 && t.len() == 1);
    match digits.and_then(|(major, minor)| Some((number(major)?, number(minor)?))) {
        Some((1, 0)) => Ok((*b"HTTP/1.0").into()),
        Some(version) if version > (1, 0) => Ok((*b"HTTP/1.1").into()),
        _ => Err(format!("invalid HTTP version '{text}'")),
    }
}

/// `set-var(..)` and `set-var-fmt(..)`
pub(crate) fn set_var(
    s: &mut Statement<'_>,
    pick: Pick,
    read: fn(&mut Words<'_, '_>) -> Read<Value>,
) -> Read<()> {
    let (name, provisos) = variable(s)?;
    let mut words = Words::of(s);
    let value = read(&mut words)?;
    words.end()?;
    pick(s).push(Step::SetVar(Box::new(SetVar { name, provisos, value })), None);
    Ok(())
}

pub(crate) fn expression(words: &mut Words<'_, '_>) -> Read<Value> {
    words.expr("an expression").map(Value::Expr)
}

pub(crate) fn value_format(words: &mut Words<'_, '_>) -> Read<Value> {
    let text = words.bytes("a log-format string")?;
    let format = LogFormat::parse_value(text, words.statement.registry, Contexts::CHECK);
    format.map(Value::Format).map_err(|e| words.blame(&e))
}

/// `unset-var(..)`
pub(crate) fn unset_var(s: &mut Statement<'_>, pick: Pick) -> Read<()> {
    let (name, provisos) = variable(s)?;
    if !provisos.is_empty() {
        let text = format!("'{}' : only 'set-var' and 'set-var-fmt' have conditions.", s.keyword());
        return Err(Refusal::new(text));
    }
    pick(s).push(Step::UnsetVar(name), None);
    Ok(())
}

fn variable(s: &Statement<'_>) -> Read<(VarName, Provisos)> {
    let keyword = s.keyword();
    let refuse = |why: String| Refusal::new(format!("'{keyword}' : {why}."));
    let inner = keyword.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    let inner = inner.ok_or_else(|| refuse("missing variable name".to_owned()))?;
    let mut words = inner.split(',').map(str::trim);
    let name = VarName::parse(words.next().unwrap_or_default()).map_err(|e| refuse(e.to_string()))?;
    if !matches!(name.scope, Scope::Process | Scope::Session | Scope::Check) {
        return Err(refuse("the scopes of checks are 'proc', 'sess' and 'check'".to_owned()));
    }
    Ok((name, Provisos::parse(words).map_err(refuse)?))
}

/// `comment`
pub(crate) fn comment(s: &mut Statement<'_>, pick: Pick) -> Read<()> {
    let text = s.arg(0).into_owned();
    pick(s).push(Step::Comment, Some(text.into()));
    Ok(())
}

/// Which matches a line knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Http,
}

/// `expect`
pub(crate) fn expect(s: &mut Statement<'_>, protocol: Protocol) -> Read<()> {
    let mut expect = Expect::new(Matcher::Absent);
    let (mut found, mut comment) = (None, None);
    let mut words = Words::of(s);
    while let Some(word) = words.next() {
        let mut word = word.as_ref();
        let inner;
        if let Some(rest) = word.strip_prefix('!') {
            if expect.sense == Sense::Unwanted || found.is_some() {
                return Err(words.refuse("'!' may stand once only, before the match"));
            }
            expect.sense = Sense::Unwanted;
            inner = match rest {
                "" => words.text("a match")?.into_owned(),
                rest => rest.to_owned(),
            };
            word = &inner;
        }
        match word {
            "comment" => comment = words.comment()?,
            "min-recv" => expect.min_recv = min_recv(&mut words)?,
            "ok-status" => expect.ok = status(&mut words, OK)?,
            "error-status" => expect.error = Some(status(&mut words, ERROR)?),
            "tout-status" => expect.timeout = status(&mut words, TIMEOUT)?,
            "on-success" => expect.on_success = Some(words.format("'on-success' : a log-format string")?),
            "on-error" => expect.on_error = Some(words.format("'on-error' : a log-format string")?),
            "status-code" => expect.status_code = Some(words.expr("'status-code' : an expression")?),
            _ if found.is_some() => {
                return Err(words.refuse(format!("only one match is possible, '{word}' is another")));
            }
            kind => found = Some(matcher(kind, &mut words, protocol)?),
        }
    }
    let Some(matcher) = found else {
        return Err(Refusal::new(format!("'{}' : a match is expected.", s.keyword())));
    };
    expect.matcher = matcher;
    let keyword = s.keyword();
    let written = if protocol == Protocol::Tcp { tcp(s) } else { http(s) };
    if protocol == Protocol::Http && matches!(before(written).1, Some(Step::Connect(_))) {
        return Err(Refusal::new(format!(
            "'{keyword}' : nothing has been sent on this connection: a 'send' rule must go before it."
        )));
    }
    written.push(Step::Expect(Box::new(expect)), comment);
    Ok(())
}

fn min_recv(words: &mut Words<'_, '_>) -> Read<Option<usize>> {
    let text = words.text("'min-recv' : a number")?;
    match text.parse::<i32>() {
        Ok(-1) => Ok(None),
        Ok(n) if n >= 0 => Ok(Some(n as usize)),
        _ => Err(words.refuse("'min-recv' expects -1 or a number of bytes")),
    }
}

type Statuses = &'static [(&'static str, CheckStatus)];

const OK: Statuses = &[
    ("L7OK", CheckStatus::L7Ok),
    ("L7OKC", CheckStatus::L7Conditional),
    ("L6OK", CheckStatus::L6Ok),
    ("L4OK", CheckStatus::L4Ok),
];
const ERROR: Statuses = &[
    ("L7OKC", CheckStatus::L7Conditional),
    ("L7RSP", CheckStatus::L7Invalid),
    ("L7STS", CheckStatus::L7Status),
    ("L6RSP", CheckStatus::L6Invalid),
    ("L4CON", CheckStatus::L4Connection),
];
const TIMEOUT: Statuses = &[
    ("L7TOUT", CheckStatus::L7Timeout),
    ("L6TOUT", CheckStatus::L6Timeout),
    ("L4TOUT", CheckStatus::L4Timeout),
];

fn status(words: &mut Words<'_, '_>, known: Statuses) -> Read<CheckStatus> {
    let name = words.text("a status")?;
    let found = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
    found.map(|(_, status)| *status).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        words.refuse(format!("'{name}' is none of {}", names.join(", ")))
    })
}

fn matcher(kind: &str, words: &mut Words<'_, '_>, protocol: Protocol) -> Read<Matcher> {
    use Protocol::{Http, Tcp};
    Ok(match (kind, protocol) {
        ("string", _) => Matcher::String(words.bytes("'string' : a string")?.into()),
        ("rstring", _) => Matcher::Regex(words.regex("'rstring' : a regular expression")?),
        ("string-lf", _) => Matcher::StringFormat(words.format("'string-lf' : a log-format string")?),
        ("binary", Tcp) => Matcher::Binary(words.hex("'binary' : hexadecimal digits")?),
        ("rbinary", Tcp) => Matcher::BinaryRegex(words.regex("'rbinary' : a regular expression")?),
        ("binary-lf", Tcp) => Matcher::BinaryFormat(words.format("'binary-lf' : a log-format string")?),
        ("status", Http) => {
            let text = words.text("'status' : status codes")?;
            let codes = status_codes(&text);
            Matcher::Status(codes.ok_or_else(|| words.refuse(format!("invalid status codes '{text}'")))?)
        }
        ("rstatus", Http) => Matcher::StatusRegex(words.regex("'rstatus' : a regular expression")?),
        ("hdr", Http) => Matcher::Header(Box::new(header(words, Division::ByComma)?)),
        ("fhdr", Http) => Matcher::Header(Box::new(header(words, Division::Whole)?)),
        _ => {
            return Err(words.unknown(match protocol {
                Tcp => "'string', 'rstring', 'binary', 'rbinary', 'string-lf' and 'binary-lf'",
                Http => "'status', 'rstatus', 'hdr', 'fhdr', 'string', 'rstring' and 'string-lf'",
            }));
        }
    })
}

/// `{ name | name-lf } [ -m <meth> ] <name> [ { value | value-lf } [ -m <meth> ] <value> ]`
fn header(words: &mut Words<'_, '_>, division: Division) -> Read<HeaderMatch> {
    let name = match words.text("'name' or 'name-lf'")?.as_ref() {
        "name" => text_match(words, Form::Plain, Case::Insensitive)?,
        "name-lf" => text_match(words, Form::Format, Case::Insensitive)?,
        _ => return Err(words.unknown("'name' and 'name-lf'")),
    };
    let kind = match words.peek().as_deref() {
        Some("value") => Some(Form::Plain),
        Some("value-lf") => Some(Form::Format),
        _ => None,
    };
    let value = match kind {
        None => None,
        Some(kind) => {
            words.next();
            Some(text_match(words, kind, Case::Sensitive)?)
        }
    };
    Ok(HeaderMatch { name, value, division })
}

/// How a text to compare with is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Format,
}

fn text_match(words: &mut Words<'_, '_>, kind: Form, case: Case) -> Read<TextMatch> {
    let mut part = Part::Whole;
    if words.peek().as_deref() == Some("-m") {
        words.next();
        part = match words.text("'-m' : a method")?.as_ref() {
            "str" => Part::Whole,
            "beg" => Part::Beginning,
            "end" => Part::End,
            "sub" => Part::Anywhere,
            "reg" if kind == Form::Plain => {
                return words.regex_in("a regular expression", case).map(TextMatch::Regex);
            }
            "reg" => return Err(words.refuse("a log-format string is no regular expression")),
            _ => return Err(words.unknown("'str', 'beg', 'end', 'sub' and 'reg'")),
        };
    }
    let content = match kind {
        Form::Plain => Content::Fixed(words.bytes("a string")?.into()),
        Form::Format => Content::Format(words.format("a log-format string")?),
    };
    Ok(TextMatch::Plain(part, content))
}
