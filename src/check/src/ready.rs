//! Ready-made checks: the rules of one protocol each.

use std::fmt;

use base::registry::Registry;
use lang::regex::{Case, Regex, Times};
use lang::{CompileError, Contexts, Expr, LogFormat};

use backend::CheckStatus;

use crate::rules::{Connect, Expect, Matcher, Rule, Send, Sense, Step, Whose, Wish};
use crate::{ldap, mysql, spop};

/// What a protocol says of an answer, as far as it has come.
#[derive(Clone, Copy)]
pub(crate) struct Judge(pub(crate) fn(Answer<'_>) -> Judgement);

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) data: &'a [u8],
    /// Whether more may come.
    pub(crate) more: More,
}

/// Whether more of an answer may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    Possible,
    No,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is not complete.
    Wait,
    /// It is as wanted; with what there is to be said of it.
    Good(Option<String>),
    /// It is not.
    Bad { status: CheckStatus, code: u16, info: String },
}

impl Judgement {
    pub(crate) fn invalid(info: &str) -> Self {
        Self::Bad { status: CheckStatus::L7Invalid, code: 0, info: info.to_owned() }
    }
}

impl Answer<'_> {
    /// What to say of an answer that is too short: more is waited for, as long as there may be more.
    pub(crate) fn short(self) -> Judgement {
        match self.more {
            More::Possible => Judgement::Wait,
            More::No => Judgement::invalid(""),
        }
    }
}

/// The rules of a protocol.
#[derive(Clone, Debug)]
pub(crate) struct Ready(Vec<Rule>);

impl Ready {
    pub(crate) fn rules(&self) -> Vec<Rule> {
        self.0.clone()
    }

    /// Its connections are closed in peace.
    fn lingering(steps: Vec<Step>) -> Self {
        Self::connected(Connect { whose: Whose::Servers, linger: Wish::Yes, ..Connect::default() }, steps)
    }

    fn direct(steps: Vec<Step>) -> Self {
        Self::connected(Connect { whose: Whose::Servers, ..Connect::default() }, steps)
    }

    fn connected(connect: Connect, mut steps: Vec<Step>) -> Self {
        steps.insert(0, Step::Connect(Box::new(connect)));
        Self::numbered(steps, 1)
    }

    fn numbered(steps: Vec<Step>, first: u32) -> Self {
        Self((first..).zip(steps).map(|(number, step)| Rule { step, comment: None, number }).collect())
    }

    /// `option redis-check`
    pub(crate) fn redis(registry: &Registry) -> Result<Self, Wrong> {
        let mut expect = Expect::new(Matcher::String((*b"+PONG\r\n").into()));
        expect.error = Some(CheckStatus::L7Status);
        expect.on_success = Some(format("Redis server is ok", registry)?);
        expect.on_error = Some(format("%[res.payload(0,0),cut_crlf]", registry)?);
        Ok(Self::direct(vec![send(b"*1\r\n$4\r\nPING\r\n".to_vec()), step(expect)]))
    }

    /// `option smtpchk`, with what it says first.
    pub(crate) fn smtp(hello: &str, registry: &Registry) -> Result<Self, Wrong> {
        let code = || Expr::parse(b"res.payload(0,3)", registry);
        let rest = || format("%[res.payload(4,0),ltrim(' '),cut_crlf]", registry);
        let whole = || format("%[res.payload(0,0),cut_crlf]", registry);
        let mut greeting = regex("^[0-9]{3}[ \\r]")?;
        greeting.min_recv = Some(4);
        greeting.on_error = Some(whole()?);
        greeting.error = Some(CheckStatus::L7Invalid);
        let wanted = |pattern: &str, min| -> Result<Expect, Wrong> {
            let mut expect = regex(pattern)?;
            expect.min_recv = min;
            expect.error = Some(CheckStatus::L7Status);
            expect.on_error = Some(rest()?);
            expect.on_success = Some(rest()?);
            expect.status_code = Some(code()?);
            Ok(expect)
        };
        Ok(Self::lingering(vec![
            step(greeting),
            step(wanted("^2[0-9]{2}[ \\r]", Some(4))?),
            send(format!("{hello}\r\n").into_bytes()),
            step(wanted("^(2[0-9]{2}-[^\\r]*\\r\\n)*2[0-9]{2}[ \\r]", None)?),
            send(b"QUIT\r\n".to_vec()),
            step(wanted("^2[0-9]{2}[- \\r]", Some(4))?),
        ]))
    }

    /// `option pgsql-check`: the start of a session, and whether the server asks for a password.
    pub(crate) fn pgsql(user: &[u8], registry: &Registry) -> Result<Self, Wrong> {
        let mut packet = (user.len() as u32 + 15).to_be_bytes().to_vec();
        packet.extend_from_slice(b"\0\x03\0\0user\0");
        packet.extend_from_slice(user);
        packet.extend_from_slice(b"\0\0");
        let mut refused = regex("^E")?;
        refused.sense = Sense::Unwanted;
        refused.min_recv = Some(5);
        refused.error = Some(CheckStatus::L7Invalid);
        refused.on_error = Some(format("%[res.payload(6,0)]", registry)?);
        let pattern = "^52000000[A-Z0-9]{2}000000(00|02|03|04|05|06|07|09|0A)";
        let mut asked = Expect::new(Matcher::BinaryRegex(compile(pattern)?));
        asked.min_recv = Some(9);
        asked.error = Some(CheckStatus::L7Status);
        asked.on_success = Some(format("PostgreSQL server is ok", registry)?);
        asked.on_error = Some(format("PostgreSQL unknown error", registry)?);
        Ok(Self::lingering(vec![send(packet), step(refused), step(asked)]))
    }

    /// `option ldap-check`: an anonymous bind.
    pub(crate) fn ldap(registry: &Registry) -> Result<Self, Wrong> {
        let mut tag = Expect::new(Matcher::BinaryRegex(compile("^30")?));
        tag.min_recv = Some(14);
        tag.error = Some(CheckStatus::L7Invalid);
        tag.on_error = Some(format(ldap::FOREIGN, registry)?);
        let request = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00".to_vec();
        Ok(Self::direct(vec![send(request), step(tag), judge(ldap::judge)]))
    }

    /// `option ssl-hello-chk`: the first message of SSL 3.0, which every server has an answer to.
    pub(crate) fn ssl_hello(registry: &Registry) -> Result<Self, Wrong> {
        let ciphers: Vec<u8> = (0x01..=0x1b).chain(0x2f..=0x3a).flat_map(|c: u16| c.to_be_bytes()).collect();
        let hex = |bytes: &[u8]| String::from_utf8_lossy(&lang::sample::hex(bytes)).into_owned();
        let (random, ciphers) = (hex(b"HAPROXYSSLCHK\nHAPROXYSSLCHK\n"), hex(&ciphers));
        let hello = format!(
            "160300007901000075\
                             0300%[date(),htonl,hex]{random}00004E{ciphers}0100"
        );
        let mut expect = Expect::new(Matcher::BinaryRegex(compile("^1[56]")?));
        expect.min_recv = Some(5);
        expect.ok = CheckStatus::L6Ok;
        expect.error = Some(CheckStatus::L6Invalid);
        expect.timeout = CheckStatus::L6Timeout;
        let hello = Step::Send(Send::Hex(format(&hello, registry)?));
        let connect = Connect { whose: Whose::Servers, ..Connect::default() };
        Ok(Self::numbered(vec![Step::Connect(Box::new(connect)), hello, step(expect)], 0))
    }

    /// `option spop-check`: the agent is greeted.
    pub(crate) fn spop() -> Self {
        Self::direct(vec![send(spop::hello()), judge(spop::judge)])
    }

    /// `option mysql-check`, with the user that logs in, if one does.
    pub(crate) fn mysql(login: Option<(&[u8], mysql::Dialect)>) -> Self {
        let greeting = judge(mysql::greeting);
        Self::lingering(match login {
            None => vec![greeting],
            // The login does not wait for the greeting: nothing in it depends on that.
            Some((user, dialect)) => {
                vec![send(mysql::login(user, dialect)), greeting, judge(mysql::outcome)]
            }
        })
    }
}

/// What is wrong with the text of a rule that is always the same: something it needs is not built in.
pub(crate) struct Wrong(pub(crate) String);

impl From<CompileError> for Wrong {
    fn from(e: CompileError) -> Self {
        Self(e.message)
    }
}

fn format(text: &str, registry: &Registry) -> Result<LogFormat, Wrong> {
    Ok(LogFormat::parse(text.as_bytes(), registry, Contexts::CHECK)?)
}

fn compile(pattern: &str) -> Result<Regex, Wrong> {
    Regex::new(pattern.as_bytes(), Case::Sensitive, Times::First).map_err(Wrong)
}

fn regex(pattern: &str) -> Result<Expect, Wrong> {
    Ok(Expect::new(Matcher::Regex(compile(pattern)?)))
}

fn step(expect: Expect) -> Step {
    Step::Expect(Box::new(expect))
}

fn judge(judge: fn(Answer<'_>) -> Judgement) -> Step {
    step(Expect::new(Matcher::Judge(Judge(judge))))
}

fn send(bytes: Vec<u8>) -> Step {
    Step::Send(Send::Bytes(bytes.into()))
}
