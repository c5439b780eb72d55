//! Sample fetches and converters on captured headers.

use super::{one, single};
use crate::arg::{ArgKind, Signature};
use crate::expr::{Contexts, Converter, Fetch, Outlook, unchecked};
use crate::facts::Captured;
use crate::sample::{Sample, Type};

const SLOT: Signature = Signature::all(&[ArgKind::Int]);
const FROM_REQUEST: Contexts = Contexts::of("..YYYYYYYYYYYYYYYYY...");
const FROM_RESPONSE: Contexts = Contexts::of("...........YYYYYYYYY..");

/// The fetches of this file.
pub static FETCHES: &[Fetch] = &[
    one("capture.req.hdr", SLOT, Type::Str, FROM_REQUEST, "7.3.6", |s, a, c| {
        single(c, || text(&s.stream?.request_captures, a.int(0)))
    }),
    one("capture.res.hdr", SLOT, Type::Str, FROM_RESPONSE, "7.3.6", |s, a, c| {
        single(c, || text(&s.stream?.response_captures, a.int(0)))
    }),
];

fn text(captured: &Captured, slot: Option<i64>) -> Option<Sample<'static>> {
    captured.get(usize::try_from(slot?).ok()?).map(Sample::owned)
}

macro_rules! capture {
    ($name:literal, $captured:ident) => {
        Converter {
            name: $name,
            args: SLOT,
            input: Type::Str,
            out: Type::Str,
            manual: "7.3.1",
            outlook: Outlook::AsInput,
            check: unchecked,
            eval: |value, args, scene| {
                let slot = usize::try_from(args.int(0)?).ok()?;
                scene.stream?.$captured.set(slot, &value.clone().into_text()).then_some(value)
            },
        }
    };
}

/// The converters of this file.
pub static CONVERTERS: &[Converter] =
    &[capture!("capture-req", request_captures), capture!("capture-res", response_captures)];
