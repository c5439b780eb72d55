//! Log-format strings: literal text, aliases and expressions (configuration manual, section 8.2.6).
//!
//! A format is compiled for one of three purposes, which differ in how spaces, missing values and bytes
//! that do not belong are treated. Rendering appends to a buffer and allocates nothing else.

mod compile;
mod encode;
mod field;

use crate::expr::{CompileError, Contexts, Expr};
use crate::facts::Scene;

use base::registry::{Entry, Registry};
use encode::{Encoding, Wire};
use grammar::logformat::OutputType;

pub use field::{Field, Map, Pieces, Prefix};

/// A log-format alias such as `%ci`.
pub struct Alias {
    /// Its name without the percent sign.
    pub name: &'static str,
    /// Whether it needs HTTP.
    pub mode: AliasMode,
    /// What it gives.
    pub kind: AliasKind,
    /// What must have been kept for it.
    pub needs: Needs,
    /// Writes its value.
    pub render: fn(&Scene<'_>, &mut Field<'_>),
}

/// The proxies in which an alias has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasMode {
    /// Any.
    Any,
    /// Those that carry HTTP; elsewhere the alias shows a request that never was one.
    Http,
}

/// The kind of an alias's value, for listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasKind {
    /// Text without a type of its own.
    Plain,
    /// A number.
    Numeric,
    /// Text that options such as `+Q` quote.
    Str,
}

impl Entry for Alias {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// What a format wants to have been kept of a stream by the time it is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs(u16);

impl Needs {
    /// Nothing in particular.
    pub const NONE: Self = Self(0);
    /// What is only known when the stream has ended: its timers, byte counts and termination.
    pub const END: Self = Self(1);
    /// The request line as it came.
    pub const REQUEST_LINE: Self = Self(1 << 1);
    /// The captured request headers.
    pub const REQUEST_CAPTURES: Self = Self(1 << 2);
    /// The captured response headers.
    pub const RESPONSE_CAPTURES: Self = Self(1 << 3);
    /// The captured cookies.
    pub const COOKIES: Self = Self(1 << 4);
    /// The unique id.
    pub const UNIQUE_ID: Self = Self(1 << 5);
    /// The numbers of connections.
    pub const LOAD: Self = Self(1 << 6);
    /// The addresses of the connection to the server.
    pub const SERVER_ADDRESSES: Self = Self(1 << 7);
    /// The address that the client connected to.
    pub const DESTINATION: Self = Self(1 << 8);

    /// Those of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of these are among them.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of_expr(expr: &Expr) -> Self {
        let name = expr.fetch().name;
        let mut needs = Self::NONE;
        if name.contains(".timer.") || name.contains("bytes_") {
            needs = needs.or(Self::END);
        }
        if name.starts_with("capture.req.hdr") {
            needs = needs.or(Self::REQUEST_CAPTURES);
        } else if name.starts_with("capture.res.hdr") {
            needs = needs.or(Self::RESPONSE_CAPTURES);
        } else if name.starts_with("capture.req.") {
            needs = needs.or(Self::REQUEST_LINE);
        } else if name == "unique-id" {
            needs = needs.or(Self::UNIQUE_ID);
        } else if name.starts_with("dst") || name.starts_with("fc_dst") {
            needs = needs.or(Self::DESTINATION);
        } else if name.starts_with("bc_") {
            needs = needs.or(Self::SERVER_ADDRESSES);
        }
        needs
    }
}

/// What becomes of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A part of a message: spaces are kept, nothing stands for a missing value, and bytes that headers
    /// forbid are written as `%` and two digits.
    #[default]
    Message,
    /// The value of a variable: spaces are kept, nothing stands for a missing value.
    Value,
    /// A log line: spaces are merged, and a dash stands for a missing value.
    Log,
}

/// What is logged, as far as it is no fact of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The step of the stream's story (`%OG`).
    pub origin: &'static str,
    /// The lines that this proxy logged before (`%lc`).
    pub number: u64,
    /// Whether byte counts and times will still grow.
    pub completeness: Completeness,
}

/// Whether a stream has ended when it is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completeness {
    /// It has, or nobody cares.
    #[default]
    Final,
    /// It has not (`option logasap`): a `+` says that figures will grow.
    Growing,
}

impl Default for Event {
    fn default() -> Self {
        Self { origin: "unspec", number: 0, completeness: Completeness::Final }
    }
}

/// A compiled log-format string.
#[derive(Clone, Default)]
pub struct LogFormat {
    parts: Vec<Part>,
    purpose: Purpose,
    /// The encoding of the whole, of which only named items are part.
    encoding: Encoding,
    wire: Wire,
    needs: Needs,
}

#[derive(Clone)]
enum Part {
    /// Literal text.
    Text(Box<[u8]>),
    /// Spaces of a log line, which melt into one, and into none at its start.
    Space,
    /// An alias or an expression.
    Item(Item),
}

#[derive(Clone)]
struct Item {
    name: Box<str>,
    output: Option<OutputType>,
    style: Style,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Alias(&'static Alias),
    Expr(Box<Expr>),
}

/// The flags of an item that change how its value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style(u8);

impl Style {
    const QUOTE: u8 = 1;
    const HEX: u8 = 2;
    const ESCAPE: u8 = 4;
    const JSON: u8 = 8;
    const CBOR: u8 = 16;
    const BINARY: u8 = 32;

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn encoding(self) -> Encoding {
        if self.has(Self::JSON) {
            Encoding::Json
        } else if self.has(Self::CBOR) {
            Encoding::Cbor
        } else {
            Encoding::None
        }
    }
}

impl LogFormat {
    /// Compiles a format of a part of a message, such as a header's value, which is rendered at one of these points.
    pub fn parse(text: &[u8], registry: &Registry, within: Contexts) -> Result<Self, CompileError> {
        compile::compile(text, registry, Purpose::Message, within)
    }

    /// Compiles the format of a variable's value.
    pub fn parse_value(text: &[u8], registry: &Registry, within: Contexts) -> Result<Self, CompileError> {
        compile::compile(text, registry, Purpose::Value, within)
    }

    /// Compiles the format of a log line. What its expressions look at must still be there at the end of a
    /// stream.
    pub fn parse_log(text: &[u8], registry: &Registry) -> Result<Self, CompileError> {
        compile::compile(text, registry, Purpose::Log, Contexts::LOG)
    }

    /// What must have been kept for it.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether it has nothing to write at all, not even an empty structure.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The text, when it is the same for all scenes.
    pub fn constant(&self) -> Option<&[u8]> {
        match &self.parts[..] {
            [] if self.encoding == Encoding::None => Some(b""),
            [Part::Text(text)] if self.encoding == Encoding::None => Some(text),
            _ => None,
        }
    }

    /// Its expressions, for checks of where they may be used.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            Part::Item(Item { value: Value::Expr(expr), .. }) => Some(&**expr),
            _ => None,
        })
    }

    /// The points at which all of its expressions may be used.
    pub fn contexts(&self) -> Contexts {
        self.expressions().fold(Contexts::ANY, |all, e| Contexts(all.0 & e.contexts().0))
    }

    /// Appends the text for a scene.
    pub fn render(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        self.render_event(scene, &Event::default(), out);
    }

    /// Appends the text for a scene that is being logged.
    pub fn render_event(&self, scene: &Scene<'_>, event: &Event, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::None => self.render_plain(scene, event, out),
            Encoding::Json => self.render_json(scene, event, out),
            Encoding::Cbor => self.render_cbor(scene, event, out),
        }
    }

    fn render_plain(&self, scene: &Scene<'_>, event: &Event, out: &mut Vec<u8>) {
        let mut after_space = true;
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Space if after_space => continue,
                Part::Space => {
                    out.push(b' ');
                    after_space = true;
                    continue;
                }
                Part::Item(item) => {
                    let before = out.len();
                    self.item(item, scene, event, out);
                    if out.len() == before {
                        continue;
                    }
                }
            }
            after_space = false;
        }
    }

    fn render_json(&self, scene: &Scene<'_>, event: &Event, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut between: &[u8] = b"";
        for item in self.named() {
            out.extend_from_slice(between);
            between = b", ";
            encode::json_string(item.name.as_bytes(), out);
            out.extend_from_slice(b": ");
            self.item(item, scene, event, out);
        }
        out.push(b'}');
    }

    fn render_cbor(&self, scene: &Scene<'_>, event: &Event, out: &mut Vec<u8>) {
        encode::Cbor::new(out, self.wire).open_map();
        for item in self.named() {
            encode::Cbor::new(out, self.wire).text(item.name.as_bytes());
            self.item(item, scene, event, out);
        }
        encode::Cbor::new(out, self.wire).close();
    }

    fn named(&self) -> impl Iterator<Item = &Item> {
        self.parts.iter().filter_map(|part| match part {
            Part::Item(item) if !item.name.is_empty() => Some(item),
            _ => None,
        })
    }

    fn item(&self, item: &Item, scene: &Scene<'_>, event: &Event, out: &mut Vec<u8>) {
        let mut field = Field::new(out, item.style, item.output, self.purpose, self.wire, event);
        match &item.value {
            Value::Alias(alias) => (alias.render)(scene, &mut field),
            Value::Expr(expr) => field.sample(expr.eval(scene).value()),
        }
    }
}

impl std::fmt::Debug for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogFormat({} parts)", self.parts.len())
    }
}

#[cfg(test)]
mod tests;
