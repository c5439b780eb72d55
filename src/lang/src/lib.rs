//! The language of expressions: samples and their types, typed arguments, fetches, converters, log-format.

pub mod arg;
pub mod converters;
pub mod der;
pub mod expr;
pub mod facts;
pub mod fetches;
pub mod hello;
pub mod logformat;
pub mod regex;
pub mod sample;
pub mod tls_facts;
pub mod users;
pub mod vars;
pub mod world;

pub use arg::{Arg, ArgKind, Args, Signature};
pub use expr::{CompileError, Contexts, Converter, Cursor, Expr, Fetch, Fetched, Wishes};
pub use facts::Scene;
pub use logformat::{Alias, LogFormat};
pub use sample::{Sample, Type};
