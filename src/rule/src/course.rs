//! Actions on how a stream is treated: its log level, its place in queues, pauses, hints ahead of its response.

use std::sync::Arc;
use std::time::Duration;

use config::{Place, Refusal, Setting};
use lang::Expr;
use lang::facts::{Hint, Joining, LevelOverride};
use lang::logformat::LogFormat;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::rewrite::made;
use crate::set::Rules;
use crate::txn::Txn;
use crate::verdict::Verdict;

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const TCP: RuleSets = RuleSets::TCP_CONTENT.or(RuleSets::TCP_RESPONSE);
const QUEUED: RuleSets = RuleSets::TCP_CONTENT.or(REQUEST);

const fn action(
    name: &'static str,
    sets: RuleSets,
    parse: fn(&mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal>,
) -> Action {
    Action { name, sets, manual: "4.4.1", parse }
}

/// The actions of this file.
pub static COURSE: &[Action] = &[
    action("do-log", RuleSets::ALL, do_log),
    action("early-hint", REQUEST, early_hint),
    action("pause", REQUEST.or(RuleSets::HTTP_RESPONSE), pause),
    action("set-log-level", TCP.or(RuleSets::HTTP), set_log_level),
    action("set-nice", TCP.or(REQUEST).or(RuleSets::HTTP_RESPONSE), set_nice),
    action("set-priority-class", QUEUED, |cx| set_priority(cx, Rank::Class)),
    action("set-priority-offset", QUEUED, |cx| set_priority(cx, Rank::Offset)),
];

/// What has no effect: there is no task that could be nicer.
#[derive(Debug)]
struct Nothing;

impl Act for Nothing {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::Continue
    }
}

/// Profiles that rules name.
#[derive(Clone, Debug, Default)]
pub struct ProfileUses(pub Vec<ProfileUse>);

/// A profile that a rule names.
#[derive(Clone, Debug)]
pub struct ProfileUse {
    /// The profile.
    pub name: Arc<str>,
    /// The rule's proxy.
    pub proxy: Arc<str>,
    /// Where the rule stands.
    pub place: Place,
}

impl Setting for ProfileUses {}

#[derive(Debug)]
struct DoLog {
    set: RuleSets,
    profile: Option<Arc<str>>,
}

fn do_log(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let mut profile = None;
    if cx.peek().as_deref() == Some("profile") {
        cx.take();
        let name: Arc<str> = cx.expect("the name of a log-profile behind 'profile'")?.into();
        let (proxy, place) = (cx.statement.proxy().name.clone(), cx.statement.place.clone());
        let uses: &mut ProfileUses = cx.statement.draft.global.get_mut();
        uses.0.push(ProfileUse { name: name.clone(), proxy, place });
        profile = Some(name);
    }
    Ok(Box::new(DoLog { set: cx.set, profile }))
}

impl Act for DoLog {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        if let Some(recorder) = txn.recorder {
            recorder.record(&txn.scene(), self.set, self.profile.as_deref());
        }
        Verdict::Continue
    }
}

fn set_nice(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let text = cx.expect("exactly 1 argument (integer value)")?;
    text.parse::<i64>().map_err(|_| cx.refuse_last(format!("'{text}' is not an integer")))?;
    Ok(Box::new(Nothing))
}

#[derive(Debug)]
struct SetLogLevel(LevelOverride);

fn set_log_level(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
    const FORM: &str = "exactly 1 argument (log level name or 'silent')";
    let name = cx.expect(FORM)?;
    let level = match LEVELS.iter().position(|level| *level == name) {
        Some(level) => LevelOverride::Level(level as u8),
        None if name == "silent" => LevelOverride::Silent,
        None => return Err(cx.refuse_last(format!("expects {FORM}, found '{name}'"))),
    };
    Ok(Box::new(SetLogLevel(level)))
}

impl Act for SetLogLevel {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        if let Some(stream) = txn.stream.as_deref_mut() {
            stream.log_level = self.0;
        }
        Verdict::Continue
    }
}

#[derive(Clone, Copy, Debug)]
enum Rank {
    Class,
    Offset,
}

#[derive(Debug)]
struct SetPriority {
    rank: Rank,
    value: Expr,
}

fn set_priority(cx: &mut ActionCx<'_, '_>, rank: Rank) -> Result<Box<dyn Act>, Refusal> {
    let value = cx.expect_expr("an expression that gives a number")?;
    if !value.out().casts_to(lang::Type::Int) {
        return Err(cx.refuse_last("what the expression gives is no number"));
    }
    Ok(Box::new(SetPriority { rank, value }))
}

impl Act for SetPriority {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(value) = self.value.eval(&txn.scene().settled()).value().and_then(|v| v.to_int()) else {
            return Verdict::Continue;
        };
        if let Some(stream) = txn.stream.as_deref_mut() {
            let priority = &mut stream.overrides.priority;
            match self.rank {
                Rank::Class => priority.class = value.clamp(-2047, 2047) as i16,
                Rank::Offset => priority.offset = value.clamp(-524_287, 524_287) as i32,
            }
        }
        Verdict::Continue
    }
}

#[derive(Debug)]
enum Pause {
    Fixed(Duration),
    /// In milliseconds.
    Asked(Expr),
}

fn pause(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let what = "a time, or an expression that gives one in milliseconds";
    let written = cx.peek().ok_or_else(|| cx.refuse(format!("expects {what}")))?;
    let pause = if written.starts_with(|c: char| c.is_ascii_digit()) {
        let time = cx.expect_time(what)?;
        if time.is_zero() {
            return Err(cx.refuse_last("null value is not valid for a 'pause' rule"));
        }
        Pause::Fixed(time)
    } else {
        Pause::Asked(cx.expect_expr(what)?)
    };
    Ok(Box::new(pause))
}

impl Act for Pause {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let time = match self {
            Self::Fixed(time) => Some(*time),
            Self::Asked(expr) => expr
                .eval(&txn.scene().settled())
                .value()
                .and_then(|value| value.to_int())
                .and_then(|millis| u64::try_from(millis).ok())
                .map(|millis| Duration::from_millis(millis.min(i32::MAX as u64))),
        };
        time.filter(|time| !time.is_zero()).map_or(Verdict::Continue, Verdict::Pause)
    }
}

#[derive(Debug)]
struct EarlyHint {
    name: Box<[u8]>,
    value: LogFormat,
    rule: usize,
    joining: Joining,
}

fn early_hint(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    const FORM: &str = "exactly 2 arguments";
    let name = cx.expect_value(FORM)?.to_ascii_lowercase().into();
    let value = cx.expect_format(FORM)?;
    let rule = cx.statement.slot::<Rules>().http_request.len();
    // A response ends where a condition has to be looked at.
    let conditional = cx.position() < cx.statement.args();
    let joining = if conditional { Joining::Apart } else { Joining::Along };
    Ok(Box::new(EarlyHint { name, value, rule, joining }))
}

impl Act for EarlyHint {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        made(txn, &self.value, |txn, value| {
            if let Some(stream) = txn.stream.as_deref_mut() {
                stream.hints.push(Hint {
                    rule: self.rule,
                    joining: self.joining,
                    name: self.name.clone(),
                    value: value.into(),
                });
            }
            Verdict::Continue
        })
    }
}
