//! Variables: named samples with a scope (configuration manual, section 2.8).

use std::fmt;
use std::sync::{PoisonError, RwLock};

use crate::facts::Scene;
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

impl VarName {
    /// Reads `scope.name`.
    pub fn parse(text: &str) -> Result<Self, BadVarName> {
        let (scope, name) = text.split_once('.').ok_or_else(|| {
            BadVarName(format!(
                "invalid variable name '{text}'. A variable name must be start by its scope. \
                 The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
            ))
        })?;
        let scope = match scope {
            "proc" => Scope::Process,
            "sess" => Scope::Session,
            "txn" => Scope::Transaction,
            "req" => Scope::Request,
            "res" => Scope::Response,
            other => return Err(BadVarName(format!("unknown variable scope '{other}' in '{text}'"))),
        };
        match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')) {
            Some(bad) => Err(BadVarName(format!("invalid character '{bad}' in the variable name '{text}'"))),
            None if name.is_empty() => Err(BadVarName(format!("empty variable name in '{text}'"))),
            None => Ok(Self { scope, name: name.into() }),
        }
    }
}

/// The variables of one scope. There are few, so that a list is searched faster than hashed.
#[derive(Clone, Debug, Default)]
pub struct Variables(Vec<(Box<str>, Sample<'static>)>);

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&Sample<'static>> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: Sample<'static>) {
        match self.0.iter_mut().find(|(n, _)| &**n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.0.retain(|(n, _)| &**n != name);
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
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
pub struct ProcessVariables(RwLock<Variables>);

impl ProcessVariables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<Sample<'static>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Changes the variables.
    pub fn change(&self, change: impl FnOnce(&mut Variables)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The value of a variable in a scene, by its full name.
pub fn look_up<'a>(scene: &Scene<'a>, full_name: &str) -> Option<Sample<'a>> {
    let (scope, name) = full_name.split_once('.')?;
    let found = match scope {
        "proc" => return scene.process.variables.get(name),
        "sess" => scene.session.variables.get(name),
        "txn" => scene.stream?.variables.transaction.get(name),
        "req" => scene.stream?.variables.request.get(name),
        "res" => scene.stream?.variables.response.get(name),
        _ => None,
    };
    found.map(Sample::borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_a_scope_and_plain_characters() {
        assert_eq!(VarName::parse("txn.a_b.c").unwrap().scope, Scope::Transaction);
        for bad in ["a", "foo.a", "txn.", "txn.a-b"] {
            assert!(VarName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variable_is_replaced_and_removed() {
        let mut v = Variables::default();
        v.set("a", Sample::Int(1));
        v.set("a", Sample::Int(2));
        assert_eq!(v.get("a"), Some(&Sample::Int(2)));
        v.unset("a");
        assert_eq!(v.get("a"), None);
    }

    #[test]
    fn the_process_has_its_own() {
        let p = ProcessVariables::default();
        p.change(|v| v.set("x", Sample::Bool(true)));
        assert_eq!(p.get("x"), Some(Sample::Bool(true)));
    }
}
