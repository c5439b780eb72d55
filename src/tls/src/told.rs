//! What lines say of a certificate beside its name, and whether they agree.

use std::fmt::Write as _;

use crate::ocsp::schedule::{Mode, Terms};

/// What a line says of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How it says so.
    pub(crate) by: By,
    /// Its other files, in the order of [`FILES`].
    pub(crate) files: [Option<Box<str>>; 4],
    /// `ocsp-update`.
    pub(crate) update: Option<Mode>,
}

/// What the other files of a certificate are called.
const FILES: [&str; 4] = ["key", "ocsp", "issuer", "sctl"];

/// Where something is said of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// Nowhere: it was made by a command.
    #[default]
    Nobody,
    /// A line that only names it.
    Name,
    /// The brackets of a line of a list.
    Brackets,
    /// A `load` line.
    Store,
}

impl Told {
    /// A line that only names a certificate.
    pub(crate) fn by_name() -> Self {
        Self { by: By::Name, ..Self::default() }
    }

    /// A name on a `bind` line: what stands beside the file belongs to it.
    pub(crate) fn by_file(name: &str) -> Self {
        let beside = |ending: &str| Some(format!("{name}{ending}").into());
        let files = [beside(""), beside(".ocsp"), beside(".issuer"), beside(".sctl")];
        Self { by: By::Name, files, update: None }
    }

    /// Whether its responses are updated.
    pub(crate) fn updates(&self, terms: &Terms) -> Mode {
        match terms.all {
            Mode::Off => Mode::Off,
            Mode::On => self.update.unwrap_or(terms.mode),
        }
    }

    /// What another line says of the same certificate, if that agrees with this one; else why not.
    pub(crate) fn agree(&self, other: &Self, terms: &Terms) -> Result<Option<Self>, String> {
        let (head, differences) = match (self.by, other.by) {
            (By::Nobody, _) => return Ok(Some(other.clone())),
            (_, By::Nobody | By::Store) | (By::Name | By::Store, By::Name) => return Ok(None),
            (By::Brackets | By::Store, By::Brackets) => {
                let differences = self.differences(other, terms);
                if differences.is_empty() {
                    return Ok(None);
                }
                (None, differences)
            }
            (By::Name, By::Brackets) => (
                Some("Can't use the certificate previously defined without any keyword with these keywords:"),
                self.differences(other, terms),
            ),
            (By::Brackets, By::Name) => (
                Some("Can't use the certificate previously defined with keywords without these keywords:"),
                Self { files: other.files.clone(), ..self.clone() }.differences(other, terms),
            ),
        };
        let head = head.map_or_else(String::new, |head| format!("\n   {head}"));
        Err(format!("is already defined with incompatible parameters:{head}{differences}"))
    }

    fn differences(&self, other: &Self, terms: &Terms) -> String {
        let mut text = String::new();
        let shown = |file: &Option<Box<str>>| file.as_deref().unwrap_or("(null)").to_owned();
        for (name, (before, now)) in FILES.iter().zip(self.files.iter().zip(&other.files)) {
            if before != now {
                let (before, now) = (shown(before), shown(now));
                let _ = write!(text, "\n  - different parameter '{name}' : previously '{before}' vs '{now}'");
            }
        }
        let resolved = |told: &Self| told.update.unwrap_or(terms.mode);
        if resolved(self) != resolved(other) {
            let shown = |told: &Self| match told.update {
                Some(mode) => format!("'{}'", mode.name()),
                None => format!("'default' (ocsp-update.mode {})", terms.mode.name()),
            };
            let (before, now) = (shown(self), shown(other));
            let _ = write!(text, "\n  - different parameter 'ocsp-update' : previously {before} vs {now}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brackets(update: Mode) -> Told {
        Told { by: By::Brackets, update: Some(update), ..Told::default() }
    }

    #[test]
    fn lines_agree_or_say_why_not() {
        let terms = Terms::default();
        let (on, off, name) = (brackets(Mode::On), brackets(Mode::Off), Told::by_name());
        assert_eq!(on.agree(&on, &terms), Ok(None));
        assert_eq!(name.agree(&name, &terms), Ok(None));
        assert_eq!(Told::default().agree(&on, &terms), Ok(Some(on.clone())));
        let why = off.agree(&on, &terms).unwrap_err();
        assert!(why.ends_with("different parameter 'ocsp-update' : previously 'off' vs 'on'"), "{why}");
        let why = on.agree(&name, &terms).unwrap_err();
        assert!(why.contains("with keywords without these keywords"), "{why}");
        assert!(why.ends_with("previously 'on' vs 'default' (ocsp-update.mode off)"), "{why}");
        assert!(off.agree(&name, &terms).is_err(), "even if it comes to the same");
        let file = Told::by_file("a.pem").agree(&on, &terms).unwrap_err();
        assert!(file.contains("'key' : previously 'a.pem' vs '(null)'"), "{file}");
    }

    #[test]
    fn stores_are_named_freely() {
        let terms = Terms { mode: Mode::On, ..Terms::default() };
        let store = Told { by: By::Store, update: Some(Mode::On), ..Told::default() };
        assert_eq!(store.agree(&Told::by_name(), &terms), Ok(None));
        assert_eq!(store.agree(&brackets(Mode::On), &terms), Ok(None));
        assert!(store.agree(&brackets(Mode::Off), &terms).is_err());
    }

    #[test]
    fn everything_may_be_switched_off() {
        let terms = Terms { all: Mode::Off, mode: Mode::On, ..Terms::default() };
        assert_eq!(brackets(Mode::On).updates(&terms), Mode::Off);
        assert_eq!(Told::by_name().updates(&Terms { all: Mode::On, ..terms }), Mode::On);
    }
}
