//! What is told to the operator about his configuration, in the layout that existing tools parse.

use std::fmt::Write as _;
use std::sync::Arc;

use grammar::span::Span;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Advice that is given with `-dD` only.
    Diag,
    /// Information.
    Notice,
    /// Works, but probably not as intended. Fatal with `-dW`.
    Warning,
    /// Cannot work.
    Alert,
}

impl Severity {
    /// The tag at the start of a line, padded to the width of the widest.
    fn tag(self) -> &'static str {
        match self {
            Self::Diag => "[DIAG]     ",
            Self::Notice => "[NOTICE]   ",
            Self::Warning => "[WARNING]  ",
            Self::Alert => "[ALERT]    ",
        }
    }
}

/// A line of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as given on the command line.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self { file: Arc::from(""), line: 0 }
    }
}

/// The source line and the part of it that a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line as written.
    pub source: String,
    /// The bytes of it that are meant.
    pub span: Span,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How grave it is.
    pub severity: Severity,
    /// Where it belongs, unless it is about the whole.
    pub place: Option<Place>,
    /// What is said.
    pub text: String,
    /// The line in question.
    pub excerpt: Option<Excerpt>,
}

impl Message {
    /// The message as it is printed, with its line feed.
    pub fn render(&self, pid: u32) -> String {
        let mut out = format!("{}({pid}) : ", self.severity.tag());
        if let Some(place) = &self.place {
            let _ = write!(out, "config : parsing [{}:{}] : ", place.file, place.line);
        }
        out.push_str(&self.text);
        out.push('\n');
        if let Some(excerpt) = &self.excerpt {
            excerpt.render(&mut out);
        }
        out
    }
}

impl Excerpt {
    /// The line, then a caret under the start of the part and tildes under the rest of it.
    fn render(&self, out: &mut String) {
        const WIDEST: usize = 160;
        let start = self.span.start as usize;
        let end = (self.span.end as usize).clamp(start + 1, self.source.len().max(start + 1));
        if start >= WIDEST {
            return;
        }
        let shown: String = self.source.chars().take(WIDEST).map(printable).collect();
        let _ = writeln!(out, "   | {shown}");
        // Columns are counted in characters, since that is what the terminal shows.
        let column = self.source.get(..start).map_or(start, |s| s.chars().count());
        let width = self.source.get(start..end).map_or(end - start, |s| s.chars().count());
        let width = width.min(WIDEST - column.min(WIDEST - 1)).max(1);
        let _ = writeln!(out, "   | {}^{}", " ".repeat(column), "~".repeat(width - 1));
    }
}

/// A tab would shift the caret, and control characters do not belong on a terminal.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Collects messages; what is printed and whether the start goes on is the caller's decision.
#[derive(Debug, Default)]
pub struct Diagnostics {
    messages: Vec<Message>,
}

impl Diagnostics {
    /// Adds a message.
    pub fn push(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Adds an error that belongs to no line.
    pub fn alert(&mut self, text: impl Into<String>) {
        self.push(Message { severity: Severity::Alert, place: None, text: text.into(), excerpt: None });
    }

    /// Adds a warning that belongs to no line.
    pub fn warning(&mut self, text: impl Into<String>) {
        self.push(Message { severity: Severity::Warning, place: None, text: text.into(), excerpt: None });
    }

    /// Adds an error about a line.
    pub fn alert_at(&mut self, place: &Place, text: impl Into<String>) {
        let place = Some(place.clone());
        self.push(Message { severity: Severity::Alert, place, text: text.into(), excerpt: None });
    }

    /// Adds a warning about a line.
    pub fn warning_at(&mut self, place: &Place, text: impl Into<String>) {
        let place = Some(place.clone());
        self.push(Message { severity: Severity::Warning, place, text: text.into(), excerpt: None });
    }

    /// Adds advice about a line, for `-dD`.
    pub fn diag_at(&mut self, place: &Place, text: impl Into<String>) {
        let place = Some(place.clone());
        self.push(Message { severity: Severity::Diag, place, text: text.into(), excerpt: None });
    }

    /// All messages in order.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Takes the messages out, for printing as they come.
    pub fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.messages)
    }

    /// How many are of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.messages.iter().filter(|m| m.severity == severity).count()
    }

    /// Whether anything prevents the start.
    pub fn has_errors(&self) -> bool {
        self.messages.iter().any(|m| m.severity == Severity::Alert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_line_with_a_caret() {
        let m = Message {
            severity: Severity::Alert,
            place: Some(Place { file: "a.cfg".into(), line: 3 }),
            text: "unknown keyword 'bnid'".into(),
            excerpt: Some(Excerpt { source: "\tbnid :80".into(), span: Span { start: 1, end: 5 } }),
        };
        assert_eq!(
            m.render(42),
            "[ALERT]    (42) : config : parsing [a.cfg:3] : unknown keyword 'bnid'\n\
             \x20  |  bnid :80\n   |  ^~~~\n"
        );
    }

    #[test]
    fn only_alerts_prevent_the_start() {
        let mut d = Diagnostics::default();
        d.warning("w");
        assert!(!d.has_errors());
        d.alert("a");
        assert!(d.has_errors());
        assert_eq!(d.count(Severity::Warning), 1);
    }

    #[test]
    fn a_span_beyond_the_line_does_not_panic() {
        let e = Excerpt { source: "ab".into(), span: Span { start: 2, end: 9 } };
        let mut out = String::new();
        e.render(&mut out);
        assert!(out.ends_with("  ^\n"));
    }
}
