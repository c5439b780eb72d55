//! `crt-store` sections: certificates that are loaded under names of their own (configuration manual, 12.7).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use config::directive::{Arity, Switch};
use config::{Directive, Naming, Place, Prefix, Refusal, Section, SectionKind, Setting, Statement};

use crate::certificate::{Beside, Files};
use crate::line::{path_of, resolved, switch, update_mode};
use crate::ocsp::schedule::Mode;
use crate::settings::Defaults;
use crate::store::{Name, Origin, Wanted};
use crate::told::{By, Told};

const STORE: &str = "crt-store";

/// The sections of this room.
pub static SECTIONS: &[SectionKind] = &[SectionKind { name: STORE, named: Naming::Optional, manual: "12.7" }];

/// The directives of `crt-store` sections.
pub static STORE_DIRECTIVES: &[Directive] = &[
    store("crt-base", Arity::Exactly(1), |s| {
        s.slot::<Directories>().certificates = Some(PathBuf::from(s.arg(0).into_owned()));
        Ok(())
    }),
    store("key-base", Arity::Exactly(1), |s| {
        s.slot::<Directories>().keys = Some(PathBuf::from(s.arg(0).into_owned()));
        Ok(())
    }),
    Directive { manual: "12.7.1", ..store("load", Arity::AtLeast(0), load) },
];

const fn store(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Other(STORE), prefix: Prefix::None, arity, manual: "12.7", parse }
}

/// Where a section's files are looked for.
#[derive(Clone, Debug, Default)]
struct Directories {
    certificates: Option<PathBuf>,
    keys: Option<PathBuf>,
}

/// What the sections load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loads(pub(crate) Vec<(Place, Wanted)>);

/// The certificates that lines have named so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mentioned(pub(crate) BTreeSet<Name>);

impl Setting for Directories {}
impl Setting for Loads {}
impl Setting for Mentioned {}

/// The words of a `load` line.
struct Load {
    crt: Option<String>,
    key: Option<String>,
    ocsp: Option<String>,
    issuer: Option<String>,
    alias: Option<String>,
    update: Option<Mode>,
    tokens: Switch,
}

fn load(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let words = words(s)?;
    let tokens = words.tokens;
    let Some(crt) = words.crt else {
        return Err(Refusal::new("'load' in section 'crt-store': mandatory 'crt' parameter not found."));
    };
    let section = s.draft.sections.last().map(|section| section.name.clone()).unwrap_or_default();
    let Directories { certificates, keys } = s.slot::<Directories>().clone();
    let defaults = s.draft.global::<Defaults>();
    let (certificates, keys) = (certificates.or(defaults.certificates), keys.or(defaults.keys));
    let at = |name: &str, base: &Option<PathBuf>| resolved(name, base.as_deref().map(absolute).as_deref());
    let path = at(&crt, &certificates);
    let name: Name = match (&words.alias, &*section) {
        (Some(alias), section) => format!("@{section}/{alias}").into(),
        (None, "") => path.clone(),
        (None, section) if crt.starts_with('/') => format!("@{section}{crt}").into(),
        (None, section) => format!("@{section}/{crt}").into(),
    };
    let file = |file: &Option<String>| file.as_deref().map(Into::into);
    let files = [file(&words.key), file(&words.ocsp), file(&words.issuer), None];
    let told = Told { by: By::Store, files, update: words.update };
    let mut origin = vec![("Crt", crt)];
    let mut other = |kind, file: Option<String>, base: &Option<PathBuf>| {
        let path = file.as_ref().map(|file| path_of(&at(file, base)));
        origin.extend(file.map(|file| (kind, file)));
        path
    };
    let key = other("Key", words.key, &keys);
    let ocsp = other("OCSP", words.ocsp, &certificates);
    let issuer = other("OCSP Issuer", words.issuer, &certificates);
    let files = Files { crt: path_of(&path), beside: Beside::Told { key, ocsp, issuer } };
    if !s.draft.global.get_mut::<Mentioned>().0.insert(name.clone()) {
        let text = format!("'load' in section 'crt-store': store '{name}' was already defined.");
        return Err(Refusal::new(text));
    }
    let place = s.place.clone();
    let wanted = Wanted { name, files, origin: Origin(origin), told, tokens };
    s.draft.global.get_mut::<Loads>().0.push((place, wanted));
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn words(s: &Statement<'_>) -> Result<Load, Refusal> {
    let mut load = Load {
        crt: None,
        key: None,
        ocsp: None,
        issuer: None,
        alias: None,
        update: None,
        tokens: Switch::Off,
    };
    let mut at = 0;
    while at < s.args() {
        let name = s.arg(at).into_owned();
        let value = || match s.arg(at + 1).into_owned() {
            value if value.is_empty() => Err(s.refuse(at, format!("'load {name}' expects a value."))),
            value => Ok(value),
        };
        match name.as_str() {
            "crt" => load.crt = Some(value()?),
            "key" => load.key = Some(value()?),
            "ocsp" => load.ocsp = Some(value()?),
            "issuer" => load.issuer = Some(value()?),
            "alias" => {
                let alias = value()?;
                if alias.starts_with('/') {
                    let why = "'/' is forbidden as the first character";
                    return Err(
                        s.refuse(at + 1, format!("'load' : cannot parse 'alias' value '{alias}', {why}."))
                    );
                }
                load.alias = Some(alias);
            }
            "ocsp-update" => {
                load.update = Some(update_mode(&value()?).map_err(|why| s.refuse(at, format!("{why}.")))?);
            }
            "jwt" => {
                load.tokens =
                    switch(&name, &value()?).map_err(|why| s.refuse(at, format!("'load' : {why}.")))?;
            }
            "sctl" | "acme" | "domains" | "ips" => {
                let what = if name == "sctl" { "logged certificates' timestamps" } else { "ACME" };
                let text = format!("'load {name}' needs {what}, which this version does not support.");
                return Err(s.refuse(at, text));
            }
            _ => {
                let text = format!("'load {name}' in section 'crt-store': unknown keyword '{name}'.");
                return Err(s.refuse(at, text));
            }
        }
        at += 2;
    }
    Ok(load)
}
