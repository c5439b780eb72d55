//! Sections, the inheritance of defaults, draft and checked configuration, diagnostics.

mod core;
pub mod diagnostic;
pub mod directive;
pub mod draft;
pub mod environment;
pub mod global;
pub mod options;
mod reader;
pub mod slot;

pub use core::{CHECKS, DIRECTIVES, Notes, State};
pub use diagnostic::{Diagnostics, Place, Severity};
pub use directive::{Check, Directive, Lookup, Prefix, Refusal, Section, Sections, Sense, Statement};
pub use draft::{Draft, Mode, PlacedReference, ProxyDraft, ProxyKind, Readings};
pub use environment::Environment;
pub use options::{BindOption, LineOption, ListOption, OptionCx, ServerOption};
pub use reader::{Naming, Reader, SectionKind, Watcher};
pub use slot::{Setting, Slots};
