//! The options of `bind` lines that concern their sockets.

use std::sync::Arc;
use std::time::Duration;

use config::{BindOption, LineOption, OptionCx, Refusal, Setting};
use sys::namespace::Namespace;
use sys::options::Switch;

use crate::listen::{ListenSpec, V6Binding};
use crate::threads::{Shards, ThreadSet};

/// What a `bind` line says of its listeners beyond their sockets.
#[derive(Clone, Debug, Default)]
pub struct ListenerSettings {
    /// `name`.
    pub name: Option<Arc<str>>,
    /// `label`.
    pub label: Option<Arc<str>>,
    /// `id`.
    pub id: Option<u32>,
    /// `maxconn`; 0 for no limit of its own.
    pub maxconn: u64,
    /// `accept-proxy`.
    pub accept_proxy: AcceptProxy,
    /// `accept-netscaler-cip`: the magic number.
    pub client_ip_magic: Option<u32>,
    /// `proto`.
    pub protocol: Option<Protocol>,
    /// `idle-ping`, for protocols that can ask whether the peer is still there.
    pub idle_ping: Option<Duration>,
    /// `shards`.
    pub shards: Option<Shards>,
    /// `thread`.
    pub threads: Option<ThreadSet>,
    /// `backlog`; 0 for the proxy's.
    pub backlog: u32,
}

impl Setting for ListenerSettings {}

/// Whether connections begin with a PROXY header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceptProxy {
    /// They do not.
    #[default]
    No,
    /// They do.
    Yes,
}

/// What is spoken on connections, whatever they look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Just bytes.
    None,
}

impl Protocol {
    /// The option's argument.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "h1",
            Self::Http2 => "h2",
            Self::None => "none",
        }
    }
}

const TLS: &[&str] = &[
    "allow-0rtt",
    "ca-ignore-err",
    "ca-verify-file",
    "client-sigalgs",
    "crl-file",
    "crt-ignore-err",
    "ech",
    "ktls",
    "no-ca-names",
    "sigalgs",
    "tls-ticket-keys",
];

/// Options that are known and belong to a feature which is not there.
pub(crate) const NEEDS_LATER: &[(&[&str], &str)] = &[
    (TLS, "a part of TLS"),
    (&["quic-cc-algo", "quic-force-retry", "quic-socket"], "QUIC"),
    (&["nbconn"], "reverse HTTP"),
    (&["guid-prefix"], "statistics in shared memory"),
];

const fn option(
    name: &'static str,
    args: usize,
    parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
) -> BindOption {
    BindOption(LineOption { name, group: "", args, manual: "5.1", parse })
}

macro_rules! set {
    ($slot:ty, $field:ident = $value:expr) => {
        |cx| {
            cx.slot::<$slot>().$field = $value;
            Ok(())
        }
    };
}

/// The `bind` options of this room.
pub static BIND_OPTIONS: &[BindOption] = &[
    option("accept-netscaler-cip", 1, |cx| {
        let magic = cx.take_integer(1..=i64::from(u32::MAX))?;
        cx.slot::<ListenerSettings>().client_ip_magic = Some(magic as u32);
        Ok(())
    }),
    option("accept-proxy", 0, set!(ListenerSettings, accept_proxy = AcceptProxy::Yes)),
    option("backlog", 1, |cx| {
        let value = cx.take_integer(0..=i64::from(i32::MAX))?;
        cx.slot::<ListenerSettings>().backlog = value as u32;
        Ok(())
    }),
    option("cc", 1, |cx| {
        let algorithm = cx.take()?;
        cx.slot::<ListenSpec>().congestion = Some(algorithm.into());
        Ok(())
    }),
    option("defer-accept", 0, set!(ListenSpec, defer_accept = Switch::On)),
    option("id", 1, |cx| {
        let id = cx.take_integer(1..=i64::from(i32::MAX))?;
        cx.slot::<ListenerSettings>().id = Some(id as u32);
        Ok(())
    }),
    option("idle-ping", 1, |cx| {
        let delay = cx.take_duration()?;
        cx.slot::<ListenerSettings>().idle_ping = (!delay.is_zero()).then_some(delay);
        Ok(())
    }),
    option("interface", 1, |cx| {
        let name = cx.take()?;
        cx.slot::<ListenSpec>().interface = Some(name.into());
        Ok(())
    }),
    option("label", 1, |cx| {
        let label = cx.take()?;
        cx.slot::<ListenerSettings>().label = Some(Arc::from(label));
        Ok(())
    }),
    option("maxconn", 1, |cx| {
        let value = cx.take_integer(0..=i64::from(i32::MAX))?;
        cx.slot::<ListenerSettings>().maxconn = value as u64;
        Ok(())
    }),
    option("mss", 1, mss),
    option("name", 1, |cx| {
        let name = cx.take()?;
        cx.slot::<ListenerSettings>().name = Some(Arc::from(name));
        Ok(())
    }),
    option("namespace", 1, |cx| {
        let name = cx.take()?;
        let namespace =
            Namespace::open(&name).map_err(|e| cx.refuse(format!("cannot open namespace '{name}' ({e})")))?;
        cx.slot::<ListenSpec>().namespace = Some(namespace);
        Ok(())
    }),
    // Tasks of a thread take turns here; there is nothing that a priority could order.
    option("nice", 1, |cx| cx.take_integer(-1024..=1024).map(drop)),
    option("process", 1, |cx| {
        cx.take()?;
        Err(cx.refuse("is not supported on 'bind' lines any more, please use 'thread' instead"))
    }),
    option("proto", 1, protocol),
    option("shards", 1, |cx| {
        let text = cx.take()?;
        let shards = Shards::parse(&text).ok_or_else(|| {
            cx.refuse(format!("expects a number between 1 and 1024, 'by-thread' or 'by-group', got '{text}'"))
        })?;
        cx.slot::<ListenerSettings>().shards = Some(shards);
        Ok(())
    }),
    option("tcp-md5sig", 1, |cx| {
        let key = cx.take_bytes()?;
        if key.is_empty() || key.len() > sys::options::MD5_KEY_MAX {
            return Err(cx.refuse(format!("expects a password of 1 to {} bytes", sys::options::MD5_KEY_MAX)));
        }
        cx.slot::<ListenSpec>().md5_key = Some(key.into());
        Ok(())
    }),
    option("tcp-ss", 1, |cx| {
        let mode = cx.take_integer(0..=2)?;
        cx.slot::<ListenSpec>().save_syn = (mode > 0).then_some(mode as i32);
        Ok(())
    }),
    option("tcp-ut", 1, |cx| {
        let timeout = cx.take_duration()?;
        cx.slot::<ListenSpec>().user_timeout = Some(timeout);
        Ok(())
    }),
    option("tfo", 0, set!(ListenSpec, fast_open = Switch::On)),
    option("thread", 1, |cx| {
        let text = cx.take()?;
        let more = ThreadSet::parse(&text).map_err(|why| cx.refuse(why))?;
        let threads = &mut cx.slot::<ListenerSettings>().threads;
        threads.get_or_insert_default().add(more);
        Ok(())
    }),
    option("transparent", 0, set!(ListenSpec, transparent = Switch::On)),
    option("v4v6", 0, |cx| {
        let spec: &mut ListenSpec = cx.slot();
        if spec.v6 != V6Binding::Only {
            spec.v6 = V6Binding::Both;
        }
        Ok(())
    }),
    option("v6only", 0, set!(ListenSpec, v6 = V6Binding::Only)),
];

fn mss(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let size = cx.take_integer(-65535..=65535)?;
    if size == 0 {
        return Err(cx.refuse("expects an MSS with an absolute value between 1 and 65535"));
    }
    cx.slot::<ListenSpec>().max_segment = Some(size as i32);
    Ok(())
}

fn protocol(cx: &mut OptionCx<'_, '_>) -> Result<(), Refusal> {
    let name = cx.take()?;
    let protocol = match name.as_ref() {
        "h1" => Protocol::Http1,
        "none" => Protocol::None,
        "h2" => Protocol::Http2,
        "quic" | "qmux" => {
            return Err(cx.refuse(format!("'{name}' is not supported by this version")));
        }
        other => return Err(cx.refuse(format!("unknown MUX protocol '{other}'"))),
    };
    cx.slot::<ListenerSettings>().protocol = Some(protocol);
    Ok(())
}
