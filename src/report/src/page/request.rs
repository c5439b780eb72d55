//! Requests for a page, and what answers them.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{BodyLength, Headers, Method, RequestHead, ResponseHead, Status};
use lang::Scene;
use rule::service::{Asked, Broken, Chosen, Exchange, Piece, ResponseRules, Serve};
use rule::set::Outcome as Ran;
use rule::{Act, Ending, Message, Truth, Txn, Verdict};
use stats::rows::{head, tail};
use stats::{Descriptions, First};

use super::admin;
use super::html::Page as Html;
use super::settings::{PageSettings, Shown};
use super::uri::{Form, Outcome, Refreshing, View};
use crate::rows::{Detail, Found, Query, Side, sides};
use crate::survey::Survey;

/// Where a page is unless something else is said.
const USUAL_URI: &str = "/haproxy?stats";

const USUAL_REALM: &str = "HAProxy Statistics";

/// A page, as the rule that answers requests for it.
#[derive(Clone, Debug)]
pub(super) struct StatsPage(Arc<Page>);

/// A proxy's page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) settings: PageSettings,
    /// The proxy.
    pub(super) proxy: Arc<str>,
}

impl StatsPage {
    pub(super) fn new(settings: PageSettings, proxy: Arc<str>) -> Self {
        Self(Arc::new(Page { settings, proxy }))
    }
}

impl Page {
    pub(super) fn uri(&self) -> &str {
        self.settings.uri.as_deref().unwrap_or(USUAL_URI)
    }

    /// What follows the page's address in a request for it.
    fn rest<'r>(&self, request: &'r RequestHead) -> Option<&'r [u8]> {
        let asks = matches!(request.method, Method::Get | Method::Head | Method::Post);
        request.path_and_query().strip_prefix(self.uri().as_bytes()).filter(|_| asks)
    }

    /// Whether the client has proved to be one of the users, if there are any.
    fn lets_in(&self, scene: &Scene<'_>) -> bool {
        let users = &self.settings.users;
        users.is_empty()
            || lang::users::claim(scene).is_some_and(|(name, password)| {
                users.iter().any(|(n, p)| *n.as_bytes() == *name && *p.as_bytes() == *password)
            })
    }

    /// Whether a proxy is one of those that the page shows.
    pub(super) fn covers(&self, name: &str) -> bool {
        let scopes = &self.settings.scopes;
        scopes.is_empty()
            || scopes.iter().any(|scope| **scope == *name || (**scope == *"." && *self.proxy == *name))
    }
}

impl Act for StatsPage {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let page = &self.0;
        if txn.request.as_deref().and_then(|request| page.rest(request)).is_none() {
            return Verdict::Continue;
        }
        if let Some(stream) = txn.stream.as_deref_mut() {
            stream.service = Some(LABEL);
        }
        if !page.lets_in(&txn.scene()) {
            let realm = page.settings.realm.as_deref().unwrap_or(USUAL_REALM);
            let message: Message = rule::challenge(&txn.scene(), Some(realm.as_bytes()));
            return Verdict::End(Ending::Answer(message));
        }
        match page.settings.rules.run(0, txn) {
            Ran::Done | Ran::Waiting(..) => {
                let service: Arc<dyn Serve> = Arc::new(self.clone());
                Verdict::End(Ending::Serve(Chosen { label: LABEL, service, rules: ResponseRules::AfterOnly }))
            }
            Ran::Stopped(verdict, _) => verdict,
        }
    }
}

const LABEL: &str = "<STATS>";

impl Serve for StatsPage {
    fn begin(&self, asked: &Asked<'_>) -> Box<dyn Exchange> {
        let (Some(survey), Some(request)) = (Survey::of(asked.world), asked.scene.request) else {
            return Box::new(Answer::redirect(""));
        };
        let rest = self.0.rest(request).unwrap_or_default();
        let view = View::parse(&String::from_utf8_lossy(rest));
        let conditions = &self.0.settings.admin;
        let may_change = conditions.iter().any(|condition| condition.holds(asked.scene) == Truth::True);
        let access = if may_change { Access::Admin } else { Access::ReadOnly };
        match request.method {
            Method::Post => Box::new(Post {
                limit: survey.site.tuning.buffer_size.saturating_sub(survey.site.tuning.max_rewrite),
                allowed: if may_change && admin::is_from_here(request) {
                    Access::Admin
                } else {
                    Access::ReadOnly
                },
                page: self.0.clone(),
                survey,
                crew: asked.world.get(),
                view,
                form: Vec::new(),
                body: Body::Coming,
                trailers: Headers::new(),
            }),
            _ => Box::new(Answer::show(&self.0, survey, &view, access, &request.method)),
        }
    }
}

/// What the client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    ReadOnly,
    Admin,
}

/// A response, made as it is sent.
struct Answer {
    head: ResponseHead,
    source: Source,
    text: String,
    /// How much of the text has been taken.
    at: usize,
    trailers: Headers,
}

/// Where the text of a response comes from.
enum Source {
    /// There is no more than there is.
    Nothing,
    Rows(Rows),
    Html(Box<Html>),
}

impl Answer {
    fn new(source: Source) -> Self {
        let mut head = ResponseHead::default();
        head.set_status(Status(200));
        head.headers.push(b"cache-control", b"no-cache");
        Self { head, source, text: String::new(), at: 0, trailers: Headers::new() }
    }

    /// An answer to a form: where to go on.
    fn redirect(location: &str) -> Self {
        let mut answer = Self::new(Source::Nothing);
        answer.head.set_status(Status(303));
        answer.head.headers.push(b"content-type", b"text/plain");
        answer.head.headers.push(b"content-length", b"0");
        answer.head.headers.push(b"location", location.as_bytes());
        answer
    }

    fn show(page: &Arc<Page>, survey: Survey, view: &View, access: Access, method: &Method) -> Self {
        let kind: &[u8] = match view.form {
            Form::Html => b"text/html",
            Form::Csv | Form::Typed => b"text/plain",
            Form::Json | Form::Schema => b"application/json",
        };
        let refresh = page.settings.refresh.filter(|_| view.refreshing == Refreshing::AsConfigured);
        let source = match view.form {
            _ if *method == Method::Head => Source::Nothing,
            Form::Html => Source::Html(Box::new(Html::new(page.clone(), survey, view.clone(), access))),
            Form::Schema => Source::Nothing,
            Form::Csv => Source::Rows(Rows::new(page.clone(), survey, view, stats::Form::Plain)),
            Form::Typed => Source::Rows(Rows::new(page.clone(), survey, view, stats::Form::Typed)),
            Form::Json => Source::Rows(Rows::new(page.clone(), survey, view, stats::Form::Json)),
        };
        let mut answer = Self::new(source);
        if view.form == Form::Schema && *method != Method::Head {
            answer.text = stats::schema();
        }
        answer.head.headers.push(b"content-type", kind);
        if let Some(seconds) = refresh {
            answer.head.headers.push(b"refresh", seconds.to_string().as_bytes());
        }
        answer
    }
}

/// How much is made at once, about.
const PIECE: usize = 8192;

impl Exchange for Answer {
    fn poll_head(&mut self, _: &mut Context<'_>, head: &mut ResponseHead) -> Poll<BodyLength> {
        head.clone_from(&self.head);
        let redirects = head.headers.contains(b"location");
        Poll::Ready(if redirects { BodyLength::Length(0) } else { BodyLength::Chunked })
    }

    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Piece<'_>, Broken>> {
        if self.at == self.text.len() {
            self.text.clear();
            self.at = 0;
            let mut step = || match &mut self.source {
                Source::Nothing => Progress::Done,
                Source::Rows(rows) => rows.step(&mut self.text),
                Source::Html(html) => html.step(&mut self.text),
            };
            while step() == Progress::More {}
        }
        Poll::Ready(Ok(match &self.text.as_bytes()[self.at..] {
            b"" => Piece::End(&self.trailers),
            rest => Piece::Data(rest),
        }))
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

/// Whether another step is to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// There is a piece, or there is no more.
    Done,
}

impl Progress {
    /// Whether a text is long enough to be sent.
    pub(super) fn after(text: &str) -> Self {
        if text.len() < PIECE { Self::More } else { Self::Done }
    }
}

/// The walk over the rows of the proxies that a page shows.
pub(super) struct Tour {
    page: Arc<Page>,
    scope: String,
    sides: std::vec::IntoIter<Side>,
    /// The side that is under way, and the next step along it.
    side: Option<(Side, usize)>,
}

impl Tour {
    pub(super) fn new(page: Arc<Page>, survey: &Survey, view: &View) -> Self {
        Self {
            page,
            scope: view.scope.to_ascii_lowercase(),
            sides: sides(&survey.site).into_iter(),
            side: None,
        }
    }

    /// The next step: the side that it is on, and what it finds there.
    pub(super) fn next(&mut self, survey: &Survey, query: &Query) -> Option<(Side, Found)> {
        loop {
            let (side, at) = self.side.or_else(|| self.sides.next().map(|side| (side, 0)))?;
            let common = side.common(&survey.site);
            if !self.page.covers(&common.facts.name)
                || !common.facts.name.to_ascii_lowercase().contains(&*self.scope)
            {
                self.side = None;
                continue;
            }
            let found = survey.step(side, at, query);
            self.side = if matches!(found, Found::End) { None } else { Some((side, at + 1)) };
            return Some((side, found));
        }
    }
}

/// The rows in one of the forms of `show stat`.
struct Rows {
    survey: Survey,
    tour: Tour,
    query: Query,
    form: stats::Form,
    begun: First,
    first: First,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl Rows {
    fn new(page: Arc<Page>, survey: Survey, view: &View, form: stats::Form) -> Self {
        let query = Query { servers: view.servers, detail: detail(&page), ..Query::default() };
        let tour = Tour::new(page, &survey, view);
        Self { survey, tour, query, form, begun: First::Yes, first: First::Yes, ended: Ended::No }
    }

    fn step(&mut self, out: &mut String) -> Progress {
        if self.ended == Ended::Yes {
            return Progress::Done;
        }
        if std::mem::replace(&mut self.begun, First::No) == First::Yes {
            out.push_str(&head(self.form));
        }
        match self.tour.next(&self.survey, &self.query) {
            None => {
                out.push_str(tail(self.form));
                self.ended = Ended::Yes;
            }
            Some((_, Found::Row(row))) => {
                row.write(self.form, Descriptions::Omitted, self.first, out);
                self.first = First::No;
            }
            Some(_) => {}
        }
        Progress::after(out)
    }
}

/// How much a page tells of each object.
pub(super) fn detail(page: &Page) -> Detail {
    if page.settings.legends == Shown::Yes { Detail::Full } else { Detail::Public }
}

/// A form that is coming, and the answer to it.
struct Post {
    page: Arc<Page>,
    survey: Survey,
    crew: Option<Arc<stream::Crew>>,
    view: View,
    allowed: Access,
    limit: usize,
    form: Vec<u8>,
    body: Body,
    trailers: Headers,
}

/// How much of a form has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Coming,
    All,
    /// More than there is room for.
    TooLong,
}

impl Exchange for Post {
    fn poll_take(&mut self, _: &mut Context<'_>, data: &[u8]) -> Poll<usize> {
        if self.form.len() + data.len() > self.limit {
            self.form = Vec::new();
            self.body = Body::TooLong;
        } else if self.body == Body::Coming {
            self.form.extend_from_slice(data);
        }
        Poll::Ready(data.len())
    }

    fn request_ended(&mut self, _: &Headers) {
        if self.body == Body::Coming {
            self.body = Body::All;
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<BodyLength> {
        let outcome = match self.body {
            _ if self.allowed == Access::ReadOnly => Outcome::Denied,
            Body::Coming => return Poll::Pending,
            Body::TooLong => Outcome::TooLong,
            Body::All => {
                let form = admin::Request::parse(&self.form);
                admin::apply(&form, &self.page, &self.survey, self.crew.as_deref())
            }
        };
        let words = View::words(self.view.servers, self.view.refreshing);
        let location = format!("{};st={}{words}{}", self.page.uri(), outcome.code(), self.view.scope_end());
        Answer::redirect(&location).poll_head(cx, head)
    }

    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Piece<'_>, Broken>> {
        Poll::Ready(Ok(Piece::End(&self.trailers)))
    }

    fn consume(&mut self, _: usize) {}
}
