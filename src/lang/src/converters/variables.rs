//! Converters that change variables on the way, and the one that lets a value through only under a condition.

use base::reference::{Kind, Reference, User};

use super::{Check, STR, text, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::{ConvertFn, Converter, Outlook};
use crate::facts::{Scene, StreamFacts};
use crate::fetches::conditions::{Asked, holds};
use crate::sample::{Sample, Type};
use crate::vars::{self, Provisos, VarName};

/// The converters of variables and conditions.
pub static CONVERTERS: &[Converter] = &[
    passing("set-var", Signature::some(1, &[STR, STR, STR, STR, STR]), check_set, set),
    passing("unset-var", Signature::all(&[STR]), check_unset, |s, args, scene| {
        vars::unset(scene, &VarName::parse(text(args, 0)).ok()?);
        Some(s)
    }),
    passing("when", Signature::some(1, &[STR, STR, STR]), check_when, |s, args, scene| {
        let met = Condition::of(args)?.is_met(args, scene)?;
        (met != text(args, 0).starts_with('!')).then_some(s)
    }),
];

/// A converter that passes on what it is given.
const fn passing(name: &'static str, args: Signature, check: Check, eval: ConvertFn) -> Converter {
    Converter { outlook: Outlook::AsInput, ..with(name, args, Type::Any, Type::Any, check, eval) }
}

fn provisos(args: &Args) -> Result<Provisos, String> {
    Provisos::parse((1..args.0.len()).map(|i| text(args, i)))
}

fn check_set(args: &mut Args) -> Result<(), String> {
    VarName::parse(text(args, 0)).map_err(|e| e.to_string())?;
    provisos(args).map(|_| ())
}

fn check_unset(args: &mut Args) -> Result<(), String> {
    VarName::parse(text(args, 0)).map(|_| ()).map_err(|e| e.to_string())
}

/// Sets a variable to the value. Where it may not be set, there is no value.
fn set<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let (name, provisos) = (VarName::parse(text(args, 0)).ok()?, provisos(args).ok()?);
    if !vars::may_set(scene, &name, &provisos, &s) {
        return None;
    }
    vars::set(scene, &name, &Provisos::default(), s.clone().into_owned());
    Some(s)
}

/// When a value is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Stopping,
    Normal,
    Error,
    Forwarded,
    ToApplet,
    Processed,
    Acl,
}

impl Condition {
    fn of(args: &Args) -> Option<Self> {
        let word = text(args, 0);
        Some(match word.strip_prefix('!').unwrap_or(word) {
            "stopping" => Self::Stopping,
            "normal" => Self::Normal,
            "error" => Self::Error,
            "forwarded" => Self::Forwarded,
            "toapplet" => Self::ToApplet,
            "processed" => Self::Processed,
            "acl" => Self::Acl,
            _ => return None,
        })
    }

    /// Whether it is met; an ACL that waits has nothing to say.
    fn is_met(self, args: &Args, scene: &Scene<'_>) -> Option<bool> {
        let failed = scene.stream.is_some_and(StreamFacts::failed);
        let forwarded = scene.server.is_some();
        let applet = scene.stream.is_some_and(|s| s.service.is_some());
        Some(match self {
            Self::Stopping => scene.process.world()?.is_stopping(),
            Self::Normal => !failed,
            Self::Error => failed,
            Self::Forwarded => forwarded,
            Self::ToApplet => applet,
            Self::Processed => forwarded || applet,
            Self::Acl => match holds(scene, args, 1) {
                Asked::Truth(truth) => truth,
                Asked::NotYet | Asked::Nothing => return None,
            },
        })
    }
}

const WORDS: &str = "{stopping,normal,error,forwarded,toapplet,processed,acl}";

fn check_when(args: &mut Args) -> Result<(), String> {
    let Some(condition) = Condition::of(args) else {
        return Err(format!("expects a supported keyword among {WORDS} but got '{}'", text(args, 0)));
    };
    if condition != Condition::Acl {
        return Ok(());
    }
    if !args.has(1) {
        return Err("'acl' selector requires an extra argument with the ACL name".into());
    }
    let user = User { keyword: "when", what: "converter", argument: 1 };
    args.0[1] = Arg::Reference(Reference::new(Kind::Acl, text(args, 1), user));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};

    #[test]
    fn variables_change_on_the_way() {
        expect(&[
            ("str(a),set-var(txn.new),upper,concat(-,txn.new)", "A-a"),
            ("str(a),set-var(txn.s,ifset),upper,concat(-,txn.s)", "A-a"),
            ("int(9),set-var(txn.i,iflt),concat(-,txn.i)", "9-9"),
            ("str(a),unset-var(txn.s),concat(-,txn.s)", "a-"),
            ("str(a),unset-var(txn.none)", "a"),
        ]);
        expect_none(&["str(a),set-var(txn.s,ifnotset)", "int(3),set-var(txn.i,iflt)"]);
        assert!(error("str(a),set-var(x)").contains("A variable name must start with its scope"));
        assert!(error("str(a),set-var(txn.a,foo)").contains("unknown condition \"foo\""));
    }

    #[test]
    fn values_are_let_through_under_conditions() {
        expect(&[
            ("str(a),when(normal)", "a"),
            ("str(a),when(!error)", "a"),
            ("str(a),when(!forwarded)", "a"),
        ]);
        expect_none(&[
            "str(a),when(error)",
            "str(a),when(forwarded)",
            "str(a),when(toapplet)",
            "str(a),when(processed)",
        ]);
        assert!(error("str(a),when(foo)").contains("but got 'foo'"));
        assert!(error("str(a),when(acl)").contains("requires an extra argument"));
    }
}
