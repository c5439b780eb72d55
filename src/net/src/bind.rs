//! The `bind` keyword.

use std::ops::RangeInclusive;
use std::sync::Arc;

use config::directive::Arity;
use config::options::parse_options;
use config::{BindOption, Directive, Place, Prefix, Refusal, Section, Sections, Setting, Slots, Statement};
use grammar::address::{self, Address, Family, Host, Port, Protocol};
use sys::socket::Transport;

use crate::bind_options::{ListenerSettings, NEEDS_LATER};
use crate::listen::{ListenAddr, ListenSpec};
use crate::resolve::{ResolveError, resolve_with_port};

/// A `bind` line.
#[derive(Debug)]
pub struct BindDraft {
    /// The addresses, as they are written between commas.
    pub addresses: Vec<Address>,
    /// The argument as written, for messages.
    pub written: String,
    /// Where the line stands.
    pub place: Place,
    /// Its settings, by feature.
    pub slots: Slots,
}

impl BindDraft {
    /// What to open: one socket for each address and each port of its range.
    pub fn specs(&self) -> Result<Vec<ListenSpec>, ResolveError> {
        let base: ListenSpec = self.slots.get_or_default();
        let mut specs = Vec::with_capacity(self.sockets());
        for address in &self.addresses {
            let transport = match address.protocol {
                Protocol::Mptcp => Transport::Mptcp,
                Protocol::Default => base.transport,
            };
            for port in ports(address) {
                specs.push(ListenSpec { addr: listen_addr(address, port)?, transport, ..base.clone() });
            }
        }
        Ok(specs)
    }

    /// How many sockets it stands for.
    pub fn sockets(&self) -> usize {
        self.addresses.iter().map(|address| ports(address).count()).sum()
    }
}

fn ports(address: &Address) -> RangeInclusive<u16> {
    match address.port {
        Port::Fixed(port) => port..=port,
        Port::Range(low, high) => low..=high,
        Port::None | Port::Offset(_) => 0..=0,
    }
}

fn listen_addr(address: &Address, port: u16) -> Result<ListenAddr, ResolveError> {
    if let Host::Descriptor(number) = address.host {
        let number = number as i32;
        return Ok(match address.family {
            Family::SocketPair => ListenAddr::SockPair(number),
            _ => ListenAddr::Fd(number),
        });
    }
    resolve_with_port(address, port).map(ListenAddr::Addr)
}

/// The `bind` lines of a proxy. They are not inherited.
#[derive(Debug, Default)]
pub struct BindDrafts(pub Vec<Arc<BindDraft>>);

impl BindDrafts {
    /// The ids of the sockets of each line: its own, or the lowest that no other has.
    pub fn ids(&self) -> Vec<Vec<u32>> {
        let own = |line: &BindDraft| line.slots.get::<ListenerSettings>().and_then(|s| s.id);
        let taken: Vec<u32> = self.0.iter().filter_map(|line| own(line)).collect();
        let mut free = (1..).filter(|id| !taken.contains(id));
        let ids = |line: &Arc<BindDraft>| match own(line) {
            Some(id) => vec![id],
            None => free.by_ref().take(line.sockets()).collect(),
        };
        self.0.iter().map(ids).collect()
    }
}

impl Clone for BindDrafts {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Setting for BindDrafts {
    fn inherited(&self) -> Option<Self> {
        None
    }
}

impl Setting for ListenSpec {}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[Directive {
    name: "bind",
    section: Section::Proxy(Sections::FRONT.without(Sections::DEFAULTS)),
    prefix: Prefix::None,
    arity: Arity::AtLeast(1),
    manual: "4.2",
    parse: bind,
}];

fn bind(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let written = s.arg(0).into_owned();
    let addresses = address::parse_list(&s.address(0)).map_err(|e| {
        s.refuse_part(0, e.span, format!("'bind' : invalid address '{written}' : {}.", e.message))
    })?;
    for address in &addresses {
        check_address(address)
            .map_err(|why| s.refuse_part(0, address.span, format!("'bind' : {why} in '{written}'.")))?;
    }
    let mut slots = Slots::default();
    parse_options::<BindOption>(s, 1, &mut slots).map_err(|refusal| name_what_is_missing(s, refusal))?;
    let place = s.place.clone();
    let draft = BindDraft { addresses, written, place, slots };
    check_id(s, &draft)?;
    s.slot::<BindDrafts>().0.push(Arc::new(draft));
    Ok(())
}

/// Whether an address can be listened on.
fn check_address(address: &Address) -> Result<(), String> {
    let network = matches!(address.host, Host::Any | Host::V4(_) | Host::V6(_) | Host::Name(_));
    match address.transport {
        Some(address::Transport::Datagram) => {
            return Err("a dgram-type address is not acceptable here".to_owned());
        }
        Some(address::Transport::Quic) => {
            return Err("QUIC is not supported by this version: unsupported address".to_owned());
        }
        Some(address::Transport::Stream) | None => {}
    }
    match (&address.host, address.port) {
        (Host::Server(_), _) => {
            return Err("reverse HTTP is not supported by this version: unsupported address".to_owned());
        }
        (Host::Descriptor(number), _) => {
            let open = sys::socket::existing(*number as i32);
            return open
                .map(drop)
                .map_err(|e| format!("cannot use file descriptor '{number}' ({})", sys::reason(&e)));
        }
        (_, Port::None) if network => return Err("missing port specification".to_owned()),
        (_, Port::Offset(_)) => return Err("port offset not permitted here".to_owned()),
        (_, Port::Fixed(0) | Port::Range(0, _)) if network => return Err("invalid port '0'".to_owned()),
        _ => {}
    }
    resolve_with_port(address, 0).map(drop).map_err(|e| format!("invalid address: '{}' ({e})", address.host))
}

/// A keyword that belongs to a feature which this version has not is told from a misspelt one.
fn name_what_is_missing(s: &Statement<'_>, refusal: Refusal) -> Refusal {
    let word = refusal.word.and_then(|w| w.checked_sub(s.keyword_words)).map(|at| s.arg(at));
    let feature = word.and_then(|word| {
        let (_, feature) = NEEDS_LATER.iter().find(|(names, _)| names.contains(&word.as_ref()))?;
        Some((word, feature))
    });
    match feature {
        Some((word, feature)) if refusal.message.contains("unknown keyword") => Refusal {
            message: format!("'bind' : '{word}' needs {feature}, which this version does not support."),
            ..refusal
        },
        _ => refusal,
    }
}

/// An id belongs to one socket of a proxy.
fn check_id(s: &mut Statement<'_>, draft: &BindDraft) -> Result<(), Refusal> {
    let Some(id) = draft.slots.get::<ListenerSettings>().and_then(|settings| settings.id) else {
        return Ok(());
    };
    if draft.sockets() > 1 {
        return Err(Refusal::new("'bind' : 'id' can only be used with a single socket."));
    }
    let others = &s.slot::<BindDrafts>().0;
    let same = |o: &&Arc<BindDraft>| o.slots.get::<ListenerSettings>().is_some_and(|o| o.id == Some(id));
    match others.iter().find(same) {
        None => Ok(()),
        Some(other) => Err(Refusal::new(format!(
            "'bind {}' : custom id {id} already used at {}:{} ('bind {}').",
            draft.written, other.place.file, other.place.line, other.written
        ))),
    }
}

#[cfg(test)]
mod tests;
