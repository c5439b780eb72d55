//! Variables: named samples with a scope (configuration manual, section 2.8).

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::facts::{Course, Scene};
use crate::sample::Sample;

/// How long a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `proc.`: as long as the process.
    Process,
    /// `sess.`: as long as the client's connection.
    Session,
    /// `txn.`: as long as a request and its response.
    Transaction,
    /// `req.`: while the request is processed.
    Request,
    /// `res.`: while the response is processed.
    Response,
    /// `check.`: as long as a health check.
    Check,
    /// Those of the stream that another one serves, such as `ptxn.`: no stream has such a parent.
    Parent,
}

/// A variable's name with its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VarName {
    /// The scope.
    pub scope: Scope,
    /// What follows the scope's prefix.
    pub name: Box<str>,
}

/// A name that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVarName(String);

impl fmt::Display for BadVarName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadVarName {}

/// The scope that a prefix means.
fn scope_of(prefix: &str) -> Option<Scope> {
    Some(match prefix {
        "proc" => Scope::Process,
        "sess" => Scope::Session,
        "txn" => Scope::Transaction,
        "req" => Scope::Request,
        "res" => Scope::Response,
        "check" => Scope::Check,
        "psess" | "ptxn" | "preq" | "pres" => Scope::Parent,
        _ => return None,
    })
}

impl VarName {
    /// Reads `scope.name`.
    pub fn parse(text: &str) -> Result<Self, BadVarName> {
        if text.is_empty() {
            return Err(BadVarName("Empty variable name cannot be accepted".into()));
        }
        let parts = text.split_once('.').filter(|(_, name)| !name.is_empty());
        let Some((scope, name)) = parts.and_then(|(scope, name)| Some((scope_of(scope)?, name))) else {
            return Err(BadVarName(format!(
                "invalid variable name '{text}'. A variable name must start with its scope. The scope can be \
                 'proc', '(p)sess', '(p)txn', '(p)req', '(p)res' or 'check'"
            )));
        };
        match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')) {
            Some(bad) => {
                Err(BadVarName(format!("invalid syntax at char '{bad}' in the variable name '{text}'")))
            }
            None => Ok(Self { scope, name: name.into() }),
        }
    }
}

/// When a variable is set, by what it holds so far and by what it would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proviso {
    Exists,
    NotExists,
    Empty,
    NotEmpty,
    Set,
    NotSet,
    Greater,
    Less,
}

/// The provisos of one change; all of them must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisos(Vec<Proviso>);

impl Provisos {
    /// Reads the words behind a variable's name.
    pub fn parse<'w>(words: impl Iterator<Item = &'w str>) -> Result<Self, String> {
        let one = |word| {
            Ok(match word {
                "ifexists" => Proviso::Exists,
                "ifnotexists" => Proviso::NotExists,
                "ifempty" => Proviso::Empty,
                "ifnotempty" => Proviso::NotEmpty,
                "ifset" => Proviso::Set,
                "ifnotset" => Proviso::NotSet,
                "ifgt" => Proviso::Greater,
                "iflt" => Proviso::Less,
                other => return Err(format!("unknown condition \"{other}\"")),
            })
        };
        words.filter(|word| !word.is_empty()).map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a variable that holds `before` may be set to a value. Those of the process exist from the beginning.
    pub fn allow(&self, scope: Scope, before: Option<&Sample<'_>>, value: &Sample<'_>) -> bool {
        let exists = before.is_some() || scope == Scope::Process;
        self.0.iter().all(|proviso| match proviso {
            Proviso::Exists => exists,
            Proviso::NotExists => !exists,
            Proviso::Set => before.is_some(),
            Proviso::NotSet => before.is_none(),
            Proviso::Empty => is_empty(value),
            Proviso::NotEmpty => !is_empty(value),
            Proviso::Greater => integers(before, value).is_none_or(|(before, value)| before > value),
            Proviso::Less => integers(before, value).is_none_or(|(before, value)| before < value),
        })
    }
}

/// Numbers and addresses are never empty.
fn is_empty(value: &Sample<'_>) -> bool {
    match value {
        Sample::Str(bytes) | Sample::Bin(bytes) | Sample::Method(bytes) => bytes.is_empty(),
        Sample::Bool(_) | Sample::Int(_) | Sample::Ipv4(_) | Sample::Ipv6(_) => false,
    }
}

/// What is compared: integers only.
fn integers(before: Option<&Sample<'_>>, value: &Sample<'_>) -> Option<(i64, i64)> {
    match (before, value) {
        (Some(Sample::Int(before)), Sample::Int(value)) => Some((*before, *value)),
        _ => None,
    }
}

/// How much memory variables may take, in bytes; no limit where there is none (`tune.vars.*-max-size`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VarLimits {
    /// All together (`global`).
    pub all: Option<u64>,
    /// The process's and all below (`proc`).
    pub process: Option<u64>,
    /// One session's and all below.
    pub session: Option<u64>,
    /// One transaction's and all below.
    pub transaction: Option<u64>,
    /// Those of one request, or of one response.
    pub message: Option<u64>,
    /// Those of one health check.
    pub check: Option<u64>,
}

impl VarLimits {
    /// Whether there is any limit.
    fn any(&self) -> bool {
        *self != Self::default()
    }

    /// Whether there is a limit for all sessions together.
    fn is_shared(&self) -> bool {
        self.all.is_some() || self.process.is_some()
    }
}

/// What each variable takes beside its bytes. Which variables still fit is a matter of configurations, so that the
/// figure is part of what a replacement has to keep.
const OVERHEAD: u64 = 88;

/// The variables of one scope. There are few, so that a list is searched faster than hashed; most scopes have none.
#[derive(Debug, Default)]
pub struct Variables(OnceCell<Box<Held>>);

#[derive(Debug, Default)]
struct Held {
    list: Vec<(Box<str>, Sample<'static>)>,
    /// What expressions changed while others may still look at the list: it goes before the list.
    changes: RefCell<Vec<(Box<str>, Option<Sample<'static>>)>>,
    /// The sum over all scopes, where that is limited, and what these variables have added to it.
    shared: RefCell<Option<(Arc<AtomicU64>, u64)>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((sum, own)) = self.shared.get_mut() {
            sum.fetch_sub(*own, Ordering::Relaxed);
        }
    }
}

impl Held {
    /// Makes the changes part of the list.
    fn settle(&mut self) {
        for (name, value) in std::mem::take(self.changes.get_mut()) {
            self.apply(name, value);
        }
    }

    fn apply(&mut self, name: Box<str>, value: Option<Sample<'static>>) {
        let at = self.list.iter().position(|(known, _)| *known == name);
        match (at, value) {
            (Some(at), Some(value)) => self.list[at].1 = value,
            (Some(at), None) => drop(self.list.remove(at)),
            (None, Some(value)) => self.list.push((name, value)),
            (None, None) => {}
        }
    }
}

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<Sample<'_>> {
        let held = self.0.get()?;
        let changes = held.changes.borrow();
        if let Some((_, value)) = changes.iter().find(|(n, _)| &**n == name) {
            return value.clone();
        }
        held.list.iter().find(|(n, _)| &**n == name).map(|(_, v)| v.borrowed())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: Sample<'static>) {
        let held = self.held();
        held.settle();
        held.apply(name.into(), Some(value));
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        if self.0.get().is_some() {
            let held = self.held();
            held.settle();
            held.apply(name.into(), None);
        }
    }

    /// Sets or removes a variable.
    pub fn assign(&mut self, name: &str, value: Option<Sample<'static>>) {
        match value {
            Some(value) => self.set(name, value),
            None => self.unset(name),
        }
    }

    /// Sets or removes a variable while others may be looking at these.
    pub fn change(&self, name: &str, value: Option<Sample<'static>>) {
        let mut changes = self.0.get_or_init(Box::default).changes.borrow_mut();
        match changes.iter_mut().find(|(n, _)| &**n == name) {
            Some((_, known)) => *known = value,
            None => changes.push((name.into(), value)),
        }
    }

    /// Tells the process how much memory these take, where it wants to know.
    pub fn account(&self, process: &ProcessVariables) {
        let Some(held) = self.0.get().filter(|_| process.limits.is_shared()) else { return };
        let size = self.size();
        let mut shared = held.shared.borrow_mut();
        let (sum, own) = shared.get_or_insert_with(|| (process.taken.clone(), 0));
        sum.fetch_add(size.wrapping_sub(*own), Ordering::Relaxed);
        *own = size;
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.take();
    }

    /// All variables with their values, in the order in which they were set first.
    pub fn all(&self) -> Vec<(String, Sample<'static>)> {
        let Some(held) = self.0.get() else { return Vec::new() };
        let changes = held.changes.borrow();
        let mut names: Vec<&str> = held.list.iter().map(|(name, _)| &**name).collect();
        names.extend(
            changes
                .iter()
                .map(|(name, _)| &**name)
                .filter(|name| !held.list.iter().any(|(n, _)| &**n == *name)),
        );
        names.into_iter().filter_map(|name| Some((name.to_owned(), self.get(name)?.into_owned()))).collect()
    }

    fn held(&mut self) -> &mut Held {
        self.0.get_or_init(Box::default);
        self.0.get_mut().expect("invariant: was made above")
    }

    /// The memory that they count as taking.
    fn size(&self) -> u64 {
        let all = self.all();
        all.iter().map(|(_, value)| size_of_value(value)).sum()
    }
}

fn size_of_value(value: &Sample<'_>) -> u64 {
    OVERHEAD
        + match value {
            Sample::Str(bytes) | Sample::Bin(bytes) | Sample::Method(bytes) => bytes.len() as u64,
            Sample::Bool(_) | Sample::Int(_) | Sample::Ipv4(_) | Sample::Ipv6(_) => 0,
        }
}

impl Clone for Variables {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        for (name, value) in self.all() {
            copy.set(&name, value);
        }
        copy
    }
}

/// The variables of a session, which its streams share where it may have several at a time.
#[derive(Debug)]
pub enum SessionVariables {
    /// Those of a session with one stream after the other.
    Own(Variables),
    /// Those that several streams may look at.
    Shared(Rc<Variables>),
}

impl Default for SessionVariables {
    fn default() -> Self {
        Self::Own(Variables::default())
    }
}

impl Deref for SessionVariables {
    type Target = Variables;

    fn deref(&self) -> &Variables {
        match self {
            Self::Own(variables) => variables,
            Self::Shared(variables) => variables,
        }
    }
}

impl SessionVariables {
    /// The same variables for another stream of the session.
    #[must_use]
    pub fn share(&mut self) -> Self {
        let shared = match self {
            Self::Own(variables) => Rc::new(std::mem::take(variables)),
            Self::Shared(variables) => variables.clone(),
        };
        *self = Self::Shared(shared.clone());
        Self::Shared(shared)
    }

    /// Sets or removes a variable.
    pub fn assign(&mut self, name: &str, value: Option<Sample<'static>>) {
        match self {
            Self::Own(variables) => variables.assign(name, value),
            Self::Shared(variables) => variables.change(name, value),
        }
    }
}

/// The variables of a stream.
#[derive(Clone, Debug, Default)]
pub struct StreamVariables {
    /// `txn.`
    pub transaction: Variables,
    /// `req.`
    pub request: Variables,
    /// `res.`
    pub response: Variables,
}

/// The process's variables, which all threads share.
#[derive(Debug, Default)]
pub struct ProcessVariables {
    variables: RwLock<Vec<(Box<str>, Sample<'static>)>>,
    /// How much memory all scopes may take.
    pub limits: VarLimits,
    /// How much those of all sessions take, where that is limited.
    taken: Arc<AtomicU64>,
}

impl ProcessVariables {
    /// Those of a configuration, with its limits.
    pub fn new(variables: Vec<(Box<str>, Sample<'static>)>, limits: VarLimits) -> Self {
        Self { variables: RwLock::new(variables), limits, taken: Arc::default() }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<Sample<'static>> {
        let variables = self.variables.read().unwrap_or_else(PoisonError::into_inner);
        variables.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.clone())
    }

    /// Sets or removes a variable.
    pub fn change(&self, name: &str, value: Option<Sample<'static>>) {
        let mut variables = self.variables.write().unwrap_or_else(PoisonError::into_inner);
        let at = variables.iter().position(|(n, _)| &**n == name);
        match (at, value) {
            (Some(at), Some(value)) => variables[at].1 = value,
            (Some(at), None) => drop(variables.remove(at)),
            (None, Some(value)) => variables.push((name.into(), value)),
            (None, None) => {}
        }
    }

    /// All variables with their values.
    pub fn all(&self) -> Vec<(Box<str>, Sample<'static>)> {
        self.variables.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The memory that all variables count as taking.
    fn size(&self) -> u64 {
        let own: u64 = self.all().iter().map(|(_, value)| size_of_value(value)).sum();
        own + self.taken.load(Ordering::Relaxed)
    }
}

/// The variables of a scope in a scene.
fn of_scope<'a>(scene: &Scene<'a>, scope: Scope) -> Option<&'a Variables> {
    match scope {
        Scope::Session => Some(&scene.session.variables),
        // A check has one scope of its own, which stands in the place of a transaction's.
        Scope::Check if scene.session.course == Course::Check => Some(&scene.stream?.variables.transaction),
        Scope::Transaction | Scope::Request | Scope::Response if scene.session.course == Course::Check => {
            None
        }
        Scope::Transaction => Some(&scene.stream?.variables.transaction),
        Scope::Request => Some(&scene.stream?.variables.request),
        Scope::Response => Some(&scene.stream?.variables.response),
        Scope::Process | Scope::Check | Scope::Parent => None,
    }
}

/// All variables of a scope in a scene, with their values.
pub fn all_of(scene: &Scene<'_>, scope: Scope) -> Vec<(String, Sample<'static>)> {
    match scope {
        Scope::Process => scene.process.variables.all().into_iter().map(|(n, v)| (n.into(), v)).collect(),
        scope => of_scope(scene, scope).map(Variables::all).unwrap_or_default(),
    }
}

/// The value of a variable in a scene.
pub fn value_of<'a>(scene: &Scene<'a>, name: &VarName) -> Option<Sample<'a>> {
    match name.scope {
        Scope::Process => scene.process.variables.get(&name.name),
        scope => of_scope(scene, scope)?.get(&name.name),
    }
}

/// The value of a variable in a scene, by its full name.
pub fn look_up<'a>(scene: &Scene<'a>, full_name: &str) -> Option<Sample<'a>> {
    let (scope, name) = full_name.split_once('.')?;
    match scope_of(scope)? {
        Scope::Process => scene.process.variables.get(name),
        scope => of_scope(scene, scope)?.get(name),
    }
}

/// Removes a variable while others may be looking at its scope.
pub fn unset(scene: &Scene<'_>, name: &VarName) {
    assign(scene, name, None);
}

/// Sets a variable while others may be looking at its scope, where it may be set.
pub fn set(scene: &Scene<'_>, name: &VarName, provisos: &Provisos, value: Sample<'static>) {
    if may_set(scene, name, provisos, &value) {
        assign(scene, name, Some(value));
    }
}

fn assign(scene: &Scene<'_>, name: &VarName, value: Option<Sample<'static>>) {
    match (name.scope, of_scope(scene, name.scope)) {
        (Scope::Process, _) => scene.process.variables.change(&name.name, value),
        (_, Some(variables)) => {
            variables.change(&name.name, value);
            variables.account(&scene.process.variables);
        }
        (_, None) => {}
    }
}

/// Whether a variable may be set to a value: its provisos hold, and its memory is not too much.
pub fn may_set(scene: &Scene<'_>, name: &VarName, provisos: &Provisos, value: &Sample<'_>) -> bool {
    if provisos.is_empty() && !scene.process.variables.limits.any() {
        return true;
    }
    let before = value_of(scene, name);
    if !provisos.allow(name.scope, before.as_ref(), value) {
        return false;
    }
    before.is_some() || !scene.process.variables.limits.any() || fits(scene, name.scope)
}

/// Whether there is memory for one more variable: limits of wider scopes hold for the narrower ones, too.
fn fits(scene: &Scene<'_>, scope: Scope) -> bool {
    let limits = &scene.process.variables.limits;
    let size = |scope| of_scope(scene, scope).map_or(0, Variables::size);
    let room =
        |limit: Option<u64>, taken: &dyn Fn() -> u64| limit.is_none_or(|limit| taken() + OVERHEAD <= limit);
    let message = || size(Scope::Request) + size(Scope::Response);
    let transaction = || message() + size(Scope::Transaction);
    let session = || transaction() + size(Scope::Session);
    let process = || scene.process.variables.size();
    let in_message = matches!(scope, Scope::Request | Scope::Response);
    let in_transaction = in_message || scope == Scope::Transaction;
    let in_check = || size(Scope::Check);
    let in_session = in_transaction || scope == Scope::Session;
    room(limits.all, &process)
        && room(limits.process, &process)
        && (!in_session || room(limits.session, &session))
        && (!in_transaction || room(limits.transaction, &transaction))
        && (!in_message || room(limits.message, &message))
        && (scope != Scope::Check || room(limits.check, &in_check))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts, StreamFacts};

    #[test]
    fn names_need_a_scope_and_plain_characters() {
        assert_eq!(VarName::parse("txn.a_b.c").unwrap().scope, Scope::Transaction);
        assert_eq!(VarName::parse("preq.a").unwrap().scope, Scope::Parent);
        for bad in ["", "a", "foo.a", "txn.", "txn.a-b"] {
            assert!(VarName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variable_is_replaced_and_removed() {
        let mut v = Variables::default();
        assert_eq!(v.get("a"), None);
        v.set("a", Sample::Int(1));
        v.set("a", Sample::Int(2));
        assert_eq!(v.get("a"), Some(Sample::Int(2)));
        v.change("a", Some(Sample::Int(3)));
        v.change("b", Some(Sample::Int(4)));
        assert_eq!((v.get("a"), v.get("b")), (Some(Sample::Int(3)), Some(Sample::Int(4))));
        v.change("a", None);
        assert_eq!(v.get("a"), None);
        v.set("c", Sample::Int(5));
        let names: Vec<String> = v.clone().all().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "c"]);
        v.unset("b");
        assert_eq!(v.get("b"), None);
        v.clear();
        assert_eq!(v.get("c"), None);
    }

    #[test]
    fn provisos_look_at_what_is_there_and_at_what_comes() {
        let allows = |words: &str, before: Option<Sample<'_>>, value: Sample<'_>| {
            let provisos = Provisos::parse(words.split(',')).unwrap();
            provisos.allow(Scope::Transaction, before.as_ref(), &value)
        };
        let (five, six) = (|| Some(Sample::Int(5)), || Sample::Int(6));
        assert!(
            allows("", None, six()) && allows("ifnotexists", None, six()) && allows("ifset", five(), six())
        );
        assert!(!allows("ifexists", None, six()) && !allows("ifnotset", five(), six()));
        assert!(allows("ifempty", five(), Sample::text(b"")) && !allows("ifempty", None, six()));
        assert!(allows("iflt", five(), six()) && !allows("ifgt", five(), six()));
        assert!(allows("ifgt", None, six()) && allows("ifgt,iflt", five(), Sample::text(b"x")));
        assert!(!allows("ifset,ifgt", five(), six()));
        assert!(Provisos::parse(["foo"].into_iter()).is_err());
        let exists = Provisos::parse(["ifexists"].into_iter()).unwrap();
        assert!(exists.allow(Scope::Process, None, &six()));
    }

    /// Sets variables one after the other; tells which of them are there.
    fn held(limits: VarLimits, names: &[&str]) -> Vec<bool> {
        let process =
            ProcessFacts { variables: ProcessVariables::new(Vec::new(), limits), ..ProcessFacts::default() };
        let (frontend, session, stream) =
            (ProxyFacts::default(), SessionFacts::default(), StreamFacts::default());
        let scene = Scene {
            now: Default::default(),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session: &session,
            stream: Some(&stream),
            request: None,
            response: None,
            payload: Payload::Unavailable,
        };
        for name in names {
            let name = VarName::parse(name).unwrap();
            set(&scene, &name, &Provisos::default(), Sample::owned(b"x".to_vec()));
        }
        let found = names.iter().map(|name| look_up(&scene, name).is_some()).collect();
        drop(session);
        assert_eq!(process.variables.taken.load(Ordering::Relaxed) > 0, limits.is_shared());
        drop(stream);
        assert_eq!(process.variables.taken.load(Ordering::Relaxed), 0, "what is gone takes nothing");
        found
    }

    #[test]
    fn memory_is_limited_from_the_inside_out() {
        let limits = VarLimits { transaction: Some(177), ..VarLimits::default() };
        assert_eq!(held(limits, &["txn.a", "req.b", "txn.c", "sess.d"]), [true, true, false, true]);
        let limits = VarLimits { message: Some(88), ..VarLimits::default() };
        assert_eq!(held(limits, &["req.a", "res.b", "txn.c"]), [true, false, true]);
        let limits = VarLimits { all: Some(200), ..VarLimits::default() };
        assert_eq!(held(limits, &["sess.a", "req.b", "txn.c"]), [true, true, false]);
        assert_eq!(held(VarLimits::default(), &["sess.a", "check.b", "ptxn.c"]), [true, false, false]);
    }

    #[test]
    fn the_process_has_its_own() {
        let p = ProcessVariables::new(vec![("y".into(), Sample::Int(1))], VarLimits::default());
        p.change("x", Some(Sample::Bool(true)));
        p.change("y", None);
        assert_eq!((p.get("x"), p.get("y")), (Some(Sample::Bool(true)), None));
    }
}
