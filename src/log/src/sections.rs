//! The sections `ring` and `log-profile`.

use config::{Naming, Refusal, SectionKind, Statement};

use crate::profile::{On, OnStep};
use crate::settings::{FormatText, ProfileSettings, RingSettings};
use crate::step::Step;

pub(crate) const RING: &str = "ring";
pub(crate) const PROFILE: &str = "log-profile";

/// The sections of this room.
pub static SECTIONS: &[SectionKind] = &[
    SectionKind { name: RING, named: Naming::Required, manual: "12.5" },
    SectionKind { name: PROFILE, named: Naming::Required, manual: "8.3.5" },
];

pub(crate) fn format(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let format = s.arg(0).parse().map_err(|()| s.refuse(0, format!("unknown format '{}'.", s.arg(0))))?;
    s.slot::<RingSettings>().format = Some(format);
    Ok(())
}

pub(crate) fn max_len(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let len = ring_size(s)?;
    s.slot::<RingSettings>().max_len = Some(len);
    Ok(())
}

pub(crate) fn size(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let size = ring_size(s)?;
    s.slot::<RingSettings>().size = Some(size);
    Ok(())
}

/// What would send a ring's messages on.
pub(crate) fn unsupported(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let text = "is not supported in a ring: its messages stay in memory and are read by 'show events'.";
    Err(Refusal::new(format!("'{}' {text}", s.keyword())))
}

fn ring_size(s: &Statement<'_>) -> Result<usize, Refusal> {
    let size = grammar::size::parse(s.bytes(0), u64::from(u32::MAX)).ok().filter(|size| *size > 0);
    let size = size.and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| s.refuse(0, format!("invalid {} '{}' for a ring.", s.keyword(), s.arg(0))))
}

pub(crate) fn on(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = s.arg(0);
    let on = match name.parse::<Step>() {
        Ok(step) => On::Step(step),
        Err(()) if name == "any" => On::Any,
        Err(()) => {
            let names = Step::STORY.map(Step::name).join(", ");
            return Err(s.refuse(0, format!("'on' expects a log step: {names}, error or any.")));
        }
    };
    let what = if s.arg(1) == "drop" { OnStep::Drop } else { formats(s, &name)? };
    s.slot::<ProfileSettings>().0.set(on, what);
    Ok(())
}

fn formats(s: &Statement<'_>, step: &str) -> Result<OnStep, Refusal> {
    let (mut line, mut structured) = (None, None);
    let mut at = 1;
    loop {
        let slot = match s.arg(at).as_ref() {
            "format" => &mut line,
            "sd" => &mut structured,
            "" if at > 1 => return Ok(OnStep::Formats { line, structured }),
            _ => {
                let at = at.min(s.args() - 1);
                return Err(s.refuse(at, format!("'on {step}' expects 'drop', 'format' or 'sd'.")));
            }
        };
        if s.args() <= at + 1 {
            return Err(s.refuse(at, format!("'on {step} {}' expects a logformat string.", s.arg(at))));
        }
        *slot = Some(FormatText::of_argument(s, at + 1));
        at += 2;
    }
}
