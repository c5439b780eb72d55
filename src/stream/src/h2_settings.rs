//! What the configuration says of HTTP/2.

use config::directive::{Arity, Switch};
use config::{Directive, Prefix, Refusal, Section, Sections, Setting, Statement};
use h2::{ExtendedConnect, Settings, Strictness};

use crate::settings::{Tuning, Violations};

/// The settings of the process (`tune.h2.*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct H2Tuning {
    /// `tune.h2.header-table-size`.
    table: Option<u32>,
    /// `tune.h2.max-frame-size`.
    max_frame: Option<u32>,
    /// `tune.h2.initial-window-size` and `tune.h2.max-concurrent-streams`, for both sides.
    common: SideTuning,
    /// `tune.h2.fe.*`.
    front: SideTuning,
    /// `tune.h2.be.*`.
    back: SideTuning,
    /// `h2-workaround-bogus-websocket-clients`.
    no_websockets: Switch,
    /// `tune.h2.log-errors`.
    pub(crate) log_errors: LogErrors,
}

/// What of the errors that clients make is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogErrors {
    /// Nothing.
    Never,
    /// What ends a connection.
    OfConnections,
    /// What ends a stream, too.
    #[default]
    OfStreams,
}

impl Setting for H2Tuning {}

/// The settings of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SideTuning {
    window: Option<u32>,
    streams: Option<u32>,
    buffers: Option<u32>,
    total_streams: u32,
    frames_at_once: u32,
    resets_at_once: u32,
    glitches: u32,
}

impl H2Tuning {
    fn settings(&self, side: &SideTuning, tuning: &Tuning) -> Settings {
        let buffer = u32::try_from(tuning.buffer_size).unwrap_or(u32::MAX / 2);
        let streams = side.streams.or(self.common.streams).unwrap_or(100);
        let window = side.window.or(self.common.window).unwrap_or(buffer);
        // One buffer for each stream, at least.
        let least = streams.max(1).saturating_mul(buffer);
        let buffers = side.buffers.unwrap_or(least).next_multiple_of(buffer.max(1)).max(least);
        let largest = buffer.max(16384);
        Settings {
            max_streams: streams,
            window,
            max_frame: self.max_frame.unwrap_or(largest).min(largest),
            table: self.table.unwrap_or(4096),
            buffers: buffers.min(i32::MAX as u32),
            max_head: tuning.buffer_size,
            max_fields: tuning.max_headers,
            total_streams: side.total_streams,
            frames_at_once: side.frames_at_once,
            resets_at_once: side.resets_at_once,
            extended_connect: match self.no_websockets {
                Switch::On => ExtendedConnect::No,
                Switch::Off => ExtendedConnect::Offered,
            },
            strictness: Strictness::Strict,
        }
    }

    /// What clients are told.
    pub(crate) fn front(&self, tuning: &Tuning, violations: Violations) -> Settings {
        let strictness = match violations {
            Violations::Refused => Strictness::Strict,
            Violations::Tolerated => Strictness::Relaxed,
        };
        Settings { strictness, ..self.settings(&self.front, tuning) }
    }

    /// What servers are told.
    pub(crate) fn back(&self, tuning: &Tuning) -> Settings {
        self.settings(&self.back, tuning)
    }

    /// The things that peers do not do, after which a client's connection, or a server's, is closed; 0 for never.
    pub(crate) fn glitches(&self) -> (u32, u32) {
        (self.front.glitches, self.back.glitches)
    }
}

/// The options of a frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct H2Options {
    /// `option disable-h2-upgrade`.
    pub upgrade_disabled: Switch,
}

impl Setting for H2Options {}

const fn tune(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    Directive {
        name,
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.2",
        parse,
    }
}

/// Takes a number in these limits.
fn number(
    s: &mut Statement<'_>,
    (least, most): (i64, i64),
    set: impl FnOnce(&mut H2Tuning, u32),
) -> Result<(), Refusal> {
    let value = s.integer(0, least..=most)?;
    set(s.slot(), value as u32);
    Ok(())
}

fn size(s: &mut Statement<'_>, set: impl FnOnce(&mut H2Tuning, u32)) -> Result<(), Refusal> {
    let value = s.size(0)?;
    set(s.slot(), u32::try_from(value).unwrap_or(u32::MAX));
    Ok(())
}

const ANY: (i64, i64) = (0, i32::MAX as i64);

/// The directives of HTTP/2.
pub static H2_DIRECTIVES: &[Directive] = &[
    Directive {
        arity: Arity::None,
        ..tune("h2-workaround-bogus-websocket-clients", |s| {
            s.slot::<H2Tuning>().no_websockets = Switch::On;
            Ok(())
        })
    },
    Directive {
        name: "option disable-h2-upgrade",
        section: Section::Proxy(Sections::FRONT),
        prefix: Prefix::NoDefault,
        arity: Arity::None,
        manual: "4.2",
        parse: |s| {
            let on = Switch::of(s.sense);
            s.slot::<H2Options>().upgrade_disabled = on;
            Ok(())
        },
    },
    tune("tune.h2.be.glitches-threshold", |s| number(s, ANY, |t, n| t.back.glitches = n)),
    tune("tune.h2.be.initial-window-size", |s| number(s, ANY, |t, n| t.back.window = Some(n))),
    tune("tune.h2.be.max-frames-at-once", |s| number(s, ANY, |t, n| t.back.frames_at_once = n)),
    tune("tune.h2.be.max-concurrent-streams", |s| number(s, ANY, |t, n| t.back.streams = Some(n))),
    tune("tune.h2.be.rxbuf", |s| size(s, |t, n| t.back.buffers = Some(n))),
    tune("tune.h2.fe.glitches-threshold", |s| number(s, ANY, |t, n| t.front.glitches = n)),
    tune("tune.h2.fe.initial-window-size", |s| number(s, ANY, |t, n| t.front.window = Some(n))),
    Directive {
        arity: Arity::AtLeast(1),
        ..tune("tune.h2.fe.max-concurrent-streams", |s| {
            number(s, ANY, |t, n| t.front.streams = Some(n))?;
            adapted(s)
        })
    },
    tune("tune.h2.fe.max-frames-at-once", |s| number(s, ANY, |t, n| t.front.frames_at_once = n)),
    tune("tune.h2.fe.max-rst-at-once", |s| number(s, ANY, |t, n| t.front.resets_at_once = n)),
    tune("tune.h2.fe.max-total-streams", |s| number(s, ANY, |t, n| t.front.total_streams = n)),
    tune("tune.h2.fe.rxbuf", |s| size(s, |t, n| t.front.buffers = Some(n))),
    tune("tune.h2.header-table-size", |s| number(s, (0, 65536), |t, n| t.table = Some(n))),
    tune("tune.h2.initial-window-size", |s| number(s, ANY, |t, n| t.common.window = Some(n))),
    tune("tune.h2.log-errors", |s| {
        let level = match s.arg(0).as_ref() {
            "none" => LogErrors::Never,
            "connection" => LogErrors::OfConnections,
            "stream" => LogErrors::OfStreams,
            other => {
                let text = format!(
                    "'tune.h2.log-errors' expects 'none', 'connection', or 'stream' but got '{other}'."
                );
                return Err(s.refuse(0, text));
            }
        };
        s.slot::<H2Tuning>().log_errors = level;
        Ok(())
    }),
    tune("tune.h2.max-concurrent-streams", |s| number(s, ANY, |t, n| t.common.streams = Some(n))),
    tune("tune.h2.max-frame-size", |s| number(s, (16384, 16_777_215), |t, n| t.max_frame = Some(n))),
    // Whether copies are spared is for each transfer to see.
    tune("tune.h2.zero-copy-fwd-send", |s| match s.arg(0).as_ref() {
        "on" | "off" => Ok(()),
        other => {
            let text = format!("'tune.h2.zero-copy-fwd-send' expects 'on' or 'off' but got '{other}'.");
            Err(s.refuse(0, text))
        }
    }),
];

/// What stands behind the number of streams: how it goes by the load of the thread, which nobody measures here.
fn adapted(s: &Statement<'_>) -> Result<(), Refusal> {
    let mut at = 1;
    while at < s.args() {
        match (s.arg(at).as_ref(), (at + 1 < s.args()).then(|| s.arg(at + 1))) {
            ("rq-load", Some(load)) if load == "ignore" => {}
            ("rq-load", Some(load)) => {
                let text = format!("'rq-load {load}' is not supported: only 'ignore' is");
                return Err(s.refuse(at + 1, text));
            }
            ("min", Some(least)) if least.parse::<u32>().is_ok_and(|n| n > 0) => {}
            ("min", Some(least)) => {
                return Err(s.refuse(at + 1, format!("'min' expects a positive number, got '{least}'")));
            }
            (other, _) => {
                let text = format!("expects 'rq-load' and 'min' with their values, got '{other}'");
                return Err(s.refuse(at, text));
            }
        }
        at += 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_comes_before_what_is_common() {
        let tuning = Tuning::default();
        let settings = |h2: H2Tuning| h2.front(&tuning, Violations::Refused);
        let plain = settings(H2Tuning::default());
        assert_eq!(plain, Settings::default());
        let common = SideTuning { window: Some(1), streams: Some(2), ..SideTuning::default() };
        let front = SideTuning { window: Some(3), ..SideTuning::default() };
        let both = settings(H2Tuning { common, front, ..H2Tuning::default() });
        assert_eq!((both.window, both.max_streams), (3, 2));
        assert_eq!(both.buffers, 2 * 16384);
    }

    #[test]
    fn frames_are_not_larger_than_buffers() {
        let h2 = H2Tuning { max_frame: Some(100_000), ..H2Tuning::default() };
        let tuning = Tuning { buffer_size: 32768, ..Tuning::default() };
        assert_eq!(h2.back(&tuning).max_frame, 32768);
        assert_eq!(h2.back(&Tuning::default()).max_frame, 16384);
        assert_eq!(H2Tuning::default().back(&Tuning { buffer_size: 1024, ..tuning }).max_frame, 16384);
    }
}
