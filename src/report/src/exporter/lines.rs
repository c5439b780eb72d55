//! The lines of the text format of Prometheus.

use std::fmt::Write as _;

use stats::Value;

use super::Kind;

/// What is written of a metric for one object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lines {
    /// Nothing: the object does not have it.
    Nothing,
    /// A value; `NaN` where it is not known, or has no limit.
    One(Option<Value>),
    /// A number of milliseconds, in seconds.
    Seconds(Option<Value>),
    /// A value for a class of status.
    Code(&'static str, Option<Value>),
    /// A line for each state that there may be: 1 for the one that holds.
    State(&'static [&'static str], Option<&'static str>),
    /// A line for each state, with a number.
    Counts(Vec<(&'static str, usize)>),
}

impl Lines {
    pub(super) fn write(&self, out: &mut String, name: &str, mut labels: Labels) {
        match self {
            Self::Nothing => {}
            Self::One(value) => labels.line(out, name, &number(value.as_ref())),
            Self::Seconds(value) => labels.line(out, name, &seconds(value.as_ref())),
            Self::Code(code, value) => {
                labels.add("code", code);
                labels.line(out, name, &number(value.as_ref()));
            }
            Self::State(all, held) => {
                for state in *all {
                    let value = if Some(*state) == *held { "1" } else { "0" };
                    labels.with("state", state).line(out, name, value);
                }
            }
            Self::Counts(counts) => {
                for (state, count) in counts {
                    labels.with("state", state).line(out, name, &count.to_string());
                }
            }
        }
    }
}

/// Writes the lines that a metric begins with.
pub(super) fn head(out: &mut String, name: &str, kind: Kind, about: &str) {
    // Writing into a string does not fail.
    let _ = write!(out, "# HELP {name} {about}\n# TYPE {name} {}\n", kind.name());
}

/// A number as the format has it.
pub(super) fn number(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Text(_)) => "NaN".to_owned(),
        Some(Value::Float(n)) => format!("{n:.6}"),
        Some(value) => {
            let mut text = String::new();
            value.write_plain(&mut text);
            text
        }
    }
}

/// Milliseconds in seconds.
fn seconds(value: Option<&Value>) -> String {
    let millis = match value {
        Some(Value::U32(n)) => u64::from(*n),
        Some(Value::U64(n)) => *n,
        _ => return "NaN".to_owned(),
    };
    format!("{}.{:03}000", millis / 1000, millis % 1000)
}

/// The labels of a line, in their written form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(String);

impl Labels {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a label.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(name);
        self.0.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    /// The same with another label.
    fn with(&self, name: &str, value: &str) -> Self {
        let mut labels = self.clone();
        labels.add(name, value);
        labels
    }

    /// Writes a line.
    pub(super) fn line(&self, out: &mut String, name: &str, value: &str) {
        let end = if self.0.is_empty() { "" } else { "}" };
        let _ = writeln!(out, "{name}{}{end} {value}", self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(lines: &Lines) -> String {
        let (mut out, mut labels) = (String::new(), Labels::new());
        labels.add("proxy", "a\"\\\nb");
        lines.write(&mut out, "m", labels);
        out
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(written(&Lines::One(Some(Value::U64(3)))), "m{proxy=\"a\\\"\\\\\\nb\"} 3\n");
        let mut out = String::new();
        Labels::new().line(&mut out, "m", "1");
        assert_eq!(out, "m 1\n");
    }

    #[test]
    fn what_is_not_known_is_no_number() {
        assert!(written(&Lines::One(None)).ends_with(" NaN\n"));
        assert!(written(&Lines::Seconds(None)).ends_with(" NaN\n"));
        assert_eq!(written(&Lines::Nothing), "");
    }

    #[test]
    fn times_are_in_seconds() {
        assert_eq!(seconds(Some(&Value::U32(1234))), "1.234000");
        assert_eq!(seconds(Some(&Value::U64(5))), "0.005000");
    }

    #[test]
    fn each_state_has_a_line() {
        let text = written(&Lines::State(&["A", "B"], Some("B")));
        assert_eq!(text.lines().map(|l| l.rsplit(' ').next().unwrap()).collect::<Vec<_>>(), ["0", "1"]);
        assert!(written(&Lines::Counts(vec![("A", 7)])).ends_with(",state=\"A\"} 7\n"));
        assert!(written(&Lines::Code("2xx", Some(Value::U64(1)))).ends_with(",code=\"2xx\"} 1\n"));
    }
}
