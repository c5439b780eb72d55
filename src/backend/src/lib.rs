//! Servers, balancing, queues.

pub mod balance;
pub mod dial;
mod dial_options;
mod directives;
pub mod queue;
pub mod server;
pub mod settings;

pub use balance::Balancer;
pub use dial::DialSettings;
pub use dial_options::DIAL_OPTIONS;
pub use directives::{CHECKS, DIRECTIVES, SERVER_OPTIONS};
pub use queue::{Slot, SlotError, Slots as ServerSlots};
pub use server::{Backend, Server, Status};
pub use settings::{BackendSettings, ServerDraft, ServerDrafts, ServerSettings};
