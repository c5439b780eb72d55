//! Log-format strings: literal text, aliases and expressions (configuration manual, section 8.2.6).

use base::registry::{Entry, Registry};
use grammar::logformat::{self, Item, Part, Value};

use crate::expr::{CompileError, Expr};
use crate::facts::Scene;

/// A log-format alias such as `%ci`.
pub struct Alias {
    /// Its name without the percent sign.
    pub name: &'static str,
    /// Whether it needs HTTP.
    pub mode: AliasMode,
    /// What it gives.
    pub kind: AliasKind,
    /// Appends its value.
    pub render: fn(&Scene<'_>, &mut Vec<u8>),
}

/// The proxies in which an alias has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasMode {
    /// Any.
    Any,
    /// Those that carry HTTP.
    Http,
}

/// The kind of an alias's value, for quoting and for structured encodings.
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

/// What a format string is compiled for.
#[derive(Clone, Copy, Debug)]
pub struct FormatContext {
    /// Whether aliases that need HTTP have a meaning.
    pub mode: AliasMode,
}

/// A compiled log-format string.
#[derive(Clone, Default)]
pub struct LogFormat {
    parts: Vec<CompiledPart>,
}

#[derive(Clone)]
enum CompiledPart {
    Text(Box<[u8]>),
    Alias(&'static Alias, Flags),
    Expr(Expr, Flags),
}

/// The flags of an item that change how its value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    quote: bool,
    hex: bool,
}

impl LogFormat {
    /// Compiles a format string.
    pub fn parse(text: &[u8], registry: &Registry, context: &FormatContext) -> Result<Self, CompileError> {
        let mut parts = Vec::new();
        for part in logformat::parse(text)? {
            match part {
                Part::Text(text, _) => parts.push(CompiledPart::Text(text.into_bytes().into())),
                Part::Item(item) => parts.push(compile(&item, registry, context)?),
            }
        }
        Ok(Self { parts })
    }

    /// Appends the text for a scene.
    pub fn render(&self, scene: &Scene<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                CompiledPart::Text(text) => out.extend_from_slice(text),
                CompiledPart::Alias(alias, _) => (alias.render)(scene, out),
                CompiledPart::Expr(expr, _) => {
                    if let Some(value) = expr.eval(scene).value() {
                        out.extend_from_slice(&value.into_text());
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogFormat({} parts)", self.parts.len())
    }
}

fn compile(item: &Item, registry: &Registry, context: &FormatContext) -> Result<CompiledPart, CompileError> {
    let flags = Flags::default();
    match &item.value {
        Value::Expression(tree) => Expr::compile(tree, registry).map(|e| CompiledPart::Expr(e, flags)),
        Value::Alias(name, span) => {
            let fail = |message| CompileError { span: *span, message };
            let alias =
                registry.find::<Alias>(name).ok_or_else(|| fail(format!("no such format alias '{name}'")))?;
            if alias.mode == AliasMode::Http && context.mode == AliasMode::Any {
                return Err(fail(format!("format alias '{name}' is reserved for HTTP mode")));
            }
            Ok(CompiledPart::Alias(alias, flags))
        }
    }
}
