//! Users and their passwords (`userlist`), and the fetches that ask who a client is.

use std::collections::HashMap;
use std::sync::OnceLock;

use base::reference::Found;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, Fetched, Values};
use crate::facts::{Authentication, Scene};
use crate::sample::{Sample, Type};

const REQUEST: Contexts = Contexts::of("..YYYYYYYYY...........");
const LIST: Signature = Signature::all(&[ArgKind::Userlist]);

/// The fetches of this file.
pub static FETCHES: &[Fetch] = &[
    Fetch {
        name: "http_auth",
        args: LIST,
        out: Type::Bool,
        contexts: REQUEST,
        manual: "7.3.6",
        values: Values::One,
        eval: |s, a, c| {
            super::fetches::single(c, || {
                let claim = Claim::of(s)?;
                Some(Sample::Bool(list(a).is_some_and(|list| list.find(&claim).is_some())))
            })
        },
    },
    Fetch {
        name: "http_auth_group",
        args: LIST,
        out: Type::Str,
        contexts: REQUEST,
        manual: "7.3.6",
        values: Values::Many,
        eval: groups,
    },
];

/// As one value the user's name, and for ACLs each group.
fn groups<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let found = || {
        let claim = Claim::of(scene)?;
        let user = list(args)?.find(&claim)?;
        match cursor {
            Cursor::Single => Some(Sample::owned(claim.name.clone())),
            // A user of no group is there nevertheless.
            Cursor::Nth(0) if user.groups.is_empty() => Some(Sample::text(b"")),
            Cursor::Nth(n) => user.groups.get(n).map(|group| Sample::text(group)),
        }
    };
    found().into()
}

fn list(args: &Args) -> Option<&UserList> {
    match args.0.first() {
        Some(Arg::Reference(reference)) => match reference.found()? {
            Found::Thing(list) => list.downcast_ref(),
            _ => None,
        },
        _ => None,
    }
}

/// To whom the client of a request would prove who it is.
pub fn asks(scene: &Scene<'_>) -> Authentication {
    let addresses_server = |target: &[u8]| matches!(target.first(), Some(b'/' | b'*') | None);
    match scene.request {
        Some(request) if !addresses_server(&request.target) => scene.frontend.authentication,
        _ => Authentication::Server,
    }
}

/// The name and the password that a client says it has, if it says so.
pub fn claim(scene: &Scene<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    Claim::of(scene).map(|claim| (claim.name, claim.password))
}

/// Who a client says that it is.
struct Claim {
    name: Vec<u8>,
    password: Vec<u8>,
}

impl Claim {
    fn of(scene: &Scene<'_>) -> Option<Self> {
        let header: &[u8] = match asks(scene) {
            Authentication::Server => b"authorization",
            Authentication::Proxy => b"proxy-authorization",
        };
        let value = scene.request?.headers.find(header)?;
        let (scheme, credentials) = value.split_at(value.iter().position(|b| *b == b' ')?);
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        let text = STANDARD.decode(credentials.trim_ascii()).ok()?;
        let colon = text.iter().position(|b| *b == b':')?;
        Some(Self { name: text[..colon].to_vec(), password: text[colon + 1..].to_vec() })
    }
}

/// The users of a section `userlist`.
#[derive(Debug, Default)]
pub struct UserList {
    users: HashMap<Box<[u8]>, User>,
    groups: Box<[Box<[u8]>]>,
    /// What makes the digests of accepted passwords worthless elsewhere.
    salt: [u8; 16],
}

/// One of them.
#[derive(Debug)]
pub struct User {
    password: Password,
    groups: Vec<Box<[u8]>>,
    /// The digest of the password that was accepted first: encrypting takes long, and is meant to.
    accepted: OnceLock<[u8; 32]>,
}

/// A password as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// None: nobody can be this user.
    None,
    /// As it is.
    Clear(Box<[u8]>),
    /// As `crypt(3)` encrypts it.
    Encrypted(Box<[u8]>),
}

impl UserList {
    /// A list of users with their passwords and groups, and all groups that there are.
    pub fn new(
        users: impl IntoIterator<Item = (Box<[u8]>, Password, Vec<Box<[u8]>>)>,
        groups: impl IntoIterator<Item = Box<[u8]>>,
    ) -> Self {
        let user = |(name, password, groups)| (name, User { password, groups, accepted: OnceLock::new() });
        // Without random bytes the digests are those of any other process.
        let salt = sys::random::bytes().unwrap_or_default();
        Self { users: users.into_iter().map(user).collect(), groups: groups.into_iter().collect(), salt }
    }

    /// Whether there is a group of this name.
    pub fn has_group(&self, name: &[u8]) -> bool {
        self.groups.iter().any(|group| **group == *name)
    }

    fn find(&self, claim: &Claim) -> Option<&User> {
        let user = self.users.get(&*claim.name)?;
        let matches = match &user.password {
            Password::None => false,
            Password::Clear(password) => **password == *claim.password,
            Password::Encrypted(encrypted) => self.decrypts(user, encrypted, &claim.password),
        };
        matches.then_some(user)
    }

    fn decrypts(&self, user: &User, encrypted: &[u8], password: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::new().chain_update(self.salt).chain_update(password).finalize().into();
        if user.accepted.get() == Some(&digest) {
            return true;
        }
        let matches = sys::crypt::encrypt(password, encrypted).is_some_and(|text| *text == *encrypted);
        if matches {
            // Whoever was first is as good.
            let _ = user.accepted.set(digest);
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, password: &str) -> Claim {
        Claim { name: name.into(), password: password.into() }
    }

    #[test]
    fn passwords_are_clear_or_encrypted() {
        let clear = Password::Clear((*b"open").into());
        let encrypted = Password::Encrypted((*b"$1$abcdefgh$G//4keteveJp0qb8z2DxG/").into());
        let list = UserList::new(
            [
                ((*b"ann").into(), clear, vec![(*b"staff").into()]),
                ((*b"bob").into(), encrypted, Vec::new()),
                ((*b"eve").into(), Password::None, Vec::new()),
            ],
            [(*b"staff").into()],
        );
        assert!(list.has_group(b"staff") && !list.has_group(b"Staff"));
        let accepted = |name, password| list.find(&claim(name, password)).is_some();
        assert!(accepted("ann", "open") && !accepted("ann", "") && !accepted("eve", ""));
        // The second time is the quick one.
        assert!(accepted("bob", "password") && accepted("bob", "password"));
        assert!(!accepted("bob", "open") && !accepted("carl", "password"));
    }
}
