//! The patterns of an ACL: one or several lists, and the comparison of a sample with all of them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use lang::Sample;

use crate::Method;
use crate::address::HostNames;
use crate::index::{Index, Shape, Subject};
use crate::integer::Operator;
use crate::item::{Columns, Item};
use crate::reference::{Expression, Reference, Role, Use, Values};
use crate::references::References;
use crate::text::Case;

/// A list that an ACL names with `-f`.
#[derive(Clone, Debug)]
pub struct FromFile<'w> {
    /// Which of the words names it.
    pub word: usize,
    /// The name.
    pub name: &'w str,
    /// Whether `-M` says that it has values.
    pub columns: Columns,
    /// Whether `-i` stands before it.
    pub case: Case,
}

/// What an ACL is made of.
#[derive(Clone, Debug)]
pub struct Recipe<'w> {
    /// The name of its criterion.
    pub criterion: &'w str,
    /// The file and the line that it is written in.
    pub place: (Arc<str>, usize),
    /// How samples are compared.
    pub method: Method,
    /// Whether addresses may be host names.
    pub names: HostNames,
    /// The lists that it names.
    pub files: Vec<FromFile<'w>>,
    /// The number that it asks for (`-u`).
    pub number: Option<u32>,
    /// Whether `-i` stands before the words.
    pub case: Case,
    /// Which words are patterns.
    pub words: Range<usize>,
}

/// A pattern that its method cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// Which word.
    pub index: usize,
    /// What is wrong.
    pub message: String,
}

/// The patterns of an ACL.
pub struct Matcher {
    method: Method,
    list: Arc<Expression>,
    /// Nearly always none.
    others: Box<[Arc<Expression>]>,
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({:?})", self.method)
    }
}

impl Matcher {
    /// Puts the patterns together.
    pub fn build(recipe: &Recipe<'_>, words: &[&[u8]], all: &References) -> Result<Self, BuildError> {
        let mut lists = Vec::with_capacity(recipe.files.len());
        for file in &recipe.files {
            let fail = |message| BuildError { index: file.word, message };
            let used = recipe.used(if file.columns == Columns::Key { Role::Acl } else { Role::Map });
            let reference = all.named(file.name, file.columns, used).map_err(fail)?;
            if file.columns == Columns::KeyAndValue {
                reference.mark_acl();
            }
            let list = reference.expression(recipe.method, file.case, Values::Ignored, recipe.names);
            lists.push(list.map_err(|(line, wrong)| fail(in_file(&wrong, line, reference.name())))?);
        }
        let own = recipe.own_words(words, all)?;
        Ok(Self { method: recipe.method, list: own, others: lists.into() })
    }

    /// The method of these patterns.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether a sample matches, where that can be told at once: nearly all ACLs have one short list that nobody has
    /// changed, and are about samples that need not be read in another way.
    #[inline]
    pub fn tells(&self, sample: &Sample<'_>) -> Option<bool> {
        if self.others.is_empty() { self.list.tells(self.method, sample) } else { None }
    }

    /// Whether a sample, as the method wants it, matches one of the patterns.
    pub fn matches(&self, sample: Sample<'_>) -> bool {
        match self.method {
            Method::Found => return true,
            Method::Bool => return sample.to_bool() == Some(true),
            _ => {}
        }
        let Some(subject) = Subject::of(self.method, sample) else { return false };
        self.others.iter().chain([&self.list]).any(|list| list.find(self.method, &subject, |_| ()).is_some())
    }
}

/// Says where in a file something is wrong.
pub(crate) fn in_file(wrong: &str, line: u32, name: &str) -> String {
    match line {
        0 => wrong.to_owned(),
        line => format!("{wrong} at line {line} of file '{name}'"),
    }
}

impl Recipe<'_> {
    fn used(&self, role: Role) -> Use {
        Use { role, file: self.place.0.clone(), line: self.place.1 }
    }

    /// All patterns as they are written, those of the files that it names, too, once it has been built.
    pub fn keys(&self, words: &[&[u8]], all: &References) -> Vec<Box<[u8]>> {
        let files = self.files.iter().filter_map(|file| all.get(file.name));
        let read = files.flat_map(|list| list.entries(None).take(usize::MAX));
        let read = read.map(|item| Box::from(item.key()));
        read.chain(self.patterns(words).0.into_iter().map(Vec::into_boxed_slice)).collect()
    }

    /// The list of the words, which the runtime API can change even when there are none.
    fn own_words(&self, words: &[&[u8]], all: &References) -> Result<Arc<Expression>, BuildError> {
        let fail = |index, message| BuildError { index, message };
        let (patterns, places) = self.patterns(words);
        let reference: Arc<Reference> = all
            .of_words(self.criterion, &self.used(Role::Acl), self.number, &patterns)
            .map_err(|message| fail(self.words.start.saturating_sub(1), message))?;
        let list = reference.expression(self.method, self.case, Values::Ignored, self.names);
        list.map_err(|(_, message)| {
            // The one that is refused is the first that cannot be read alone.
            let index = Index::new(Shape::of(self.method), self.case);
            let bad = patterns.iter().position(|p| index.check(p, self.case, self.names).is_err());
            fail(bad.map_or(self.words.start, |i| places[i]), message)
        })
    }

    /// The patterns that the words mean, and where they stand: an operator applies to all numbers behind it.
    fn patterns(&self, words: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<usize>) {
        let mut operator = Operator::Eq;
        let mut patterns = Vec::with_capacity(self.words.len());
        for place in self.words.clone() {
            let word = words[place];
            if Shape::of(self.method) != Shape::Integers {
                patterns.push((word.to_vec(), place));
            } else if let Some(found) = Operator::find(word) {
                operator = found;
            } else {
                patterns.push((operator.apply(word), place));
            }
        }
        patterns.into_iter().unzip()
    }
}

/// Patterns that belong to no list and never change.
pub struct Patterns {
    method: Method,
    case: Case,
    index: Index,
}

impl Patterns {
    /// Reads the patterns of a method.
    pub fn build(method: Method, case: Case, words: &[&[u8]]) -> Result<Self, BuildError> {
        let mut index = Index::new(Shape::of(method), case);
        for (i, word) in words.iter().enumerate() {
            let item = Arc::new(Item::new(i as u64, 0, word, None));
            let inserted = index.insert(&item, case, HostNames::Refused);
            inserted.map_err(|message| BuildError { index: i, message })?;
        }
        Ok(Self { method, case, index })
    }

    /// Whether a sample matches one of the patterns.
    pub fn matches(&self, sample: Sample<'_>) -> bool {
        Subject::of(self.method, sample)
            .is_some_and(|subject| self.index.find(self.method, self.case, &subject).is_some())
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patterns({:?})", self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(method: Method, words: usize) -> Recipe<'static> {
        Recipe {
            criterion: "path",
            place: ("a.cfg".into(), 7),
            method,
            names: HostNames::Refused,
            files: Vec::new(),
            number: None,
            case: Case::Sensitive,
            words: 0..words,
        }
    }

    fn build(method: Method, words: &[&str]) -> Matcher {
        let words: Vec<&[u8]> = words.iter().map(|w| w.as_bytes()).collect();
        Matcher::build(&recipe(method, words.len()), &words, &References::default()).unwrap()
    }

    #[test]
    fn one_match_is_enough() {
        let p = build(Method::Str, &["a", "b"]);
        assert!(p.matches(Sample::text(b"b")) && !p.matches(Sample::text(b"c")));
    }

    #[test]
    fn integers_take_operators() {
        let p = build(Method::Int, &["lt", "5", "gt", "10"]);
        assert!(p.matches(Sample::Int(4)) && p.matches(Sample::Int(11)) && !p.matches(Sample::Int(7)));
        let lengths = build(Method::Len, &["3:5"]);
        assert!(lengths.matches(Sample::text(b"abcd")) && !lengths.matches(Sample::text(b"ab")));
    }

    #[test]
    fn truth_and_existence_need_no_patterns() {
        assert!(build(Method::Bool, &[]).matches(Sample::Bool(true)));
        assert!(!build(Method::Bool, &[]).matches(Sample::Int(0)));
        assert!(build(Method::Found, &[]).matches(Sample::Int(0)));
    }

    #[test]
    fn the_runtime_api_reaches_the_words() {
        let all = References::default();
        let matcher = Matcher::build(&recipe(Method::Str, 1), &[b"a"], &all).unwrap();
        all.find(Role::Acl, "#0").unwrap().add(None, b"b", None).unwrap();
        assert!(matcher.matches(Sample::text(b"b")));
    }

    #[test]
    fn lists_and_words_are_searched_in_turn() {
        let all = References::default();
        let list = |name| FromFile { word: 1, name, columns: Columns::Key, case: Case::Insensitive };
        let recipe = Recipe { files: vec![list("virt@a"), list("virt@b")], ..recipe(Method::End, 1) };
        let matcher = Matcher::build(&recipe, &[b"own"], &all).unwrap();
        all.get("virt@b").unwrap().add(None, b"B", None).unwrap();
        assert!(matcher.matches(Sample::text(b"ab")) && matcher.matches(Sample::text(b"my own")));
        assert!(!matcher.matches(Sample::text(b"my OWN")));
    }

    #[test]
    fn a_bad_word_is_named() {
        let words: [&[u8]; 3] = [b"gt", b"5", b"x"];
        let error = Matcher::build(&recipe(Method::Int, 3), &words, &References::default()).unwrap_err();
        assert_eq!(error, BuildError { index: 2, message: "'x' is not a number".into() });
    }

    #[test]
    fn fixed_patterns_are_those_of_one_method() {
        let p = Patterns::build(Method::Reg, Case::Sensitive, &[b"^/a(?=b)"]).unwrap();
        assert!(p.matches(Sample::text(b"/ab")) && !p.matches(Sample::text(b"/ac")));
        assert_eq!(Patterns::build(Method::Reg, Case::Sensitive, &[b"("]).unwrap_err().index, 0);
    }
}
