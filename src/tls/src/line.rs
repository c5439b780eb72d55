//! The lines of `crt-list` files: a certificate, what sessions with it may do, and the names that it is used for
//! (configuration manual, 5.1).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::ListOption;
use config::directive::Switch;

use crate::names::Version;
use crate::ocsp::schedule::Mode;
use crate::profile::{self, Profile};
use crate::settings::{CaNames, Use};
use crate::sigalgs::Schemes;
use crate::told::{By, Told};
use crate::verify::{Authorities, Verify};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The certificate as it is written.
    pub(crate) certificate: Box<str>,
    pub(crate) options: Arc<Options>,
    /// Where the other files of the certificate are, if the line says so.
    pub(crate) key: Option<Box<str>>,
    pub(crate) ocsp: Option<Box<str>>,
    pub(crate) issuer: Option<Box<str>>,
    /// `ocsp-update`.
    pub(crate) update: Option<Mode>,
    /// Whether the certificate may be used for tokens (`jwt`).
    pub(crate) tokens: Switch,
    /// The names that it is for, as they are written.
    pub(crate) filters: Vec<Box<str>>,
}

/// What stands between the brackets of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) profile: Profile,
    pub(crate) verify: Option<Verify>,
    pub(crate) authorities: Option<Authorities>,
    pub(crate) verify_authorities: Option<Authorities>,
    pub(crate) revocations: Option<Authorities>,
    /// Whether clients are told the names of authorities, where the line says so.
    pub(crate) names: Option<CaNames>,
    /// `allow-0rtt`.
    pub(crate) early: Use,
    /// The options with their values, as they are written.
    written: Vec<(&'static str, Box<str>)>,
}

/// The names that a certificate is filed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Its own.
    Own,
    /// These, in lower case.
    Given(Vec<Box<str>>),
}

/// How the names of a line are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) names: Names,
    /// Names that the wildcards leave out.
    pub(crate) except: Vec<Box<str>>,
    /// Whether it is for those too who ask for nothing that is here.
    pub(crate) default: Standing,
}

/// For whom a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Those who ask for one of its names.
    Ordinary,
    /// Those too who ask for nothing that is here.
    Default,
}

impl Line {
    /// What the names say.
    pub(crate) fn meaning(&self) -> Meaning {
        let (mut given, mut except, mut default) = (Vec::new(), Vec::new(), Standing::Ordinary);
        for filter in &self.filters {
            match filter.strip_prefix('!') {
                // Nothing but a single name can be left out.
                Some(name) if name.starts_with('*') => {}
                Some(name) => except.push(name.to_ascii_lowercase().into()),
                None if &**filter == "*" => default = Standing::Default,
                None => given.push(filter.to_ascii_lowercase().into()),
            }
        }
        let names = if self.filters.is_empty() { Names::Own } else { Names::Given(given) };
        Meaning { names, except, default }
    }

    /// The line for the file of one key of a bundle.
    pub(crate) fn of(&self, certificate: &str) -> Self {
        Self { certificate: certificate.into(), ..self.clone() }
    }

    /// What it says of the certificate.
    pub(crate) fn told(&self) -> Told {
        let files = [self.key.clone(), self.ocsp.clone(), self.issuer.clone(), None];
        let silent = self.update.is_none() && files.iter().all(Option::is_none);
        if silent { Told::by_name() } else { Told { by: By::Brackets, files, update: self.update } }
    }

    /// What follows the certificate when the list is shown.
    pub(crate) fn rest(&self) -> String {
        let mut text = self.options.shown(self.update);
        for filter in &self.filters {
            text.push(' ');
            text.push_str(filter);
        }
        text
    }
}

const fn option(name: &'static str, args: usize) -> ListOption {
    ListOption { name, args }
}

/// The options of lines, in the order in which they are shown.
pub static LIST_OPTIONS: &[ListOption] = &[
    option("npn", 1),
    option("no-alpn", 0),
    option("alpn", 1),
    option("verify", 1),
    option("no-ca-names", 0),
    option("allow-0rtt", 0),
    option("ca-file", 1),
    option("ca-verify-file", 1),
    option("crl-file", 1),
    option("ciphers", 1),
    option("ciphersuites", 1),
    option("curves", 1),
    option("ecdhe", 1),
    option("client-sigalgs", 1),
    option("sigalgs", 1),
    option("ssl-min-ver", 1),
    option("ssl-max-ver", 1),
    // Kept nowhere: there is nothing that it changes.
    option("ktls", 1),
];

impl Options {
    /// The files of authorities and their lists, by the options that name them.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &Authorities)> {
        let all = [
            ("ca-file", &self.authorities),
            ("ca-verify-file", &self.verify_authorities),
            ("crl-file", &self.revocations),
        ];
        all.into_iter().filter_map(|(option, which)| Some((option, which.as_ref()?)))
    }

    /// The options in their brackets, behind a space.
    fn shown(&self, update: Option<Mode>) -> String {
        let written = |name: &&str| self.written.iter().rfind(|(n, _)| n == name);
        let one = |(name, value): &(&str, Box<str>)| match *name {
            "allow-0rtt" | "no-ca-names" => (*name).to_owned(),
            // These have always been followed by one space more.
            "no-alpn" => "no-alpn ".to_owned(),
            "alpn" | "npn" => format!("{name} {value} "),
            _ => format!("{name} {value}"),
        };
        let update = update.map(|mode| format!("ocsp-update {}", mode.name()));
        let all: Vec<_> = LIST_OPTIONS
            .iter()
            .map(|option| &option.name)
            .filter_map(written)
            .map(one)
            .chain(update)
            .collect();
        if all.is_empty() { String::new() } else { format!(" [{}]", all.join(" ")) }
    }
}

/// Reads a list: the lines and their numbers.
pub(crate) fn read(file: &Path, base: Option<&Path>) -> Result<Vec<(usize, Line)>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let why = match e.kind() {
            std::io::ErrorKind::NotFound => "No such file or directory".to_owned(),
            _ => e.to_string(),
        };
        format!("cannot open file '{}' : {why}", file.display())
    })?;
    let mut lines = Vec::new();
    for (i, text) in text.lines().enumerate() {
        if text.trim_start().starts_with('#') {
            continue;
        }
        let line =
            parse(text, base).map_err(|why| format!("parsing [{}:{}]: {why}", file.display(), i + 1))?;
        lines.extend(line.map(|line| (i + 1, line)));
    }
    Ok(lines)
}

/// Reads a line; none when nothing is on it. `base` is where the files of authorities are looked for.
pub(crate) fn parse(text: &str, base: Option<&Path>) -> Result<Option<Line>, String> {
    let (front, options, names) = parts(text)?;
    let mut words = front.split_ascii_whitespace();
    let Some(certificate) = words.next() else { return Ok(None) };
    let before: Vec<&str> = words.collect();
    let mut line = Line::new(certificate);
    if let Some(options) = options {
        if !before.is_empty() {
            return Err("options between brackets belong directly behind the certificate".to_owned());
        }
        line.read_options(options.split_ascii_whitespace(), base)?;
    }
    let names = before.into_iter().chain(names.split_ascii_whitespace());
    line.filters = names.take_while(|w| !w.starts_with('#')).map(Into::into).collect();
    Ok(Some(line))
}

/// What stands before the brackets, between them and behind them.
fn parts(text: &str) -> Result<(&str, Option<&str>, &str), String> {
    let Some((front, rest)) = text.split_once('[') else { return Ok((text, None, "")) };
    let Some((options, names)) = rest.split_once(']') else {
        return Err("']' is missing behind the options".to_owned());
    };
    Ok((front, Some(options), names))
}

impl Line {
    fn new(certificate: &str) -> Self {
        Self {
            certificate: certificate.into(),
            options: Arc::default(),
            key: None,
            ocsp: None,
            issuer: None,
            update: None,
            tokens: Switch::Off,
            filters: Vec::new(),
        }
    }

    /// A line that says with options alone which certificate it is about.
    pub(crate) fn of_options<'w>(
        words: impl Iterator<Item = &'w str>,
        base: Option<&Path>,
    ) -> Result<Self, String> {
        let mut line = Self::new("");
        line.read_options(words, base)?;
        Ok(line)
    }

    fn read_options<'w>(
        &mut self,
        mut words: impl Iterator<Item = &'w str>,
        base: Option<&Path>,
    ) -> Result<(), String> {
        let mut options = Options::default();
        while let Some(name) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("ssl args out of '[]' for {name}"));
            match name {
                "key" => self.key = Some(value()?.into()),
                "ocsp" => self.ocsp = Some(value()?.into()),
                "issuer" => self.issuer = Some(value()?.into()),
                "crt" => self.certificate = value()?.into(),
                "ocsp-update" => self.update = Some(update_mode(value()?)?),
                "jwt" => self.tokens = switch(name, value()?)?,
                "ktls" => is_switch(value()?).map_err(|why| format!("'ktls' {why}"))?,
                _ => options.read(name, &mut value, base)?,
            }
        }
        self.options = Arc::new(options);
        Ok(())
    }
}

/// The argument of `ocsp-update`.
pub(crate) fn update_mode(value: &str) -> Result<Mode, String> {
    Ok(match switch("ocsp-update", value)? {
        Switch::On => Mode::On,
        Switch::Off => Mode::Off,
    })
}

/// Whether something is on.
pub(crate) fn switch(name: &str, value: &str) -> Result<Switch, String> {
    match value {
        "on" => Ok(Switch::On),
        "off" => Ok(Switch::Off),
        _ => Err(format!("cannot parse '{name}' value '{value}', 'on' or 'off' is expected")),
    }
}

impl Options {
    fn read<'v>(
        &mut self,
        name: &str,
        value: &mut impl FnMut() -> Result<&'v str, String>,
        base: Option<&Path>,
    ) -> Result<(), String> {
        let Some(name) = LIST_OPTIONS.iter().map(|option| option.name).find(|n| *n == name) else {
            return Err(format!("unknown ssl keyword {name}"));
        };
        let (mut written, mut shown) = ("", None);
        let about = |why: String| format!("'{name}' : {why}");
        let mut take = || value().inspect(|value| written = value);
        match name {
            "alpn" => self.profile.protocols = Some(profile::protocols(take()?).map_err(about)?),
            "no-alpn" => self.profile.protocols = Some(Vec::new()),
            "ca-file" => self.authorities = Some(file(take()?, base, &mut shown)),
            "ca-verify-file" => self.verify_authorities = Some(file(take()?, base, &mut shown)),
            "crl-file" => self.revocations = Some(file(take()?, base, &mut shown)),
            "no-ca-names" => self.names = Some(CaNames::Kept),
            "ciphers" => self.profile.ciphers = Some(take()?.into()),
            "ciphersuites" => self.profile.suites = Some(take()?.into()),
            "curves" => self.profile.curves = Some(take()?.into()),
            "client-sigalgs" => {
                self.profile.client_signatures = Some(Schemes::parse(take()?).map_err(about)?);
            }
            "sigalgs" => self.profile.signatures = Some(Schemes::parse(take()?).map_err(about)?),
            "ssl-min-ver" => self.profile.min = Some(version(take()?)?),
            "ssl-max-ver" => self.profile.max = Some(version(take()?)?),
            "verify" => self.verify = Some(Verify::of_clients_named(take()?).map_err(about)?),
            "allow-0rtt" => self.early = Use::Yes,
            // Extensions of old.
            _ => drop(take()?),
        }
        let other = match name {
            "alpn" => "no-alpn",
            "no-alpn" => "alpn",
            _ => name,
        };
        self.written.retain(|(n, _)| *n != name && *n != other);
        self.written.push((name, shown.unwrap_or_else(|| written.into())));
        Ok(())
    }
}

/// Whether a word switches something on or off.
pub(crate) fn is_switch(word: &str) -> Result<(), String> {
    match word {
        "on" | "off" => Ok(()),
        other => Err(format!("expects \"on\" or \"off\" as an argument, got '{other}'")),
    }
}

/// A file, which is shown with the directory that it is looked for in.
fn file(written: &str, base: Option<&Path>, shown: &mut Option<Box<str>>) -> Authorities {
    let named = Authorities::named(written, base);
    *shown = Some(named.name.clone());
    named
}

fn version(name: &str) -> Result<Version, String> {
    Version::find(name).ok_or_else(|| format!("'{name}' : unknown ssl/tls version"))
}

/// A name of a certificate as those in configurations are: relative ones stand in `base`.
pub(crate) fn resolved(written: &str, base: Option<&Path>) -> Box<str> {
    match base {
        Some(base) if !written.starts_with(['/', '@']) => format!("{}/{written}", base.display()).into(),
        _ => written.into(),
    }
}

/// Where the file of a name is.
pub(crate) fn path_of(name: &str) -> PathBuf {
    std::path::absolute(name).unwrap_or_else(|_| name.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Line {
        parse(text, None).unwrap().unwrap()
    }

    #[test]
    fn a_line_names_a_file_and_its_names() {
        let one = line("/a/b.pem *.Example.com !Secure.example.com # and so on");
        assert_eq!((&*one.certificate, one.filters.len()), ("/a/b.pem", 2));
        let meaning = one.meaning();
        assert_eq!(meaning.names, Names::Given(vec!["*.example.com".into()]));
        assert_eq!(*meaning.except, [Box::from("secure.example.com")]);
        assert_eq!(meaning.default, Standing::Ordinary);
        assert_eq!(line("c.pem").meaning().names, Names::Own);
        assert_eq!(parse(" \t", None), Ok(None));
    }

    #[test]
    fn a_star_is_for_everybody_and_cannot_be_left_out() {
        let star = line("c.pem * b.com").meaning();
        assert_eq!((star.default, star.names), (Standing::Default, Names::Given(vec!["b.com".into()])));
        let none = line("c.pem !*").meaning();
        assert_eq!((none.default, none.names), (Standing::Ordinary, Names::Given(vec![])));
        assert!(none.except.is_empty());
    }

    #[test]
    fn options_stand_between_brackets() {
        let one = line("c.pem[verify none ssl-min-ver TLSv1.3 alpn http/1.1]a.com");
        assert_eq!(one.options.verify, Some(Verify::None));
        assert_eq!(one.options.profile.min, Some(Version::Tls13));
        assert_eq!(one.rest(), " [alpn http/1.1  verify none ssl-min-ver TLSv1.3] a.com");
        assert_eq!(line("c.pem [] a").rest(), " a");
        assert_eq!(line("c.pem [alpn a no-alpn]").rest(), " [no-alpn ]");
        assert_eq!(line("c.pem [key k.pem]").key.as_deref(), Some("k.pem"));
    }

    #[test]
    fn each_option_takes_as_many_words_as_it_says() {
        for option in LIST_OPTIONS {
            let value = match option.name {
                "verify" => "none",
                "ssl-min-ver" | "ssl-max-ver" => "TLSv1.3",
                "sigalgs" | "client-sigalgs" => "ECDSA+SHA256",
                "ktls" => "on",
                _ => "x",
            };
            let words = [option.name, value];
            let text = |count: usize| format!("c.pem [{}]", words[..count].join(" "));
            assert!(parse(&text(1 + option.args), None).is_ok(), "{}", option.name);
            assert!(option.args == 0 || parse(&text(1), None).is_err(), "{}", option.name);
        }
    }

    #[test]
    fn options_alone_name_a_certificate() {
        let of = |words: &str| Line::of_options(words.split(' '), None);
        let one = of("alpn http/1.1 crt c.pem key k.pem").unwrap();
        assert_eq!((&*one.certificate, one.key.as_deref()), ("c.pem", Some("k.pem")));
        assert_eq!((one.rest().as_str(), one.meaning().names), (" [alpn http/1.1 ]", Names::Own));
        assert_eq!(of("verify none").unwrap().certificate, "".into());
        assert_eq!(of("crt c.pem zork"), Err("unknown ssl keyword zork".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text| parse(text, None).unwrap_err();
        assert_eq!(wrong("c.pem [zork a] x"), "unknown ssl keyword zork");
        assert_eq!(wrong("c.pem [ca-file] x"), "ssl args out of '[]' for ca-file");
        assert!(wrong("c.pem [verify none").contains("']'"));
        assert!(wrong("c.pem a [verify none]").contains("directly behind"));
        assert!(wrong("c.pem [verify never]").contains("'never'"));
        assert!(wrong("c.pem [ssl-min-ver TLSv9]").contains("TLSv9"));
        assert!(wrong("c.pem [ocsp-update maybe]").contains("'maybe'"));
        assert!(wrong("c.pem [ktls maybe]").contains("'ktls' expects"));
    }

    #[test]
    fn relative_names_stand_in_a_directory() {
        let base = Some(Path::new("/etc/ssl"));
        assert_eq!(&*resolved("a.pem", base), "/etc/ssl/a.pem");
        assert_eq!(&*resolved("/a.pem", base), "/a.pem");
        assert_eq!(&*resolved("@web/a", base), "@web/a");
        assert_eq!(&*resolved("a.pem", None), "a.pem");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_the_same(text in "[a-z!*. ]{0,20}", options in "(verify none|alpn a|curves P-256| ){0,3}") {
            let Ok(Some(one)) = parse(&format!("c.pem [{options}] {text}"), None) else { return Ok(()) };
            let again = line(&format!("{}{}", one.certificate, one.rest()));
            prop_assert_eq!(again.rest(), one.rest());
            prop_assert_eq!(again.meaning(), one.meaning());
        }

        #[test]
        fn nothing_that_is_written_breaks_it(text: String) {
            let _ = parse(&text, None);
        }
    }
}
