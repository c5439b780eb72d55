//! What the configuration says of health checks.

use std::sync::Arc;
use std::time::Duration;

use base::addr::Addr;
use config::Setting;
use config::directive::Switch;
use lang::logformat::LogFormat;

use crate::external::Program;
use crate::ready::Ready;
use crate::rules::{Content, Request, Rule, Step, Wish};

/// The check options of a server.
#[derive(Clone, Debug)]
pub struct CheckSettings {
    /// `check`, `no-check`.
    pub enabled: Enabled,
    /// `inter`.
    pub interval: Duration,
    /// `fastinter`.
    pub fast: Option<Duration>,
    /// `downinter`.
    pub down: Option<Duration>,
    /// `rise`.
    pub rise: u32,
    /// `fall`.
    pub fall: u32,
    /// `port`.
    pub port: Option<u16>,
    /// `addr`.
    pub address: Option<Addr>,
    /// `check-send-proxy`: the PROXY header is sent though the checked address is another one.
    pub header: Header,
    /// `check-via-socks4`.
    pub route: Route,
    /// `check-alpn`.
    pub alpn: Option<Vec<Vec<u8>>>,
    /// `check-proto`.
    pub protocol: Option<net::Protocol>,
    /// `init-state`.
    pub init: backend::InitState,
    /// `healthcheck`.
    pub(crate) section: Option<Named>,
}

/// A section that says how a server is checked.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: Box<str>,
    /// What it says, once everything is read.
    pub(crate) checks: Option<ProxyChecks>,
}

/// Whether a check begins with a PROXY header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// Where the traffic does, and the checked address is the traffic's.
    #[default]
    AsTraffic,
    /// It does.
    Always,
}

/// How a check gets to its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Directly.
    #[default]
    Direct,
    /// Through the SOCKS4 proxy before it, where there is one.
    ViaSocks4,
}

/// Whether a server is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enabled {
    /// It counts as up.
    #[default]
    No,
    /// It is.
    Yes,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            enabled: Enabled::No,
            interval: Duration::from_secs(2),
            fast: None,
            down: None,
            rise: 2,
            fall: 3,
            port: None,
            address: None,
            header: Header::AsTraffic,
            route: Route::Direct,
            alpn: None,
            protocol: None,
            section: None,
            init: backend::InitState::default(),
        }
    }
}

impl Setting for CheckSettings {}

/// How the servers of a proxy are checked.
#[derive(Clone, Debug, Default)]
pub struct ProxyChecks {
    /// What a check does.
    pub(crate) method: Method,
    /// `tcp-check` lines.
    pub(crate) tcp: Written,
    /// `http-check` lines.
    pub(crate) http: Written,
    /// `http-check disable-on-404`.
    pub(crate) absent: Wish,
    /// `http-check send-state`.
    pub(crate) state: Wish,
    /// `external-check`.
    pub(crate) program: Program,
    /// `timeout check`.
    pub timeout: Option<Duration>,
    /// `timeout connect`, which bounds the connection when there is a timeout for the rest.
    pub connect: Option<Duration>,
    /// `option log-health-checks`.
    pub log: Switch,
}

impl Setting for ProxyChecks {
    fn inherited(&self) -> Option<Self> {
        let mut own = self.clone();
        own.tcp.origin = Origin::Inherited;
        own.http.origin = Origin::Inherited;
        Some(own)
    }
}

impl ProxyChecks {
    /// Whether a rule wants an encrypted connection of its own.
    pub(crate) fn wants_tls(&self) -> bool {
        let written = match self.method {
            Method::Tcp => &self.tcp,
            Method::Http(_) => &self.http,
            Method::Connect | Method::Ready(_) | Method::External => return false,
        };
        written.rules.iter().any(|r| matches!(&r.step, Step::Connect(c) if c.tls.is_yes()))
    }

    /// The `Host` of the request, where it is known beforehand and no rule says how to connect.
    pub(crate) fn host(&self) -> Option<&LogFormat> {
        let Method::Http(request) = &self.method else { return None };
        let rules = &self.http.rules;
        if rules.iter().any(|r| matches!(r.step, Step::Connect(_))) {
            return None;
        }
        let written = rules.iter().find_map(|r| match &r.step {
            Step::Send(crate::rules::Send::Http(request)) => Some(&request.headers),
            _ => None,
        });
        let headers = written.filter(|h| !h.is_empty()).unwrap_or(&request.headers);
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"host")).map(|(_, value)| value)
    }
}

/// What a check does.
#[derive(Clone, Debug, Default)]
pub(crate) enum Method {
    /// It connects.
    #[default]
    Connect,
    /// It goes by the `tcp-check` rules.
    Tcp,
    /// It goes by the `http-check` rules; this is its request, where they do not say another.
    Http(Arc<Request>),
    /// It goes by the rules of a protocol.
    Ready(Arc<Ready>),
    /// A program makes it.
    External,
}

/// Rules as they are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) rules: Vec<Rule>,
    pub(crate) origin: Origin,
}

/// Where rules are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From this section.
    #[default]
    Own,
    /// From its defaults: the first one of its own replaces them.
    Inherited,
}

impl Written {
    /// The rules that one more of this section joins.
    pub(crate) fn own(&mut self) -> &mut Vec<Rule> {
        if self.origin == Origin::Inherited {
            self.rules.clear();
            self.origin = Origin::Own;
        }
        &mut self.rules
    }

    /// Adds a rule; one without a comment gets that of the line before.
    pub(crate) fn push(&mut self, step: Step, comment: Option<Box<str>>) {
        let rules = self.own();
        let before = rules.last().filter(|r| matches!(r.step, Step::Comment));
        let comment = comment.or_else(|| before.and_then(|r| r.comment.clone()));
        let number = rules.len() as u32 + 1;
        rules.push(Rule { step, comment, number });
    }
}

/// The request of `option httpchk` without anything.
pub(crate) fn plain_request() -> Request {
    Request {
        method: Some((*b"OPTIONS").into()),
        target: Some(Content::Fixed((*b"/").into())),
        version: Some((*b"HTTP/1.0").into()),
        ..Request::default()
    }
}
