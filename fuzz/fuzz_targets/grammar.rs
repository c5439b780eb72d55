//! Every parser of the room `grammar`: none may panic, and quoting must be undone by reading.

#![no_main]

use std::borrow::Cow;

use grammar::line::{self, Environment, NoEnvironment, Place, Reader};
use grammar::{address, command, condition, conditional, expr, logformat, size, time};
use libfuzzer_sys::fuzz_target;

/// Every variable exists, and has gaps and quotes in it.
struct Anything;

impl Environment for Anything {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Owned(format!(" {name} \"' ").into_bytes()))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new("fuzz", data);
    while let Some(line) = reader.next_line(&Anything) {
        if let Ok(line) = line {
            let _ = condition::parse(&line.words);
            for word in &line.words {
                assert!(word.source(grammar::Span::new(0, word.len())).range().end <= line.text.len());
            }
        }
    }
    let _ = conditional::parse(data);
    let _ = expr::parse(data);
    let _ = logformat::parse(data);
    let _ = address::parse_list(data);
    let _ = time::parse(data, time::Unit::Millisecond);
    let _ = size::parse(data, u64::from(u32::MAX));
    if let Some(end) = command::line_end(data) {
        let request = command::parse(&data[..end]);
        let _ = request.payload.map(|terminator| terminator.payload(&data[end + 1..]).is_some());
    }
    if !data.contains(&0) {
        let quoted = line::quote(data);
        let words = line::split(&quoted, Place::default(), &NoEnvironment).expect("a quoted text reads");
        assert_eq!(words.len(), 1);
        assert_eq!(words[0].bytes(), data);
    }
});
