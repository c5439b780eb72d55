//! `normalize-uri`.

use base::clock::Tick;
use config::Refusal;
use config::global::Exposure;
use http::normalize::{
    Above, Malformed, Percents, decode_unreserved, encode_fragment, merge_slashes, sort_query, strip_dot,
    strip_dotdot, strip_fragment, uppercase_percents,
};

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::reply::Message;
use crate::rewrite::Part;
use crate::txn::Txn;
use crate::verdict::{Ending, Verdict};

/// The action of this file.
pub static NORMALIZE: &[Action] =
    &[Action { name: "normalize-uri", sets: RuleSets::HTTP_REQUEST, manual: "4.4.1", parse: normalize }];

#[derive(Debug)]
enum Normalizer {
    FragmentEncode,
    FragmentStrip,
    MergeSlashes,
    StripDot,
    StripDotdot(Above),
    DecodeUnreserved(Percents),
    Uppercase(Percents),
    SortQuery,
}

fn normalize(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    Exposure::experimental(cx.statement)?;
    let name = cx.expect("the name of a normalizer")?;
    let option = |cx: &mut ActionCx<'_, '_>, word: &str| {
        let found = cx.peek().as_deref() == Some(word);
        if found {
            cx.take();
        }
        found
    };
    let percents = |strict: bool| if strict { Percents::Refused } else { Percents::Kept };
    Ok(Box::new(match name.as_ref() {
        "fragment-encode" => Normalizer::FragmentEncode,
        "fragment-strip" => Normalizer::FragmentStrip,
        "path-merge-slashes" => Normalizer::MergeSlashes,
        "path-strip-dot" => Normalizer::StripDot,
        "path-strip-dotdot" => {
            Normalizer::StripDotdot(if option(cx, "full") { Above::Removed } else { Above::Kept })
        }
        "percent-decode-unreserved" => Normalizer::DecodeUnreserved(percents(option(cx, "strict"))),
        "percent-to-uppercase" => Normalizer::Uppercase(percents(option(cx, "strict"))),
        "query-sort-by-name" => Normalizer::SortQuery,
        other => return Err(cx.refuse_last(format!("unknown normalizer '{other}'"))),
    }))
}

impl Act for Normalizer {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(head) = txn.request.as_deref() else { return Verdict::Continue };
        let part = self.part();
        let before = part.of(head);
        // A target without a path has nothing to normalize.
        if before.is_empty() {
            return Verdict::Continue;
        }
        match self.apply(before) {
            Ok(after) if after == before => Verdict::Continue,
            Ok(after) => part.rewrite(txn, &after),
            Err(Malformed) => {
                if let Some(stream) = txn.stream.as_deref_mut() {
                    // What is no request was never complete.
                    stream.timers.request = Tick::NEVER;
                }
                Verdict::End(Ending::Deny(Message::Page(400)))
            }
        }
    }
}

impl Normalizer {
    fn part(&self) -> Part {
        match self {
            Self::FragmentEncode | Self::FragmentStrip | Self::DecodeUnreserved(_) | Self::Uppercase(_) => {
                Part::PathAndQuery
            }
            Self::MergeSlashes | Self::StripDot | Self::StripDotdot(_) => Part::Path,
            Self::SortQuery => Part::Query,
        }
    }

    fn apply(&self, text: &[u8]) -> Result<Vec<u8>, Malformed> {
        Ok(match self {
            Self::FragmentEncode => encode_fragment(text),
            Self::FragmentStrip => strip_fragment(text).to_vec(),
            Self::MergeSlashes => merge_slashes(text),
            Self::StripDot => strip_dot(text),
            Self::StripDotdot(above) => strip_dotdot(text, *above),
            Self::DecodeUnreserved(percents) => return decode_unreserved(text, *percents),
            Self::Uppercase(percents) => return uppercase_percents(text, *percents),
            Self::SortQuery => sort_query(text),
        })
    }
}
