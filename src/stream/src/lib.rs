//! The story of one session, told by phase.
//!
//! A [`Site`] is a checked configuration made ready for traffic; [`run`] carries the traffic of one
//! worker thread. In between, each connection is a task that goes through the phases of `http` or `tcp`.

mod accept;
mod actions;
mod branch;
pub mod captures;
mod carrier;
mod checks;
mod conn;
mod connect;
mod continuous;
mod crew;
mod dial;
mod directives;
mod events;
mod exchange;
pub mod figures;
mod finish;
pub mod forwarded;
pub mod gate;
pub mod h2_settings;
mod hash_key;
mod http;
mod inspect;
mod introduction;
mod kept;
mod listeners;
pub mod live;
mod many;
pub mod message_options;
mod meter;
mod references;
mod reserve;
mod rest;
mod run;
mod secure;
mod session;
pub mod settings;
mod side;
pub mod site;
mod size;
mod splice;
mod story;
pub mod switching;
mod tcp;
mod tenancy;
mod told;
mod trunk;
mod websocket;
mod worker;
mod world;

pub use actions::ACTIONS;
pub use checks::Herald;
pub use crew::Crew;
pub use directives::{CHECKS, DIRECTIVES};
pub use forwarded::FORWARDED_DIRECTIVES;
pub use h2_settings::H2_DIRECTIVES;
pub use message_options::MESSAGE_DIRECTIVES;
pub use run::{Control, Line, Order, run};
pub use site::{ListenerFacts, Site};
pub use switching::SWITCHING_DIRECTIVES;
