//! Actions on variables.

use std::cmp::Ordering;

use config::Refusal;
use lang::logformat::LogFormat;
use lang::vars::{Scope, VarName, Variables};
use lang::{Expr, Sample};

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::Txn;
use crate::verdict::Verdict;

const ALL: RuleSets = RuleSets(0x7f);

/// The actions of this file.
pub static VAR_ACTIONS: &[Action] = &[
    Action { name: "set-var(*)", sets: ALL, manual: "4.4", parse: set_var },
    Action { name: "set-var-fmt(*)", sets: ALL, manual: "4.4", parse: set_var_fmt },
    Action { name: "unset-var(*)", sets: ALL, manual: "4.4", parse: unset_var },
];

/// When a variable is set, by what it holds so far or by what it would get.
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

#[derive(Debug)]
enum Value {
    Expr(Expr),
    Format(LogFormat),
}

#[derive(Debug)]
struct SetVar {
    name: VarName,
    provisos: Vec<Proviso>,
    value: Value,
}

#[derive(Debug)]
struct UnsetVar(VarName);

fn target(cx: &ActionCx<'_, '_>) -> Result<(VarName, Vec<Proviso>), Refusal> {
    let written = cx.parenthesis.clone().unwrap_or_default();
    let mut words = written.split(',').map(str::trim);
    let name = VarName::parse(words.next().unwrap_or_default()).map_err(|e| cx.refuse(e.to_string()))?;
    let provisos = words.map(|word| match word {
        "ifexists" => Ok(Proviso::Exists),
        "ifnotexists" => Ok(Proviso::NotExists),
        "ifempty" => Ok(Proviso::Empty),
        "ifnotempty" => Ok(Proviso::NotEmpty),
        "ifset" => Ok(Proviso::Set),
        "ifnotset" => Ok(Proviso::NotSet),
        "ifgt" => Ok(Proviso::Greater),
        "iflt" => Ok(Proviso::Less),
        other => Err(cx.refuse(format!("unknown condition '{other}' for a variable"))),
    });
    Ok((name, provisos.collect::<Result<_, _>>()?))
}

fn set_var(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let (name, provisos) = target(cx)?;
    let value = Value::Expr(cx.expect_expr("an expression")?);
    Ok(Box::new(SetVar { name, provisos, value }))
}

fn set_var_fmt(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let (name, provisos) = target(cx)?;
    let value = Value::Format(cx.expect_value_format("a format string")?);
    Ok(Box::new(SetVar { name, provisos, value }))
}

fn unset_var(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let (name, provisos) = target(cx)?;
    if !provisos.is_empty() {
        return Err(cx.refuse("takes no condition"));
    }
    Ok(Box::new(UnsetVar(name)))
}

/// Changes the variables of a name's scope; where the scope is not there yet, nothing happens.
fn change(txn: &mut Txn<'_>, scope: Scope, change: impl FnOnce(&mut Variables)) {
    match (scope, txn.stream.as_deref_mut()) {
        (Scope::Process, _) => txn.process.variables.change(change),
        (Scope::Session, _) => change(&mut txn.session.variables),
        (Scope::Transaction, Some(stream)) => change(&mut stream.variables.transaction),
        (Scope::Request, Some(stream)) => change(&mut stream.variables.request),
        (Scope::Response, Some(stream)) => change(&mut stream.variables.response),
        (_, None) => {}
    }
}

fn current(txn: &Txn<'_>, name: &VarName) -> Option<Sample<'static>> {
    let stream = txn.stream.as_deref();
    match name.scope {
        Scope::Process => txn.process.variables.get(&name.name),
        Scope::Session => txn.session.variables.get(&name.name).cloned(),
        Scope::Transaction => stream?.variables.transaction.get(&name.name).cloned(),
        Scope::Request => stream?.variables.request.get(&name.name).cloned(),
        Scope::Response => stream?.variables.response.get(&name.name).cloned(),
    }
}

impl SetVar {
    fn allows(&self, before: Option<&Sample<'_>>, value: &Sample<'_>) -> bool {
        let empty = |s: &Sample<'_>| s.clone().into_text().is_empty();
        self.provisos.iter().all(|proviso| match proviso {
            Proviso::Exists | Proviso::Set => before.is_some(),
            Proviso::NotExists | Proviso::NotSet => before.is_none(),
            Proviso::Empty => before.is_none_or(empty),
            Proviso::NotEmpty => before.is_some_and(|b| !empty(b)),
            Proviso::Greater => compare(before, value) == Some(Ordering::Greater),
            Proviso::Less => compare(before, value) == Some(Ordering::Less),
        })
    }
}

/// What the variable holds compared with what it would get, as integers.
fn compare(before: Option<&Sample<'_>>, value: &Sample<'_>) -> Option<Ordering> {
    Some(before?.to_int()?.cmp(&value.to_int()?))
}

impl Act for SetVar {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        let value = match &self.value {
            // What has come so far has to do: a variable that waits would hold up every session.
            Value::Expr(expr) => match expr.eval(&txn.scene().settled()).value() {
                Some(value) => value.into_owned(),
                None => return Verdict::Continue,
            },
            Value::Format(format) => {
                let mut text = Vec::new();
                format.render(&txn.scene(), &mut text);
                Sample::owned(text)
            }
        };
        if self.provisos.is_empty() || self.allows(current(txn, &self.name).as_ref(), &value) {
            change(txn, self.name.scope, |v| v.set(&self.name.name, value));
        }
        Verdict::Continue
    }
}

impl Act for UnsetVar {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        change(txn, self.0.scope, |v| v.unset(&self.0.name));
        Verdict::Continue
    }
}
