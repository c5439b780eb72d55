//! The pest grammars of the configuration and of the runtime API, with spans on everything.
//!
//! What is here turns text into syntax trees and knows no keyword: which fetch, converter, alias or directive
//! exists, and what type its arguments have, is for the rooms above. All texts are bytes, for configuration files
//! carry any encoding; every span is in bytes, from the start of the text given to the parser.

pub mod address;
pub mod command;
pub mod condition;
pub mod conditional;
pub mod expr;
pub mod line;
pub mod logformat;
pub mod size;
pub mod span;
pub mod text;
pub mod time;

mod argument;
mod number;
mod parser;

pub use span::{Span, SyntaxError};
pub use text::Text;
