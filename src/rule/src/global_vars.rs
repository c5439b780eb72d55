//! The variables of the process as `global` sets them, and how much memory all variables may take.

use base::clock::{Tick, WallTime};
use config::directive::Arity;
use config::{Directive, Prefix, Refusal, Section, Setting, Statement};
use grammar::span::Span;
use lang::facts::{Payload, ProcessFacts, ProxyFacts, Scene, SessionFacts};
use lang::vars::{ProcessVariables, Scope, VarLimits, VarName};
use lang::{CompileError, Contexts, Expr, LogFormat, Sample};

/// What the configuration says of variables.
#[derive(Clone, Debug, Default)]
pub struct GlobalVariables {
    set: Vec<(Box<str>, Sample<'static>)>,
    limits: VarLimits,
}

impl Setting for GlobalVariables {}

impl GlobalVariables {
    /// The variables of the process at its start.
    pub fn start(self) -> ProcessVariables {
        ProcessVariables::new(self.set, self.limits)
    }
}

/// Where expressions are evaluated while the configuration is read.
const READING: Contexts = Contexts::of("....................Y.");

const fn directive(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

macro_rules! limit {
    ($name:literal, |$limits:ident| $field:expr) => {
        directive($name, Arity::Exactly(1), |s| {
            let size = s.arg(0).parse::<u64>();
            let size = size.map_err(|_| s.refuse(0, format!("'{}' is an invalid size.", s.arg(0))))?;
            let $limits = &mut s.draft.global.get_mut::<GlobalVariables>().limits;
            // 0 is no limit.
            $field = Some(size).filter(|size| *size > 0);
            Ok(())
        })
    };
}

/// The directives of variables.
pub static VAR_DIRECTIVES: &[Directive] = &[
    directive("set-var", Arity::AtLeast(1), |s| set(s, expression)),
    directive("set-var-fmt", Arity::AtLeast(1), |s| set(s, format)),
    limit!("tune.vars.check-max-size", |limits| limits.check),
    limit!("tune.vars.global-max-size", |limits| limits.all),
    limit!("tune.vars.proc-max-size", |limits| limits.process),
    limit!("tune.vars.reqres-max-size", |limits| limits.message),
    limit!("tune.vars.sess-max-size", |limits| limits.session),
    limit!("tune.vars.txn-max-size", |limits| limits.transaction),
];

type Evaluate = for<'s> fn(&Statement<'s>, &Scene<'_>) -> Result<Option<Sample<'static>>, CompileError>;

/// Sets a variable of the process to what an expression gives now.
fn set(s: &mut Statement<'_>, evaluate: Evaluate) -> Result<(), Refusal> {
    let keyword = s.keyword().clone();
    if s.rest(1).is_empty() {
        return Err(Refusal::new(format!(
            "'{keyword}' requires a process-wide variable name ('proc.<name>') and a value."
        )));
    }
    let name = VarName::parse(&s.arg(0)).map_err(|e| s.refuse(0, format!("'{keyword}' : {e}.")))?;
    if name.scope != Scope::Process {
        let text = format!(
            "'{keyword}': cannot set variable '{}', only scope 'proc' is permitted in the global section.",
            s.arg(0)
        );
        return Err(s.refuse(0, text));
    }
    let process = ProcessFacts {
        hostname: sys::process::host_name().unwrap_or_default(),
        pid: std::process::id(),
        environment: s.draft.environment.sorted().into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
        variables: s.draft.global::<GlobalVariables>().start(),
        ..ProcessFacts::default()
    };
    let (frontend, session) = (ProxyFacts::default(), SessionFacts::default());
    let clock = base::clock::Clock::system();
    let scene = Scene { now: (Tick::NEVER, clock.wall()), ..nothing(&process, &frontend, &session) };
    let value =
        evaluate(s, &scene).map_err(|e| s.refuse_part(1, e.span, format!("'{keyword}' : {}.", e.message)))?;
    let mut all = process.variables.all();
    if let Some(value) = value {
        match all.iter_mut().find(|(known, _)| *known == name.name) {
            Some((_, known)) => *known = value,
            None => all.push((name.name, value)),
        }
    }
    s.draft.global.get_mut::<GlobalVariables>().set = all;
    Ok(())
}

/// A scene in which there is nothing but the process.
pub fn nothing<'a>(
    process: &'a ProcessFacts,
    frontend: &'a ProxyFacts,
    session: &'a SessionFacts,
) -> Scene<'a> {
    Scene {
        now: (Tick::NEVER, WallTime::default()),
        process,
        frontend,
        backend: None,
        server: None,
        session,
        stream: None,
        request: None,
        response: None,
        payload: Payload::Unavailable,
    }
}

fn expression(s: &Statement<'_>, scene: &Scene<'_>) -> Result<Option<Sample<'static>>, CompileError> {
    let expr = Expr::parse(s.bytes(1), s.registry)?;
    expr.check(READING, Span::new(0, s.bytes(1).len()))?;
    Ok(expr.eval(scene).value().map(Sample::into_owned))
}

fn format(s: &Statement<'_>, scene: &Scene<'_>) -> Result<Option<Sample<'static>>, CompileError> {
    let format = LogFormat::parse_value(s.bytes(1), s.registry, READING)?;
    let mut text = Vec::new();
    format.render(scene, &mut text);
    Ok(Some(Sample::owned(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::registry::Registry;
    use config::{Draft, Reader};
    use grammar::conditional::Plain;

    fn read(global: &str) -> (Draft, Vec<String>) {
        let mut registry = Registry::default();
        registry.add(VAR_DIRECTIVES);
        for table in lang::fetches::TABLES {
            registry.add(table);
        }
        for table in lang::converters::TABLES {
            registry.add(table);
        }
        let mut reader = Reader::new(&registry, &Plain("3.5.0"), Draft::default());
        reader.read("a.cfg", format!("global\n{global}\n").as_bytes());
        let (draft, diagnostics) = reader.finish();
        (draft, diagnostics.messages().iter().map(|m| m.text.clone()).collect())
    }

    #[test]
    fn variables_are_set_while_reading() {
        let (draft, said) = read(
            "set-var proc.a int(200)\nset-var proc.b int(7),add(proc.a)\nset-var proc.a str(x),set-var(proc.c)\n\
             set-var-fmt proc.d <%[var(proc.a)]>\ntune.vars.txn-max-size 100",
        );
        assert!(said.is_empty(), "{said:?}");
        let variables = draft.global::<GlobalVariables>().start();
        let text =
            |name: &str| variables.get(name).map(|v| String::from_utf8_lossy(&v.into_text()).into_owned());
        assert_eq!(["a", "b", "c", "d"].map(|n| text(n).unwrap_or_default()), ["x", "207", "x", "<x>"]);
        assert_eq!(variables.limits.transaction, Some(100));
    }

    #[test]
    fn what_is_not_there_yet_cannot_be_asked_for() {
        for (line, error) in [
            ("set-var sess.x str(a)", "only scope 'proc' is permitted"),
            ("set-var proc.x", "requires a process-wide variable name"),
            ("set-var proc.x path", "sample fetch <path>"),
            ("set-var-fmt proc.x %[src]", "sample fetch <src>"),
            ("set-var x str(a)", "invalid variable name 'x'"),
            ("tune.vars.txn-max-size 10k", "'10k' is an invalid size"),
        ] {
            let (_, said) = read(line);
            assert!(said.iter().any(|text| text.contains(error)), "{line}: {said:?}");
        }
    }
}
