//! Whether an answer is as wanted.

use backend::{CheckResult, CheckStatus};
use http::ResponseHead;

use crate::ready::{Answer, Judgement, More};
use crate::reply::{Reply, Stopped};
use crate::rules::{Content, Division, Expect, HeaderMatch, Matcher, Part, Rule, Sense, TextMatch};
use crate::ruleset::Language;
use crate::stage::Stage;

/// What is to be made of an answer.
pub(crate) enum Verdict {
    /// More is needed.
    Wait,
    /// It is as wanted; with what there is to be said of it.
    Good(Option<String>),
    /// It is not; the info of the result is still to be given a comment.
    Bad(CheckResult),
    /// There is none: the connection has gone.
    Gone,
}

/// Compares the answer with what is expected.
pub(crate) fn examine(
    rule: &Rule,
    expect: &Expect,
    reply: &Reply,
    stage: &Stage<'_>,
    language: Language,
) -> Verdict {
    let at = Examination { rule, expect, reply, stage, language };
    match language {
        Language::Http => at.http(),
        Language::Plain | Language::Steps => at.bytes(reply.input.data(), reply.more),
    }
}

struct Examination<'a> {
    rule: &'a Rule,
    expect: &'a Expect,
    reply: &'a Reply,
    stage: &'a Stage<'a>,
    language: Language,
}

impl Examination<'_> {
    fn http(&self) -> Verdict {
        if self.reply.broken() == Some(Stopped::InHead) {
            return Verdict::Gone;
        }
        let Some(head) = self.reply.head() else {
            return if self.reply.may_grow() { Verdict::Wait } else { Verdict::Gone };
        };
        match &self.expect.matcher {
            Matcher::Status(codes) => {
                let code = head.status.0;
                self.of_head(codes.iter().any(|(from, to)| (*from..=*to).contains(&code)), head)
            }
            Matcher::StatusRegex(regex) => {
                self.of_head(regex.is_match(head.status.0.to_string().as_bytes()), head)
            }
            Matcher::Header(wanted) => self.of_head(self.has_header(wanted, head), head),
            _ if self.reply.broken().is_some() => {
                Verdict::Bad(self.failed(CheckStatus::L7Invalid, self.mismatch("TCPCHK"), None))
            }
            _ => self.body(),
        }
    }

    fn body(&self) -> Verdict {
        let data = self.reply.seen().data;
        let more = if self.reply.may_grow() { More::Possible } else { More::No };
        if data.is_empty() && more == More::No {
            let text = "HTTP content check could not find a response body".to_owned();
            return Verdict::Bad(self.failed(CheckStatus::L7Invalid, text, None));
        }
        self.bytes(data, more)
    }

    fn of_head(&self, found: bool, head: &ResponseHead) -> Verdict {
        if found == (self.expect.sense == Sense::Wanted) {
            return Verdict::Good(None);
        }
        let reason = match &head.reason[..] {
            b"" => self.mismatch("TCPCHK"),
            reason => String::from_utf8_lossy(reason).into_owned(),
        };
        Verdict::Bad(self.failed(CheckStatus::L7Status, reason, Some(head.status.0)))
    }

    fn bytes(&self, data: &[u8], more: More) -> Verdict {
        if let Matcher::Judge(judge) = &self.expect.matcher {
            if data.is_empty() && more == More::No && self.reply.is_first() {
                return Verdict::Bad(self.failed(CheckStatus::L7Invalid, self.empty(), None));
            }
            return match (judge.0)(Answer { data, more }) {
                Judgement::Wait => Verdict::Wait,
                Judgement::Good(info) => Verdict::Good(info),
                Judgement::Bad { status, code, info } => Verdict::Bad(self.failed(status, info, Some(code))),
            };
        }
        let wait = more == More::Possible;
        if wait && (data.is_empty() || self.expect.min_recv.is_some_and(|min| data.len() < min)) {
            return Verdict::Wait;
        }
        if data.is_empty() {
            return Verdict::Bad(self.failed(CheckStatus::L7Invalid, self.empty(), None));
        }
        let found = match self.find(data) {
            Found::Yes => true,
            Found::TooShort if wait => return Verdict::Wait,
            Found::No | Found::TooShort => false,
            Found::Unknown => {
                let text = format!("TCPCHK invalid log-format string at step {}", self.rule.number);
                return Verdict::Bad(self.failed(CheckStatus::L7Invalid, text, None));
            }
        };
        // What is not there may still come, unless it is said how much is to be looked at.
        let settled = !wait || self.expect.min_recv.is_some();
        match (found, self.expect.sense) {
            (true, Sense::Wanted) => Verdict::Good(None),
            (false, Sense::Unwanted) if settled => Verdict::Good(None),
            (false, _) if !settled => Verdict::Wait,
            (false, _) | (true, Sense::Unwanted) => {
                let text = match self.language {
                    Language::Steps => self.mismatch("TCPCHK"),
                    Language::Http if found => "HTTP check matched unwanted content".to_owned(),
                    Language::Http => "HTTP content check did not match".to_owned(),
                    Language::Plain => String::new(),
                };
                Verdict::Bad(self.failed(CheckStatus::L7Invalid, text, None))
            }
        }
    }

    fn empty(&self) -> String {
        format!("TCPCHK got an empty response at step {}", self.rule.number)
    }

    fn find(&self, data: &[u8]) -> Found {
        let seen = self.reply.seen();
        let contains = |needle: &[u8]| {
            if data.len() < needle.len() {
                return Found::TooShort;
            }
            Found::of(needle.is_empty() || memchr::memmem::find(data, needle).is_some())
        };
        match &self.expect.matcher {
            Matcher::String(text) | Matcher::Binary(text) => contains(text),
            Matcher::Regex(regex) => Found::of(regex.is_match(data)),
            Matcher::BinaryRegex(regex) => Found::of(regex.is_match(&lang::sample::hex(data))),
            Matcher::StringFormat(format) => match &self.stage.render(format, seen)[..] {
                [] => Found::Unknown,
                text => contains(text),
            },
            Matcher::BinaryFormat(format) => match self.stage.render_hex(format, seen) {
                None => Found::Unknown,
                Some(bytes) if bytes.is_empty() => Found::Unknown,
                Some(bytes) => contains(&bytes),
            },
            Matcher::Status(_)
            | Matcher::StatusRegex(_)
            | Matcher::Header(_)
            | Matcher::Absent
            | Matcher::Judge(_) => Found::No,
        }
    }

    /// What was looked for, and not found or unwanted.
    fn mismatch(&self, who: &str) -> String {
        let verb = match self.expect.sense {
            Sense::Wanted => "did not match content",
            Sense::Unwanted => "matched unwanted content",
        };
        let what = match &self.expect.matcher {
            Matcher::String(text) => format!(" '{}'", String::from_utf8_lossy(text)),
            Matcher::Status(_) => "(status codes)".to_owned(),
            other => format!(" ({})", kind_of(other)),
        };
        // The rule that goes without saying comes after a request at least.
        let step = if self.rule.number == 0 { 2 } else { self.rule.number };
        format!("{who} {verb}{what} at step {step}")
    }

    /// The result of a failure, in the rule's words where it has some.
    fn failed(&self, status: CheckStatus, info: String, code: Option<u16>) -> CheckResult {
        let seen = self.reply.seen();
        let status = self.expect.error.unwrap_or(status);
        let mut info = match &self.expect.on_error {
            Some(format) => String::from_utf8_lossy(&self.stage.render(format, seen)).into_owned(),
            None => info,
        };
        if let Some(comment) = &self.rule.comment {
            info.push_str(" comment: ");
            info.push_str(comment);
        }
        CheckResult { status, info, code, millis: 0 }
    }

    fn has_header(&self, wanted: &HeaderMatch, head: &ResponseHead) -> bool {
        let name = Comparison::of(&wanted.name, self);
        let value = wanted.value.as_ref().map(|v| Comparison::of(v, self));
        head.headers.iter().filter(|field| name.matches_name(field.name)).any(|field| match &value {
            None => true,
            Some(value) => match wanted.division {
                Division::Whole => value.matches(field.value),
                Division::ByComma => {
                    head.headers.find_values(field.name).any(|element| value.matches(element))
                }
            },
        })
    }
}

/// Whether something was found.
enum Found {
    Yes,
    No,
    /// There is less than is looked for.
    TooShort,
    /// There is nothing to look for.
    Unknown,
}

impl Found {
    fn of(found: bool) -> Self {
        if found { Self::Yes } else { Self::No }
    }
}

/// A text to compare with, ready to be used.
enum Comparison<'a> {
    Plain(Part, Vec<u8>),
    Regex(&'a lang::regex::Regex),
}

impl<'a> Comparison<'a> {
    fn of(text: &'a TextMatch, at: &Examination<'_>) -> Self {
        match text {
            TextMatch::Regex(regex) => Self::Regex(regex),
            TextMatch::Plain(part, Content::Fixed(bytes)) => Self::Plain(*part, bytes.to_vec()),
            TextMatch::Plain(part, Content::Format(format)) => {
                Self::Plain(*part, at.stage.render(format, at.reply.seen()))
            }
        }
    }

    /// Names have no case.
    fn matches_name(&self, name: &[u8]) -> bool {
        match self {
            Self::Plain(part, wanted) => {
                part_is(*part, &name.to_ascii_lowercase(), &wanted.to_ascii_lowercase())
            }
            Self::Regex(regex) => regex.is_match(name),
        }
    }

    fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Plain(part, wanted) => part_is(*part, value, wanted),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

fn part_is(part: Part, text: &[u8], wanted: &[u8]) -> bool {
    // A format that gives nothing is nowhere.
    !wanted.is_empty()
        && match part {
            Part::Whole => text == wanted,
            Part::Beginning => text.starts_with(wanted),
            Part::End => text.ends_with(wanted),
            Part::Anywhere => memchr::memmem::find(text, wanted).is_some(),
        }
}

/// What messages call a kind of match.
pub(crate) fn kind_of(matcher: &Matcher) -> &'static str {
    match matcher {
        Matcher::String(_) => "string",
        Matcher::Binary(_) => "binary",
        Matcher::Regex(_) => "regex",
        Matcher::BinaryRegex(_) => "binary regex",
        Matcher::StringFormat(_) => "log-format string",
        Matcher::BinaryFormat(_) => "log-format binary",
        Matcher::Status(_) | Matcher::Absent => "HTTP status codes",
        Matcher::StatusRegex(_) => "HTTP status regex",
        Matcher::Header(_) => "HTTP header pattern",
        Matcher::Judge(_) => "custom function",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text_are_compared() {
        assert!(part_is(Part::Whole, b"ab", b"ab") && !part_is(Part::Whole, b"abc", b"ab"));
        assert!(part_is(Part::Beginning, b"abc", b"ab") && part_is(Part::End, b"abc", b"bc"));
        assert!(part_is(Part::Anywhere, b"abcd", b"bc") && !part_is(Part::Anywhere, b"abcd", b""));
    }
}
