//! What a figure is: its name, its nature, its value.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The four marks of a figure in the typed form: origin, nature, scope, and whether it survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags(pub [u8; 4]);

impl Tags {
    /// The first mark by its letter.
    pub(crate) const ORIGINS: &[(u8, &str)] = &[
        (b'M', "Metric"),
        (b'S', "Status"),
        (b'K', "Key"),
        (b'C', "Config"),
        (b'P', "Product"),
        (0, UNKNOWN),
    ];

    /// The second mark.
    pub(crate) const NATURES: &[(u8, &str)] = &[
        (b'G', "Gauge"),
        (b'L', "Limit"),
        (b'm', "Min"),
        (b'M', "Max"),
        (b'R', "Rate"),
        (b'C', "Counter"),
        (b'D', "Duration"),
        (b'A', "Age"),
        (b'T', "Time"),
        (b'N', "Name"),
        (b'O', "Output"),
        (b'a', "Avg"),
        (0, UNKNOWN),
    ];

    /// The third mark.
    pub(crate) const SCOPES: &[(u8, &str)] =
        &[(b'C', "Cluster"), (b'P', "Process"), (b'S', "Service"), (b's', "System"), (0, UNKNOWN)];

    /// Where the figure comes from.
    pub fn origin(self) -> &'static str {
        named(Self::ORIGINS, self.0[0])
    }

    /// What it tells.
    pub fn nature(self) -> &'static str {
        named(Self::NATURES, self.0[1])
    }

    /// What it holds for.
    pub fn scope(self) -> &'static str {
        named(Self::SCOPES, self.0[2])
    }

    fn letters(self) -> impl Iterator<Item = char> {
        self.0.into_iter().map(char::from)
    }
}

const UNKNOWN: &str = "Unknown";

fn named(table: &'static [(u8, &'static str)], letter: u8) -> &'static str {
    table.iter().find(|(l, _)| *l == letter).map_or(UNKNOWN, |(_, name)| name)
}

/// The declaration of a figure.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in all forms.
    pub name: &'static str,
    /// Its marks.
    pub tags: Tags,
    /// What it means.
    pub about: &'static str,
}

/// A figure's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of 32 bits without a sign.
    U32(u32),
    /// One with a sign.
    S32(i32),
    /// A number of 64 bits without a sign.
    U64(u64),
    /// One with a fraction.
    Float(f64),
    /// A text.
    Text(Cow<'static, str>),
}

impl Value {
    /// A text that is always the same.
    pub const fn word(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A number that is counted in 64 bits but shown in 32.
    pub fn narrow(value: u64) -> Self {
        Self::U32(u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::U32(_) => "u32",
            Self::S32(_) => "s32",
            Self::U64(_) => "u64",
            Self::Float(_) => "flt",
            Self::Text(_) => "str",
        }
    }

    /// Writes it as it is.
    pub fn write_plain(&self, out: &mut String) {
        // Writing into a string does not fail.
        let _ = match self {
            Self::U32(n) => write!(out, "{n}"),
            Self::S32(n) => write!(out, "{n}"),
            Self::U64(n) => write!(out, "{n}"),
            Self::Float(n) => out.write_str(&short_float(*n)),
            Self::Text(text) => out.write_str(text),
        };
    }

    /// Writes it as a column of a CSV line.
    pub fn write_csv(&self, out: &mut String) {
        match self {
            Self::Text(text) if text.contains([',', '"', '\n', '\r']) => {
                out.push('"');
                out.push_str(&text.replace('"', "\"\""));
                out.push('"');
            }
            other => other.write_plain(out),
        }
    }

    /// Writes it with its type, as `str:OPEN`.
    pub fn write_typed(&self, out: &mut String) {
        out.push_str(self.type_name());
        out.push(':');
        self.write_plain(out);
    }

    /// Writes it as a JSON object.
    pub fn write_json(&self, out: &mut String) {
        let _ = write!(out, "{{\"type\":\"{}\",\"value\":", self.type_name());
        match self {
            Self::Text(text) => write_json_string(text, out),
            Self::U64(n) => write_json_wide(*n, out),
            other => other.write_plain(out),
        }
        out.push('}');
    }
}

/// JSON's numbers are exact up to 2^53 - 1 only; larger ones are cut there.
fn write_json_wide(n: u64, out: &mut String) {
    let _ = write!(out, "{}", n.min((1 << 53) - 1));
}

/// Six digits behind the point at most, without zeroes at the end.
fn short_float(n: f64) -> String {
    let text = format!("{n:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a JSON string.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Writes `name.process:TAGS:type:value`, the end of a typed line.
pub(crate) fn write_typed(field: &Field, tags: Tags, value: &Value, out: &mut String) {
    out.push_str(field.name);
    out.push_str(".1:");
    out.extend(tags.letters());
    out.push(':');
    value.write_typed(out);
}

/// Writes the members of a JSON object that all figures have.
pub(crate) fn write_json_members(
    position: usize,
    field: &Field,
    tags: Tags,
    value: &Value,
    out: &mut String,
) {
    let _ = write!(out, "\"field\":{{\"pos\":{position},\"name\":");
    write_json_string(field.name, out);
    let _ = write!(
        out,
        "}},\"processNum\":1,\"tags\":{{\"origin\":\"{}\",\"nature\":\"{}\",\"scope\":\"{}\"}},\"value\":",
        tags.origin(),
        tags.nature(),
        tags.scope()
    );
    value.write_json(out);
}

/// How an export is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// CSV, or `name: value`.
    #[default]
    Plain,
    /// One line for each figure with its marks and its type.
    Typed,
    /// JSON.
    Json,
}

/// Whether descriptions are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Descriptions {
    /// They are not.
    #[default]
    Omitted,
    /// They follow the value in quotes (not in JSON).
    Added,
}

/// Writes the description behind a value.
pub(crate) fn describe(field: &Field, descriptions: Descriptions, out: &mut String) {
    if descriptions == Descriptions::Added {
        out.push_str(":\"");
        out.push_str(field.about);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_short() {
        for (n, text) in [(0.0, "0"), (528.5, "528.5"), (609.975_762, "609.975762"), (100.0, "100")] {
            assert_eq!(short_float(n), text);
        }
    }

    #[test]
    fn columns_with_commas_are_quoted() {
        let mut out = String::new();
        Value::word("a,\"b\"").write_csv(&mut out);
        assert_eq!(out, "\"a,\"\"b\"\"\"");
    }

    #[test]
    fn json_strings_are_escaped() {
        let mut out = String::new();
        Value::word("a\"\\\n\u{1}é").write_json(&mut out);
        assert_eq!(out, "{\"type\":\"str\",\"value\":\"a\\\"\\\\\\n\\u0001é\"}");
    }
}
