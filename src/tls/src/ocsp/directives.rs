//! How responses are updated: the `ocsp-update.*` settings of `global` (configuration manual, 3.1).

use config::directive::Arity;
use config::{Directive, Prefix, Refusal, Section, Statement};

use super::schedule::{Mode, Terms};
use crate::settings::Defaults;

const fn global(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

/// The directives on updates of responses.
pub static UPDATE_DIRECTIVES: &[Directive] = &[
    global("ocsp-update.disable", Arity::AtLeast(0), |s| {
        if let Some(disabled) = mode(s) {
            let all = if disabled == Mode::On { Mode::Off } else { Mode::On };
            s.slot::<Defaults>().updates.all = all;
        }
        Ok(())
    }),
    global("ocsp-update.maxdelay", Arity::Exactly(1), longest),
    global("ocsp-update.mindelay", Arity::Exactly(1), shortest),
    global("ocsp-update.mode", Arity::AtLeast(0), |s| {
        if let Some(mode) = mode(s) {
            s.slot::<Defaults>().updates.mode = mode;
        }
        Ok(())
    }),
    global("tune.ssl.ocsp-update.maxdelay", Arity::Exactly(1), longest),
    global("tune.ssl.ocsp-update.mindelay", Arity::Exactly(1), shortest),
];

/// The argument as `on` or `off`. Others are passed over with a warning, as ever.
fn mode(s: &mut Statement<'_>) -> Option<Mode> {
    let mode = Mode::of_name(&s.arg(0));
    if mode.is_none() {
        let text = format!("'{}' : expecting <on|off>", s.keyword());
        s.warn(text);
    }
    mode
}

fn longest(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let seconds = s.integer(0, 0..=i64::from(i32::MAX))?;
    let Terms { least, .. } = s.slot::<Defaults>().updates;
    if seconds < least {
        let text = format!("'{}' can not be lower than tune.ssl.ocsp-update.mindelay.", s.keyword());
        return Err(s.refuse(0, text));
    }
    s.slot::<Defaults>().updates.most = seconds;
    Ok(())
}

fn shortest(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let seconds = s.integer(0, 0..=i64::from(i32::MAX))?;
    let Terms { most, .. } = s.slot::<Defaults>().updates;
    if seconds > most {
        let text = format!("'{}' can not be higher than tune.ssl.ocsp-update.maxdelay.", s.keyword());
        return Err(s.refuse(0, text));
    }
    s.slot::<Defaults>().updates.least = seconds;
    Ok(())
}
