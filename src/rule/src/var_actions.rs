//! Actions on variables.

use config::Refusal;
use lang::logformat::LogFormat;
use lang::vars::{self, Provisos, Scope, VarName};
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

#[derive(Debug)]
enum Value {
    Expr(Expr),
    Format(LogFormat),
}

#[derive(Debug)]
struct SetVar {
    name: VarName,
    provisos: Provisos,
    value: Value,
}

#[derive(Debug)]
struct UnsetVar(VarName);

fn target(cx: &ActionCx<'_, '_>) -> Result<(VarName, Provisos), Refusal> {
    let written = cx.parenthesis.clone().unwrap_or_default();
    let mut words = written.split(',').map(str::trim);
    let name = VarName::parse(words.next().unwrap_or_default()).map_err(|e| cx.refuse(e.to_string()))?;
    Ok((name, Provisos::parse(words).map_err(|e| cx.refuse(e))?))
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
        return Err(cx.refuse(
            "unset-var does not expect parameters after the variable name: only 'set-var' and 'set-var-fmt' have conditions",
        ));
    }
    Ok(Box::new(UnsetVar(name)))
}

/// Sets or removes a variable; where the scope is not there yet, nothing happens.
fn assign(txn: &mut Txn<'_>, name: &VarName, value: Option<Sample<'static>>) {
    let process = &txn.process.variables;
    let variables = match (name.scope, txn.stream.as_deref_mut()) {
        (Scope::Process, _) => return process.change(&name.name, value),
        (Scope::Session, _) => {
            txn.session.variables.assign(&name.name, value);
            return txn.session.variables.account(process);
        }
        (Scope::Transaction, Some(stream)) => &mut stream.variables.transaction,
        (Scope::Request, Some(stream)) => &mut stream.variables.request,
        (Scope::Response, Some(stream)) => &mut stream.variables.response,
        (Scope::Check | Scope::Parent, _) | (_, None) => return,
    };
    variables.assign(&name.name, value);
    variables.account(process);
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
        if vars::may_set(&txn.scene(), &self.name, &self.provisos, &value) {
            assign(txn, &self.name, Some(value));
        }
        Verdict::Continue
    }
}

impl Act for UnsetVar {
    fn act(&self, txn: &mut Txn<'_>) -> Verdict {
        assign(txn, &self.0, None);
        Verdict::Continue
    }
}
