//! What the configuration says of health checks.

use std::time::Duration;

use base::addr::Addr;
use config::Setting;

/// The check options of a server.
#[derive(Clone, Debug, PartialEq)]
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
        }
    }
}

impl Setting for CheckSettings {}

/// How the servers of a proxy are checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProxyChecks {
    /// `option httpchk`, else a connection alone.
    pub kind: CheckKind,
    /// `timeout check`.
    pub timeout: Option<Duration>,
    /// `timeout connect`, which bounds the connection when there is a timeout for the rest.
    pub connect: Option<Duration>,
}

impl Setting for ProxyChecks {}

/// What a check does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckKind {
    /// It connects.
    #[default]
    Connect,
    /// It sends a request and wants a 2xx or 3xx.
    Http(HttpRequest),
}

/// The request of an HTTP check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Box<[u8]>,
    /// The target.
    pub target: Box<[u8]>,
    /// The version.
    pub version: Box<[u8]>,
    /// The `Host` header, if there is one.
    pub host: Option<Box<[u8]>>,
}

impl Default for HttpRequest {
    fn default() -> Self {
        Self {
            method: (*b"OPTIONS").into(),
            target: (*b"/").into(),
            version: (*b"HTTP/1.0").into(),
            host: None,
        }
    }
}
