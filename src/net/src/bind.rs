//! The `bind` keyword.

use std::ops::RangeInclusive;
use std::sync::Arc;

use config::directive::Arity;
use config::options::parse_options;
use config::{
    BindOption, Directive, LineOption, OptionCx, Place, Prefix, Refusal, Section, Sections, Setting, Slots,
    Statement,
};
use grammar::address::{self, Address, Family, Host, Port};

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
        let mut specs = Vec::new();
        for address in &self.addresses {
            for port in ports(address) {
                specs.push(ListenSpec { addr: listen_addr(address, port)?, ..base.clone() });
            }
        }
        Ok(specs)
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

/// What a `bind` line says of its listeners beyond their sockets.
#[derive(Clone, Debug, Default)]
pub struct ListenerSettings {
    /// `name`.
    pub name: Option<Arc<str>>,
    /// `id`.
    pub id: Option<u32>,
    /// `maxconn`; 0 for no limit of its own.
    pub maxconn: u64,
}

impl Setting for ListenerSettings {}
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

const fn option(
    name: &'static str,
    args: usize,
    parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
) -> BindOption {
    BindOption(LineOption { name, args, manual: "5.1", parse })
}

/// The `bind` options of this room.
pub static BIND_OPTIONS: &[BindOption] = &[
    option("backlog", 1, |cx| {
        let value = cx.take_integer(0..=i64::from(i32::MAX))?;
        cx.slot::<ListenSpec>().backlog = value as u32;
        Ok(())
    }),
    option("id", 1, |cx| {
        let id = cx.take_integer(1..=i64::from(i32::MAX))?;
        cx.slot::<ListenerSettings>().id = Some(id as u32);
        Ok(())
    }),
    option("maxconn", 1, |cx| {
        let value = cx.take_integer(0..=i64::from(i32::MAX))?;
        cx.slot::<ListenerSettings>().maxconn = value as u64;
        Ok(())
    }),
    option("name", 1, |cx| {
        let name = cx.take()?;
        cx.slot::<ListenerSettings>().name = Some(Arc::from(name));
        Ok(())
    }),
];

fn bind(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let written = s.arg(0).into_owned();
    let addresses = address::parse_list(s.bytes(0)).map_err(|e| {
        s.refuse_part(0, e.span, format!("'bind' : invalid address '{written}' : {}.", e.message))
    })?;
    let mut slots = Slots::default();
    parse_options::<BindOption>(s, 1, &mut slots)?;
    let place = s.place.clone();
    s.slot::<BindDrafts>().0.push(Arc::new(BindDraft { addresses, written, place, slots }));
    Ok(())
}
