//! The socket of a connection to a server, and the header before everything else: the same for streams and checks.

use base::addr::Addr;
use config::global::SideBuffers;
use net::connect::Target;
use net::{ConnectSpec, KeepAlive, StreamOptions, Switch};
use sys::namespace::Namespace;
use wire::proxy::{self, Origin, Tlv};

use crate::dial::{HeaderSettings, PortLease, ServerNamespace, Source};
use crate::server::{Backend, Server};

/// What the proxy and the process say of the sockets of server connections.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// `option srvtcpka` and its like.
    pub keep_alive: Option<KeepAlive>,
    /// `option tcp-smart-connect`.
    pub delay_ack: Switch,
    /// `tune.rcvbuf.server` and its like.
    pub buffers: SideBuffers,
}

/// What is particular to one connection, because of whom it is made for.
#[derive(Clone, Debug, Default)]
pub struct Particulars {
    /// The source that the server is to see.
    pub shown: Option<Addr>,
    /// Packet mark.
    pub mark: Option<u32>,
    /// Type of service.
    pub tos: Option<u8>,
    /// The client's network namespace, where it is known.
    pub namespace: Option<Namespace>,
}

/// All ports that connections may come from are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPort;

/// Where connections to a server come from.
pub fn source<'s>(backend: &'s Backend, server: &'s Server) -> Option<&'s Source> {
    server.dial.source.as_ref().or(backend.settings.source.as_ref())
}

/// What a connection to a server, or to the proxy before it, is made from; and the port that it holds, if any.
pub fn spec(
    backend: &Backend,
    server: &Server,
    to: &Addr,
    around: &Surroundings,
    own: &Particulars,
) -> Result<(ConnectSpec, Option<PortLease>), NoPort> {
    let dial = &server.dial;
    let mut spec = ConnectSpec {
        to: Target::Addr(to.clone()),
        transport: dial.transport.into(),
        namespace: match &dial.namespace {
            ServerNamespace::Own => None,
            ServerNamespace::Named(namespace) => Some(namespace.clone()),
            ServerNamespace::Clients => own.namespace.clone(),
        },
        user_timeout: dial.user_timeout,
        congestion: dial.congestion.clone(),
        md5_key: dial.md5_key.clone(),
        fast_open: dial.fast_open.into(),
        delay_ack: around.delay_ack,
        mark: own.mark,
        tos: own.tos,
        stream: StreamOptions {
            keep_alive: around.keep_alive,
            receive_buffer: around.buffers.receive,
            send_buffer: around.buffers.send,
            notsent_lowat: around.buffers.notsent_lowat,
            ..StreamOptions::default()
        },
        ..ConnectSpec::to(to.clone())
    };
    let Some(source) = source(backend, server) else { return Ok((spec, None)) };
    spec.interface.clone_from(&source.interface);
    spec.transparent = if own.shown.is_some() { Switch::On } else { Switch::Off };
    let fixed = Some(source.addr.clone()).filter(|a| !a.is_unspecified() || a.port() != Some(0));
    spec.source = own.shown.clone().or(fixed);
    let mut lease = None;
    if own.shown.is_none()
        && let Some(pool) = &source.ports
    {
        let port = pool.lease().ok_or(NoPort)?;
        spec.source = Some(source.addr.with_port(port.port()));
        lease = Some(port);
    }
    Ok((spec, lease))
}

impl HeaderSettings {
    /// The PROXY header for whom a connection is made.
    pub fn encode(&self, origin: &Origin, tlvs: &[Tlv<'_>]) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        if !self.v2.is_on() {
            proxy::encode_v1(origin, &mut out);
        } else if proxy::encode_v2(origin, tlvs, &mut out).is_err() {
            // One that is too long is left out rather than the whole header.
            let _ = proxy::encode_v2(origin, &[], &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dial::{PortPool, Sending, Shown};
    use crate::settings::{BackendSettings, ServerSettings};
    use lang::facts::{ProxyFacts, ServerFacts};
    use std::sync::Arc;

    const AROUND: Surroundings = Surroundings {
        keep_alive: None,
        delay_ack: Switch::Off,
        buffers: SideBuffers { receive: None, send: None, notsent_lowat: None },
    };

    fn local(port: u16) -> Addr {
        Addr::inet([127, 0, 0, 1], port)
    }

    fn pair(source: Source) -> (Backend, Server) {
        let facts = ProxyFacts { name: "b".into(), id: 1, http: true, ..ProxyFacts::default() };
        let settings = BackendSettings { source: Some(source), ..BackendSettings::default() };
        let server = ServerFacts { name: "s".into(), id: 1 };
        let features = config::Slots::default();
        let server = Server::new(server, ServerSettings::default(), features, local(80), 1);
        (Backend::new(facts, settings, Vec::new(), 1), server)
    }

    #[test]
    fn a_backends_source_is_its_servers() {
        let (backend, server) = pair(Source {
            addr: Addr::inet([127, 0, 0, 8], 0),
            ports: None,
            shown: Some(Shown::Client),
            interface: Some("lo".into()),
        });
        let (spec, _) = spec(&backend, &server, &local(80), &AROUND, &Particulars::default()).unwrap();
        assert_eq!(spec.source, Some(Addr::inet([127, 0, 0, 8], 0)));
        assert_eq!((spec.transparent, spec.interface.as_deref()), (Switch::Off, Some("lo")));
        let own = Particulars { shown: Some(local(9)), ..Particulars::default() };
        let (spec, _) = super::spec(&backend, &server, &local(80), &AROUND, &own).unwrap();
        assert_eq!((spec.source, spec.transparent), (Some(local(9)), Switch::On));
    }

    #[test]
    fn ports_of_a_range_are_held_and_run_out() {
        let ports = Some(Arc::new(PortPool::new(7, 7)));
        let (backend, server) = pair(Source { addr: local(0), ports, shown: None, interface: None });
        let make = || spec(&backend, &server, &local(80), &AROUND, &Particulars::default());
        let (spec, lease) = make().unwrap();
        assert_eq!((spec.source, lease.as_ref().map(PortLease::port)), (Some(local(7)), Some(7)));
        assert_eq!(make().map(drop), Err(NoPort));
        drop(lease);
        assert!(make().is_ok());
    }

    #[test]
    fn version_2_goes_before_version_1() {
        let both = HeaderSettings { v1: Sending::Yes, v2: Sending::Yes, ..HeaderSettings::default() };
        assert!(both.encode(&Origin::Local, &[]).starts_with(b"\r\n"));
        let first = HeaderSettings { v1: Sending::Yes, ..HeaderSettings::default() };
        let client = Origin::Client { source: local(1), destination: local(2) };
        assert_eq!(first.encode(&client, &[]), b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n");
    }
}
