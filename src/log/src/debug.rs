//! The converter that shows what passes by.

use std::io::Write as _;

use lang::arg::{ArgKind, Args, Signature};
use lang::expr::Outlook;
use lang::{Converter, Sample, Scene, Type};

use crate::header::{Header, HeaderFormat};
use crate::ring::buf0;
use crate::{Facility, Level};

/// The converters of this room.
pub static CONVERTERS: &[Converter] = &[Converter {
    name: "debug",
    args: Signature::optional(&[ArgKind::Str, ArgKind::Str]),
    input: Type::Any,
    out: Type::Same,
    manual: "7.3.1",
    outlook: Outlook::AsInput,
    check,
    eval: show,
}];

fn check(args: &mut Args) -> Result<(), String> {
    match args.str(1) {
        b"" | b"buf0" | b"stdout" | b"stderr" => Ok(()),
        other => Err(format!(
            "no such sink '{}': events go to 'buf0', 'stdout' or 'stderr'",
            String::from_utf8_lossy(other)
        )),
    }
}

fn show<'a>(value: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let line = describe(&value, args.str(0));
    // There is nobody to tell of a descriptor that takes nothing.
    let _ = match args.str(1) {
        b"stdout" => std::io::stdout().write_all(&line),
        b"stderr" => std::io::stderr().write_all(&line),
        _ => {
            let mut event = Vec::new();
            let header = Header {
                facility: Facility::default(),
                level: Level::Emerg,
                date: scene.now.1,
                hostname: None,
                tag: b"",
                pid: 0,
                structured: b"",
            };
            header.write(HeaderFormat::Timed, &mut event);
            event.extend_from_slice(line.trim_ascii_end());
            buf0().push(&event);
            Ok(())
        }
    };
    Some(value)
}

fn describe(value: &Sample<'_>, prefix: &[u8]) -> Vec<u8> {
    let mut line = b"[debug] ".to_vec();
    line.extend_from_slice(prefix);
    line.extend_from_slice(b": type=");
    line.extend_from_slice(value.kind().name().as_bytes());
    line.extend_from_slice(b" <");
    // What steers terminals is not shown.
    line.extend(value.clone().into_text().iter().map(|b| if b.is_ascii_control() { b'.' } else { *b }));
    line.extend_from_slice(b">\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_value_are_shown() {
        let text = |value: Sample<'_>| String::from_utf8(describe(&value, b"p")).unwrap();
        assert_eq!(text(Sample::Int(5)), "[debug] p: type=sint <5>\n");
        assert_eq!(text(Sample::text(b"a\nb")), "[debug] p: type=str <a.b>\n");
        assert_eq!(text(Sample::Bin(b"\0a".into())), "[debug] p: type=bin <>\n");
    }

    #[test]
    fn only_known_sinks_are_taken() {
        let args =
            |sink: &[u8]| Args(vec![lang::Arg::Str(b"".as_slice().into()), lang::Arg::Str(sink.into())]);
        assert!(check(&mut args(b"stderr")).is_ok());
        assert!(check(&mut args(b"other")).unwrap_err().contains("no such sink 'other'"));
    }
}
