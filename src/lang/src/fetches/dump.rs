//! The sample fetch that tells all variables.

use super::{ANY, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::Fetch;
use crate::facts::Scene;
use crate::sample::{Sample, Type, hex};
use crate::vars::Scope;

const SCOPES: [(&str, Scope); 5] = [
    ("sess", Scope::Session),
    ("txn", Scope::Transaction),
    ("req", Scope::Request),
    ("res", Scope::Response),
    ("proc", Scope::Process),
];

/// The fetch on all variables.
pub static FETCHES: &[Fetch] = &[one(
    "dump_all_vars",
    Signature::optional(&[ArgKind::Scope, ArgKind::Str, ArgKind::Str]),
    Type::Str,
    ANY,
    "7.3.2",
    |s, a, c| single(c, || dump(s, a)),
)];

/// The variables of one scope, or of all, whose names begin as the second argument says.
fn dump(scene: &Scene<'_>, args: &Args) -> Option<Sample<'static>> {
    let (wanted, prefix) = (args.str(0), args.str(1));
    let between: &[u8] = if args.str(2).is_empty() { b", " } else { args.str(2) };
    let mut text = Vec::new();
    for (name, scope) in SCOPES.iter().filter(|(name, _)| wanted.is_empty() || wanted == name.as_bytes()) {
        for (variable, value) in crate::vars::all_of(scene, *scope) {
            if !variable.as_bytes().starts_with(prefix) {
                continue;
            }
            if !text.is_empty() {
                text.extend_from_slice(between);
            }
            text.extend_from_slice(format!("{name}.{variable}=").as_bytes());
            write(&value, &mut text);
        }
    }
    Some(Sample::owned(text))
}

fn write(value: &Sample<'_>, out: &mut Vec<u8>) {
    match value {
        Sample::Bool(truth) => out.extend_from_slice(truth.to_string().as_bytes()),
        Sample::Bin(bytes) => out.extend_from_slice(&hex(bytes)),
        Sample::Str(text) | Sample::Method(text) => {
            out.push(b'"');
            for byte in text.iter() {
                match byte {
                    b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    8 => out.extend_from_slice(b"\\b"),
                    0 => out.extend_from_slice(b"\\0"),
                    other => out.push(*other),
                }
            }
            out.push(b'"');
        }
        other => out.extend_from_slice(&other.clone().into_text()),
    }
}

#[cfg(test)]
mod tests {
    use crate::fetches::probe::request;
    use crate::sample::Sample;

    #[test]
    fn variables_are_written_by_type() {
        let mut messages = request("GET / HTTP/1.1");
        let variables = &mut messages.stream.variables;
        variables.transaction.set("a", Sample::Int(5));
        variables.transaction.set("bin", Sample::Bin(b"\0\xff".into()));
        variables.transaction.set("bool", Sample::Bool(true));
        variables.request.set("m", Sample::text(b"a\"b\n"));
        let all = "txn.a=5, txn.bin=00FF, txn.bool=true, req.m=\"a\\\"b\\n\"";
        for (fetch, value) in [
            ("dump_all_vars", all),
            ("dump_all_vars(txn,b)", "txn.bin=00FF, txn.bool=true"),
            ("dump_all_vars(txn,b,;)", "txn.bin=00FF;txn.bool=true"),
            ("dump_all_vars(proc)", ""),
        ] {
            assert_eq!(messages.ask(fetch).as_deref(), Some(value), "{fetch}");
        }
    }
}
