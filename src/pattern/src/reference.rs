//! Lists of patterns that ACLs and maps share, with their versions.
//!
//! Who looks something up takes a snapshot of an index, without a lock. Who changes a list holds its lock, changes the
//! index of the version, of which a copy shares nearly everything, and swaps the snapshot.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use lang::Sample;

use crate::Method;
use crate::address::{Found, HostNames, Network};
use crate::cache;
use crate::index::{Index, Shape, Subject};
use crate::item::{Columns, Item};
use crate::list::List;
use crate::short::Short;
use crate::text::Case;
use crate::tree::{Key, Tree};

/// What the values of a list must be for whoever looks them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// They are not looked at.
    Ignored,
    /// Texts.
    Texts,
    /// Integers.
    Integers,
    /// IPv4 or IPv6 addresses.
    Addresses,
}

impl Values {
    fn check(self, value: Option<&[u8]>) -> Result<(), Refused> {
        let Some(value) = value else { return Ok(()) };
        let fine = match self {
            Self::Ignored | Self::Texts => true,
            Self::Integers => {
                let digits = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
                !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
            }
            Self::Addresses => Network::parse(value, HostNames::Refused).is_some(),
        };
        if fine { Ok(()) } else { Err(Refused::Entry(format!("unable to parse '{}'", value.escape_ascii()))) }
    }

    /// The sample that a value means.
    pub(crate) fn sample(self, value: &[u8]) -> Option<Sample<'static>> {
        match self {
            Self::Ignored | Self::Texts => Some(Sample::owned(value.to_vec())),
            Self::Integers => Sample::text(value).to_int().map(Sample::Int),
            Self::Addresses => {
                let text = std::str::from_utf8(value).ok()?;
                let address = text.split_once('/').map_or(text, |(address, _)| address);
                address.parse().ok().map(Sample::ip)
            }
        }
    }

    /// The type of the sample of a value, as the runtime API calls it.
    fn kind(self, value: &[u8]) -> Option<&'static str> {
        self.sample(value).map(|sample| sample.kind().name())
    }
}

/// Why a list stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The version was not prepared yet.
    FutureVersion,
    /// The version is not among those that may be committed.
    VersionOutOfRange,
    /// There is no such entry.
    NotFound,
    /// The key or the value does not suit everyone who uses the list.
    Entry(String),
}

/// How one of its users finds something in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The method.
    pub method: Method,
    /// Whether it tells upper from lower case.
    pub case: Case,
    /// The entry, if any fits.
    pub hit: Option<Hit>,
}

/// An entry that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where it was.
    pub found: Found,
    /// The entry.
    pub item: Arc<Item>,
    /// The type of its value, where the user looks at values.
    pub kind: Option<&'static str>,
}

/// A way in which a list is looked up, shared by all who do it that way.
///
/// Requests are compared with many short lists: what that takes stands in front, in one line of the processor's cache.
#[repr(C, align(64))]
pub(crate) struct Expression {
    changed: AtomicBool,
    pub(crate) case: Case,
    /// What a short list was at first: it is looked up without the cost of a snapshot as long as nobody changes it,
    /// which is how most ACLs live.
    at_first: Option<AtFirst>,
    shape: Shape,
    pub(crate) values: Values,
    /// The method of its first user.
    method: Method,
    now: ArcSwap<Snapshot>,
}

/// The most entries of a short list.
const SHORT: usize = 15;

/// What a short list was at first.
enum AtFirst {
    Short(Short),
    Index(Box<Index>),
}

/// An index at one moment.
struct Snapshot {
    /// Another one each time.
    id: u64,
    index: Index,
    search: Search,
}

/// How something is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// In the index.
    Direct,
    /// In the answers of before, since the index is slow.
    Cached,
}

impl Snapshot {
    fn of(index: Index) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let id = LAST.fetch_add(1, Ordering::Relaxed);
        let search =
            if index.compared_one_by_one() >= cache::WORTH_IT { Search::Cached } else { Search::Direct };
        Self { id, index, search }
    }
}

impl Expression {
    /// Whether an entry fits, and what `take` makes of it.
    #[inline]
    pub(crate) fn find<R>(
        &self,
        method: Method,
        subject: &Subject<'_>,
        take: impl FnOnce(&Item) -> R,
    ) -> Option<R> {
        match self.unchanged() {
            Some(AtFirst::Short(short)) => {
                return short.find(method, self.case, subject).map(|item| take(item));
            }
            Some(AtFirst::Index(index)) => {
                return index.find(method, self.case, subject).map(|(item, _)| take(item));
            }
            None => {}
        }
        let now = self.now.load();
        if let (Search::Cached, Some(text)) = (now.search, subject.bytes(Case::Sensitive)) {
            let search = || now.index.find(method, self.case, subject).map(|(item, _)| item.clone());
            return cache::through(now.id, method, text, search).map(|item| take(&item));
        }
        now.index.find(method, self.case, subject).map(|(item, _)| take(item))
    }

    #[inline]
    fn unchanged(&self) -> Option<&AtFirst> {
        self.at_first.as_ref().filter(|_| !self.changed.load(Ordering::Acquire))
    }

    /// Whether something fits, if that can be told from what the list was at first.
    #[inline]
    pub(crate) fn tells(&self, method: Method, sample: &Sample<'_>) -> Option<bool> {
        match self.unchanged()? {
            AtFirst::Short(short) => short.tells(method, self.case, sample),
            AtFirst::Index(_) => None,
        }
    }

    /// The value of the fitting regular expression, with its groups filled in.
    pub(crate) fn expand(&self, subject: &Subject<'_>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.now.load().index.expand(subject, &mut out).map(|()| out)
    }

    fn written(&self, text: &[u8]) -> Finding {
        let subject = Subject::written(self.method, text);
        let now = self.now.load();
        let found = subject.and_then(|s| now.index.find(self.method, self.case, &s));
        let hit = found.map(|(item, found)| Hit {
            found,
            item: item.clone(),
            kind: match self.values {
                Values::Ignored => None,
                values => item.value().and_then(|v| values.kind(v)),
            },
        });
        Finding { method: self.method, case: self.case, hit }
    }
}

/// What uses a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An ACL.
    Acl,
    /// A map.
    Map,
}

/// Where a list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file, or only its name; as it was written first.
    File(Box<str>),
    /// The words of an ACL with this criterion, in this file and line.
    Words(Box<str>, Arc<str>, usize),
}

/// A place of the configuration where a list is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// By what.
    pub role: Role,
    /// The configuration file.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
}

/// A list of patterns, with or without values.
pub struct Reference {
    pub(crate) name: Box<str>,
    pub(crate) origin: Origin,
    pub(crate) columns: Columns,
    pub(crate) uses: Mutex<Vec<Use>>,
    pub(crate) number: OnceLock<u32>,
    /// Whether an ACL reads it as a map (`-M`).
    in_acl: AtomicBool,
    state: Mutex<State>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({:?})", self.origin)
    }
}

#[derive(Default)]
struct State {
    /// The version that is looked up.
    now: Version,
    current: u32,
    /// The last one that was prepared.
    next: u32,
    /// Other versions with entries.
    others: BTreeMap<u32, Version>,
    expressions: Vec<Arc<Expression>>,
    last_id: u64,
}

#[derive(Clone, Default)]
struct Version {
    items: List<()>,
    /// The entries by their keys, once somebody asked for one.
    by_key: Option<Tree>,
    /// One for each expression.
    indexes: Vec<Index>,
}

/// Fewer entries are searched one by one.
const FEW: usize = 16;

impl Version {
    fn empty(expressions: &[Arc<Expression>]) -> Self {
        let indexes = expressions.iter().map(|e| Index::new(e.shape, e.case)).collect();
        Self { items: List::default(), by_key: None, indexes }
    }

    fn add(&mut self, expressions: &[Arc<Expression>], item: &Arc<Item>) -> Result<(), Refused> {
        for (index, expression) in self.indexes.iter().zip(expressions) {
            expression.values.check(item.value())?;
            index.check(item.key(), expression.case, HostNames::Refused).map_err(Refused::Entry)?;
        }
        for (index, expression) in self.indexes.iter_mut().zip(expressions) {
            index.insert(item, expression.case, HostNames::Refused).map_err(Refused::Entry)?;
        }
        self.items.push(item.clone(), ());
        if let Some(tree) = &mut self.by_key {
            tree.insert(Key::bytes(item.key()), item.clone());
        }
        Ok(())
    }

    fn remove(&mut self, expressions: &[Arc<Expression>], item: &Item) {
        for (index, expression) in self.indexes.iter_mut().zip(expressions) {
            index.remove(item, expression.case);
        }
        self.items.remove(item.id);
        if let Some(tree) = &mut self.by_key {
            tree.remove(Key::bytes(item.key()), item.id);
        }
    }

    fn set(&mut self, expressions: &[Arc<Expression>], old: &Item, value: &[u8]) {
        let item = Arc::new(old.with_value(value));
        for (index, expression) in self.indexes.iter_mut().zip(expressions) {
            index.replace(&item, expression.case);
        }
        self.items.replace(&item);
        if let Some(tree) = &mut self.by_key {
            tree.replace(Key::bytes(item.key()), &item);
        }
    }

    /// The entries with this key.
    fn of_key(&mut self, key: &[u8]) -> Vec<Arc<Item>> {
        if self.by_key.is_none() && self.items.len() <= FEW {
            let all = self.items.iter().map(|slot| &slot.item);
            return all.filter(|item| item.key() == key).cloned().collect();
        }
        let tree = self.by_key.get_or_insert_with(|| {
            let mut tree = Tree::default();
            for slot in self.items.iter() {
                tree.insert(Key::bytes(slot.item.key()), slot.item.clone());
            }
            tree
        });
        tree.exact(Key::bytes(key)).map(|bucket| bucket.iter().cloned().collect()).unwrap_or_default()
    }
}

impl State {
    fn version(&mut self, version: u32) -> Option<&mut Version> {
        if version == self.current { Some(&mut self.now) } else { self.others.get_mut(&version) }
    }

    /// Lets everybody see the version that is current now.
    fn publish(&self) {
        for (index, expression) in self.now.indexes.iter().zip(&self.expressions) {
            expression.now.store(Arc::new(Snapshot::of(index.clone())));
            if expression.at_first.is_some() {
                expression.changed.store(true, Ordering::Release);
            }
        }
    }

    fn add(&mut self, version: u32, key: &[u8], value: Option<&[u8]>) -> Result<(), Refused> {
        // Versions wrap around.
        if (version.wrapping_sub(self.next) as i32) > 0 {
            return Err(Refused::FutureVersion);
        }
        self.last_id += 1;
        let item = Arc::new(Item::new(self.last_id, 0, key, value));
        if version == self.current {
            return self.now.add(&self.expressions, &item);
        }
        let other = self.others.entry(version).or_insert_with(|| Version::empty(&self.expressions));
        other.add(&self.expressions, &item)
    }

    fn set(&mut self, items: &[Arc<Item>], value: &[u8]) -> Result<(), Refused> {
        if items.is_empty() {
            return Err(Refused::NotFound);
        }
        for expression in &self.expressions {
            expression.values.check(Some(value))?;
        }
        for item in items {
            self.now.set(&self.expressions, item, value);
        }
        self.publish();
        Ok(())
    }

    fn remove(&mut self, items: &[Arc<Item>]) -> Result<(), Refused> {
        if items.is_empty() {
            return Err(Refused::NotFound);
        }
        for item in items {
            self.now.remove(&self.expressions, item);
        }
        self.publish();
        Ok(())
    }
}

impl Reference {
    pub(crate) fn new(name: &str, origin: Origin, columns: Columns, items: Vec<Item>) -> Self {
        let mut state = State::default();
        for item in items {
            state.last_id = item.id;
            state.now.items.push(Arc::new(item), ());
        }
        Self {
            name: name.into(),
            origin,
            columns,
            uses: Mutex::default(),
            number: OnceLock::new(),
            in_acl: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A way to look it up; the error names the line with a pattern or a value that does not suit.
    pub(crate) fn expression(
        &self,
        method: Method,
        case: Case,
        values: Values,
        names: HostNames,
    ) -> Result<Arc<Expression>, (u32, String)> {
        let shape = Shape::of(method);
        let state = &mut *self.state();
        let same = |e: &&Arc<Expression>| (e.shape, e.case, e.values) == (shape, case, values);
        if let Some(expression) = state.expressions.iter().find(same) {
            return Ok(expression.clone());
        }
        let mut index = Index::new(shape, case);
        for slot in state.now.items.iter() {
            let item = &slot.item;
            if let Err(Refused::Entry(wrong)) = values.check(item.value()) {
                return Err((item.line, wrong));
            }
            index.insert(item, case, names).map_err(|wrong| (item.line, wrong))?;
        }
        let expression = Arc::new(Expression {
            shape,
            case,
            values,
            method,
            at_first: (state.now.items.len() <= SHORT).then(|| {
                let items: Vec<_> = state.now.items.iter().map(|slot| slot.item.clone()).collect();
                let short = Short::of(shape, case, &items);
                short.map_or_else(|| AtFirst::Index(Box::new(index.clone())), AtFirst::Short)
            }),
            changed: AtomicBool::new(false),
            now: ArcSwap::from_pointee(Snapshot::of(index.clone())),
        });
        // Most lists belong to one ACL, and there may be thousands of those.
        state.expressions.reserve_exact(1);
        state.expressions.push(expression.clone());
        state.now.indexes.reserve_exact(1);
        state.now.indexes.push(index);
        Ok(expression)
    }

    /// The name by which rules and the runtime API know it; empty for the words of an ACL.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number, once all lists are numbered.
    pub fn number(&self) -> u32 {
        self.number.get().copied().unwrap_or(u32::MAX)
    }

    /// Whether its entries have values.
    pub fn columns(&self) -> Columns {
        self.columns
    }

    /// Whether anything of this kind uses it.
    pub fn serves(&self, role: Role) -> bool {
        match self.origin {
            Origin::Words(..) => role == Role::Acl,
            Origin::File(_) if role == Role::Acl && self.in_acl.load(Ordering::Relaxed) => true,
            Origin::File(_) => self.uses().iter().any(|u| u.role == role),
        }
    }

    /// Says that an ACL uses it although it is a map.
    pub(crate) fn mark_acl(&self) {
        self.in_acl.store(true, Ordering::Relaxed);
    }

    pub(crate) fn uses(&self) -> MutexGuard<'_, Vec<Use>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is and who uses it, as the runtime API says it.
    pub fn description(&self) -> String {
        match &self.origin {
            Origin::Words(criterion, file, line) => format!("acl '{criterion}' file '{file}' line {line}"),
            Origin::File(written) => {
                let one = |u: &Use| {
                    let role = if u.role == Role::Acl { "acl" } else { "map" };
                    format!("by {role} at file '{}' line {}", u.file, u.line)
                };
                let uses: Vec<String> = self.uses().iter().map(one).collect();
                format!("pattern loaded from file '{written}' used {}", uses.join(", "))
            }
        }
    }

    /// The current version, the last prepared one, and the number of ready entries of all versions.
    pub fn figures(&self) -> (u32, u32, usize) {
        let state = self.state();
        let versions = std::iter::once(&state.now).chain(state.others.values());
        let entries: usize = versions.map(|v| v.items.len()).sum();
        (state.current, state.next, entries * state.expressions.len())
    }

    /// Adds an entry to a version; to the current one when none is named.
    pub fn add(&self, version: Option<u32>, key: &[u8], value: Option<&[u8]>) -> Result<(), Refused> {
        self.add_all(version, std::iter::once((key, value)))
    }

    /// Adds entries until one is refused. Those before it stay; all are seen at once.
    pub fn add_all<'e>(
        &self,
        version: Option<u32>,
        entries: impl Iterator<Item = (&'e [u8], Option<&'e [u8]>)>,
    ) -> Result<(), Refused> {
        let mut state = self.state();
        let version = version.unwrap_or(state.current);
        let added = { entries }.try_for_each(|(key, value)| state.add(version, key, value));
        if version == state.current {
            state.publish();
        }
        added
    }

    /// Gives the entries of a key a new value.
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<(), Refused> {
        let mut state = self.state();
        let items = state.now.of_key(key);
        state.set(&items, value)
    }

    /// Gives one entry a new value.
    pub fn set_entry(&self, id: u64, value: &[u8]) -> Result<(), Refused> {
        let mut state = self.state();
        let items: Vec<_> = state.now.items.get(id).map(|slot| slot.item.clone()).into_iter().collect();
        state.set(&items, value)
    }

    /// Gives a key a value, whether it is there already or not.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Refused> {
        let mut state = self.state();
        let items = state.now.of_key(key);
        if !items.is_empty() {
            return state.set(&items, value);
        }
        let current = state.current;
        state.add(current, key, Some(value))?;
        state.publish();
        Ok(())
    }

    /// Adds a key unless it is there already.
    pub fn include(&self, key: &[u8]) -> Result<(), Refused> {
        let mut state = self.state();
        if !state.now.of_key(key).is_empty() {
            return Ok(());
        }
        let current = state.current;
        state.add(current, key, None)?;
        state.publish();
        Ok(())
    }

    /// Removes the entries of a key.
    pub fn remove(&self, key: &[u8]) -> Result<(), Refused> {
        let mut state = self.state();
        let items = state.now.of_key(key);
        state.remove(&items)
    }

    /// Removes one entry.
    pub fn remove_entry(&self, id: u64) -> Result<(), Refused> {
        let mut state = self.state();
        let items: Vec<_> = state.now.items.get(id).map(|slot| slot.item.clone()).into_iter().collect();
        state.remove(&items)
    }

    /// Removes all entries of a version, of the current one when none is named.
    pub fn clear(&self, version: Option<u32>) {
        let mut state = self.state();
        let version = version.unwrap_or(state.current);
        if version == state.current {
            state.now = Version::empty(&state.expressions);
            state.publish();
        } else {
            state.others.remove(&version);
        }
    }

    /// Makes a new version that nobody sees before it is committed.
    pub fn prepare(&self) -> u32 {
        let mut state = self.state();
        state.next = state.next.wrapping_add(1);
        state.next
    }

    /// Makes a version the one that is looked up, and forgets those before it.
    pub fn commit(&self, version: u32) -> Result<(), Refused> {
        let mut state = self.state();
        let ahead = |v: u32| v.wrapping_sub(state.current);
        if ahead(version) == 0 || ahead(version) > ahead(state.next) {
            return Err(Refused::VersionOutOfRange);
        }
        let now = state.others.remove(&version).unwrap_or_else(|| Version::empty(&state.expressions));
        state.now = now;
        state.current = version;
        let next = state.next;
        state.others.retain(|v, _| v.wrapping_sub(version) <= next.wrapping_sub(version));
        state.publish();
        Ok(())
    }

    /// The entries of a version as they are now, of the current one when none is named.
    pub fn entries(&self, version: Option<u32>) -> Entries {
        let mut state = self.state();
        let version = version.unwrap_or(state.current);
        Entries { items: state.version(version).map(|v| v.items.clone()).unwrap_or_default(), next: 0 }
    }

    /// What each of its users finds for a text.
    pub fn look_up(&self, text: &[u8]) -> Vec<Finding> {
        let expressions = self.state().expressions.clone();
        expressions.iter().map(|e| e.written(text)).collect()
    }
}

/// The entries of a version at one moment, given out piece by piece.
pub struct Entries {
    items: List<()>,
    next: u64,
}

impl Entries {
    /// The next entries, so many at most; none at the end.
    pub fn take(&mut self, count: usize) -> Vec<Arc<Item>> {
        let items: Vec<_> = self.items.from(self.next).take(count).map(|slot| slot.item.clone()).collect();
        if let Some(last) = items.last() {
            self.next = last.id + 1;
        }
        items
    }
}

#[cfg(test)]
mod tests;
