//! `ssl-f-use`: certificates for all encrypted lines of a frontend, in a list of its own (configuration manual, 4.2).

use config::directive::Arity;
use config::{Directive, Prefix, Refusal, Section, Sections, Setting, Statement};

use crate::line::Line;
use crate::settings::Defaults;

/// The lines of a frontend's list, the last one first, as the list is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct FrontendList(pub(crate) Vec<Line>);

impl Setting for FrontendList {}

/// What the list of a frontend is called.
pub(crate) fn name_of(frontend: &str) -> String {
    format!("@{frontend}")
}

/// The directive of frontends.
pub static FRONTEND_DIRECTIVES: &[Directive] = &[Directive {
    name: "ssl-f-use",
    section: Section::Proxy(Sections::FRONT.without(Sections::DEFAULTS)),
    prefix: Prefix::None,
    arity: Arity::AtLeast(0),
    manual: "4.2",
    parse: |s| add(s),
}];

fn add(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let words: Vec<String> = (0..s.args()).map(|at| s.arg(at).into_owned()).collect();
    let base = s.draft.global::<Defaults>().authorities;
    if words.iter().skip_while(|word| *word != "crt").skip(2).any(|word| word == "crt") {
        return Err(Refusal::new("'crt' already specified, aborting."));
    }
    let line = Line::of_options(words.iter().map(String::as_str), base.as_deref());
    let line = line.map_err(|why| match why.strip_prefix("ssl args out of '[]' for ") {
        Some(name) => s.refuse(0, format!("'ssl-f-use' : '{name}' expects a value.")),
        None => s.refuse(0, format!("'ssl-f-use' : {why}.")),
    })?;
    if line.certificate.is_empty() {
        return Err(Refusal::new("Trying to load a certificate but no 'crt' keyword specified."));
    }
    s.slot::<FrontendList>().0.insert(0, line);
    Ok(())
}
