//! `stats socket` and its companions of the `global` section.

use std::sync::Arc;
use std::time::Duration;

use config::directive::Arity;
use config::options::parse_options;
use config::{
    BindOption, Directive, LineOption, OptionCx, Prefix, Refusal, Section, Setting, Slots, Statement,
};
use grammar::address;
use grammar::time::Unit;
use keyword::command::{Level, SeverityOutput};
use net::{BindDraft, ListenSpec};

/// What `global` says of the runtime API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The `stats socket` lines.
    pub sockets: Vec<Arc<BindDraft>>,
    /// `stats timeout`.
    pub timeout: Duration,
    /// `stats maxconn`.
    pub maxconn: u64,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { sockets: Vec::new(), timeout: Duration::from_secs(10), maxconn: 10 }
    }
}

impl ApiSettings {
    /// The descriptors that the runtime API may need: its sockets, and connections to them.
    pub fn descriptors(&self) -> u64 {
        let sockets: u64 =
            self.sockets.iter().map(|line| line.specs().map_or(1, |specs| specs.len() as u64)).sum();
        if sockets == 0 { 0 } else { sockets + self.maxconn }
    }
}

impl Setting for ApiSettings {}

/// Whether a socket gives away the listening sockets of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expose {
    /// It does not.
    #[default]
    Nothing,
    /// `expose-fd listeners`.
    Listeners,
}

/// What a `stats socket` line says beyond its socket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketSettings {
    /// `level`.
    pub(crate) level: Level,
    /// `severity-output`.
    pub(crate) severity: SeverityOutput,
    /// `expose-fd`.
    pub(crate) expose: Expose,
}

impl Setting for SocketSettings {}

const fn global(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    global("stats maxconn", Arity::Exactly(1), |s| {
        let refused = |_| s.refuse(0, "'stats maxconn' expects a positive value");
        let value = s.integer(0, 1..=i64::from(i32::MAX)).map_err(refused)?;
        s.slot::<ApiSettings>().maxconn = value as u64;
        Ok(())
    }),
    global("stats socket", Arity::AtLeast(0), stats_socket),
    global("stats timeout", Arity::Exactly(1), |s| {
        let value = s.duration(0, Unit::Millisecond)?;
        if value.is_zero() {
            return Err(s.refuse(0, "'stats timeout' expects a positive value"));
        }
        s.slot::<ApiSettings>().timeout = value;
        Ok(())
    }),
];

fn stats_socket(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if s.args() == 0 {
        let text = "'stats socket' in global section expects an address or a path to a UNIX socket";
        return Err(Refusal::new(text));
    }
    let written = s.arg(0).into_owned();
    let addresses = address::parse_list(&s.address(0)).map_err(|e| {
        s.refuse_part(0, e.span, format!("'stats socket' : invalid address '{written}' : {}.", e.message))
    })?;
    for address in &addresses {
        use address::{Host, Port};
        if address.port == Port::None && !matches!(address.host, Host::Path(_) | Host::Descriptor(_)) {
            return Err(s.refuse(0, format!("'stats socket' : missing port specification in '{written}'")));
        }
    }
    let mut slots = Slots::default();
    parse_options::<BindOption>(s, 1, &mut slots)?;
    let place = s.place.clone();
    let draft = Arc::new(BindDraft { addresses, written, place, slots });
    s.slot::<ApiSettings>().sockets.push(draft);
    Ok(())
}

const fn option(
    name: &'static str,
    args: usize,
    parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
) -> BindOption {
    BindOption(LineOption { name, group: "", args, manual: "5.1", parse })
}

/// The `bind` options of this room.
pub static BIND_OPTIONS: &[BindOption] = &[
    option("expose-fd", 1, |cx| match cx.take()?.as_ref() {
        "listeners" => {
            cx.slot::<SocketSettings>().expose = Expose::Listeners;
            Ok(())
        }
        other => Err(cx.refuse(format!("only supports 'listeners' (got '{other}')"))),
    }),
    option("gid", 1, |cx| {
        let id = cx.take_integer(0..=i64::from(u32::MAX))?;
        cx.slot::<ListenSpec>().unix.gid = Some(id as u32);
        Ok(())
    }),
    option("group", 1, |cx| {
        let name = cx.take()?;
        let id = sys::ids::group_id(&name).map_err(|_| cx.refuse(format!("unknown group name '{name}'")))?;
        cx.slot::<ListenSpec>().unix.gid = Some(id);
        Ok(())
    }),
    option("level", 1, |cx| {
        let name = cx.take()?;
        let level = Level::by_name(&name).ok_or_else(|| {
            cx.refuse(format!("only supports 'user', 'operator', and 'admin' (got '{name}')"))
        })?;
        cx.slot::<SocketSettings>().level = level;
        Ok(())
    }),
    option("mode", 1, |cx| {
        let text = cx.take()?;
        let mode = u32::from_str_radix(&text, 8)
            .map_err(|_| cx.refuse(format!("missing or invalid mode '{text}' (octal integer expected)")))?;
        cx.slot::<ListenSpec>().unix.mode = Some(mode);
        Ok(())
    }),
    option("severity-output", 1, |cx| {
        let name = cx.take()?;
        let severity = SeverityOutput::by_name(&name).ok_or_else(|| {
            cx.refuse(format!("only supports 'none', 'number', and 'string' (got '{name}')"))
        })?;
        cx.slot::<SocketSettings>().severity = severity;
        Ok(())
    }),
    option("uid", 1, |cx| {
        let id = cx.take_integer(0..=i64::from(u32::MAX))?;
        cx.slot::<ListenSpec>().unix.uid = Some(id as u32);
        Ok(())
    }),
    option("user", 1, |cx| {
        let name = cx.take()?;
        let id = sys::ids::user_id(&name).map_err(|_| cx.refuse(format!("unknown user name '{name}'")))?;
        cx.slot::<ListenSpec>().unix.uid = Some(id);
        Ok(())
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::draft;

    fn settings(lines: &str) -> ApiSettings {
        draft(&format!("global\n{lines}")).unwrap().global()
    }

    fn refusal(line: &str) -> String {
        draft(&format!("global\n{line}\n")).unwrap_err().join("\n")
    }

    #[test]
    fn sockets_are_read_with_their_parameters() {
        let api = settings(
            " stats socket /run/a.sock mode 660 uid 7 gid 8 level admin expose-fd listeners\n \
             stats socket 127.0.0.1:1234 severity-output number\n stats socket fd@3 level user name x\n \
             stats timeout 2m\n stats maxconn 3\n",
        );
        assert_eq!((api.timeout, api.maxconn, api.sockets.len()), (Duration::from_mins(2), 3, 3));
        let of = |i: usize| {
            let slots = &api.sockets[i].slots;
            (slots.get_or_default::<SocketSettings>(), slots.get_or_default::<ListenSpec>().unix)
        };
        let (first, unix) = of(0);
        assert_eq!((first.level, first.expose), (Level::Admin, Expose::Listeners));
        assert_eq!((unix.mode, unix.uid, unix.gid), (Some(0o660), Some(7), Some(8)));
        assert_eq!((of(1).0.level, of(1).0.severity), (Level::Operator, SeverityOutput::Number));
        assert_eq!(of(2).0.level, Level::User);
    }

    #[test]
    fn nonsense_is_refused() {
        for (line, part) in [
            ("stats socket", "expects an address or a path"),
            ("stats socket /x level root", "only supports 'user', 'operator', and 'admin' (got 'root')"),
            ("stats socket /x level", "missing"),
            ("stats socket /x expose-fd all", "only supports 'listeners' (got 'all')"),
            ("stats socket /x severity-output all", "only supports 'none', 'number', and 'string'"),
            ("stats socket /x mode 999", "octal integer expected"),
            ("stats socket /x user no-such-user", "unknown user name 'no-such-user'"),
            ("stats socket /x group no-such-group", "unknown group name 'no-such-group'"),
            ("stats socket 1.2.3.4", "missing port specification in '1.2.3.4'"),
            ("stats socket /x bar", "unknown keyword 'bar'"),
            ("stats timeout 0", "expects a positive value"),
            ("stats maxconn 0", "expects a positive value"),
        ] {
            let text = refusal(line);
            assert!(text.contains(part), "{line}: {text}");
        }
    }
}
