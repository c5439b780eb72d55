//! Where responses are asked for (configuration manual, 3.1).

use base::addr::Addr;
use config::directive::Arity;
use config::{Directive, Prefix, Section, Setting};

/// The proxy that is asked instead of authorities themselves (`ocsp-update.httpproxy`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxy(pub(crate) Option<Addr>);

impl Setting for Proxy {}

/// The port of proxies that are named without one.
const PORT: u16 = 80;

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[Directive {
    name: "ocsp-update.httpproxy",
    section: Section::Global,
    prefix: Prefix::None,
    arity: Arity::Exactly(1),
    manual: "3.1",
    parse: |s| {
        let wrong = |why: &dyn std::fmt::Display| {
            s.refuse(0, format!("'{}' : failed to parse the address '{}' : {why}.", s.keyword(), s.arg(0)))
        };
        let address = grammar::address::parse(&s.address(0)).map_err(|e| wrong(&e))?;
        let mut address = net::resolve(&address).map_err(|e| wrong(&e))?;
        if address.port() == Some(0) {
            address = address.with_port(PORT);
        }
        s.slot::<Proxy>().0 = Some(address);
        Ok(())
    },
}];
