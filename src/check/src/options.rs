//! The options of servers that concern their checks.

use backend::InitState;
use config::options::{LineOption, ServerOption};
use config::{OptionCx, Refusal};

use crate::agent::AgentSettings;
use crate::settings::{CheckSettings, Enabled, Header, Named, Route};
use crate::words;

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
    option("agent-addr", 1, |cx| {
        let written = cx.take_bytes()?;
        let filled = cx.statement.draft.environment.fill(written).into_owned();
        let address = grammar::address::parse(&filled).map_err(|e| cx.refuse(&e.message))?;
        let address = net::resolve(&address).map_err(|e| cx.refuse(e.to_string()))?;
        cx.slot::<AgentSettings>().address = Some(address);
        Ok(())
    }),
    option("agent-check", 0, |cx| {
        cx.slot::<AgentSettings>().enabled = Enabled::Yes;
        Ok(())
    }),
    option("agent-inter", 1, |cx| {
        let value = cx.take_duration()?;
        if value.is_zero() {
            return Err(cx.refuse("expects a delay above 0"));
        }
        cx.slot::<AgentSettings>().interval = value;
        Ok(())
    }),
    option("agent-port", 1, |cx| {
        let value = cx.take_integer(1..=65535)?;
        cx.slot::<AgentSettings>().port = Some(value as u16);
        Ok(())
    }),
    option("agent-send", 1, |cx| {
        let words = cx.take_bytes()?.into();
        cx.slot::<AgentSettings>().send = words;
        Ok(())
    }),
    option("check", 0, |cx| enable(cx, Enabled::Yes)),
    option("check-alpn", 1, |cx| {
        let list = cx.take_bytes()?;
        let list = words::protocols(list).map_err(|why| cx.refuse(why))?;
        cx.slot::<CheckSettings>().alpn = Some(list);
        Ok(())
    }),
    option("check-proto", 1, |cx| {
        let name = cx.take()?;
        let protocol = words::protocol(&name).map_err(|why| cx.refuse(why))?;
        cx.slot::<CheckSettings>().protocol = Some(protocol);
        Ok(())
    }),
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
    option("healthcheck", 1, |cx| {
        let name = cx.take()?.into();
        cx.slot::<CheckSettings>().section = Some(Named { name, checks: None });
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
    option("init-state", 1, |cx| {
        let init = match cx.take()?.as_ref() {
            "none" => InitState::Unsettled,
            "up" => InitState::Up,
            "fully-up" => InitState::FullyUp,
            "down" => InitState::Down,
            "fully-down" => InitState::FullyDown,
            _ => return Err(cx.refuse("expects 'fully-up', 'up', 'down', 'fully-down' or 'none'")),
        };
        cx.slot::<CheckSettings>().init = init;
        Ok(())
    }),
    option("no-agent-check", 0, |cx| {
        cx.slot::<AgentSettings>().enabled = Enabled::No;
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
