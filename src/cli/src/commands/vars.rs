//! Commands on the variables of the process.

use std::sync::Arc;

use base::registry::Registry;
use keyword::Answer;
use keyword::command::CommandCx;
use lang::facts::{ProxyFacts, Scene, SessionFacts};
use lang::vars::{Scope, VarName};
use lang::{Alias, Contexts, Converter, Expr, Fetch, LogFormat, Sample};
use stream::Site;

use super::find;

/// What expressions may be made of.
pub(crate) struct Language(Registry);

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Language")
    }
}

impl Language {
    /// The fetches, converters and aliases among all tables.
    pub(crate) fn of(registry: &Registry) -> Self {
        let mut own = Registry::default();
        registry.copy_to::<Fetch>(&mut own);
        registry.copy_to::<Converter>(&mut own);
        registry.copy_to::<Alias>(&mut own);
        Self(own)
    }
}

/// Where commands are evaluated.
const COMMANDS: Contexts = Contexts::of(".....................Y");

pub(super) fn get(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let name = cx.arg(0);
    if name.is_empty() {
        return Answer::error("Missing process-wide variable identifier.");
    }
    let own = VarName::parse(&name).ok().filter(|n| n.scope == Scope::Process);
    let Some(value) = own.and_then(|n| site.process.variables.get(&n.name)) else {
        return Answer::error("Variable not found.");
    };
    let mut text = format!("{name}: type={} value=<", value.kind().name()).into_bytes();
    text.extend(value.into_text().iter().map(|b| if b.is_ascii_control() { b'.' } else { *b }));
    text.extend_from_slice(b">\n");
    Answer::text(text)
}

pub(super) fn set(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let Some(language) = cx.world.get::<Language>() else { return Answer::Silence };
    let name = cx.arg(0);
    if name.is_empty() {
        return Answer::error("Missing process-wide variable identifier.");
    }
    let own = match VarName::parse(&name) {
        Ok(own) if own.scope == Scope::Process => own,
        Ok(_) => {
            return Answer::error(format!(
                "'set var': cannot set variable '{name}', only scope 'proc' is permitted here."
            ));
        }
        Err(e) => return Answer::error(e.to_string()),
    };
    let value = match (cx.arg(1).as_ref(), cx.has(2)) {
        ("fmt", true) => format(&language.0, cx.bytes(2), &site),
        ("expr", true) => expression(&language.0, cx.bytes(2), &site),
        _ => expression(&language.0, cx.bytes(1), &site),
    };
    match value {
        Ok(Some(value)) => {
            site.process.variables.change(&own.name, Some(value));
            Answer::Silence
        }
        Ok(None) => Answer::Silence,
        Err(message) => Answer::error(message),
    }
}

fn expression(registry: &Registry, text: &[u8], site: &Arc<Site>) -> Result<Option<Sample<'static>>, String> {
    let expr = Expr::parse(text, registry).map_err(|e| e.message)?;
    without_names(registry)?;
    expr.check(COMMANDS, grammar::span::Span::at(0)).map_err(|e| e.message)?;
    Ok(evaluated(site, |scene| expr.eval(scene).value().map(Sample::into_owned)))
}

fn format(registry: &Registry, text: &[u8], site: &Arc<Site>) -> Result<Option<Sample<'static>>, String> {
    let format = LogFormat::parse_value(text, registry, COMMANDS).map_err(|e| e.message)?;
    without_names(registry)?;
    Ok(evaluated(site, |scene| {
        let mut text = Vec::new();
        format.render(scene, &mut text);
        Some(Sample::owned(text))
    }))
}

/// What arguments name is looked up when a configuration is read.
fn without_names(registry: &Registry) -> Result<(), String> {
    match registry.take_references().first() {
        None => Ok(()),
        Some(name) => Err(format!("nothing can be named in {name} here.")),
    }
}

fn evaluated<T>(site: &Arc<Site>, then: impl FnOnce(&Scene<'_>) -> T) -> T {
    let (frontend, session) = (ProxyFacts::default(), SessionFacts::default());
    let now = (site.clock.now(), site.clock.wall());
    then(&Scene { now, ..rule::nothing(&site.process, &frontend, &session) })
}
