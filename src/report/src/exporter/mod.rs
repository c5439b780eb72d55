//! The service `prometheus-exporter`: all figures in the text format of Prometheus.
//!
//! The format wants all values of a metric together. So a scrape walks over all objects once for each metric, asks
//! each for that one figure, and never holds more than a piece of the output.

mod lines;
mod metrics;
mod query;
mod states;
mod walk;

use std::task::{Context, Poll};

use h1::errors::{self, AfterPage};
use http::{BodyLength, Headers, ResponseHead, Status};
use rule::Service;
use rule::service::{Asked, Broken, Exchange, Piece, Serve};

use crate::survey::Survey;
use query::Query;
use walk::Walk;

/// The services of this file.
pub static EXPORTER: &[Service] = &[Service {
    name: "prometheus-exporter",
    title: "Prometheus exporter service",
    label: "<PROMEX>",
    open: || Box::new(Exporter),
}];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gauge,
    Counter,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

#[derive(Debug)]
struct Exporter;

impl Serve for Exporter {
    fn begin(&self, asked: &Asked<'_>) -> Box<dyn Exchange> {
        let query = asked.scene.request.and_then(|request| request.query()).unwrap_or_default();
        Box::new(match (Query::parse(query), Survey::of(asked.world)) {
            (Ok(query), Some(survey)) => Answer::Metrics(Dump::new(survey, query)),
            (Err(_), _) => Answer::Error(Page::of(400)),
            (Ok(_), None) => Answer::Error(Page::of(503)),
        })
    }
}

/// What is answered.
enum Answer {
    Metrics(Dump),
    Error(Page),
}

impl Exchange for Answer {
    fn poll_head(&mut self, _: &mut Context<'_>, head: &mut ResponseHead) -> Poll<BodyLength> {
        Poll::Ready(match self {
            Self::Metrics(_) => {
                head.clear();
                head.set_status(Status(200));
                head.headers.push(b"cache-control", b"no-cache");
                head.headers.push(b"content-type", b"text/plain; version=0.0.4");
                BodyLength::Chunked
            }
            Self::Error(page) => page.fill(head),
        })
    }

    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Piece<'_>, Broken>> {
        Poll::Ready(Ok(match self {
            Self::Metrics(dump) => dump.piece(),
            Self::Error(page) => page.piece(),
        }))
    }

    fn consume(&mut self, n: usize) {
        match self {
            Self::Metrics(dump) => dump.at += n,
            Self::Error(page) => page.at += n,
        }
    }
}

/// The metrics on their way.
struct Dump {
    walk: Walk,
    text: String,
    /// How much of the text has been taken.
    at: usize,
    trailers: Headers,
}

/// How much is made at once, about.
const PIECE: usize = 8192;

impl Dump {
    fn new(survey: Survey, query: Query) -> Self {
        let walk = Walk::new(survey, query);
        Self { walk, text: String::with_capacity(PIECE + PIECE / 2), at: 0, trailers: Headers::new() }
    }

    fn piece(&mut self) -> Piece<'_> {
        if self.at == self.text.len() {
            self.text.clear();
            self.at = 0;
            while self.text.len() < PIECE && self.walk.step(&mut self.text) == walk::Progress::More {}
        }
        match &self.text.as_bytes()[self.at..] {
            b"" => Piece::End(&self.trailers),
            rest => Piece::Data(rest),
        }
    }
}

/// A built-in error page.
struct Page {
    page: Option<&'static errors::ErrorPage>,
    body: String,
    at: usize,
    trailers: Headers,
}

impl Page {
    fn of(status: u16) -> Self {
        let page = errors::find(Status(status));
        Self {
            page,
            body: page.map(errors::ErrorPage::body).unwrap_or_default(),
            at: 0,
            trailers: Headers::new(),
        }
    }

    fn fill(&self, head: &mut ResponseHead) -> BodyLength {
        if let Some(page) = self.page {
            page.fill(head);
            if page.after() == AfterPage::Close {
                head.headers.push(b"connection", b"close");
            }
        }
        BodyLength::Length(self.body.len() as u64)
    }

    fn piece(&self) -> Piece<'_> {
        match &self.body.as_bytes()[self.at..] {
            b"" => Piece::End(&self.trailers),
            rest => Piece::Data(rest),
        }
    }
}
