//! Actions on connections: what they must begin with, where they seem to come from, how their packets
//! are marked.

use base::addr::Addr;
use config::Refusal;
use lang::{Expr, Sample};
use rule::{Act, Action, ActionCx, Ending, RuleSets, Txn, Verdict};

const CONNECTION: RuleSets = RuleSets::TCP_CONNECTION;
const REQUEST: RuleSets =
    CONNECTION.or(RuleSets::TCP_SESSION).or(RuleSets::TCP_CONTENT).or(RuleSets::HTTP_REQUEST);
const CLIENT_SIDE: RuleSets = REQUEST.or(RuleSets::TCP_RESPONSE).or(RuleSets::HTTP_RESPONSE);
const SERVER_SIDE: RuleSets = RuleSets::TCP_CONTENT.or(RuleSets::HTTP_REQUEST);

const fn action(
    name: &'static str,
    sets: RuleSets,
    parse: fn(&mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal>,
) -> Action {
    Action { name, sets, manual: "4.4.1", parse }
}

/// The actions of this room.
pub static ACTIONS: &[Action] = &[
    action("expect-netscaler-cip", CONNECTION, |cx| expect(cx, Beginning::ClientIp)),
    action("expect-proxy", CONNECTION, |cx| expect(cx, Beginning::Proxy)),
    action("set-bc-mark", SERVER_SIDE, |cx| packets(cx, Side::Server, Trait::Mark)),
    action("set-bc-tos", SERVER_SIDE, |cx| packets(cx, Side::Server, Trait::Tos)),
    action("set-dst", REQUEST, |cx| rewrite(cx, End::Destination, Part::Host)),
    action("set-dst-port", REQUEST, |cx| rewrite(cx, End::Destination, Part::Port)),
    action("set-fc-mark", CLIENT_SIDE, |cx| packets(cx, Side::Client, Trait::Mark)),
    action("set-fc-tos", CLIENT_SIDE, |cx| packets(cx, Side::Client, Trait::Tos)),
    action("set-mark", CLIENT_SIDE, |cx| packets(cx, Side::Client, Trait::Mark)),
    action("set-src", REQUEST, |cx| rewrite(cx, End::Source, Part::Host)),
    action("set-src-port", REQUEST, |cx| rewrite(cx, End::Source, Part::Port)),
    action("silent-drop", CLIENT_SIDE, silent_drop),
    action("set-tos", CLIENT_SIDE, |cx| packets(cx, Side::Client, Trait::Tos)),
];

#[derive(Clone, Copy, Debug)]
enum Beginning {
    Proxy,
    ClientIp,
}

fn expect(cx: &mut ActionCx<'_, '_>, beginning: Beginning) -> Result<Box<dyn Act>, Refusal> {
    match cx.take().as_deref() {
        Some("layer4") => Ok(Box::new(beginning)),
        _ => Err(cx.refuse("expects 'layer4'")),
    }
}

impl Act for Beginning {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let expected = &mut txn.session.expected;
        match self {
            Self::Proxy => expected.proxy = true,
            Self::ClientIp => expected.client_ip = true,
        }
        Verdict::Continue
    }
}

#[derive(Debug)]
struct SilentDrop {
    /// How far the reset goes, if there is to be one.
    hops: Option<u8>,
}

fn silent_drop(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let mut hops = None;
    if cx.peek().as_deref() == Some("rst-ttl") {
        cx.take();
        let text = cx.expect("a number behind 'rst-ttl'")?;
        let number = text.parse().ok().filter(|n| *n > 0);
        hops = Some(number.ok_or_else(|| cx.refuse_last(format!("'{text}' is not a number from 1 to 255")))?);
    }
    Ok(Box::new(SilentDrop { hops }))
}

impl Act for SilentDrop {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        if let Some(socket) = txn.session.socket {
            // What the system does not allow ends like any other connection.
            let _ = net::socket::vanish(socket, self.hops);
        }
        Verdict::End(Ending::SilentDrop)
    }

    fn is_final(&self) -> bool {
        true
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Host,
    Port,
}

/// For whom an address is replaced.
#[derive(Clone, Copy, Debug)]
enum Scope {
    /// For the connection itself: it seems to be its own.
    Connection,
    /// For all its streams.
    Session,
    /// For this one stream.
    Stream,
}

#[derive(Debug)]
struct Rewrite {
    end: End,
    part: Part,
    scope: Scope,
    value: Expr,
}

fn rewrite(cx: &mut ActionCx<'_, '_>, end: End, part: Part) -> Result<Box<dyn Act>, Refusal> {
    let scope = match cx.set {
        RuleSets::TCP_CONNECTION => Scope::Connection,
        RuleSets::TCP_SESSION => Scope::Session,
        _ => Scope::Stream,
    };
    let value = cx.expect_expr("an expression")?;
    Ok(Box::new(Rewrite { end, part, scope, value }))
}

impl Act for Rewrite {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let scene = txn.scene();
        let before = match self.end {
            End::Source => scene.source(),
            End::Destination => scene.destination(),
        };
        // Without a value, or one of the right type, everything stays as it is.
        let Some(sample) = self.value.eval(&scene).value() else { return Verdict::Continue };
        let Some(addr) = self.part.replace(before, &sample) else { return Verdict::Continue };
        let session = &mut *txn.session;
        match (self.scope, self.end) {
            (Scope::Connection, End::Source) => session.source = Some(addr),
            (Scope::Connection, End::Destination) => session.destination.set(addr),
            (Scope::Session, End::Source) => session.replace_source(addr),
            (Scope::Session, End::Destination) => session.replace_destination(addr),
            (Scope::Stream, end) => {
                if let Some(stream) = txn.stream.as_deref_mut() {
                    match end {
                        End::Source => stream.source = Some(addr),
                        End::Destination => stream.destination = Some(addr),
                    }
                }
            }
        }
        Verdict::Continue
    }
}

impl Part {
    fn replace(self, before: Option<&Addr>, sample: &Sample<'_>) -> Option<Addr> {
        match self {
            Self::Host => {
                let ip = sample.to_addr()?;
                Some(before.map_or_else(|| Addr::inet(ip, 0), |addr| addr.with_ip(ip)))
            }
            Self::Port => {
                let port = u16::try_from(sample.to_int()?).ok()?;
                match before {
                    Some(addr @ Addr::Inet(_)) => Some(addr.with_port(port)),
                    _ => Some(Addr::inet([0, 0, 0, 0], port)),
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug)]
enum Trait {
    Mark,
    Tos,
}

#[derive(Debug)]
enum Number {
    Fixed(u32),
    Asked(Expr),
}

#[derive(Debug)]
struct Packets {
    side: Side,
    what: Trait,
    number: Number,
}

fn packets(cx: &mut ActionCx<'_, '_>, side: Side, what: Trait) -> Result<Box<dyn Act>, Refusal> {
    let max = match what {
        Trait::Mark => u32::MAX,
        Trait::Tos => 255,
    };
    let written = cx.peek().ok_or_else(|| cx.refuse("expects a number, or an expression that gives one"))?;
    let number = match whole_number(&written) {
        Some(number) if number <= u64::from(max) => {
            cx.take();
            Number::Fixed(number as u32)
        }
        Some(_) => {
            cx.take();
            return Err(cx.refuse_last(format!("'{written}' is not a number between 0 and {max}")));
        }
        None => Number::Asked(cx.expect_expr("an expression")?),
    };
    Ok(Box::new(Packets { side, what, number }))
}

/// A number in decimal, or in hexadecimal behind `0x`.
fn whole_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Packets {
    fn number(&self, txn: &Txn<'_>) -> Option<u32> {
        match &self.number {
            Number::Fixed(number) => Some(*number),
            Number::Asked(expr) => {
                let asked = expr.eval(&txn.scene()).value()?.to_int()?;
                // As an unsigned integer of 32 bits would wrap it.
                Some(asked as u32)
            }
        }
    }
}

impl Act for Packets {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let Some(number) = self.number(txn) else { return Verdict::Continue };
        match (self.side, self.what) {
            // What the system does not allow changes nothing else.
            (Side::Client, Trait::Mark) => {
                if let Some(socket) = txn.session.socket {
                    let _ = net::socket::set_mark_of(socket, number);
                }
            }
            (Side::Client, Trait::Tos) => {
                if let Some(socket) = txn.session.socket {
                    let _ = net::socket::set_tos_of(socket, number as u8);
                }
            }
            (Side::Server, what) => {
                if let Some(stream) = txn.stream.as_deref_mut() {
                    match what {
                        Trait::Mark => stream.server_mark = Some(number),
                        Trait::Tos => stream.server_tos = Some(number as u8),
                    }
                }
            }
        }
        Verdict::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        Addr::Inet(text.parse().unwrap())
    }

    #[test]
    fn a_host_keeps_its_port_and_a_port_its_host() {
        let ip = Sample::ip([9, 9, 9, 9].into());
        let before = addr("1.2.3.4:11");
        assert_eq!(Part::Host.replace(Some(&before), &ip), Some(addr("9.9.9.9:11")));
        assert_eq!(Part::Port.replace(Some(&before), &Sample::Int(77)), Some(addr("1.2.3.4:77")));
        let unix = Addr::unix(b"/x");
        assert_eq!(Part::Host.replace(Some(&unix), &ip), Some(addr("9.9.9.9:0")));
        assert_eq!(Part::Port.replace(Some(&unix), &Sample::Int(77)), Some(addr("0.0.0.0:77")));
        assert_eq!(Part::Host.replace(None, &ip), Some(addr("9.9.9.9:0")));
        assert_eq!(Part::Port.replace(Some(&before), &Sample::Int(65536)), None);
        assert_eq!(Part::Host.replace(Some(&before), &Sample::text(b"x")), None);
    }

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(
            (whole_number("10"), whole_number("0x10"), whole_number("src")),
            (Some(10), Some(16), None)
        );
    }
}
