//! The keywords of health checks.

use config::directive::Arity;
use config::options::{LineOption, ServerOption};
use config::{Directive, OptionCx, Prefix, Refusal, Section, Sections, Sense, Statement};
use grammar::time::Unit;

use crate::settings::{CheckKind, CheckSettings, Enabled, Header, HttpRequest, ProxyChecks, Route};

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "option httpchk",
        section: Section::Proxy(Sections::BACK),
        prefix: Prefix::NoDefault,
        arity: Arity::Between(0, 4),
        manual: "4.2",
        parse: httpchk,
    },
    Directive {
        name: "timeout check",
        section: Section::Proxy(Sections::BACK),
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "4.2",
        parse: |s| {
            let value = s.duration(0, Unit::Millisecond)?;
            s.slot::<ProxyChecks>().timeout = (!value.is_zero()).then_some(value);
            Ok(())
        },
    },
];

const fn option(
    name: &'static str,
    args: usize,
    parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
) -> ServerOption {
    ServerOption(LineOption { name, group: "", args, manual: "5.2", parse })
}

/// The server options of this room.
pub static SERVER_OPTIONS: &[ServerOption] = &[
    option("addr", 1, |cx| {
        let written = cx.take_bytes()?;
        let filled = cx.statement.draft.environment.fill(written).into_owned();
        let address = grammar::address::parse(&filled).map_err(|e| cx.refuse(&e.message))?;
        let address = net::resolve(&address).map_err(|e| cx.refuse(e.to_string()))?;
        cx.slot::<CheckSettings>().address = Some(address);
        Ok(())
    }),
    option("check", 0, |cx| enable(cx, Enabled::Yes)),
    option("check-send-proxy", 0, |cx| {
        cx.slot::<CheckSettings>().header = Header::Always;
        Ok(())
    }),
    option("check-via-socks4", 0, |cx| {
        cx.slot::<CheckSettings>().route = Route::ViaSocks4;
        Ok(())
    }),
    option("downinter", 1, |cx| {
        let value = cx.take_duration()?;
        cx.slot::<CheckSettings>().down = Some(value);
        Ok(())
    }),
    option("fall", 1, |cx| {
        let value = cx.take_integer(1..=i64::from(i32::MAX))?;
        cx.slot::<CheckSettings>().fall = value as u32;
        Ok(())
    }),
    option("fastinter", 1, |cx| {
        let value = cx.take_duration()?;
        cx.slot::<CheckSettings>().fast = Some(value);
        Ok(())
    }),
    option("inter", 1, |cx| {
        let value = cx.take_duration()?;
        if value.is_zero() {
            return Err(cx.refuse("expects a delay above 0"));
        }
        cx.slot::<CheckSettings>().interval = value;
        Ok(())
    }),
    option("no-check", 0, |cx| enable(cx, Enabled::No)),
    option("no-check-send-proxy", 0, |cx| {
        cx.slot::<CheckSettings>().header = Header::AsTraffic;
        Ok(())
    }),
    option("port", 1, |cx| {
        let value = cx.take_integer(1..=65535)?;
        cx.slot::<CheckSettings>().port = Some(value as u16);
        Ok(())
    }),
    option("rise", 1, |cx| {
        let value = cx.take_integer(1..=i64::from(i32::MAX))?;
        cx.slot::<CheckSettings>().rise = value as u32;
        Ok(())
    }),
];

fn enable(cx: &mut OptionCx<'_, '_>, enabled: Enabled) -> Result<(), Refusal> {
    cx.slot::<CheckSettings>().enabled = enabled;
    Ok(())
}

/// `option httpchk [<uri> | <method> <uri> [<version> [<host>]]]`
fn httpchk(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let kind = match s.sense {
        Sense::No | Sense::Default => CheckKind::Connect,
        Sense::Set => {
            let mut request = HttpRequest::default();
            match s.args() {
                0 => {}
                1 => request.target = s.bytes(0).into(),
                n => {
                    request.method = s.bytes(0).into();
                    request.target = s.bytes(1).into();
                    if n > 2 {
                        request.version = version(s)?;
                    }
                    if n > 3 {
                        request.host = Some(s.bytes(3).into());
                    }
                }
            }
            CheckKind::Http(request)
        }
    };
    s.slot::<ProxyChecks>().kind = kind;
    Ok(())
}

/// Older files write headers behind the version, with escaped line ends; a `Host` among them keeps its meaning.
fn version(s: &mut Statement<'_>) -> Result<Box<[u8]>, Refusal> {
    let written = s.arg(2).into_owned();
    match written.as_str() {
        "HTTP/1.0" | "HTTP/1.1" => Ok(written.as_bytes().into()),
        _ if written.contains('\n') => Err(s.refuse(
            2,
            "'option httpchk' : headers behind the version are not taken any more; use 'http-check send' instead.",
        )),
        _ => Err(s.refuse(2, format!("'option httpchk' : invalid HTTP version '{written}'."))),
    }
}
