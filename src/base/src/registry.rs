//! The tables of named things that rooms declare, and the look-up by name.
//!
//! Each room keeps its entries in `static` slices; the program gathers them into one `Registry` when it
//! starts, without any registration by side effect. A configuration may add entries of its own later.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::reference::Reference;

/// One named entry of a table.
pub trait Entry: Sync + 'static {
    /// The name by which a configuration refers to it; may hold several words ("option httplog").
    fn name(&self) -> &'static str;
}

/// All tables, by the type of their entries, and what the configuration adds to them while it is read.
#[derive(Default)]
pub struct Registry {
    tables: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    references: Mutex<Vec<Reference>>,
    wishes: AtomicU32,
    layers: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    file: Mutex<Arc<str>>,
    line: AtomicUsize,
}

struct Table<T: 'static> {
    entries: Vec<&'static T>,
    by_name: HashMap<&'static str, Vec<&'static T>>,
}

impl Registry {
    /// Adds a room's entries.
    pub fn add<T: Entry + Send>(&mut self, entries: &'static [T]) {
        let table = self
            .tables
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::new(Table::<T> { entries: Vec::new(), by_name: HashMap::new() }));
        let Some(table) = table.downcast_mut::<Table<T>>() else { return };
        for entry in entries {
            table.entries.push(entry);
            table.by_name.entry(entry.name()).or_default().push(entry);
        }
    }

    /// The first entry of that name.
    pub fn find<T: Entry>(&self, name: &str) -> Option<&'static T> {
        self.named(name).first().copied()
    }

    /// All entries of that name: one keyword may mean different things in different sections.
    pub fn named<T: Entry>(&self, name: &str) -> &[&'static T] {
        self.table::<T>().and_then(|t| t.by_name.get(name)).map_or(&[], Vec::as_slice)
    }

    /// All entries of a type, in the order in which they were added.
    pub fn all<T: Entry>(&self) -> &[&'static T] {
        self.table::<T>().map_or(&[], |t| &t.entries)
    }

    /// The name most like `word`, if one is close enough to be a slip of the keyboard.
    pub fn suggest<T: Entry>(&self, word: &str) -> Option<&'static str> {
        nearest(word, self.all::<T>().iter().map(|e| e.name()))
    }

    /// Adds the entries of one type to another registry.
    pub fn copy_to<T: Entry + Send>(&self, other: &mut Self) {
        let Some(table) = self.table::<T>() else { return };
        let copy = Table::<T> { entries: table.entries.clone(), by_name: table.by_name.clone() };
        other.tables.insert(TypeId::of::<T>(), Box::new(copy));
    }

    /// Leaves word that a name has to be looked up.
    pub fn refer(&self, reference: Reference) {
        self.references.lock().unwrap_or_else(PoisonError::into_inner).push(reference);
    }

    /// The names that were left to be looked up since this was asked last.
    pub fn take_references(&self) -> Vec<Reference> {
        std::mem::take(&mut *self.references.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leaves word that something has to be kept while traffic is carried, as bits.
    pub fn wish(&self, bits: u32) {
        self.wishes.fetch_or(bits, Ordering::Relaxed);
    }

    /// All that was wished for so far.
    pub fn wishes(&self) -> u32 {
        self.wishes.load(Ordering::Relaxed)
    }

    /// All that was wished for since this was asked last.
    pub fn take_wishes(&self) -> u32 {
        self.wishes.swap(0, Ordering::Relaxed)
    }

    /// What a room keeps for the whole configuration: one value of each type.
    ///
    /// # Panics
    /// Never: a value is kept under its own type.
    pub fn layer<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let layer = layers.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        layer.downcast().expect("a value is kept under its own type")
    }

    /// Says which file is read from here on.
    pub fn enter(&self, file: &Arc<str>) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file.clone();
    }

    /// Says which line is read from here on.
    pub fn advance(&self, line: usize) {
        self.line.store(line, Ordering::Relaxed);
    }

    /// The file and the line that are being read.
    pub fn place(&self) -> (Arc<str>, usize) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (file, self.line.load(Ordering::Relaxed))
    }

    fn table<T: Entry>(&self) -> Option<&Table<T>> {
        self.tables.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

/// Of `names`, the one nearest to `word`: at most a third of its letters may differ.
pub fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = (word.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// Edit distance with transpositions (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 4 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j - 1] + cost).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Word(&'static str);
    impl Entry for Word {
        fn name(&self) -> &'static str {
            self.0
        }
    }
    static WORDS: [Word; 3] = [Word("timeout client"), Word("bind"), Word("backlog")];

    #[test]
    fn entries_are_found_by_type_and_name() {
        let mut r = Registry::default();
        r.add(&WORDS);
        assert!(r.find::<Word>("bind").is_some());
        assert!(r.find::<Word>("bin").is_none());
        assert_eq!(r.all::<Word>().len(), 3);
        assert_eq!(r.named::<Word>("bind").len(), 1);
    }

    #[test]
    fn a_configuration_has_layers_and_a_place() {
        let r = Registry::default();
        r.layer::<AtomicUsize>().store(5, Ordering::Relaxed);
        assert_eq!(r.layer::<AtomicUsize>().load(Ordering::Relaxed), 5);
        r.enter(&"a.cfg".into());
        r.advance(7);
        assert_eq!(r.place(), ("a.cfg".into(), 7));
    }

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let mut r = Registry::default();
        r.add(&WORDS);
        assert_eq!(r.suggest::<Word>("bnid"), Some("bind"));
        assert_eq!(r.suggest::<Word>("timeout clinet"), Some("timeout client"));
        assert_eq!(r.suggest::<Word>("frontend"), None);
    }
}
