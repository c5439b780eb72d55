//! Actions on HTTP messages, and the ones that end a story.

use std::fmt;

use config::{ProxyKind, Refusal};
use http::FixedField;
use lang::logformat::LogFormat;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::rewrite::made;
use crate::set::{Rules, Upgrade};
use crate::txn::{FIELD_OVERHEAD, Txn};
use crate::verdict::{Ending, Requests, Verdict};

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const ALL: RuleSets = RuleSets::HTTP;
const TCP_REQUEST: RuleSets = RuleSets::TCP_CONNECTION.or(RuleSets::TCP_SESSION).or(RuleSets::TCP_CONTENT);

/// The actions of this room.
pub static ACTIONS: &[Action] = &[
    Action { name: "accept", sets: TCP_REQUEST.or(RuleSets::TCP_RESPONSE), manual: "4.4.1", parse: accept },
    Action { name: "add-header", sets: ALL, manual: "4.4.1", parse: |cx| header(cx, HeaderEdit::Add) },
    Action { name: "allow", sets: ALL, manual: "4.4.1", parse: accept },
    Action { name: "close", sets: RuleSets::TCP_RESPONSE, manual: "4.4.1", parse: close },
    Action { name: "del-header", sets: ALL, manual: "4.4.1", parse: del_header },
    Action {
        name: "reject",
        sets: TCP_REQUEST.or(RuleSets::TCP_RESPONSE).or(REQUEST),
        manual: "4.4.1",
        parse: reject,
    },
    Action { name: "switch-mode", sets: RuleSets::TCP_CONTENT, manual: "4.4.1", parse: switch_mode },
    Action { name: "set-header", sets: ALL, manual: "4.4.1", parse: |cx| header(cx, HeaderEdit::Set) },
];

fn accept(_: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(Accept))
}

/// `switch-mode http [proto h1|h2]`.
fn switch_mode(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let (kind, name) = (cx.statement.proxy().kind, cx.statement.proxy().name.clone());
    if kind == ProxyKind::Backend {
        return Err(Refusal::new(format!(
            "'tcp-request switch-mode' not allowed because {} '{name}' has no frontend capability.",
            kind.name()
        )));
    }
    match cx.take().as_deref() {
        None => return Err(Refusal::new("'tcp-request switch-mode' expects a mode as argument.")),
        Some("http") => {}
        Some(other) => {
            return Err(cx.refuse_last(format!("switch-mode expects a valid mode (got '{other}')")));
        }
    }
    let mut requests = Requests::Any;
    if cx.peek().as_deref() == Some("proto") {
        cx.take();
        let protocol = cx.expect("the name of a protocol behind 'proto'")?;
        requests = match protocol.as_ref() {
            "h1" => Requests::Http1,
            "h2" => Requests::Http2,
            _ => {
                return Err(cx.refuse_last(format!(
                    "'proto' of switch-mode expects a protocol that requests come in, 'h1' or 'h2' (got '{protocol}')"
                )));
            }
        };
    }
    cx.statement.slot::<Rules>().upgrade = Upgrade::ByRule;
    Ok(Box::new(SwitchMode(requests)))
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

    fn is_final(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct SwitchMode(Requests);

impl Act for SwitchMode {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::Http(self.0))
    }

    fn is_final(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Reject;

impl Act for Reject {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::Reject)
    }

    fn is_final(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct CloseServer;

impl Act for CloseServer {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::CloseServer)
    }

    fn is_final(&self) -> bool {
        true
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
