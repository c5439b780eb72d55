//! The lines of the runtime API: commands, their words, and payloads.

use pest::iterators::Pair;

use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};
use crate::text::{Text, readable};

/// The most words a command may have.
pub const MAX_WORDS: usize = 64;

/// A line of the runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The commands between semicolons, in order. Each has its own answer, an empty or a wrong one too.
    pub commands: Vec<Result<Command, SyntaxError>>,
    /// How the payload of the last command ends, if one follows.
    pub payload: Option<Terminator>,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// Its words, escapes resolved. Prefixes such as `@1` are words like others.
    pub words: Vec<Argument>,
    /// Where it stands in the line.
    pub span: Span,
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What it says.
    pub text: Text,
    /// Where it stands.
    pub span: Span,
}

/// The line that ends a payload: empty, or what follows `<<`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminator(Text);

/// A complete payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'b> {
    /// The lines before the terminator, with their line feeds.
    pub text: &'b [u8],
    /// How many bytes it took, terminator and its line feed included.
    pub consumed: usize,
}

/// Where the first line in `buffer` ends, if it is complete: the place of its line feed. An escaped one ends none.
pub fn line_end(buffer: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'\n', b'\\', &buffer[from.min(buffer.len())..])?;
        if buffer[at] == b'\n' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Parses a line without its line feed. A carriage return at its end is dropped.
pub fn parse(line: &[u8]) -> Request {
    let readable = readable(line);
    let mut request = Request { commands: Vec::new(), payload: None };
    for pair in parser::parse(Rule::request, &readable).into_inner() {
        match pair.as_rule() {
            Rule::command => request.commands.push(command(pair, line)),
            Rule::payload => {
                let terminator = pair.into_inner().next().map(|part| parser::span(&part)).unwrap_or_default();
                request.payload = Some(Terminator(terminator.of(line).into()));
            }
            _ => {}
        }
    }
    request
}

fn command(pair: Pair<'_, Rule>, line: &[u8]) -> Result<Command, SyntaxError> {
    let span = parser::span(&pair);
    let words: Vec<_> = pair.into_inner().map(|part| argument(part, line)).collect();
    match words.get(MAX_WORDS) {
        None => Ok(Command { words, span }),
        Some(first) => {
            let message = format!("Too many arguments. Commands must have at most {MAX_WORDS} arguments.");
            Err(SyntaxError::new(first.span, message))
        }
    }
}

fn argument(pair: Pair<'_, Rule>, line: &[u8]) -> Argument {
    let span = parser::span(&pair);
    let mut text = Vec::with_capacity(span.len());
    for part in pair.into_inner() {
        let written = parser::span(&part).of(line);
        text.extend_from_slice(if part.as_rule() == Rule::verbatim { &written[1..] } else { written });
    }
    Argument { text: text.into(), span }
}

impl Terminator {
    /// The line it is, as written.
    pub fn line(&self) -> &[u8] {
        &self.0
    }

    /// The payload at the start of `buffer`, once its terminator is there.
    pub fn payload<'b>(&self, buffer: &'b [u8]) -> Option<Payload<'b>> {
        let mut start = 0;
        loop {
            let end = start + memchr::memchr(b'\n', &buffer[start..])?;
            if buffer[start..end] == *self.0 {
                return Some(Payload { text: &buffer[..start], consumed: end + 1 });
            }
            start = end + 1;
        }
    }
}

/// Writes `text` so that it reads as one word.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len());
    for &byte in text {
        if matches!(byte, b' ' | b'\t' | b';' | b'\\' | b'\n' | b'\r' | b'<') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(line: &str) -> String {
        let request = parse(line.as_bytes());
        let command = |command: &Result<Command, SyntaxError>| match command {
            Ok(command) => {
                command.words.iter().map(|word| word.text.to_string()).collect::<Vec<_>>().join("|")
            }
            Err(error) => error.message.clone(),
        };
        let commands: Vec<_> = request.commands.iter().map(command).collect();
        let payload =
            request.payload.map(|end| format!(" << {}", Text::from(end.line()))).unwrap_or_default();
        commands.join(" ; ") + &payload
    }

    #[test]
    fn lines_are_cut_into_commands_and_words() {
        for (line, expected) in [
            ("show info;show stat", "show|info ; show|stat"),
            ("  get \t var   x  ", "get|var|x"),
            (" ; a ;", " ; a ; "),
            ("", ""),
            (r"a\ b\;c\\d\n\q", r"a b;c\dnq"),
            (r#"a "b c" 'd' #e"#, r#"a|"b|c"|'d'|#e"#),
            ("@1 show info\r", "@1|show|info"),
            ("a\rb\u{b}c", "a\rb\u{b}c"),
            (r"a\", r"a\"),
        ] {
            assert_eq!(shape(line), expected, "{line}");
        }
    }

    #[test]
    fn payloads_start_at_the_end_of_a_line() {
        let long = "x".repeat(64);
        for (line, expected) in [
            ("add map m <<", "add|map|m << "),
            ("clear map m;add map m\t<<%EOF%\r", "clear|map|m ; add|map|m << %EOF%"),
            ("add map m <<<", "add|map|m << <"),
            (r"add map m <<E\;x", r"add|map|m << E\;x"),
            ("add map m <<A <<B", "add|map|m|<<A << B"),
            (&format!("a <<{long}"), &format!("a << {long}")),
            (&format!("a <<{long}x"), &format!("a|<<{long}x")),
            ("add map m<<", "add|map|m<<"),
            ("add map m <<E ", "add|map|m|<<E"),
            ("add map m <<E;get", "add|map|m|<<E ; get"),
            ("<<", " << "),
        ] {
            assert_eq!(shape(line), expected, "{line}");
        }
    }

    #[test]
    fn a_command_has_a_limit_of_words() {
        let words = ["x"; MAX_WORDS].join(" ");
        assert!(parse(words.as_bytes()).commands[0].is_ok());
        let request = parse(format!("{words} y;z").as_bytes());
        assert_eq!((request.commands[0].is_err(), request.commands[1].is_ok()), (true, true));
    }

    #[test]
    fn an_escaped_line_feed_ends_no_line() {
        for (buffer, end) in
            [(&b"a\nb\n"[..], Some(1)), (b"a\\\nb\n", Some(4)), (b"a\\\\\nb", Some(3)), (b"a\\", None)]
        {
            assert_eq!(line_end(buffer), end);
        }
    }

    #[test]
    fn a_payload_ends_at_its_terminator() {
        let end = |line: &str| parse(line.as_bytes()).payload.unwrap();
        let buffer = b"k1 v1\n\nk2 v2\nE\nrest\n";
        let payload = end("x <<").payload(buffer).unwrap();
        assert_eq!((payload.text, payload.consumed), (&b"k1 v1\n"[..], 7));
        let payload = end("x <<E").payload(buffer).unwrap();
        assert_eq!((payload.text, payload.consumed), (&b"k1 v1\n\nk2 v2\n"[..], 15));
        assert_eq!(end("x <<F").payload(buffer), None);
        assert_eq!(end("x <<").payload(b"\n").map(|payload| payload.text), Some(&b""[..]));
    }

    proptest! {
        #[test]
        fn a_quoted_text_is_one_word(text in proptest::collection::vec(any::<u8>(), 1..40)) {
            let mut line = b"x ".to_vec();
            line.extend(quote(&text));
            line.push(b'\n');
            let end = line_end(&line).unwrap();
            prop_assert_eq!(end, line.len() - 1);
            let request = parse(&line[..end]);
            let words = &request.commands[0].as_ref().unwrap().words;
            prop_assert_eq!(words.len(), 2);
            prop_assert_eq!(&*words[1].text, &text[..]);
        }

        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let semicolons = memchr::memchr_iter(b';', &line).count();
            prop_assert!(parse(&line).commands.len() <= semicolons + 1);
        }
    }
}
