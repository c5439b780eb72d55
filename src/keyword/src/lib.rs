//! The registry over all rooms' tables.

pub mod command;
pub mod listing;

use base::registry::Registry;
use config::{BindOption, Check, Directive, ListOption, Lookup, SectionKind, ServerOption};
use lang::expr::Finish;
use lang::{Alias, Converter, Fetch};
use rule::acl::{AclKeyword, PredefinedAcl};
use rule::{Action, Service};

pub use command::{Answer, Command, CommandCx, World};

/// The tables of one room. A room that has none of a kind leaves it out.
#[derive(Clone, Copy, Default)]
pub struct Tables {
    /// Log-format aliases.
    pub aliases: &'static [Alias],
    /// Sample fetches.
    pub fetches: &'static [Fetch],
    /// Converters.
    pub converters: &'static [Converter],
    /// What is done with the arguments of converters when more than they are needed.
    pub finishes: &'static [Finish],
    /// Older names of ACL criteria.
    pub acl_keywords: &'static [AclKeyword],
    /// Predefined ACLs.
    pub predefined_acls: &'static [PredefinedAcl],
    /// Actions.
    pub actions: &'static [Action],
    /// Services.
    pub services: &'static [Service],
    /// Directives.
    pub directives: &'static [Directive],
    /// `bind` options.
    pub bind_options: &'static [BindOption],
    /// `server` options.
    pub server_options: &'static [ServerOption],
    /// Options of lines of `crt-list` files.
    pub list_options: &'static [ListOption],
    /// Sections.
    pub sections: &'static [SectionKind],
    /// Who knows what names in expressions mean.
    pub lookups: &'static [Lookup],
    /// Checks of the whole draft.
    pub checks: &'static [Check],
    /// Commands of the runtime API.
    pub commands: &'static [Command],
}

impl Tables {
    /// A room without tables, to be filled by struct update.
    pub const NONE: Self = Self {
        aliases: &[],
        fetches: &[],
        converters: &[],
        finishes: &[],
        acl_keywords: &[],
        predefined_acls: &[],
        actions: &[],
        services: &[],
        directives: &[],
        bind_options: &[],
        server_options: &[],
        list_options: &[],
        sections: &[],
        lookups: &[],
        checks: &[],
        commands: &[],
    };
}

/// Gathers the tables of all rooms, in their order.
pub fn registry(rooms: &[Tables]) -> Registry {
    let mut registry = Registry::default();
    for room in rooms {
        registry.add(room.aliases);
        registry.add(room.fetches);
        registry.add(room.converters);
        registry.add(room.finishes);
        registry.add(room.acl_keywords);
        registry.add(room.predefined_acls);
        registry.add(room.actions);
        registry.add(room.services);
        registry.add(room.directives);
        registry.add(room.bind_options);
        registry.add(room.server_options);
        registry.add(room.list_options);
        registry.add(room.sections);
        registry.add(room.lookups);
        registry.add(room.checks);
        registry.add(room.commands);
    }
    registry
}
