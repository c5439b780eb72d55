//! The sample fetch that asks ACLs.

use base::reference::Found;

use super::{ANY, one};
use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{Cursor, Fetch, Fetched};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const ACL: ArgKind = ArgKind::Acl;

/// A condition that a higher room can tell the truth of.
pub trait Predicate: std::fmt::Debug + Send + Sync {
    /// Whether it holds; `None` while more data may decide that.
    fn holds(&self, scene: &Scene<'_>) -> Option<bool>;
}

/// What the name of an ACL means.
#[derive(Debug)]
pub struct Criterion(pub Box<dyn Predicate>);

/// The fetches on conditions.
pub static FETCHES: &[Fetch] = &[one(
    "acl",
    Signature::some(1, &[ACL, ACL, ACL, ACL, ACL, ACL, ACL, ACL, ACL, ACL, ACL, ACL]),
    Type::Bool,
    ANY,
    "7.3.2",
    all_hold,
)];

fn all_hold<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    if !matches!(cursor, Cursor::Single | Cursor::Nth(0)) {
        return Fetched::Absent;
    }
    for i in 0..args.0.len() {
        match holds(scene, args, i) {
            Asked::Truth(true) => {}
            Asked::Truth(false) => return Fetched::Value(Sample::Bool(false)),
            Asked::NotYet => return Fetched::NotYet,
            Asked::Nothing => return Fetched::Absent,
        }
    }
    Fetched::Value(Sample::Bool(true))
}

/// What came of asking an ACL.
pub(crate) enum Asked {
    Truth(bool),
    NotYet,
    /// There is no such ACL.
    Nothing,
}

/// Whether the ACL that argument `i` names holds, or does not where an exclamation mark stands before the name.
pub(crate) fn holds(scene: &Scene<'_>, args: &Args, i: usize) -> Asked {
    let (Some(Arg::Reference(reference)), Some(Found::Thing(thing))) = (args.0.get(i), args.found(i)) else {
        return Asked::Nothing;
    };
    let Some(Criterion(predicate)) = thing.downcast_ref() else { return Asked::Nothing };
    match predicate.holds(scene) {
        None => Asked::NotYet,
        Some(holds) => Asked::Truth(holds != reference.name().starts_with('!')),
    }
}
