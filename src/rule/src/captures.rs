//! Captures: what frontends keep of messages for their logs, and the actions that add to it.

use std::sync::Arc;

use base::registry::Registry;
use config::directive::Arity;
use config::{
    Check, Diagnostics, Directive, Draft, Place, Prefix, ProxyKind, Refusal, Section, Sections, Setting,
    Statement,
};
use lang::facts::Captured;
use lang::{Expr, Fetched, Type};

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::Txn;
use crate::verdict::Verdict;

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const RESPONSE: RuleSets = RuleSets::HTTP_RESPONSE.or(RuleSets::HTTP_AFTER);

/// The action of this file.
pub static CAPTURE: &[Action] = &[Action {
    name: "capture",
    sets: RuleSets::TCP_CONTENT.or(REQUEST).or(RESPONSE),
    manual: "4.4.1",
    parse: capture,
}];

/// What a frontend captures.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    /// Of requests, by slot.
    pub request: Vec<Slot>,
    /// Of responses, by slot.
    pub response: Vec<Slot>,
    /// `capture cookie`.
    pub cookie: Option<CapturedCookie>,
}

impl Captures {
    /// Whether nothing is captured of headers.
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }
}

/// A place for a text.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The header whose last value goes there; without one, rules put something there.
    pub header: Option<Box<[u8]>>,
    /// How many bytes are kept.
    pub room: usize,
}

/// A cookie that is captured.
#[derive(Clone, Debug)]
pub struct CapturedCookie {
    /// Its name, or with an equals sign behind it.
    pub name: Box<[u8]>,
    /// How many bytes of name and value are kept.
    pub room: usize,
}

/// Captures are declared where they are logged; what is inherited are the slots of inherited rules.
impl Setting for Captures {}

const fn directive(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    Directive {
        name,
        section: Section::Proxy(Sections::FRONT.without(Sections::DEFAULTS)),
        prefix: Prefix::None,
        arity: Arity::AtLeast(0),
        manual: "4.2",
        parse,
    }
}

/// The directives of this file.
pub static CAPTURE_DIRECTIVES: &[Directive] = &[
    directive("capture cookie", |s| {
        let (name, room) = named(s, "'cookie' <cookie_name> 'len' <len>")?;
        s.slot::<Captures>().cookie = Some(CapturedCookie { name, room });
        Ok(())
    }),
    directive("capture request header", |s| {
        let (name, room) = named(s, "'header' <header_name> 'len' <len>")?;
        let header = Some(name.to_ascii_lowercase().into());
        s.slot::<Captures>().request.push(Slot { header, room });
        Ok(())
    }),
    directive("capture response header", |s| {
        let (name, room) = named(s, "'header' <header_name> 'len' <len>")?;
        let header = Some(name.to_ascii_lowercase().into());
        s.slot::<Captures>().response.push(Slot { header, room });
        Ok(())
    }),
    directive("declare capture", declare),
];

/// The checks of this file.
pub static CAPTURE_CHECKS: &[Check] = &[Check { name: "captures", run: check }];

/// `<name> len <length>`.
fn named(s: &Statement<'_>, form: &str) -> Result<(Box<[u8]>, usize), Refusal> {
    let refuse = || Refusal::new(format!("'{}' expects {form}.", s.keyword()));
    if s.args() < 3 || s.arg(1) != "len" {
        return Err(refuse());
    }
    if s.args() > 3 {
        return Err(
            s.refuse(3, format!("'{}' cannot handle unexpected argument '{}'.", s.keyword(), s.arg(3)))
        );
    }
    let room = s.integer(2, 0..=MOST_ROOM)?;
    Ok((s.bytes(0).into(), room as usize))
}

/// More than any buffer holds.
const MOST_ROOM: i64 = i32::MAX as i64;

fn declare(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let direction = s.arg(0);
    if !matches!(direction.as_ref(), "request" | "response") {
        return Err(s.refuse(0, "'declare capture' requires a direction ('request' or 'response')."));
    }
    if s.arg(1) != "len" || s.args() < 3 {
        return Err(s.refuse(1, "'declare capture' requires a capture length ('len')."));
    }
    let room = s.integer(2, 1..=MOST_ROOM)? as usize;
    let captures: &mut Captures = s.slot();
    let slots = if direction == "request" { &mut captures.request } else { &mut captures.response };
    slots.push(Slot { header: None, room });
    Ok(())
}

/// Slots that rules name.
#[derive(Clone, Debug, Default)]
struct Uses(Vec<Use>);

#[derive(Clone, Debug)]
struct Use {
    proxy: Arc<str>,
    rules: &'static str,
    slot: usize,
    place: Place,
}

impl Setting for Uses {}

/// Looks for slots that rules of frontends name.
fn check(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for used in draft.global.take::<Uses>().0 {
        let frontend = draft.frontend(&used.proxy).map(|at| &draft.proxies[at]);
        let Some(frontend) = frontend else { continue };
        let captures: Captures = frontend.slots.get_or_default();
        let slots = if used.rules == "http-request" { captures.request } else { captures.response };
        if used.slot >= slots.len() {
            let text = format!(
                "Proxy '{}': unable to find capture id '{}' referenced by {} capture rule.",
                used.proxy, used.slot, used.rules
            );
            diagnostics.alert_at(&used.place, text);
        }
    }
}

/// Which slots a rule fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

/// Whether a rule waits for what may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Yes,
    No,
}

#[derive(Debug)]
struct Capture {
    expr: Expr,
    wait: Wait,
    side: Side,
    slot: usize,
}

fn capture(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    const FORM: &str = "<expression> [ 'len' <length> | id <idx> ]";
    let side = if RESPONSE.meets(cx.set) { Side::Response } else { Side::Request };
    let expr = cx.expect_expr(FORM)?;
    if !expr.out().casts_to(Type::Str) {
        return Err(cx.refuse_last("what the expression gives is no text"));
    }
    let slot = match cx.expect(FORM)?.as_ref() {
        "len" if side == Side::Request => {
            let room = number(cx, 1)?;
            if cx.statement.proxy().kind == ProxyKind::Backend {
                return Err(
                    cx.refuse("'len' is for rules of frontends: in a backend a slot is named by its 'id'")
                );
            }
            let slots = &mut cx.statement.slot::<Captures>().request;
            slots.push(Slot { header: None, room });
            slots.len() - 1
        }
        "id" if cx.set != RuleSets::TCP_CONTENT => {
            let slot = number(cx, 0)?;
            let rules = if side == Side::Request { "http-request" } else { "http-response" };
            let (proxy, place) = (cx.statement.proxy().name.clone(), cx.statement.place.clone());
            cx.statement.draft.global.get_mut::<Uses>().0.push(Use { proxy, rules, slot, place });
            slot
        }
        other => return Err(cx.refuse_last(format!("expects {FORM}, found '{other}'"))),
    };
    // Messages of HTTP are there, as far as rules on them go.
    let wait = if cx.set == RuleSets::TCP_CONTENT { Wait::Yes } else { Wait::No };
    Ok(Box::new(Capture { expr, wait, side, slot }))
}

fn number(cx: &mut ActionCx<'_, '_>, least: usize) -> Result<usize, Refusal> {
    let text = cx.expect("a number")?;
    let number = text.parse().ok().filter(|n| *n >= least && *n <= MOST_ROOM as usize);
    number.ok_or_else(|| cx.refuse_last(format!("'{text}' is not a number from {least}")))
}

impl Act for Capture {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let scene = match self.wait {
            Wait::Yes => txn.scene(),
            Wait::No => txn.scene().settled(),
        };
        let Some(stream) = scene.stream else { return Verdict::Continue };
        let captured: &Captured = match self.side {
            Side::Request => &stream.request_captures,
            Side::Response => &stream.response_captures,
        };
        let text = match self.expr.eval(&scene) {
            Fetched::NotYet | Fetched::SoFar(_) => return Verdict::NotYet,
            found => found.value().and_then(|sample| sample.cast(Type::Str)),
        };
        if let Some(text) = text {
            captured.set(self.slot, &text.into_text());
        }
        Verdict::Continue
    }
}
