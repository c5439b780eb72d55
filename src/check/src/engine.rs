//! One check of one server: its rules, one after the other.

use std::time::Duration;

use backend::connection::{NoPort, Particulars, Surroundings, spec};
use backend::{Backend, CheckResult, CheckStatus, Server, Status};
use base::addr::Addr;
use lang::facts::Encryption;
use lang::tls_facts::Resumption;
use lang::vars::VarName;
use net::Protocol;
use tls::CheckUse;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::expect::{Verdict, examine, kind_of};
use crate::http;
use crate::line::{Encrypted, End, Errand, Line, Preface, Speech, of, sys_reason};
use crate::ready::More;
use crate::reply::Reply;
use crate::rules::{Connect, Expect, Matcher, Port, Rule, Send, Step, Whose};
use crate::ruleset::{Language, Ruleset, is_active};
use crate::settings::{CheckSettings, Header, Route};
use crate::stage::{Seen, Stage};
use crate::talk::Talk;

/// The times that a check may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until there is a connection.
    pub(crate) connect: Duration,
    /// From then on; the same bounds all of it without.
    pub(crate) answer: Option<Duration>,
}

/// Who is checked, and by what.
pub(crate) struct Target<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) server: &'a Server,
    pub(crate) settings: &'a CheckSettings,
    pub(crate) ruleset: &'a Ruleset,
    /// The name that is told to servers where no rule and no option says one.
    pub(crate) host: Option<&'a lang::LogFormat>,
    pub(crate) surroundings: &'a Surroundings,
    pub(crate) patience: Patience,
    /// How much of an answer is looked at.
    pub(crate) limit: usize,
}

/// Makes one check. The connection is given back with the result: whoever sees it end knows that the result counts.
pub(crate) async fn check(target: &Target<'_>, stage: Stage<'_>) -> (CheckResult, Option<Line>) {
    let until = Instant::now() + target.patience.connect;
    let reply = Reply::new(target.ruleset.language);
    let mut run = Run { target, stage, line: None, talk: None, reply, until };
    let (Ok(result) | Err(result)) = run.all().await;
    (result, run.line)
}

/// A check that is under way.
struct Run<'a> {
    target: &'a Target<'a>,
    stage: Stage<'a>,
    line: Option<Line>,
    /// What is said over it, where that is HTTP/2.
    talk: Option<Box<Talk>>,
    reply: Reply,
    until: Instant,
}

/// The check is over.
type Over = CheckResult;

impl Run<'_> {
    async fn all(&mut self) -> Result<CheckResult, Over> {
        let rules = &self.target.ruleset.rules;
        let mut said = None;
        for rule in rules {
            match &rule.step {
                Step::Comment => {}
                Step::SetVar(set) => self.stage.set(set, self.reply.seen()),
                Step::UnsetVar(name) => self.unset(name),
                Step::Connect(connect) => self.connect(rule, connect).await?,
                Step::Send(send) => self.send(rule, send).await?,
                Step::Expect(expect) => said = self.expect(rule, expect).await?.or(said),
            }
        }
        let last = rules.iter().rev().find(|r| is_active(r));
        Ok(last.map_or_else(CheckResult::default, |last| self.passed(last, said)))
    }

    fn unset(&self, name: &VarName) {
        self.stage.unset(name);
    }

    /// The result of a check that went well to its last rule.
    fn passed(&self, last: &Rule, said: Option<String>) -> CheckResult {
        let seen = self.reply.seen();
        let mut result = match &last.step {
            Step::Expect(expect) => {
                let code = self.code(expect, seen);
                let info = expect.on_success.as_ref().map(|f| self.stage.render(f, seen));
                let info = info.map(|i| String::from_utf8_lossy(&i).into_owned()).or(said);
                CheckResult { code, info: info.unwrap_or_default(), ..of(expect.ok) }
            }
            Step::Connect(_) if self.line.as_ref().is_some_and(|l| l.tls.is_some()) => of(CheckStatus::L6Ok),
            Step::Connect(_) => of(CheckStatus::L4Ok),
            _ => CheckResult { code: Some(0), ..of(CheckStatus::L7Ok) },
        };
        if self.target.ruleset.language == Language::Steps && last.number > 0 && result.info.is_empty() {
            "(tcp-check)".clone_into(&mut result.info);
        }
        result.code = result.code.filter(|_| result.status.has_code());
        result
    }

    /// The code of a result: what its rule says, else the status of the response.
    fn code(&self, expect: &Expect, seen: Seen<'_>) -> Option<u16> {
        let said = expect.status_code.as_ref().and_then(|e| e.eval(&self.stage.scene(seen)).value());
        let said = said.map(|code| match code.to_int() {
            Some(code) => u16::try_from(code).unwrap_or_default(),
            None => ::http::token::decimal(&code.into_text())
                .and_then(|c| u16::try_from(c).ok())
                .unwrap_or_default(),
        });
        Some(said.or(seen.head.map(|h| h.status.0)).unwrap_or(0))
    }

    /// Where a failure happened, for those who know the rules.
    fn place(&self, rule: &Rule) -> String {
        if self.target.ruleset.language != Language::Steps {
            return String::new();
        }
        if rule.number == 0 {
            return " at initial connection step of tcp-check".to_owned();
        }
        let what = match &rule.step {
            Step::Connect(connect) => match connect.port {
                Some(Port::Number(port)) => format!(" (connect port {port})"),
                Some(Port::Expr(_)) | None => " (connect)".to_owned(),
            },
            Step::Send(_) => " (send)".to_owned(),
            Step::Expect(expect) => match &expect.matcher {
                Matcher::String(text) => format!(" (expect string '{}')", String::from_utf8_lossy(text)),
                Matcher::Binary(text) => {
                    format!(" (expect binary '{}')", String::from_utf8_lossy(&lang::sample::hex(text)))
                }
                other => format!(" (expect {})", kind_of(other)),
            },
            Step::SetVar(_) | Step::UnsetVar(_) | Step::Comment => String::new(),
        };
        let comment = rule.comment.as_ref().map(|c| format!(" comment: '{c}'")).unwrap_or_default();
        format!(" at step {} of tcp-check{what}{comment}", rule.number)
    }

    fn failed(&self, mut result: CheckResult, rule: &Rule) -> Over {
        result.info.push_str(&self.place(rule));
        result
    }

    fn broken(&self, e: &std::io::Error, rule: &Rule) -> Over {
        self.failed(CheckResult { info: sys_reason(e), ..of(CheckStatus::SocketError) }, rule)
    }

    async fn connect(&mut self, rule: &Rule, connect: &Connect) -> Result<(), Over> {
        if let Some(line) = self.line.take()
            && self.target.ruleset.language == Language::Http
        {
            line.set_end(End::Linger);
        }
        self.reply = Reply::new(self.target.ruleset.language);
        self.until = Instant::now() + self.target.patience.connect;
        let mut errand = self.errand(connect).map_err(|NoPort| no_port())?;
        // Who waits for nothing has the server's acceptance acknowledged with what comes next, be it the end.
        if !self.hears_first(rule) {
            errand.spec.delay_ack = net::Switch::On;
        }
        let header = errand.header.is_some();
        let protocol = self.protocol(connect);
        let opened = Line::open(errand, self.until).await;
        let handshakes = [&self.target.backend.counters.tls, &self.target.server.counters.common.tls];
        match &opened {
            Ok(line) if line.tls.is_some() => {
                for counters in handshakes {
                    counters.sessions.inc();
                }
            }
            Err(result) if result.status == CheckStatus::L6Invalid => {
                for counters in handshakes {
                    counters.failed.inc();
                }
            }
            Ok(_) | Err(_) => {}
        }
        let line = opened.map_err(|result| self.failed(result, rule))?;
        if connect.linger.is_yes() || header && self.target.ruleset.language == Language::Plain {
            line.set_end(End::Linger);
        } else {
            line.set_end(End::Reset);
        }
        self.note(&line);
        let agreed =
            || self.stage.stream.server_tls.tls().is_some_and(|t| t.protocol.as_deref() == Some(b"h2"));
        let multiplexed = match protocol {
            Some(protocol) => protocol == Protocol::Http2,
            None => agreed(),
        };
        let http = self.target.ruleset.language == Language::Http;
        self.talk = (multiplexed && http).then(|| Box::new(Talk::new()));
        self.line = Some(line);
        if let Some(answer) = self.target.patience.answer {
            self.until = Instant::now() + answer;
        }
        Ok(())
    }

    /// Whether the server is heard before anything is said to it.
    fn hears_first(&self, connect: &Rule) -> bool {
        let mut rules = self.target.ruleset.rules.iter().skip_while(|r| !std::ptr::eq(*r, connect)).skip(1);
        matches!(rules.find(|r| is_active(r)), Some(Rule { step: Step::Expect(_), .. }))
    }

    /// Lets expressions see the connection.
    fn note(&mut self, line: &Line) {
        self.stage.stream.server_source = line.socket.local_addr().ok();
        self.stage.stream.server_addr = line.socket.peer_addr().ok();
        self.stage.stream.server_socket = Some(line.socket.number());
        self.stage.stream.server_tls = match &line.tls {
            Some(tls) => {
                let facts = tls.facts();
                if facts.resumption == Resumption::New {
                    self.stage.reporter.key_agreed();
                }
                Encryption::Tls(facts)
            }
            None => Encryption::default(),
        };
    }

    async fn send(&mut self, rule: &Rule, send: &Send) -> Result<(), Over> {
        let target = self.target;
        let seen = self.reply.seen();
        let (bytes, asked) = match send {
            Send::Http(request) => {
                let state = http::state(target.ruleset, &self.stage, target.backend, target.server);
                let request = http::prepare(request, &self.stage, seen, state);
                if let (Some(talk), Some(line)) = (&mut self.talk, &mut self.line) {
                    self.reply.renew(request.asked());
                    let outcome = timeout_at(self.until, talk.ask(line, &request)).await;
                    return self.sent(rule, outcome);
                }
                (request.bytes(), request.asked())
            }
            Send::Bytes(bytes) => (bytes.to_vec(), h1::Asked::default()),
            Send::Text(format) => (self.stage.render(format, seen), h1::Asked::default()),
            Send::Hex(format) => {
                let Some(bytes) = self.stage.render_hex(format, seen) else {
                    let info =
                        format!("tcp-check send : failed to build log-format string at step {}", rule.number);
                    return Err(CheckResult { info, ..of(CheckStatus::L7Invalid) });
                };
                (bytes, h1::Asked::default())
            }
        };
        self.reply.renew(asked);
        let Some(line) = &mut self.line else { return Ok(()) };
        let outcome = timeout_at(self.until, line.send(&bytes)).await;
        self.sent(rule, outcome)
    }

    /// What comes of something that was sent, perhaps too late.
    fn sent(&self, rule: &Rule, outcome: Result<std::io::Result<()>, Elapsed>) -> Result<(), Over> {
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(self.broken(&e, rule)),
            Err(_) => Err(self.failed(of(CheckStatus::L7Timeout), rule)),
        }
    }

    /// Waits until it is clear whether the answer is as wanted.
    async fn expect(&mut self, rule: &Rule, expect: &Expect) -> Result<Option<String>, Over> {
        let mut broken = None;
        loop {
            let verdict = match &expect.matcher {
                Matcher::Absent => self.absent(expect)?,
                _ => examine(rule, expect, &self.reply, &self.stage, self.target.ruleset.language),
            };
            match verdict {
                Verdict::Good(info) => {
                    self.reply.accept();
                    return Ok(info);
                }
                Verdict::Bad(result) if self.is_silent() && broken.is_some() => {
                    let _ = result;
                    return Err(self.gone(broken, rule));
                }
                Verdict::Bad(mut result) => {
                    let said = expect.status_code.as_ref().and_then(|_| self.code(expect, self.reply.seen()));
                    result.code = said.or(result.code).or(Some(0)).filter(|_| result.status.has_code());
                    return Err(result);
                }
                Verdict::Gone => return Err(self.gone(broken, rule)),
                // Nothing more comes that could be waited for.
                Verdict::Wait if self.reply.more == More::No => return Err(self.gone(broken, rule)),
                Verdict::Wait => {}
            }
            match self.receive().await {
                Ok(()) => {}
                Err(Silence::Late) => return Err(self.failed(of(expect.timeout), rule)),
                Err(Silence::Broken(e)) => broken = Some(e),
            }
            self.reply.digest();
        }
    }

    /// Whether nothing has come at all.
    fn is_silent(&self) -> bool {
        let seen = self.reply.seen();
        seen.head.is_none() && seen.data.is_empty()
    }

    fn gone(&self, broken: Option<std::io::Error>, rule: &Rule) -> Over {
        match broken {
            Some(e) => self.broken(&e, rule),
            None => self.failed(of(CheckStatus::SocketError), rule),
        }
    }

    /// A server that is up and answers with status 404 wants nothing new; it has nothing else to show.
    fn absent(&self, expect: &Expect) -> Result<Verdict, Over> {
        match self.reply.head() {
            None if self.reply.may_grow() => Ok(Verdict::Wait),
            None => Ok(Verdict::Gone),
            Some(head) if head.status.0 == 404 && self.target.server.status() != Status::Down => {
                Err(CheckResult { code: Some(404), ..of(expect.ok) })
            }
            Some(_) => Ok(Verdict::Good(None)),
        }
    }

    /// Takes in more of the answer, as long as there is room for it and time.
    async fn receive(&mut self) -> Result<(), Silence> {
        let limit = self.target.limit;
        if self.reply.is_full(limit) {
            self.reply.more = More::No;
            return Ok(());
        }
        let Some(line) = &mut self.line else {
            self.reply.more = More::No;
            return Ok(());
        };
        let limit = limit - self.reply.held();
        let got = match &mut self.talk {
            Some(talk) => timeout_at(self.until, talk.receive(line, &mut self.reply, limit)).await,
            None => timeout_at(self.until, line.receive(&mut self.reply.input, limit)).await,
        };
        match got.map_err(|_| Silence::Late)? {
            Ok(0) => self.reply.more = More::No,
            Ok(_) if self.reply.is_full(self.target.limit) => self.reply.more = More::No,
            Ok(_) => {}
            Err(e) => {
                self.reply.more = More::No;
                return Err(Silence::Broken(e));
            }
        }
        Ok(())
    }

    /// What is said of the protocol: by the rule, else by the options, else for the traffic.
    fn protocol(&self, connect: &Connect) -> Option<Protocol> {
        let own = || match connect.whose {
            Whose::Rules => None,
            Whose::Servers => self.target.settings.protocol.or(self.target.server.dial.protocol),
        };
        connect.protocol.or_else(own)
    }

    /// Where the connection goes, and how.
    fn errand(&self, connect: &Connect) -> Result<Errand, NoPort> {
        let (target, server) = (self.target, self.target.server);
        let to = self.address(connect);
        let tunnelled = match connect.whose {
            Whose::Servers => connect.socks4.is_yes() || target.settings.route == Route::ViaSocks4,
            Whose::Rules => connect.socks4.is_yes(),
        };
        let socks4 = server.dial.socks4.as_ref().filter(|_| tunnelled);
        // A check shows the server no client's address, since there is no client.
        let own = Particulars::default();
        let (spec, port) = spec(target.backend, server, socks4.unwrap_or(&to), target.surroundings, &own)?;
        let beyond = socks4.is_some().then(|| to.clone());
        let (header, tls) = (self.header(connect), self.encryption(connect));
        Ok(Errand { spec, port, beyond, to, header, tls })
    }

    /// The address that is checked: the rule's, else the option's, else the server's.
    fn address(&self, connect: &Connect) -> Addr {
        let settings = self.target.settings;
        let server = Addr::clone(&self.target.server.address.load());
        let told = self.target.server.probes.load();
        let said_address = told.check_address.as_ref().or(settings.address.as_ref());
        let base = connect.address.as_ref().or(said_address).unwrap_or(&server);
        let said = match &connect.port {
            Some(Port::Number(port)) => Some(*port),
            Some(Port::Expr(expr)) => {
                let scene = self.stage.scene(self.reply.seen());
                let port = expr.eval(&scene).value().and_then(|v| v.to_int());
                port.and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0)
            }
            None => None,
        };
        let own = connect.address.as_ref().and_then(Addr::port).filter(|p| *p > 0);
        let port = said
            .or(own)
            .or(told.check_port)
            .or(settings.port)
            .or(base.port().filter(|p| *p > 0))
            .or(server.port());
        base.with_port(port.unwrap_or(0))
    }

    /// Whether something else is checked than the traffic's address.
    fn is_elsewhere(&self) -> bool {
        let (settings, told) = (self.target.settings, self.target.server.probes.load());
        let ports = settings.port.is_some() || told.check_port.is_some();
        ports || settings.address.is_some() || told.check_address.is_some()
    }

    /// The header that the check begins with: that of the traffic, unless another address is checked.
    fn header(&self, connect: &Connect) -> Option<Preface> {
        let written = &self.target.server.dial.header;
        let wanted = match (connect.whose, self.target.settings.header) {
            (Whose::Rules, _) => false,
            (Whose::Servers, Header::Always) => true,
            (Whose::Servers, Header::AsTraffic) => written.is_sent() && !self.is_elsewhere(),
        };
        if !wanted && !connect.header.is_yes() {
            return None;
        }
        let value = |format: &Option<std::sync::Arc<lang::LogFormat>>| {
            format.as_ref().map_or_else(Vec::new, |f| self.stage.render(f, Seen::default()))
        };
        let tlvs = written.tlvs.iter().map(|(kind, format)| (*kind, value(format))).collect();
        Some(Preface { settings: written.clone(), tlvs })
    }

    /// How the connection is encrypted: as its rule says, else as the traffic where it goes to the same address.
    fn encryption(&self, connect: &Connect) -> Option<Encrypted> {
        let secure = self.target.server.slots_of_features.get::<tls::ServerSettings>()?;
        let wanted = connect.tls.is_yes()
            || connect.whose == Whose::Servers
                && match secure.checks {
                    CheckUse::Always => true,
                    CheckUse::Never => false,
                    CheckUse::AsTraffic => secure.ssl == tls::Use::Yes && !self.is_elsewhere(),
                };
        let connector = secure.connector.clone().filter(|_| wanted)?;
        let servers = connect.whose == Whose::Servers;
        let option = secure.check_name.clone().filter(|_| servers);
        let name = connect.sni.clone().or(option).or_else(|| self.own_name(secure));
        let alpn = connect.alpn.clone().or_else(|| self.target.settings.alpn.clone().filter(|_| servers));
        let language = match (self.target.ruleset.language, self.protocol(connect)) {
            (Language::Http, None | Some(Protocol::Http2)) => Speech::Any,
            _ => Speech::NotHttp2,
        };
        Some(Encrypted { connector, name, alpn, speech: language })
    }

    /// The host that requests name, where no rule says how to connect.
    fn own_name(&self, secure: &tls::ServerSettings) -> Option<Box<[u8]>> {
        let format = self.target.host.filter(|_| secure.check_naming == tls::Naming::Auto)?;
        let host = self.stage.render(format, Seen::default());
        let name = host.split(|b| *b == b':').next().unwrap_or_default();
        Some(name).filter(|n| !n.is_empty()).map(Into::into)
    }
}

/// Why no more of an answer comes.
enum Silence {
    Late,
    Broken(std::io::Error),
}

/// The result when there is no local port left for a check.
fn no_port() -> CheckResult {
    CheckResult { info: "no port is left".to_owned(), ..of(CheckStatus::SocketError) }
}
