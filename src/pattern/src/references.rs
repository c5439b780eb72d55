//! All lists of patterns of a configuration, by name and by number.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::file;
use crate::item::{Columns, Item};
use crate::reference::{Origin, Reference, Role, Use};

/// The lists of a configuration.
#[derive(Debug, Default)]
pub struct References(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// In the order in which the configuration names them.
    all: Vec<Arc<Reference>>,
    by_name: HashMap<Box<str>, Arc<Reference>>,
    /// Numbers that ACLs asked for.
    taken: HashSet<u32>,
    numbering: Numbering,
}

/// Whether lists have got their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Numbering {
    #[default]
    Open,
    Done,
}

/// The three kinds of names (configuration manual, section 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The file must be there.
    File,
    /// The file may be there.
    Optional,
    /// There is no file.
    Virtual,
}

/// The kind of a written name, and the name that identifies the list.
fn kind_of(written: &str) -> (Kind, &str) {
    if let Some(name) = written.strip_prefix("file@") {
        (Kind::File, name)
    } else if let Some(name) = written.strip_prefix("opt@") {
        (Kind::Optional, name)
    } else if written.starts_with("virt@") {
        (Kind::Virtual, written)
    } else {
        (Kind::File, written)
    }
}

impl References {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list of a name, read from its file when it is named for the first time.
    ///
    /// # Errors
    /// What is wrong, as a sentence's end.
    pub fn named(&self, written: &str, columns: Columns, used: Use) -> Result<Arc<Reference>, String> {
        let (kind, name) = kind_of(written);
        let inner = &mut *self.inner();
        if let Some(known) = inner.by_name.get(name) {
            if known.columns() != columns {
                return Err(mixed_up(name, known.columns()));
            }
            known.uses().push(used);
            return Ok(known.clone());
        }
        let items = read(kind, name, columns)?;
        let reference = Arc::new(Reference::new(name, Origin::File(written.into()), columns, items));
        reference.uses().push(used);
        inner.all.push(reference.clone());
        inner.by_name.insert(name.into(), reference.clone());
        Ok(reference)
    }

    /// The list of the words of an ACL with this criterion, with the number that it asks for.
    pub fn of_words(
        &self,
        criterion: &str,
        used: &Use,
        number: Option<u32>,
        words: &[Vec<u8>],
    ) -> Result<Arc<Reference>, String> {
        let inner = &mut *self.inner();
        if number.is_some_and(|n| !inner.taken.insert(n)) {
            return Err("the id is already used".into());
        }
        let items = words.iter().zip(1..).map(|(word, id)| Item::new(id, 0, word, None)).collect();
        let origin = Origin::Words(criterion.into(), used.file.clone(), used.line);
        let reference = Arc::new(Reference::new("", origin, Columns::Key, items));
        if let Some(number) = number {
            let _ = reference.number.set(number);
        }
        inner.all.push(reference.clone());
        Ok(reference)
    }

    /// The list of a name, if the configuration has one.
    pub fn get(&self, written: &str) -> Option<Arc<Reference>> {
        self.inner().by_name.get(kind_of(written).1).cloned()
    }

    /// All lists that anything of this kind uses, by their numbers.
    pub fn all(&self, role: Role) -> Vec<Arc<Reference>> {
        let inner = &mut *self.inner();
        inner.number();
        let mut all: Vec<_> = inner.all.iter().filter(|r| r.serves(role)).cloned().collect();
        all.sort_by_key(|r| r.number());
        all
    }

    /// The list with this name, or with this number behind a `#`.
    pub fn find(&self, role: Role, word: &str) -> Option<Arc<Reference>> {
        let found = match word.strip_prefix('#') {
            Some(number) => {
                let inner = &mut *self.inner();
                inner.number();
                let number = number.parse().ok()?;
                inner.all.iter().find(|r| r.number() == number).cloned()
            }
            None => self.get(word),
        };
        found.filter(|r| r.serves(role))
    }
}

impl Inner {
    /// Gives each list that asked for none the smallest free number.
    fn number(&mut self) {
        if self.numbering == Numbering::Done {
            return;
        }
        self.numbering = Numbering::Done;
        let mut free = (0..).filter(|n| !self.taken.contains(n));
        for reference in self.all.iter().filter(|r| r.number.get().is_none()) {
            reference.number.get_or_init(|| free.next().unwrap_or(u32::MAX));
        }
    }
}

fn mixed_up(name: &str, columns: Columns) -> String {
    let (so_far, now) = match columns {
        Columns::Key => ("patterns only", "patterns with values"),
        Columns::KeyAndValue => ("patterns with values", "patterns only"),
    };
    format!("the list '{name}' was named before as one of {so_far}, and cannot be one of {now} as well")
}

fn read(kind: Kind, name: &str, columns: Columns) -> Result<Vec<Item>, String> {
    if kind == Kind::Virtual {
        return Ok(Vec::new());
    }
    match std::fs::read(name) {
        Ok(content) => Ok(file::parse(&content, columns)),
        Err(e) if kind == Kind::Optional && e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) if e.kind() == ErrorKind::IsADirectory => {
            Err(format!("failed to read pattern file <{name}> : Is a directory"))
        }
        Err(_) => Err(format!("failed to open pattern file <{name}>")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(role: Role, line: usize) -> Use {
        Use { role, file: "a.cfg".into(), line }
    }

    fn named(all: &References, name: &str, columns: Columns, line: usize) -> Result<Arc<Reference>, String> {
        let role = if columns == Columns::Key { Role::Acl } else { Role::Map };
        all.named(name, columns, used(role, line))
    }

    #[test]
    fn a_list_has_one_name_however_it_is_written() {
        let all = References::default();
        let first = named(&all, "opt@/nonexistent/x", Columns::Key, 3).unwrap();
        let second = named(&all, "file@/nonexistent/x", Columns::Key, 4).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.name(), "/nonexistent/x");
        let expected = "pattern loaded from file 'opt@/nonexistent/x' \
                        used by acl at file 'a.cfg' line 3, by acl at file 'a.cfg' line 4";
        assert_eq!(first.description(), expected);
        assert!(all.find(Role::Acl, "/nonexistent/x").is_some());
        assert!(all.find(Role::Map, "/nonexistent/x").is_none());
    }

    #[test]
    fn files_must_be_there_and_have_one_form() {
        let all = References::default();
        let missing = named(&all, "/nonexistent/x", Columns::Key, 1).unwrap_err();
        assert_eq!(missing, "failed to open pattern file </nonexistent/x>");
        assert!(named(&all, "/", Columns::Key, 1).unwrap_err().ends_with("Is a directory"));
        named(&all, "virt@x", Columns::Key, 1).unwrap();
        let mixed = named(&all, "virt@x", Columns::KeyAndValue, 1).unwrap_err();
        assert!(mixed.contains("named before as one of patterns only"), "{mixed}");
    }

    #[test]
    fn numbers_are_given_in_order_around_those_that_were_asked_for() {
        let all = References::default();
        let words = |n| all.of_words("path", &used(Role::Acl, 1), n, &[b"x".to_vec()]);
        words(None).unwrap();
        words(Some(1)).unwrap();
        assert_eq!(words(Some(1)).unwrap_err(), "the id is already used");
        named(&all, "virt@m", Columns::KeyAndValue, 9).unwrap();
        words(None).unwrap();
        let numbers = |role| all.all(role).iter().map(|r| r.number()).collect::<Vec<_>>();
        assert_eq!(numbers(Role::Acl), [0, 1, 3]);
        assert_eq!(numbers(Role::Map), [2]);
        assert_eq!(all.find(Role::Map, "#2").unwrap().name(), "virt@m");
        assert!(all.find(Role::Acl, "#2").is_none() && all.find(Role::Acl, "#x").is_none());
        assert_eq!(all.find(Role::Acl, "#0").unwrap().description(), "acl 'path' file 'a.cfg' line 1");
    }
}
