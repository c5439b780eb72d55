//! Answers that rules give, and the template that they are made from.

use std::path::Path;
use std::sync::Arc;

use config::Refusal;
use http::{Bytes, Status};
use lang::Scene;
use lang::facts::Authentication;
use lang::logformat::LogFormat;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::pages::{self, GroupPage, Page};
use crate::reply::{Message, Reply};
use crate::txn::Txn;
use crate::verdict::{Ending, Verdict};

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const BOTH: RuleSets = RuleSets::HTTP_REQUEST.or(RuleSets::HTTP_RESPONSE);

/// The actions of this file.
pub static ANSWERS: &[Action] = &[
    Action { name: "auth", sets: REQUEST, manual: "4.4.1", parse: auth },
    Action { name: "deny", sets: BOTH, manual: "4.4.1", parse: |cx| deny(cx, Refusing::Deny) },
    Action { name: "return", sets: BOTH, manual: "4.4.1", parse: answer },
    Action { name: "tarpit", sets: REQUEST, manual: "4.4.1", parse: |cx| deny(cx, Refusing::Tarpit) },
];

/// Where an answer comes from.
#[derive(Debug)]
enum Content {
    /// It has no body.
    Empty,
    /// A body that is the same for everyone.
    Fixed(Bytes),
    /// A body that is made anew each time.
    Format(LogFormat),
    /// The proxy's error page for the status.
    ErrorPage,
    /// A whole response from a file.
    File(Arc<Page>),
    /// The page of a section `http-errors`.
    Group(GroupPage),
}

impl Content {
    /// Whether the whole response comes from elsewhere.
    fn is_page(&self) -> bool {
        matches!(self, Self::ErrorPage | Self::File(_) | Self::Group(_))
    }
}

/// `status`, `content-type`, `hdr` and the source of the body, of `return`, `deny`, `tarpit` and `http-error`.
#[derive(Debug)]
pub struct Template {
    status: u16,
    content_type: Option<Box<[u8]>>,
    content: Content,
    headers: Vec<(Box<[u8]>, LogFormat)>,
}

/// What a template is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `return`, with status 200 unless another one is named.
    Return,
    /// `deny` and `tarpit`, with this status unless another one is named.
    Deny(u16),
    /// `http-error`, which must name a status.
    Error,
}

/// The parts of a template as they are read.
struct Parts {
    status: Option<u16>,
    content_type: Option<Box<[u8]>>,
    /// With the word that chose it.
    content: Option<(Source, String)>,
    headers: Vec<(Box<[u8]>, LogFormat)>,
    /// Whether anything but `deny_status` was said.
    said: Said,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Something,
}

/// A source that may depend on the status, which may follow.
enum Source {
    Ready(Content),
    Group(String),
}

impl Template {
    pub(crate) fn parse(cx: &mut ActionCx<'_, '_>, purpose: Purpose) -> Result<Self, Refusal> {
        let parts = Parts::parse(cx, purpose)?;
        let status = match (parts.status, purpose) {
            (Some(status), _) | (None, Purpose::Deny(status)) => status,
            (None, Purpose::Return) => 200,
            (None, Purpose::Error) => return Err(cx.refuse("expects at least 'status' and a status code")),
        };
        let content = match parts.content {
            Some((Source::Group(name), _)) => Content::Group(pages::refer(cx.statement, &name, status)),
            Some((Source::Ready(content), _)) => content,
            None if matches!(purpose, Purpose::Deny(_)) && parts.said == Said::Nothing => Content::ErrorPage,
            None => Content::Empty,
        };
        let template = Self { status, content_type: parts.content_type, content, headers: parts.headers };
        template.check(cx, purpose)
    }

    fn check(mut self, cx: &mut ActionCx<'_, '_>, purpose: Purpose) -> Result<Self, Refusal> {
        let known = pages::is_handled(self.status);
        let by_status = matches!(self.content, Content::ErrorPage | Content::Group(_));
        if !known && (by_status || purpose == Purpose::Error) {
            return Err(cx.refuse(format!("there is no error page for status code '{}'", self.status)));
        }
        let has_body = matches!(&self.content, Content::Format(_))
            || matches!(&self.content, Content::Fixed(body) if !body.is_empty());
        if has_body && Status(self.status).forbids_body() {
            return Err(cx.refuse(format!("No body expected for {} responses", self.status)));
        }
        let ignored = if self.content.is_page() {
            Some("when used with an errorfile")
        } else {
            match &self.content {
                Content::Empty => Some("because neither errorfile nor payload defined"),
                Content::Fixed(body) if body.is_empty() => Some("when used with an empty payload"),
                _ => None,
            }
        };
        match (ignored, &self.content_type) {
            (Some(why), Some(kind)) => {
                let kind = String::from_utf8_lossy(kind);
                cx.statement.warn(format!("content-type '{kind}' ignored by the http reply {why}."));
                self.content_type = None;
            }
            (None, None) => {
                return Err(cx.refuse("a content type must be defined when non-empty payload is configured"));
            }
            _ => {}
        }
        if self.content.is_page() && !self.headers.is_empty() {
            cx.statement.warn("hdr parameters ignored by the http reply when used with an errorfile.");
            self.headers.clear();
        }
        Ok(self)
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The page that it stands for as an error page of its proxy; none if it only takes earlier ones back.
    pub(crate) fn into_page(self) -> IntoPage {
        match self.content {
            Content::ErrorPage => IntoPage::Default,
            Content::File(page) => IntoPage::Page(page),
            Content::Group(group) => IntoPage::Group(group),
            Content::Empty | Content::Fixed(_) | Content::Format(_) => {
                IntoPage::Page(Arc::new(Page::Made(Box::new(self))))
            }
        }
    }

    /// What is sent.
    /// The message in the place of whatever response there was: its own formats see its status, and no response.
    fn instead(&self, txn: &mut Txn<'_>) -> Message {
        if let Some(stream) = &mut txn.stream {
            stream.status = self.status;
        }
        self.message(&Scene { response: None, ..txn.scene() })
    }

    fn message(&self, scene: &Scene<'_>) -> Message {
        match &self.content {
            Content::ErrorPage => Message::Page(self.status),
            Content::File(page) => Message::Chosen(self.status, page.clone()),
            Content::Group(group) => match group.get() {
                Some(page) => Message::Chosen(self.status, page.clone()),
                None => Message::Own(Box::new(Reply::new(self.status))),
            },
            Content::Empty | Content::Fixed(_) | Content::Format(_) => {
                Message::Own(Box::new(self.reply(scene)))
            }
        }
    }

    /// Makes the response.
    pub fn reply(&self, scene: &Scene<'_>) -> Reply {
        let mut reply = Reply::new(self.status);
        let mut value = Vec::new();
        for (name, format) in &self.headers {
            value.clear();
            format.render(scene, &mut value);
            // What has nothing to say is left out.
            if !value.is_empty() {
                reply.head.headers.push(name, &value);
            }
        }
        reply.body = match &self.content {
            Content::Fixed(body) => body.clone(),
            Content::Format(format) => {
                let mut body = Vec::new();
                format.render(scene, &mut body);
                body.into()
            }
            _ => Bytes::new(),
        };
        reply.content_type.clone_from(&self.content_type);
        reply
    }
}

/// What a template is as an error page.
pub(crate) enum IntoPage {
    Page(Arc<Page>),
    Group(GroupPage),
    Default,
}

impl Parts {
    fn parse(cx: &mut ActionCx<'_, '_>, purpose: Purpose) -> Result<Self, Refusal> {
        let mut parts = Self {
            status: None,
            content_type: None,
            content: None,
            headers: Vec::new(),
            said: Said::Nothing,
        };
        if matches!(purpose, Purpose::Deny(_)) && cx.peek().as_deref() == Some("deny_status") {
            cx.take();
            parts.status = Some(status(cx)?);
        }
        while let Some(word) = cx.peek() {
            match word.as_ref() {
                "status" => {
                    cx.take();
                    parts.status = Some(status(cx)?);
                }
                "content-type" => {
                    cx.take();
                    parts.content_type =
                        Some(cx.expect_value("a content type behind 'content-type'")?.into());
                }
                "hdr" => {
                    cx.take();
                    let name: Box<[u8]> = cx.expect_value("<name> and <value> behind 'hdr'")?.into();
                    let value = cx.expect_format("<name> and <value> behind 'hdr'")?;
                    parts.header(cx, name, value);
                }
                _ if is_source(&word) => parts.source(cx)?,
                _ if purpose == Purpose::Error => {
                    return Err(cx.refuse(format!("unknown argument '{word}'")));
                }
                // What follows has to be a condition.
                _ => break,
            }
            parts.said = Said::Something;
        }
        Ok(parts)
    }

    /// Takes a header field, unless it would speak of the body.
    fn header(&mut self, cx: &mut ActionCx<'_, '_>, name: Box<[u8]>, value: LogFormat) {
        let lower = name.to_ascii_lowercase();
        if matches!(&*lower, b"content-length" | b"content-type" | b"transfer-encoding") {
            let name = String::from_utf8_lossy(&name);
            cx.statement.warn(format!("header '{name}' always ignored by the http reply."));
        } else {
            self.headers.push((name, value));
        }
    }

    /// Reads where the body comes from.
    fn source(&mut self, cx: &mut ActionCx<'_, '_>) -> Result<(), Refusal> {
        let word = cx.take().unwrap_or_default();
        if let Some((_, before)) = &self.content {
            return Err(cx.refuse_last(format!("unexpected '{word}' argument, '{before}' already defined")));
        }
        let source = match word.as_ref() {
            "default-errorfiles" => Source::Ready(Content::ErrorPage),
            "errorfiles" => Source::Group(cx.expect("the name of a section 'http-errors'")?.into_owned()),
            "errorfile" => {
                let name = cx.expect("a file name behind 'errorfile'")?;
                let page = pages::read(cx.statement, &name).map_err(|e| cx.refuse_last(e))?;
                Source::Ready(Content::File(Arc::new(page)))
            }
            "string" => {
                let text = cx.expect_value("a text behind 'string'")?;
                Source::Ready(Content::Fixed(Bytes::copy_from_slice(text)))
            }
            "lf-string" => Source::Ready(Content::Format(cx.expect_body("a format behind 'lf-string'")?)),
            "file" => Source::Ready(Content::Fixed(read_file(cx)?.into())),
            _ => {
                let text = read_file(cx)?;
                let format = LogFormat::parse_value(&text, cx.registry(), cx.within());
                Source::Ready(Content::Format(format.map_err(|e| cx.refuse_last(e.message))?))
            }
        };
        self.content = Some((source, word.into_owned()));
        Ok(())
    }
}

fn is_source(word: &str) -> bool {
    matches!(
        word,
        "default-errorfiles" | "errorfile" | "errorfiles" | "file" | "lf-file" | "lf-string" | "string"
    )
}

fn status(cx: &mut ActionCx<'_, '_>) -> Result<u16, Refusal> {
    let text = cx.expect("a status code")?;
    let status = text.parse().ok().filter(|status| (200..=599).contains(status));
    status.ok_or_else(|| cx.refuse_last(format!("unexpected status code '{text}'")))
}

fn read_file(cx: &mut ActionCx<'_, '_>) -> Result<Vec<u8>, Refusal> {
    let name = cx.expect("a file name")?;
    let text = std::fs::read(Path::new(name.as_ref()))
        .map_err(|e| cx.refuse_last(format!("error opening file '{name}' : {e}")))?;
    pages::note_size(cx.statement, &name, text.len());
    Ok(text)
}

#[derive(Debug)]
struct Answer(Template);

fn answer(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Ok(Box::new(Answer(Template::parse(cx, Purpose::Return)?)))
}

impl Act for Answer {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::Answer(self.0.instead(txn)))
    }

    fn is_final(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, Debug)]
enum Refusing {
    Deny,
    Tarpit,
}

#[derive(Debug)]
struct Deny {
    template: Template,
    manner: Refusing,
}

fn deny(cx: &mut ActionCx<'_, '_>, manner: Refusing) -> Result<Box<dyn Act>, Refusal> {
    let status = match (manner, RuleSets::HTTP_RESPONSE.meets(cx.set)) {
        (Refusing::Tarpit, _) => 500,
        (Refusing::Deny, true) => 502,
        (Refusing::Deny, false) => 403,
    };
    let template = Template::parse(cx, Purpose::Deny(status))?;
    Ok(Box::new(Deny { template, manner }))
}

impl Act for Deny {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let message = self.template.instead(txn);
        Verdict::End(match self.manner {
            Refusing::Deny => Ending::Deny(message),
            Refusing::Tarpit => Ending::Tarpit(message),
        })
    }

    fn is_final(&self) -> bool {
        true
    }
}

/// `auth`: asks the client who it is.
#[derive(Debug)]
struct Auth {
    realm: Option<Box<[u8]>>,
}

fn auth(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let mut realm = None;
    if cx.peek().as_deref() == Some("realm") {
        cx.take();
        realm = Some(cx.expect_value("a text behind 'realm'")?.into());
    }
    Ok(Box::new(Auth { realm }))
}

impl Act for Auth {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::Answer(challenge(&txn.scene(), self.realm.as_deref())))
    }

    fn is_final(&self) -> bool {
        true
    }
}

/// Asks a client who it is; the realm is the proxy's name unless another one is given.
pub fn challenge(scene: &Scene<'_>, realm: Option<&[u8]>) -> Message {
    let mut challenge = b"Basic realm=\"".to_vec();
    match realm {
        Some(realm) => challenge.extend_from_slice(realm),
        None => challenge.extend_from_slice(scene.backend.unwrap_or(scene.frontend).name.as_bytes()),
    }
    challenge.push(b'"');
    let (status, header) = match lang::users::asks(scene) {
        Authentication::Server => (Status(401), &b"www-authenticate"[..]),
        Authentication::Proxy => (Status(407), &b"proxy-authenticate"[..]),
    };
    Message::Challenge(status.0, header, challenge.into())
}
