//! The keywords of the sections themselves: what a proxy is, rather than what it does.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use base::registry::Registry;

use crate::diagnostic::Diagnostics;
use crate::directive::{Arity, Check, Directive, Prefix, Refusal, Section, Sections, Statement, Target};
use crate::draft::{Draft, Mode, ProxyKind};
use crate::slot::Setting;

/// Notes on a proxy that concern no feature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// `description`.
    pub description: Option<Arc<str>>,
    /// `disabled`.
    pub state: State,
}

/// Whether a proxy is put to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It is.
    #[default]
    Enabled,
    /// It is only checked.
    Disabled,
}

impl Setting for Notes {}

const fn proxy(
    name: &'static str,
    sections: Sections,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix: Prefix::None, arity, manual: "4.2", parse }
}

const fn global(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    proxy("description", Sections::ALL.without(Sections::DEFAULTS), Arity::AtLeast(1), |s| {
        let words: Vec<_> = (0..s.args()).map(|i| s.arg(i).into_owned()).collect();
        s.slot::<Notes>().description = Some(words.join(" ").into());
        Ok(())
    }),
    proxy("disabled", Sections::ALL, Arity::None, |s| {
        s.slot::<Notes>().state = State::Disabled;
        Ok(())
    }),
    proxy("enabled", Sections::ALL, Arity::None, |s| {
        s.slot::<Notes>().state = State::Enabled;
        Ok(())
    }),
    proxy("id", Sections::ALL.without(Sections::DEFAULTS), Arity::Exactly(1), |s| {
        let id = s.integer(0, 1..=i64::from(i32::MAX))?;
        s.proxy().id = Some(id as u32);
        Ok(())
    }),
    proxy("mode", Sections::ALL, Arity::Exactly(1), mode),
    global("presetenv", Arity::AtLeast(0), |s| {
        let (name, value) = name_and_value(s)?;
        if s.draft.environment.get(&name).is_none() {
            s.draft.environment.set(&name, &value);
        }
        Ok(())
    }),
    global("resetenv", Arity::AtLeast(0), |s| {
        let names: Vec<_> = (0..s.args()).map(|i| s.arg(i)).collect();
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        s.draft.environment.keep_only(&names);
        Ok(())
    }),
    global("setenv", Arity::AtLeast(0), |s| {
        let (name, value) = name_and_value(s)?;
        s.draft.environment.set(&name, &value);
        Ok(())
    }),
    global("unsetenv", Arity::AtLeast(0), |s| {
        if s.args() == 0 {
            return Err(Refusal::new("'unsetenv' expects at least one variable name."));
        }
        for i in 0..s.args() {
            let name = s.arg(i);
            s.draft.environment.unset(&name);
        }
        Ok(())
    }),
];

/// The checks of this room.
pub static CHECKS: &[Check] = &[Check { name: "proxy ids", run: assign_ids }];

/// The two arguments of `setenv` and `presetenv`.
fn name_and_value<'a>(s: &Statement<'a>) -> Result<(Cow<'a, str>, Cow<'a, str>), Refusal> {
    let keyword = s.keyword();
    match s.args() {
        0 => Err(Refusal::new(format!("'{keyword}' expects environment variable name."))),
        1 => {
            let text = format!("'{keyword}' expects environment variable value for '{}'.", s.arg(0));
            Err(s.refuse(0, text))
        }
        2 => Ok((s.arg(0), s.arg(1))),
        _ => Err(s.refuse(2, format!("'{keyword}' cannot handle unexpected argument '{}'.", s.arg(2)))),
    }
}

fn mode(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mode = match s.arg(0).as_ref() {
        "tcp" => Mode::Tcp,
        "http" => Mode::Http,
        "health" => {
            return Err(
                s.refuse(0, "'mode' : 'health' has gone; use 'http-request return status 200' instead.")
            );
        }
        "log" | "spop" => {
            return Err(s.refuse(0, format!("'mode' : '{}' is not supported by this version.", s.arg(0))));
        }
        other => return Err(s.refuse(0, format!("'mode' : unknown proxy mode '{other}'."))),
    };
    debug_assert!(matches!(s.target, Target::Proxy(_)), "declared for proxies only");
    s.proxy().mode = mode;
    Ok(())
}

/// Gives the proxies that have no `id` the lowest free ones, in order.
fn assign_ids(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let mut taken: HashSet<u32> = HashSet::new();
    for proxy in draft.proxies.iter().filter(|p| p.kind != ProxyKind::Defaults) {
        if let Some(id) = proxy.id
            && !taken.insert(id)
        {
            let text = format!("{} '{}' has the id {id} of another proxy.", proxy.kind.title(), proxy.name);
            diagnostics.alert_at(&proxy.place, text);
        }
    }
    // The first id is that of the runtime API's own frontend.
    let mut next = 2;
    for proxy in draft.proxies.iter_mut().filter(|p| p.kind != ProxyKind::Defaults && p.id.is_none()) {
        // An id counts up with each proxy, whether or not it has one of its own.
        while taken.contains(&next) {
            next += 1;
        }
        proxy.id = Some(next);
        taken.insert(next);
    }
}
