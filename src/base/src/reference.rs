//! Names in expressions that are resolved once the whole configuration is known.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frontend; the section itself without a name.
    Frontend,
    /// A backend; the section itself without a name.
    Backend,
    /// A server, with its backend's name and a slash before it where that is not the section itself.
    Server,
    /// An ACL of the section, possibly with an exclamation mark before it.
    Acl,
    /// A userlist.
    Userlist,
}

/// What a name has turned out to mean.
#[derive(Clone)]
pub enum Found {
    /// The proxy with this place in the draft.
    Proxy(usize),
    /// Whatever proxy the traffic is in when somebody asks.
    Current,
    /// The server with this id in the proxy with this place in the draft.
    Server(usize, u32),
    /// Something of a higher room.
    Thing(Arc<dyn Any + Send + Sync>),
}

/// A name in an expression; all copies of the expression learn together what it means.
#[derive(Clone)]
pub struct Reference(Arc<Inner>);

struct Inner {
    kind: Kind,
    name: Box<str>,
    user: User,
    found: OnceLock<Found>,
    members: OnceLock<Vec<Box<[u8]>>>,
}

/// Who uses a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The name of the fetch or converter.
    pub keyword: &'static str,
    /// What that is.
    pub what: &'static str,
    /// Which argument the name is, from 0.
    pub argument: usize,
}

impl Reference {
    /// A name that nobody has looked up yet.
    pub fn new(kind: Kind, name: &str, user: User) -> Self {
        Self(Arc::new(Inner {
            kind,
            name: name.into(),
            user,
            found: OnceLock::new(),
            members: OnceLock::new(),
        }))
    }

    /// What it is the name of.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The name as written; empty where none was.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it means, once that is known.
    pub fn found(&self) -> Option<&Found> {
        self.0.found.get()
    }

    /// What must be found within what it means; `None` if nothing was said of that.
    pub fn members(&self) -> Option<&[Box<[u8]>]> {
        self.0.members.get().map(Vec::as_slice)
    }

    /// Says what must be found within what it means. What was said first holds.
    pub fn require(&self, members: Vec<Box<[u8]>>) {
        let _ = self.0.members.set(members);
    }

    /// Says what it means. What was said first holds.
    pub fn resolve(&self, found: Found) {
        let _ = self.0.found.set(found);
    }
}

/// Where the name stands, for messages.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let User { keyword, what, argument } = self.0.user;
        write!(f, "arg {} of {what} keyword '{keyword}'", argument + 1)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} '{}'", self.0.kind, self.0.name)
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind && self.0.name == other.0.name
    }
}

impl Eq for Reference {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_learn_together() {
        let user = User { keyword: "nbsrv", what: "sample fetch", argument: 0 };
        let name = Reference::new(Kind::Backend, "b", user);
        let copy = name.clone();
        assert!(copy.found().is_none());
        name.resolve(Found::Proxy(3));
        name.resolve(Found::Proxy(4));
        assert!(matches!(copy.found(), Some(Found::Proxy(3))));
        assert!(copy.members().is_none());
        name.require(vec![(*b"m").into()]);
        assert_eq!(copy.members(), Some(&[Box::from(&b"m"[..])][..]));
        assert_eq!(copy.to_string(), "arg 1 of sample fetch keyword 'nbsrv'");
    }
}
