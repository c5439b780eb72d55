//! Actions on how the stream goes on: its timeouts, its retries, and the body that its rules wait for.

use std::time::Duration;

use config::{ProxyKind, Refusal};
use grammar::time::Unit;
use lang::Expr;
use lang::facts::{Overrides, Replay};
use lang::tls_facts::EarlyData;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::Txn;
use crate::verdict::{BodyWait, Verdict};

const REQUEST: RuleSets = RuleSets::HTTP_REQUEST;
const BOTH: RuleSets = RuleSets::HTTP_REQUEST.or(RuleSets::HTTP_RESPONSE);

/// The actions of this file.
pub static STREAM_ACTIONS: &[Action] = &[
    Action {
        name: "disable-l7-retry",
        sets: REQUEST,
        manual: "4.4.1",
        parse: |_| Ok(Box::new(DisableReplay)),
    },
    Action {
        name: "set-retries",
        sets: REQUEST.or(RuleSets::TCP_CONTENT),
        manual: "4.4.1",
        parse: set_retries,
    },
    Action { name: "set-timeout", sets: BOTH, manual: "4.4.1", parse: set_timeout },
    Action { name: "wait-for-body", sets: BOTH, manual: "4.4.1", parse: wait_for_body },
    Action {
        name: "wait-for-handshake",
        sets: REQUEST,
        manual: "4.4.1",
        parse: |_| Ok(Box::new(WaitForHandshake)),
    },
];

#[derive(Debug)]
struct DisableReplay;

impl Act for DisableReplay {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        change(txn, |overrides| overrides.replay = Replay::Never);
        Verdict::Continue
    }
}

fn change(txn: &mut Txn<'_>, change: impl FnOnce(&mut Overrides)) {
    if let Some(stream) = txn.stream.as_deref_mut() {
        change(&mut stream.overrides);
    }
}

/// A number that is written down, or asked for when the rule is run.
#[derive(Debug)]
enum Number {
    Fixed(u64),
    Asked(Expr),
}

impl Number {
    fn value(&self, txn: &Txn<'_>) -> Option<u64> {
        match self {
            Self::Fixed(n) => Some(*n),
            Self::Asked(expr) => u64::try_from(expr.eval(&txn.scene().settled()).value()?.to_int()?).ok(),
        }
    }
}

#[derive(Debug)]
struct SetRetries(Number);

const MOST_RETRIES: u64 = 100;

fn set_retries(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    if matches!(cx.statement.proxy().kind, ProxyKind::Frontend | ProxyKind::Defaults) {
        return Err(cx.refuse("'set-retries' only available in backend or listen section"));
    }
    let what = "an expression or an integer between 0 and 100";
    let written = cx.peek().ok_or_else(|| cx.refuse(format!("expects {what}")))?;
    let number = match written.parse::<i64>() {
        Ok(n) => {
            cx.take();
            let n = u64::try_from(n).ok().filter(|n| *n <= MOST_RETRIES);
            Number::Fixed(n.ok_or_else(|| cx.refuse_last(format!("expects {what}")))?)
        }
        Err(_) => Number::Asked(cx.expect_any_expr(what)?),
    };
    Ok(Box::new(SetRetries(number)))
}

impl Act for SetRetries {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        if let Some(retries) = self.0.value(txn).filter(|n| *n <= MOST_RETRIES) {
            change(txn, |overrides| overrides.retries = Some(retries as u32));
        }
        Verdict::Continue
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timeout {
    Client,
    Connect,
    Queue,
    Server,
    Tarpit,
    Tunnel,
}

#[derive(Debug)]
struct SetTimeout {
    timeout: Timeout,
    /// In milliseconds.
    value: Number,
}

fn set_timeout(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let name = cx.expect("the name of a timeout and its value")?;
    let timeout = match name.as_ref() {
        "client" => Timeout::Client,
        "connect" => Timeout::Connect,
        "queue" => Timeout::Queue,
        "server" => Timeout::Server,
        "tarpit" => Timeout::Tarpit,
        "tunnel" => Timeout::Tunnel,
        other => {
            return Err(cx.refuse_last(format!(
                "'set-timeout' rule supports 'client'/'connect'/'queue'/'server'/'tarpit'/'tunnel' (got '{other}')"
            )));
        }
    };
    let proxy = cx.statement.proxy();
    let missing = match (proxy.kind, timeout) {
        (ProxyKind::Backend, Timeout::Client) => Some("frontend"),
        (ProxyKind::Frontend, Timeout::Client | Timeout::Tarpit) => None,
        (ProxyKind::Frontend, _) => Some("backend"),
        _ => None,
    };
    if let Some(side) = missing {
        let text = format!("'{}' has no {side} capability", proxy.name);
        return Err(cx.refuse(text));
    }
    let what = "the name of a timeout and its value";
    let written = cx.peek().ok_or_else(|| cx.refuse(format!("expects {what}")))?;
    let value = if written.starts_with(|c: char| c.is_ascii_digit()) {
        let time = cx.expect_time(what)?;
        if time.is_zero() {
            return Err(cx.refuse_last(format!("null value is not valid for a 'set-timeout {name}' rule")));
        }
        Number::Fixed(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    } else {
        Number::Asked(cx.expect_any_expr(what)?)
    };
    Ok(Box::new(SetTimeout { timeout, value }))
}

impl Act for SetTimeout {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(time) = self.value.value(txn).filter(|ms| *ms > 0) else { return Verdict::Continue };
        let time = Some(Duration::from_millis(time.min(i32::MAX as u64)));
        change(txn, |o| match self.timeout {
            Timeout::Client => o.client = time,
            Timeout::Connect => o.connect = time,
            Timeout::Queue => o.queue = time,
            Timeout::Server => o.server = time,
            Timeout::Tarpit => o.tarpit = time,
            Timeout::Tunnel => o.tunnel = time,
        });
        Verdict::Continue
    }
}

#[derive(Debug)]
struct WaitForBody(BodyWait);

fn wait_for_body(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let (mut time, mut at_least) = (None, 0);
    while let Some(word) = cx.peek() {
        match word.as_ref() {
            "time" => {
                cx.take();
                time = Some(cx.expect_time("a time behind 'time'")?);
            }
            "at-least" => {
                cx.take();
                at_least = cx.expect_size("a size behind 'at-least'")?;
            }
            "use-large-buffer" => {
                cx.take();
                return Err(cx.refuse_last("bodies are kept in buffers of 'tune.bufsize' only"));
            }
            _ => break,
        }
    }
    let time = time.ok_or_else(|| cx.refuse("expects time <time> [ at-least <bytes> ]"))?;
    Ok(Box::new(WaitForBody(BodyWait { time, at_least })))
}

impl Act for WaitForBody {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::WaitForBody(self.0)
    }
}

#[derive(Debug)]
struct WaitForHandshake;

impl Act for WaitForHandshake {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let pending = txn.session.tls.tls().is_some_and(|t| t.early == EarlyData::Pending);
        if pending { Verdict::WaitForHandshake } else { Verdict::Continue }
    }
}

impl ActionCx<'_, '_> {
    /// Takes the next word as a time, in milliseconds unless it has a unit.
    pub(crate) fn expect_time(&mut self, what: &str) -> Result<Duration, Refusal> {
        let text = self.expect_value(what)?;
        let time = grammar::time::parse(text, Unit::Millisecond)
            .and_then(|t| t.in_unit(Unit::Millisecond, i32::MAX as u64))
            .map_err(|e| self.refuse_last(format!("invalid time : {e}")))?;
        Ok(Duration::from_millis(time))
    }

    /// Takes the next word as a size in bytes.
    fn expect_size(&mut self, what: &str) -> Result<u64, Refusal> {
        let text = self.expect_value(what)?;
        grammar::size::parse(text, i32::MAX as u64)
            .map_err(|e| self.refuse_last(format!("invalid size : {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lang::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts, StreamFacts};

    fn after(acts: &[&dyn Act]) -> Overrides {
        let (process, frontend) = (ProcessFacts::default(), ProxyFacts::default());
        let (mut session, mut stream) = (SessionFacts::default(), StreamFacts::default());
        for act in acts {
            let mut txn = Txn {
                now: Default::default(),
                process: &process,
                frontend: &frontend,
                backend: None,
                server: None,
                session: &mut session,
                stream: Some(&mut stream),
                request: None,
                response: None,
                payload: Payload::Unavailable,
                recorder: None,
                buffer: 16384,
            };
            assert!(matches!(act.act(&mut txn), Verdict::Continue));
        }
        stream.overrides
    }

    fn asked(text: &str) -> Number {
        let mut registry = base::registry::Registry::default();
        registry.add(lang::fetches::FETCHES);
        Number::Asked(Expr::parse(text.as_bytes(), &registry).unwrap())
    }

    #[test]
    fn each_timeout_is_replaced_alone() {
        let server = SetTimeout { timeout: Timeout::Server, value: Number::Fixed(1500) };
        let queue = SetTimeout { timeout: Timeout::Queue, value: asked("int(20)") };
        let overrides = after(&[&server, &queue]);
        assert_eq!(overrides.server, Some(Duration::from_millis(1500)));
        assert_eq!(overrides.queue, Some(Duration::from_millis(20)));
        assert_eq!((overrides.client, overrides.connect, overrides.tunnel), (None, None, None));
    }

    #[test]
    fn values_out_of_range_change_nothing() {
        let zero = SetTimeout { timeout: Timeout::Client, value: asked("int(0)") };
        let text = SetTimeout { timeout: Timeout::Client, value: asked("str(x)") };
        let many = SetRetries(asked("int(101)"));
        let negative = SetRetries(asked("int(-1)"));
        assert_eq!(after(&[&zero, &text, &many, &negative]), Overrides::default());
        assert_eq!(after(&[&SetRetries(asked("int(0)"))]).retries, Some(0));
        assert_eq!(after(&[&DisableReplay]).replay, Replay::Never);
    }
}
