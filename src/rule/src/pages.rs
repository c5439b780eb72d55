//! Error pages: what proxies send in place of the built-in ones (`errorfile`, `http-error`, sections `http-errors`).

use std::sync::{Arc, OnceLock};

use base::registry::Registry;
use config::directive::Arity;
use config::{
    Check, Diagnostics, Directive, Draft, Naming, Place, Prefix, Refusal, Section, SectionKind, Sections,
    Setting, Statement,
};
use http::{Bytes, ResponseHead, Status};

use crate::action::{ActionCx, RuleSets};
use crate::answers::{IntoPage, Purpose, Template};

/// What is sent for an error.
#[derive(Debug)]
pub enum Page {
    /// Nothing: the connection is closed.
    Nothing,
    /// A response from a file.
    Response {
        /// Its head.
        head: Box<ResponseHead>,
        /// Its body.
        body: Bytes,
    },
    /// A response that is made anew each time.
    Made(Box<Template>),
}

/// The error pages of a proxy.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// As they are written; later ones replace earlier ones.
    lines: Vec<Line>,
    /// By status, once all sections are known.
    known: Vec<(u16, Arc<Page>)>,
}

#[derive(Clone, Debug)]
enum Line {
    /// A page; without one, what was said before is taken back.
    One(u16, Option<Arc<Page>>),
    /// Pages of a section: those of these statuses, or all if none is named.
    Group { name: Box<str>, statuses: Vec<u16>, place: Place },
    /// The page of a section that was looked up by its status.
    FromGroup(u16, GroupPage),
}

impl Setting for Pages {}

impl Pages {
    /// The page that was set for a status.
    pub fn get(&self, status: u16) -> Option<&Arc<Page>> {
        self.known.iter().find(|(known, _)| *known == status).map(|(_, page)| page)
    }

    fn set(&mut self, status: u16, page: Option<Arc<Page>>) {
        self.known.retain(|(known, _)| *known != status);
        self.known.extend(page.map(|page| (status, page)));
    }
}

/// A page of a section `http-errors`, known once all sections are.
#[derive(Clone, Debug, Default)]
pub struct GroupPage(Arc<OnceLock<Option<Arc<Page>>>>);

impl GroupPage {
    /// The page, if the section has one for the status.
    pub(crate) fn get(&self) -> Option<&Arc<Page>> {
        self.0.get()?.as_ref()
    }
}

/// Pages of sections that rules refer to.
#[derive(Clone, Debug, Default)]
struct References(Vec<Reference>);

#[derive(Clone, Debug)]
struct Reference {
    group: Box<str>,
    status: u16,
    proxy: Arc<str>,
    place: Place,
    page: GroupPage,
}

impl Setting for References {}

/// Files whose content has to fit into a buffer, once its size is known.
#[derive(Clone, Debug, Default)]
pub struct Loaded(pub Vec<LoadedFile>);

/// A file that was read.
#[derive(Clone, Debug)]
pub struct LoadedFile {
    /// Its name.
    pub name: Box<str>,
    /// Its size in bytes.
    pub size: usize,
    /// Where it is named.
    pub place: Place,
}

impl Setting for Loaded {}

/// Remembers the size of a file that was read.
pub(crate) fn note_size(s: &mut Statement<'_>, name: &str, size: usize) {
    let place = s.place.clone();
    s.draft.global.get_mut::<Loaded>().0.push(LoadedFile { name: name.into(), size, place });
}

/// The page of a section for a status, looked up when all sections are known.
pub(crate) fn refer(s: &mut Statement<'_>, group: &str, status: u16) -> GroupPage {
    let page = GroupPage::default();
    let (proxy, place) = (s.proxy().name.clone(), s.place.clone());
    let reference = Reference { group: group.into(), status, proxy, place, page: page.clone() };
    s.draft.global.get_mut::<References>().0.push(reference);
    page
}

/// Whether the proxy may have to give an answer of this status by itself.
pub(crate) fn is_handled(status: u16) -> bool {
    h1::errors::find(Status(status)).is_some()
}

const fn directive(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    Directive {
        name,
        section: Section::Proxy(Sections::ALL),
        prefix: Prefix::None,
        arity: Arity::AtLeast(0),
        manual: "4.2",
        parse,
    }
}

const GROUP: &str = "http-errors";

/// The sections of this file.
pub static PAGE_SECTIONS: &[SectionKind] =
    &[SectionKind { name: GROUP, named: Naming::Required, manual: "12.4" }];

/// The directives of this file.
pub static PAGE_DIRECTIVES: &[Directive] = &[
    directive("errorfile", errorfile),
    Directive { section: Section::Other(GROUP), manual: "12.4", ..directive("errorfile", errorfile) },
    directive("errorfiles", errorfiles),
    directive("errorloc", |s| errorloc(s, 302)),
    directive("errorloc302", |s| errorloc(s, 302)),
    directive("errorloc303", |s| errorloc(s, 303)),
    directive("http-error", http_error),
];

/// The checks of this file.
pub static PAGE_CHECKS: &[Check] = &[Check { name: "error pages", run: resolve }];

/// The status at argument `at`, which must be one that the proxy may have to answer with.
fn handled(s: &Statement<'_>, at: usize) -> Result<u16, Refusal> {
    let text = s.arg(at);
    let status = text.parse().ok().filter(|status| is_handled(*status));
    status.ok_or_else(|| s.refuse(at, format!("'{}' : status code '{text}' not handled.", s.keyword())))
}

fn two_arguments(s: &Statement<'_>, what: &str) -> Result<(), Refusal> {
    if s.args() == 2 {
        return Ok(());
    }
    Err(Refusal::new(format!("'{}' : expects <status_code> and <{what}> as arguments.", s.keyword())))
}

fn errorfile(s: &mut Statement<'_>) -> Result<(), Refusal> {
    two_arguments(s, "file")?;
    let status = handled(s, 0)?;
    let file = s.arg(1);
    let page = read(s, &file).map_err(|e| s.refuse(1, format!("'errorfile' : {e}.")))?;
    s.slot::<Pages>().lines.push(Line::One(status, Some(Arc::new(page))));
    Ok(())
}

fn errorfiles(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if s.args() == 0 {
        return Err(Refusal::new("'errorfiles' : expects <name> as argument."));
    }
    let statuses = (1..s.args()).map(|at| handled(s, at)).collect::<Result<_, _>>()?;
    let line = Line::Group { name: s.arg(0).into(), statuses, place: s.place.clone() };
    s.slot::<Pages>().lines.push(line);
    Ok(())
}

fn errorloc(s: &mut Statement<'_>, code: u16) -> Result<(), Refusal> {
    two_arguments(s, "url")?;
    let status = handled(s, 0)?;
    let mut head = ResponseHead::default();
    head.set_status(Status(code));
    head.headers.push(b"cache-control", b"no-cache");
    head.headers.push(b"content-length", b"0");
    head.headers.push(b"location", s.bytes(1));
    let page = Page::Response { head: Box::new(head), body: Bytes::new() };
    s.slot::<Pages>().lines.push(Line::One(status, Some(Arc::new(page))));
    Ok(())
}

fn http_error(s: &mut Statement<'_>) -> Result<(), Refusal> {
    // No rule set stands for all points at which an error may be found.
    let mut cx = ActionCx::new(s, RuleSets(0), None, 0);
    let template = Template::parse(&mut cx, Purpose::Error)?;
    if cx.position() < s.args() {
        let at = s.args() - 1;
        return Err(s.refuse(at, "'http-error' takes no condition."));
    }
    let status = template.status();
    let line = match template.into_page() {
        IntoPage::Page(page) => Line::One(status, Some(page)),
        IntoPage::Group(group) => Line::FromGroup(status, group),
        IntoPage::Default => Line::One(status, None),
    };
    s.slot::<Pages>().lines.push(line);
    Ok(())
}

/// Reads a page from a file.
pub(crate) fn read(s: &mut Statement<'_>, name: &str) -> Result<Page, String> {
    let bytes = std::fs::read(name).map_err(|e| format!("error opening file '{name}' : {e}"))?;
    note_size(s, name, bytes.len());
    parse(&bytes).map_err(|e| format!("invalid file '{name}' : {e}"))
}

/// Reads a file that holds a whole response; a line feed alone ends its lines too.
fn parse(bytes: &[u8]) -> Result<Page, String> {
    if bytes.is_empty() {
        return Ok(Page::Nothing);
    }
    let mut head = ResponseHead::default();
    let parsed = h1::parse_response(
        bytes,
        &mut h1::Cursor::new(),
        &h1::Options::default(),
        &h1::Asked::default(),
        &mut head,
    );
    let head_len = match parsed {
        Ok(h1::Progress::Complete(info)) => info.head_len,
        Ok(h1::Progress::Partial) => return Err("the headers do not end with an empty line".to_owned()),
        Err(e) => return Err(e.to_string()),
    };
    if head.headers.contains(b"transfer-encoding") {
        return Err("chunk-encoded payload not supported".to_owned());
    }
    let body = Bytes::copy_from_slice(&bytes[head_len..]);
    if head.headers.find(b"content-length").is_some_and(|n| n != body.len().to_string().as_bytes()) {
        return Err("its content-length is not the length of its body".to_owned());
    }
    Ok(Page::Response { head: Box::new(head), body })
}

/// Looks up what sections `http-errors` have, for proxies and for rules.
fn resolve(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let mut groups: Vec<(Arc<str>, Pages)> = Vec::new();
    for section in draft.sections.iter().filter(|s| s.kind == GROUP) {
        if groups.iter().any(|(name, _)| *name == section.name) {
            let text = format!("http-errors section '{}' already exists.", section.name);
            diagnostics.alert_at(&section.place, text);
            continue;
        }
        let mut pages: Pages = section.slots.get_or_default();
        settle(&mut pages, &[], &section.place, diagnostics);
        groups.push((section.name.clone(), pages));
    }
    for reference in draft.global.take::<References>().0 {
        let group = groups.iter().find(|(name, _)| **name == *reference.group);
        let Some((_, pages)) = group else {
            let text = format!(
                "Proxy '{}': unknown http-errors section '{}' referenced by an http reply.",
                reference.proxy, reference.group
            );
            diagnostics.alert_at(&reference.place, text);
            continue;
        };
        let page = pages.get(reference.status).cloned();
        if page.is_none() {
            let text = format!(
                "Proxy '{}': status '{}' referenced by an http reply not declared in http-errors section '{}'.",
                reference.proxy, reference.status, reference.group
            );
            diagnostics.warning_at(&reference.place, text);
        }
        // Each reference is looked up once.
        let _ = reference.page.0.set(page);
    }
    for proxy in &mut draft.proxies {
        if proxy.slots.get::<Pages>().is_some() {
            let place = proxy.place.clone();
            settle(proxy.slots.get_mut(), &groups, &place, diagnostics);
        }
    }
}

/// Goes through the lines of a proxy.
fn settle(pages: &mut Pages, groups: &[(Arc<str>, Pages)], within: &Place, diagnostics: &mut Diagnostics) {
    for line in std::mem::take(&mut pages.lines) {
        match line {
            Line::One(status, page) => pages.set(status, page),
            Line::FromGroup(status, group) => {
                if let Some(page) = group.get() {
                    pages.set(status, Some(page.clone()));
                }
            }
            Line::Group { name, statuses, place } => {
                let Some((_, group)) = groups.iter().find(|(known, _)| **known == *name) else {
                    // What a `defaults` section says is said once for all that inherit it.
                    if place.line >= within.line || place.file != within.file {
                        let text = format!("unknown http-errors section '{name}'.");
                        diagnostics.alert_at(&place, text);
                    }
                    continue;
                };
                for (status, page) in &group.known {
                    if statuses.is_empty() || statuses.contains(status) {
                        pages.set(*status, Some(page.clone()));
                    }
                }
                for missing in statuses.iter().filter(|status| group.get(**status).is_none()) {
                    let text = format!("status '{missing}' not declared in http-errors section '{name}'.");
                    diagnostics.warning_at(&place, text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_whole_responses() {
        assert!(matches!(parse(b""), Ok(Page::Nothing)));
        let page = parse(b"HTTP/1.1 404 No\nA: b\n\nbody").unwrap();
        let Page::Response { head, body } = page else { panic!("a response") };
        assert_eq!((head.status, &body[..]), (Status(404), &b"body"[..]));
        for bad in [
            "HTTP/1.1 404 No\r\nA: b\r\n",
            "404 No\r\n\r\n",
            "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nbody",
            "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_last_word_on_a_status_counts() {
        let page = |status: u16| {
            let mut head = ResponseHead::default();
            head.set_status(Status(status));
            Some(Arc::new(Page::Response { head: Box::new(head), body: Bytes::new() }))
        };
        let place = Place::default();
        let mut diagnostics = Diagnostics::default();
        let mut group =
            Pages { lines: vec![Line::One(404, page(1)), Line::One(500, page(2))], known: vec![] };
        settle(&mut group, &[], &place, &mut diagnostics);
        let groups = [("g".into(), group)];
        let from = |statuses| Line::Group { name: "g".into(), statuses, place: place.clone() };
        let lines = vec![from(vec![]), Line::One(404, page(3)), Line::One(500, None), from(vec![500])];
        let mut pages = Pages { lines, known: vec![] };
        settle(&mut pages, &groups, &place, &mut diagnostics);
        let status = |status| match pages.get(status).map(|page| &**page) {
            Some(Page::Response { head, .. }) => head.status.0,
            _ => 0,
        };
        assert_eq!((status(404), status(500), status(403)), (3, 2, 0));
        assert!(!diagnostics.has_errors());
    }
}
