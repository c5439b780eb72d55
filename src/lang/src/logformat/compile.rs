//! From the syntax tree of a format to its parts.

use base::registry::Registry;
use grammar::logformat::{self as tree, Flag, Switch};
use grammar::span::Span;

use super::encode::{Encoding, Wire};
use super::{Alias, Item, LogFormat, Needs, Part, Purpose, Style, Value};
use crate::expr::{CompileError, Contexts, Expr};

pub(super) fn compile(
    text: &[u8],
    registry: &Registry,
    purpose: Purpose,
    within: Contexts,
) -> Result<LogFormat, CompileError> {
    let mut compiler = Compiler { registry, purpose, within, global: Style::default(), parts: Vec::new() };
    for part in tree::parse(text)? {
        match part {
            tree::Part::Text(text, _) => compiler.text(&text.into_bytes()),
            tree::Part::Item(item) => compiler.item(item)?,
        }
    }
    Ok(compiler.finish())
}

struct Compiler<'r> {
    registry: &'r Registry,
    purpose: Purpose,
    /// Where its expressions must be usable.
    within: Contexts,
    /// What `%o` has set so far.
    global: Style,
    parts: Vec<Part>,
}

impl Compiler<'_> {
    fn text(&mut self, text: &[u8]) {
        if self.purpose != Purpose::Log {
            self.parts.push(Part::Text(text.into()));
            return;
        }
        for (i, word) in text.split(|b| *b == b' ').enumerate() {
            if i > 0 {
                self.parts.push(Part::Space);
            }
            if !word.is_empty() {
                self.parts.push(Part::Text(word.into()));
            }
        }
    }

    fn item(&mut self, item: tree::Item) -> Result<(), CompileError> {
        if matches!(&item.value, tree::Value::Alias(name, _) if name == "o") {
            self.global = with_flags(self.global, &item.flags);
            return Ok(());
        }
        let mut style = with_flags(self.global, &item.flags);
        // Preserving binary data is a matter of the whole line.
        style.0 = style.0 & !Style::BINARY | self.global.0 & Style::BINARY;
        if self.purpose == Purpose::Message {
            style.0 &= !(Style::JSON | Style::CBOR);
        }
        let value = match item.value {
            tree::Value::Expression(tree) => Value::Expr(Box::new(self.expression(&tree)?)),
            tree::Value::Alias(name, span) => Value::Alias(self.alias(&name, span)?),
        };
        self.parts.push(Part::Item(Item { name: item.name.into(), output: item.output, style, value }));
        Ok(())
    }

    fn alias(&self, name: &str, span: Span) -> Result<&'static Alias, CompileError> {
        self.registry.find::<Alias>(name).ok_or_else(|| {
            let hint = match self.registry.suggest::<Alias>(name) {
                Some(like) => format!(" (did you mean '{like}' ?)"),
                None => String::new(),
            };
            let message = format!("no such format alias '{name}'{hint}; a single '%' is written '%%'");
            CompileError { span, message }
        })
    }

    fn expression(&self, tree: &grammar::expr::Expression) -> Result<Expr, CompileError> {
        let expr = Expr::compile(tree, self.registry)?;
        expr.check(self.within, tree.fetch.span)?;
        Ok(expr)
    }

    fn finish(self) -> LogFormat {
        let Self { purpose, global, mut parts, .. } = self;
        let encoding = if purpose == Purpose::Message { Encoding::None } else { global.encoding() };
        let wire = if global.has(Style::BINARY) { Wire::Raw } else { Wire::Hex };
        let mut needs = Needs::NONE;
        for part in &mut parts {
            let Part::Item(item) = part else { continue };
            needs = needs.or(match &item.value {
                Value::Alias(alias) => alias.needs,
                Value::Expr(expr) => Needs::of_expr(expr),
            });
            item.style.0 |= match encoding {
                Encoding::None => 0,
                Encoding::Json => Style::JSON,
                Encoding::Cbor => Style::CBOR,
            };
        }
        LogFormat { parts, purpose, encoding, wire, needs }
    }
}

/// Flags that nobody knows have no effect.
fn with_flags(mut style: Style, flags: &[Flag]) -> Style {
    for flag in flags {
        let bit = match flag.name.as_str() {
            "Q" => Style::QUOTE,
            "X" => Style::HEX,
            "E" => Style::ESCAPE,
            "json" => Style::JSON,
            "cbor" => Style::CBOR,
            "bin" => Style::BINARY,
            _ => continue,
        };
        match flag.switch {
            Switch::On => style.0 |= bit,
            Switch::Off => style.0 &= !bit,
        }
    }
    style
}
