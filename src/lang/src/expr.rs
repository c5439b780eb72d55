//! Sample expressions: a fetch followed by converters, compiled from their written form.

use std::fmt;
use std::sync::Arc;

use base::registry::{Entry, Registry};
use grammar::expr::{Call, Expression};
use grammar::span::{Span, SyntaxError};

use crate::arg::{Args, SharedArgs, Signature};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

/// Where a fetch may be used: one bit for each of the 22 points that `-dK` lists, in its order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Contexts(pub u32);

impl Contexts {
    /// Everywhere.
    pub const ANY: Self = Self(0x3f_ffff);

    /// `tcp-request connection` rules.
    pub const FRONT_CONNECTION: Self = Self(1);
    /// `tcp-request session` rules.
    pub const FRONT_SESSION: Self = Self(1 << 1);
    /// `tcp-request content` rules of a frontend.
    pub const FRONT_CONTENT: Self = Self(1 << 2);
    /// `http-request` rules of a frontend.
    pub const FRONT_REQUEST: Self = Self(1 << 3);
    /// The choice of a backend.
    pub const ROUTE: Self = Self(1 << 5);
    /// `tcp-request content` rules of a backend.
    pub const BACK_CONTENT: Self = Self(1 << 6);
    /// `http-request` rules of a backend.
    pub const BACK_REQUEST: Self = Self(1 << 7);
    /// The choice of a server.
    pub const BALANCE: Self = Self(1 << 9);
    /// The connection to a server.
    pub const CONNECT: Self = Self(1 << 10);
    /// `tcp-response content` rules of a backend.
    pub const BACK_ANSWER: Self = Self(1 << 11);
    /// `http-response` rules of a backend.
    pub const BACK_RESPONSE: Self = Self(1 << 12);
    /// `http-response` rules of a frontend.
    pub const FRONT_RESPONSE: Self = Self(1 << 16);
    /// Log lines.
    pub const LOG: Self = Self(1 << 18);
    /// Rules of health checks.
    pub const CHECK: Self = Self(1 << 19);

    /// From the letters that `-dK` prints: `Y` where it may be used, `.` where not.
    ///
    /// # Panics
    /// When the text has another length: it is a constant of a table.
    pub const fn of(letters: &str) -> Self {
        let bytes = letters.as_bytes();
        assert!(bytes.len() == 22, "one letter for each context");
        let (mut bits, mut i) = (0, 0);
        while i < 22 {
            if bytes[i] == b'Y' {
                bits |= 1 << i;
            }
            i += 1;
        }
        Self(bits)
    }

    /// Whether the two have a point in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What there is at these points only, in a word for messages.
    fn subject(self) -> &'static str {
        let (before_response, from_response) = (0x7ff, 0x3f_f800);
        match self.0.trailing_zeros() {
            11.. => "the response or its server",
            6..11 => "the backend",
            2..6 if self.0 & from_response == 0 => "the request",
            _ if self.0 & before_response != 0 => "the connection or its request",
            _ => "what is not there yet",
        }
    }
}

/// The letters of `-dK`, each followed by a blank.
impl fmt::Display for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..22).try_for_each(|i| f.write_str(if self.0 >> i & 1 == 1 { "Y " } else { ". " }))
    }
}

impl fmt::Debug for Contexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[ {self}]")
    }
}

/// What fetches want kept while traffic is carried, beyond what log lines need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes(pub u32);

impl Wishes {
    /// The request line as it came.
    pub const REQUEST_LINE: Self = Self(1);
    /// The addresses of the connection to the server.
    pub const SERVER_ADDRESSES: Self = Self(1 << 1);

    /// How long packets take to the server.
    pub const ROUND_TRIPS: Self = Self(1 << 2);

    /// What both sides of a TLS session say in the clear, and its secrets.
    pub const TLS_SECRETS: Self = Self(1 << 3);

    /// Whether all of these are among them.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of(fetch: &str) -> Self {
        match fetch {
            "capture.req.method" | "capture.req.uri" => Self::REQUEST_LINE,
            "bc_src" | "bc_src_port" | "bc_dst" | "bc_dst_port" => Self::SERVER_ADDRESSES,
            "bc_rtt" | "bc_rttvar" => Self::ROUND_TRIPS,
            "ssl_fc_client_random"
            | "ssl_fc_server_random"
            | "ssl_fc_session_id"
            | "ssl_fc_session_key"
            | "ssl_fc_unique_id"
            | "ssl_bc_client_random"
            | "ssl_bc_server_random"
            | "ssl_bc_session_id"
            | "ssl_bc_session_key"
            | "ssl_bc_unique_id" => Self::TLS_SECRETS,
            _ => Self::default(),
        }
    }
}

/// The section of the manual on what looks at the bytes of a session.
const BYTES: &str = "7.3.5";

/// What a fetch found.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched<'a> {
    /// A value.
    Value(Sample<'a>),
    /// A value, and none comes after it.
    Last(Sample<'a>),
    /// There is none, and waiting will not bring one.
    Absent,
    /// There is none yet; more data may bring one.
    NotYet,
    /// A value that more data may change.
    SoFar(Sample<'a>),
}

impl<'a> Fetched<'a> {
    /// The value, if there is one.
    pub fn value(self) -> Option<Sample<'a>> {
        match self {
            Self::Value(s) | Self::Last(s) | Self::SoFar(s) => Some(s),
            Self::Absent | Self::NotYet => None,
        }
    }
}

impl<'a> From<Option<Sample<'a>>> for Fetched<'a> {
    fn from(found: Option<Sample<'a>>) -> Self {
        found.map_or(Self::Absent, Self::Value)
    }
}

/// How a fetch that has several values is asked: for the one that an expression uses, or for each in
/// turn as an ACL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The one value that stands for all.
    Single,
    /// The value with this number, from 0. A fetch that has only one answers `Absent` from 1 on.
    Nth(usize),
}

/// The function of a fetch.
pub type FetchFn = for<'a> fn(&Scene<'a>, &'a Args, Cursor) -> Fetched<'a>;
/// The function of a converter.
pub type ConvertFn = for<'a> fn(Sample<'a>, &'a Args, &Scene<'a>) -> Option<Sample<'a>>;

/// A sample fetch.
pub struct Fetch {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: Signature,
    /// The type of what it gives.
    pub out: Type,
    /// Where it may be used.
    pub contexts: Contexts,
    /// The section of the configuration manual that describes it.
    pub manual: &'static str,
    /// Whether it has several values that an ACL looks at one by one.
    pub values: Values,
    /// What it does.
    pub eval: FetchFn,
}

/// How many values a fetch may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// One at most.
    One,
    /// Any number: ACLs look at each.
    Many,
}

/// Whether more data may change what a converter gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// If they may change what it is given.
    AsInput,
    /// No: it looks at one message, and gives nothing before its end is there.
    Final,
}

/// A converter.
pub struct Converter {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: Signature,
    /// The type that it takes.
    pub input: Type,
    /// The type that it gives.
    pub out: Type,
    /// The section of the configuration manual that describes it.
    pub manual: &'static str,
    /// Whether more data may change what it gives.
    pub outlook: Outlook,
    /// Checks on the arguments beyond their types.
    pub check: fn(&mut Args) -> Result<(), String>,
    /// What it does.
    pub eval: ConvertFn,
}

/// What a room does with the arguments of a converter when more than they are needed: it may look at what the
/// configuration holds so far.
pub struct Finish {
    /// The name of the converter.
    pub name: &'static str,
    /// Replaces arguments by what they stand for.
    pub make: fn(&mut Args, &Registry) -> Result<(), String>,
}

impl Entry for Finish {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl Entry for Fetch {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl Entry for Converter {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// For converters whose arguments need no check beyond their types.
pub fn unchecked(_: &mut Args) -> Result<(), String> {
    Ok(())
}

/// An expression that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// Where, within the text that was compiled.
    pub span: Span,
    /// What is wrong.
    pub message: String,
}

impl From<SyntaxError> for CompileError {
    fn from(e: SyntaxError) -> Self {
        Self { span: e.span, message: e.message }
    }
}

/// A compiled expression.
pub struct Expr {
    fetch: &'static Fetch,
    args: Arc<Args>,
    converters: Box<[(&'static Converter, Args)]>,
}

impl Clone for Expr {
    fn clone(&self) -> Self {
        Self { fetch: self.fetch, args: self.args.clone(), converters: self.converters.clone() }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.fetch.name, self.args.0)?;
        self.converters.iter().try_for_each(|(c, a)| write!(f, ",{}{:?}", c.name, a.0))
    }
}

impl Expr {
    /// Compiles an expression from its text.
    pub fn parse(text: &[u8], registry: &Registry) -> Result<Self, CompileError> {
        let tree = grammar::expr::parse(text)?;
        Self::compile(&tree, registry)
    }

    /// Compiles an expression from its syntax tree.
    pub fn compile(tree: &Expression, registry: &Registry) -> Result<Self, CompileError> {
        Self::compile_as("sample fetch", tree, registry)
    }

    /// Compiles an expression for a use whose keywords are called by this name in messages.
    pub fn compile_as(
        what: &'static str,
        tree: &Expression,
        registry: &Registry,
    ) -> Result<Self, CompileError> {
        let call = &tree.fetch;
        let fetch = registry.find::<Fetch>(&call.name).ok_or_else(|| CompileError {
            span: call.span,
            message: unknown("fetch method", &call.name, registry.suggest::<Fetch>(&call.name)),
        })?;
        let mut args = parse_args(&fetch.args, call, "fetch method")?;
        args.refer(&fetch.args, registry, what, fetch.name);
        let args = registry.layer::<SharedArgs>().share(args);
        registry.wish(Wishes::of(fetch.name).0);
        let mut converters = Vec::with_capacity(tree.converters.len());
        let mut kind = fetch.out;
        for call in &tree.converters {
            let (converter, args) = Self::compile_converter(call, kind, registry)?;
            if converter.out != Type::Same {
                kind = converter.out;
            }
            converters.push((converter, args));
        }
        Ok(Self { fetch, args, converters: converters.into() })
    }

    fn compile_converter(
        call: &Call,
        input: Type,
        registry: &Registry,
    ) -> Result<(&'static Converter, Args), CompileError> {
        let fail = |message| CompileError { span: call.span, message };
        let converter = registry.find::<Converter>(&call.name).ok_or_else(|| {
            fail(unknown("converter", &call.name, registry.suggest::<Converter>(&call.name)))
        })?;
        if !input.casts_to(converter.input) {
            return Err(fail(format!("converter '{}' cannot be applied", call.name)));
        }
        let mut args = parse_args(&converter.args, call, "converter")?;
        (converter.check)(&mut args)
            .and_then(|()| match registry.find::<Finish>(converter.name) {
                Some(finish) => (finish.make)(&mut args, registry),
                None => Ok(()),
            })
            .map_err(|e| fail(format!("invalid args in converter '{}' : {e}", call.name)))?;
        for reference in args.references().filter(|r| r.found().is_none()) {
            registry.refer(reference.clone());
        }
        Ok((converter, args))
    }

    /// The fetch that the expression starts with.
    pub fn fetch(&self) -> &'static Fetch {
        self.fetch
    }

    /// The arguments of its fetch.
    pub fn fetch_args(&self) -> &Args {
        &self.args
    }

    /// The converters in order.
    pub fn converters(&self) -> impl Iterator<Item = &'static Converter> {
        self.converters.iter().map(|(c, _)| *c)
    }

    /// The type of what it gives, as far as it is known beforehand.
    pub fn out(&self) -> Type {
        self.converters.iter().rev().map(|(c, _)| c.out).find(|t| *t != Type::Same).unwrap_or(self.fetch.out)
    }

    /// Where the expression may be used.
    pub fn contexts(&self) -> Contexts {
        self.fetch.contexts
    }

    /// Whether it looks at bytes that have no meaning where there is HTTP.
    pub fn looks_at_bytes(&self) -> bool {
        self.fetch.manual == BYTES
    }

    /// Says why it cannot be used at any of these points; `span` is its place.
    pub fn check(&self, within: Contexts, span: Span) -> Result<(), CompileError> {
        if self.contexts().meets(within) {
            return Ok(());
        }
        let message = format!(
            "sample fetch <{}> may not be reliably used here because it needs {}, which is not available here",
            self.fetch.name,
            self.contexts().subject()
        );
        Err(CompileError { span, message })
    }

    /// Evaluates the expression for its one value.
    pub fn eval<'a>(&'a self, scene: &Scene<'a>) -> Fetched<'a> {
        self.eval_at(scene, Cursor::Single)
    }

    /// Evaluates the expression for one of its values.
    #[inline]
    pub fn eval_at<'a>(&'a self, scene: &Scene<'a>, cursor: Cursor) -> Fetched<'a> {
        let fetched = (self.fetch.eval)(scene, &self.args, cursor);
        if self.converters.is_empty() { fetched } else { self.convert_fetched(fetched, scene) }
    }

    fn convert_fetched<'a>(&'a self, fetched: Fetched<'a>, scene: &Scene<'a>) -> Fetched<'a> {
        match fetched {
            Fetched::Value(v) => self.convert(v, scene).into(),
            Fetched::Last(v) => self.convert(v, scene).map_or(Fetched::Absent, Fetched::Last),
            Fetched::SoFar(v) => match self.convert(v, scene) {
                None => Fetched::NotYet,
                Some(v) if self.converters.iter().any(|(c, _)| c.outlook == Outlook::Final) => {
                    Fetched::Value(v)
                }
                Some(v) => Fetched::SoFar(v),
            },
            none => none,
        }
    }

    fn convert<'a>(&'a self, value: Sample<'a>, scene: &Scene<'a>) -> Option<Sample<'a>> {
        self.converters.iter().try_fold(value, |value, (converter, args)| {
            (converter.eval)(value.cast(converter.input)?, args, scene)
        })
    }
}

fn unknown(what: &str, name: &str, like: Option<&str>) -> String {
    match like {
        Some(like) => format!("unknown {what} '{name}'; did you mean '{like}' ?"),
        None => format!("unknown {what} '{name}'"),
    }
}

fn parse_args(signature: &Signature, call: &Call, what: &str) -> Result<Args, CompileError> {
    let written: Vec<&[u8]> = call.arguments.iter().map(|a| a.text.as_ref()).collect();
    Args::parse(signature, &written).map_err(|e| CompileError {
        span: call.arguments.get(e.index).map_or(call.span, |a| a.span),
        message: format!("invalid args in {what} '{}' : {}", call.name, e.message),
    })
}
