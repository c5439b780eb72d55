//! Whole configurations, and the lines that come of them. Expected lines are what HAProxy 3.5 logs.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::registry::Registry;
use base::termination::{Cause, Phase, Termination};
use config::{Directive, Draft, ProxyDraft, Severity};
use grammar::conditional::Plain;
use lang::facts::{
    Captured, CookieLetters, Load, LocalAddr, Payload, ProcessFacts, ProxyFacts, Redispatch, Scene,
    ServerFacts, SessionFacts, StreamFacts, Timers,
};

use crate::ring::{Position, Reading};
use crate::{Due, FrontendLog, Level, ProcessLog, SinkKind, Step, Steps, dropped, sinks};

/// The one keyword of another room that these configurations need.
static MODE: &[Directive] = &[Directive {
    name: "mode",
    section: config::Section::Proxy(config::Sections::ALL),
    prefix: config::Prefix::None,
    arity: config::directive::Arity::Exactly(1),
    manual: "4.2",
    parse: |s| {
        s.proxy().mode = if s.arg(0) == "http" { config::Mode::Http } else { config::Mode::Tcp };
        Ok(())
    },
}];

/// Reads a configuration; returns it with what was said about it.
fn read(text: &str) -> (Draft, Vec<String>) {
    let mut registry = Registry::default();
    registry.add(crate::DIRECTIVES);
    registry.add(MODE);
    registry.add(crate::SECTIONS);
    registry.add(crate::CHECKS);
    registry.add(crate::ALIASES);
    let mut reader = config::Reader::new(&registry, &Plain("3.5.0"), Draft::default());
    reader.read("a.cfg", text.as_bytes());
    let (draft, diagnostics) = reader.finish();
    let tag = |s| if s == Severity::Alert { "E" } else { "W" };
    let line = |p: &config::Place| p.line.to_string();
    let said = diagnostics
        .messages()
        .iter()
        .map(|m| format!("{}{} {}", tag(m.severity), m.place.as_ref().map(line).unwrap_or_default(), m.text))
        .collect();
    (draft, said)
}

fn valid(text: &str) -> Draft {
    let (draft, said) = read(text);
    assert_eq!(said, Vec::<String>::new(), "{text}");
    draft
}

fn proxy<'d>(draft: &'d Draft, name: &str) -> &'d ProxyDraft {
    draft.named(name).map(|(_, p)| p).next().unwrap()
}

fn log_of(draft: &Draft, name: &str) -> FrontendLog {
    FrontendLog::build(proxy(draft, name), draft)
}

/// A receiver of datagrams and its address.
struct Receiver(UdpSocket);

impl Receiver {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// What came: datagrams of this host arrive before `send` returns.
    fn lines(&self) -> Vec<String> {
        let mut room = vec![0; 65536];
        let mut lines = Vec::new();
        while let Ok(len) = self.0.recv(&mut room) {
            lines.push(String::from_utf8_lossy(&room[..len]).into_owned());
        }
        lines
    }
}

/// A listener of this name.
#[derive(Debug)]
struct Named(Arc<str>);

impl lang::facts::Entrance for Named {
    fn name(&self) -> Option<&Arc<str>> {
        Some(&self.0)
    }

    fn connections(&self) -> u64 {
        1
    }
}

/// A story to be logged: 22 November 2026, 13:05:03.824 UTC, ten milliseconds long.
fn with_scene<T>(
    change: impl FnOnce(&mut StreamFacts, &mut SessionFacts),
    then: impl FnOnce(&Scene<'_>) -> T,
) -> T {
    let begin = Tick(1_000_000);
    let at = |ms| begin + Duration::from_millis(ms);
    let date = WallTime(1_795_352_703_824_000);
    let mut session = SessionFacts {
        source: Some(Addr::inet(Ipv4Addr::new(10, 0, 1, 2), 33317)),
        destination: LocalAddr::known(Addr::inet(Ipv4Addr::new(10, 0, 3, 31), 8012)),
        listener_id: 1,
        accepted: (begin, date),
        ..SessionFacts::default()
    };
    let mut stream = StreamFacts {
        id: 3,
        timers: Timers {
            begin_date: date,
            request_date: date,
            begin,
            handshake: begin,
            first_byte: at(1),
            request: at(2),
            queued: at(2),
            connected: at(4),
            response: at(7),
            end: at(10),
        },
        status: 200,
        bytes_in: 78,
        bytes_out: 2750,
        termination: Termination::NORMAL,
        load: Load { process: 1, frontend: 1, backend: 1, server: 1 },
        request_line: b"GET /index.html?x=1 HTTP/1.1".to_vec(),
        http_version: 11,
        ..StreamFacts::default()
    };
    change(&mut stream, &mut session);
    then(&Scene {
        now: (at(10), WallTime(date.0 + 10_000)),
        process: &ProcessFacts { hostname: "vm".into(), pid: 255, ..ProcessFacts::default() },
        frontend: &ProxyFacts { name: "http-in".into(), http: true, ..ProxyFacts::default() },
        backend: Some(&ProxyFacts { name: "static".into(), http: true, ..ProxyFacts::default() }),
        server: Some(&ServerFacts { name: "srv1".into(), id: 1 }),
        session: &session,
        stream: Some(&stream),
        request: None,
        response: None,
        payload: Payload::Unavailable,
    })
}

/// The lines that a proxy logs about a story.
fn logged(mode: &str, lines: &str, change: impl FnOnce(&mut StreamFacts, &mut SessionFacts)) -> String {
    let receiver = Receiver::new();
    let text = format!("frontend f\n mode {mode}\n log {} format raw local0\n{lines}\n", receiver.address());
    let draft = valid(&text);
    let log = log_of(&draft, "f");
    with_scene(change, |scene| log.emit(scene, Level::Info));
    receiver.lines().concat()
}

/// What local time makes of the date of the story.
fn local() -> String {
    let stamp = crate::time::stamp(WallTime(1_795_352_703_824_000));
    String::from_utf8(stamp.local().to_vec()).unwrap()
}

fn unchanged(_: &mut StreamFacts, _: &mut SessionFacts) {}

#[test]
fn httplog() {
    let date = local();
    assert_eq!(
        logged("http", " option httplog", unchanged),
        format!(
            "10.0.1.2:33317 [{date}.824] http-in static/srv1 1/0/2/3/9 200 2750 - - ---- 1/1/1/1/0 0/0 \
             \"GET /index.html?x=1 HTTP/1.1\"\n"
        )
    );
    let captured = |s: &mut StreamFacts, _: &mut SessionFacts| {
        s.request_captures = Captured::new([20, 20].into_iter());
        s.request_captures.set(0, b"1wt.eu");
        s.request_captures.set(1, b"a{b|\"c\xe9");
        s.response_captures = Captured::new([10].into_iter());
        s.request_cookie = Some((*b"SID=1").into());
        s.redispatch = Redispatch::Done;
        s.retries = 3;
        s.termination = Termination::new(Cause::ServerAbort, Phase::Headers);
        s.cookies = CookieLetters { client: b'N', server: b'I' };
        s.status = 502;
    };
    assert_eq!(
        logged("http", " option httplog", captured),
        format!(
            "10.0.1.2:33317 [{date}.824] http-in static/srv1 1/0/2/3/9 502 2750 SID=1 - SHNI 1/1/1/1/+3 0/0 \
             {{1wt.eu|a#7Bb#7C#22c#E9}} {{}} \"GET /index.html?x=1 HTTP/1.1\"\n"
        )
    );
}

#[test]
fn httplog_of_what_never_was_a_request() {
    let bad = |s: &mut StreamFacts, _: &mut SessionFacts| {
        let t = &mut s.timers;
        (t.request, t.queued, t.connected, t.response) = (Tick::NEVER, Tick::NEVER, Tick::NEVER, Tick::NEVER);
        s.request_line.clear();
        s.status = 400;
        s.bytes_out = 0;
        s.termination = Termination::new(Cause::Proxy, Phase::Request);
    };
    assert!(
        logged("http", " option httplog", bad)
            .ends_with("static/srv1 -1/-1/-1/-1/9 400 0 - - PR-- 1/1/1/1/0 0/0 \"<BADREQ>\"\n")
    );
    let silent = |s: &mut StreamFacts, _: &mut SessionFacts| s.status = 0;
    assert_eq!(logged("http", " log-format %ST", silent), "-1\n");
    let tcp = |s: &mut StreamFacts, _: &mut SessionFacts| (s.status, s.http_version) = (0, 0);
    assert_eq!(logged("tcp", " log-format %ST", tcp), "0\n");
}

#[test]
fn the_common_log_format() {
    assert_eq!(
        logged("http", " option httplog clf", unchanged),
        "10.0.1.2 - - [22/Nov/2026:13:05:03 +0000] \"GET /index.html?x=1 HTTP/1.1\" 200 2750 \"\" \"\" 33317 824 \
         \"http-in\" \"static\" \"srv1\" 1 0 2 3 9 ---- 1 1 1 1 0 0 0 \"\" \"\" \n"
    );
    assert_eq!(
        logged("tcp", " option tcplog clf", unchanged),
        "10.0.1.2 - - [22/Nov/2026:13:05:03 +0000] \"TCP \" 000 2750 \"\" \"\" 33317 824 \"http-in\" \"static\" \
         \"srv1\" 0 0 2 10 78 ---- 1 1 1 1 0 0 0 \"\" \"\" \n"
    );
}

#[test]
fn tcplog_and_the_default() {
    let date = local();
    assert_eq!(
        logged("tcp", " option tcplog", unchanged),
        format!("10.0.1.2:33317 [{date}.824] http-in static/srv1 0/2/10 2750 -- 1/1/1/1/0 0/0\n")
    );
    assert_eq!(logged("tcp", "", unchanged), "Connect from 10.0.1.2:33317 to 10.0.3.31:8012 (http-in/TCP)\n");
    assert_eq!(
        logged("http", "", unchanged),
        "Connect from 10.0.1.2:33317 to 10.0.3.31:8012 (http-in/HTTP)\n"
    );
}

#[test]
fn aliases_one_by_one() {
    let date = local();
    let change = |s: &mut StreamFacts, c: &mut SessionFacts| {
        s.server_addr = Some(Addr::unix(b"/run/s"));
        s.server_source = None;
        s.unique_id = Some((*b"7F:1").into());
        s.server_queue = 4;
        s.backend_queue = 5;
        c.tls = lang::facts::Encryption::Tls(std::sync::Arc::default());
    };
    for (format, expected) in [
        ("%T %Ts %ms", "22/Nov/2026:13:05:03 +0000 1795352703 824"),
        ("%t|%tr|%trg", &format!("{date}.824|{date}.824|22/Nov/2026:13:05:03 +0000")),
        ("%{+X}Ts %{+X}ms %{+X}pid %{+X}rt %{+X}lc", "6B02E87F 338 00FF 0003 0000"),
        ("%Ta %Tc %Td %Th %Ti %Tq %TR %Tr %Tt %Tu %Tw", "9 2 3 0 1 2 1 3 10 9 0"),
        ("%HM %HP %HPO %HQ %HU %HV", "GET /index.html /index.html ?x=1 /index.html?x=1 HTTP/1.1"),
        ("%si %sp %bi %bp", "unix 0 - -"),
        ("%ft %f %b %s %H %pid %ID", "http-in~ http-in static srv1 vm 255 7F:1"),
        ("%{+cbor}ft", "7F67687474702D696E617EFF"),
        ("%sq %bq %B %U %lc %rt", "4 5 2750 78 0 3"),
        ("%{+X}ci %{+X}fp %fi", "0A000102 1F4C 10.0.3.31"),
        ("%hr|%hrl|%{+json}hsl|%CC|%CS", "||null|-|-"),
        ("%OG %ts %tsc", "txn_close -- ----"),
    ] {
        let quoted = format!(" log-format \"{format}\"");
        assert_eq!(logged("http", &quoted, change), format!("{expected}\n"), "{format}");
    }
}

#[test]
fn unix_clients_have_the_number_of_their_listener() {
    let unix = |_: &mut StreamFacts, c: &mut SessionFacts| c.source = Some(Addr::unix(b""));
    assert_eq!(logged("tcp", " log-format %ci:%cp", unix), "unix:1\n");
}

#[test]
fn services_stand_for_servers() {
    let receiver = Receiver::new();
    let draft = valid(&format!(
        "frontend f\n mode http\n log {} format raw local0\n log-format %s\n",
        receiver.address()
    ));
    let log = log_of(&draft, "f");
    let stats = |s: &mut StreamFacts, _: &mut SessionFacts| s.service = Some("<STATS>");
    with_scene(stats, |scene| log.emit(&Scene { server: None, ..*scene }, Level::Info));
    with_scene(unchanged, |scene| log.emit(&Scene { server: None, ..*scene }, Level::Info));
    assert_eq!(receiver.lines(), ["<STATS>\n", "<NOSRV>\n"]);
}

#[test]
fn levels_admit_and_cap() {
    let receiver = Receiver::new();
    let to = receiver.address();
    let draft = valid(&format!(
        "frontend f\n log {to} format short local0 notice\n log {to} format short local0 debug err\n log-format x\n"
    ));
    let log = log_of(&draft, "f");
    for level in [Level::Alert, Level::Notice, Level::Info] {
        with_scene(unchanged, |scene| log.emit(scene, level));
    }
    assert_eq!(receiver.lines(), ["<1>x\n", "<3>x\n", "<5>x\n", "<5>x\n", "<6>x\n"]);
}

#[test]
fn long_lines_are_cut_with_their_line_feed() {
    let receiver = Receiver::new();
    let to = receiver.address();
    let long = "1234567890\\ ".repeat(10);
    let draft = valid(&format!("frontend f\n log {to} len 80 format raw local0\n log-format {long}\n"));
    with_scene(unchanged, |scene| log_of(&draft, "f").emit(scene, Level::Info));
    let expected = format!("{}12\n", "1234567890 ".repeat(7));
    assert_eq!(receiver.lines(), [expected]);
}

#[test]
fn samples_share_the_load() {
    let (a, b) = (Receiver::new(), Receiver::new());
    let draft = valid(&format!(
        "frontend f\n log {} format raw sample 1:3 local0\n log {} format raw sample 2-3:3 local0\n log-format %lc\n",
        a.address(),
        b.address()
    ));
    let log = log_of(&draft, "f");
    (0..6).for_each(|_| with_scene(unchanged, |scene| log.emit(scene, Level::Info)));
    assert_eq!(a.lines(), ["0\n", "3\n"]);
    assert_eq!(b.lines(), ["1\n", "2\n", "4\n", "5\n"]);
}

#[test]
fn structured_data_go_to_rfc5424_only() {
    let receiver = Receiver::new();
    let to = receiver.address();
    let draft = valid(&format!(
        "global\n log-tag x\n log-send-hostname h\nfrontend f\n log {to} format rfc5424 local0\n \
         log {to} format rfc3164 local0\n log-format m\n log-format-sd '%{{+Q,+E}}o [ex@1 u=%HU] '\n"
    ));
    with_scene(unchanged, |scene| log_of(&draft, "f").emit(scene, Level::Info));
    let lines = receiver.lines();
    assert!(lines[0].ends_with(" h x 255 - [ex@1 u=\"/index.html?x=1\"] m\n"), "{lines:?}");
    assert!(lines[1].ends_with(" h x[255]: m\n"), "{lines:?}");
}

#[test]
fn tags_of_proxies_and_profiles() {
    let receiver = Receiver::new();
    let to = receiver.address();
    let draft = valid(&format!(
        "log-profile p\n log-tag own\n on error format 'E %OG'\n on close drop\n on any format any sd sd\n\
         frontend f\n mode http\n log-tag px\n log {to} profile p local0\n log {to} format rfc5424 profile p local0\n \
         log {to} local0\n log-format m\n"
    ));
    let log = log_of(&draft, "f");
    let ends = |receiver: &Receiver| -> Vec<String> {
        let words = |l: String| l.replace("255", "PID").trim_end().to_owned();
        receiver
            .lines()
            .into_iter()
            .map(words)
            .map(|l| l[l.find(" own").or(l.find(" px")).unwrap()..].to_owned())
            .collect()
    };
    with_scene(unchanged, |scene| log.emit(scene, Level::Info));
    assert_eq!(ends(&receiver), [" px[PID]: m"]);
    with_scene(unchanged, |scene| log.emit_at(scene, Level::Info, Step::Accept));
    assert_eq!(ends(&receiver), [" own[PID]: any", " own PID - sd any", " px[PID]: m"]);
    with_scene(unchanged, |scene| log.emit_error(scene, Level::Info));
    assert_eq!(ends(&receiver), [" own[PID]: E sess_error", " own PID - - E sess_error", " px[PID]: m"]);
}

#[test]
fn failures_before_there_is_a_stream() {
    let receiver = Receiver::new();
    let to = receiver.address();
    let draft = valid(&format!(
        "frontend f\n log {to} format raw local0\n option tcplog\n\
         frontend g\n log {to} format raw local0\n error-log-format 'E %ci %OG'\n"
    ));
    let (f, g) = (log_of(&draft, "f"), log_of(&draft, "g"));
    let reason = "Received something which does not look like a PROXY protocol header";
    let fail = |log: &FrontendLog, name: Option<&str>| {
        let named = |_: &mut StreamFacts, c: &mut SessionFacts| {
            c.entrance = name.map(|name| Arc::new(Named(name.into())) as Arc<dyn lang::facts::Entrance>);
        };
        with_scene(named, |scene| log.emit_failure(&Scene { stream: None, ..*scene }, Level::Info, reason));
    };
    fail(&f, None);
    fail(&f, Some("lst"));
    fail(&g, None);
    with_scene(unchanged, |scene| g.emit_error(scene, Level::Info));
    let start = format!("10.0.1.2:33317 [{}.824] http-in", local());
    assert_eq!(
        receiver.lines(),
        [
            format!("{start}/1: {reason}\n"),
            format!("{start}/lst: {reason}\n"),
            "E 10.0.1.2 sess_killed\n".to_owned(),
            "E 10.0.1.2 sess_error\n".to_owned()
        ]
    );
}

#[test]
fn early_lines_say_what_will_grow() {
    let receiver = Receiver::new();
    let draft = valid(&format!(
        "frontend f\n log {} format raw local0\n log-format '%Tt %B %U %Ta %Tu'\n",
        receiver.address()
    ));
    with_scene(unchanged, |scene| log_of(&draft, "f").emit_early(scene, Level::Info, Step::Connect));
    assert_eq!(receiver.lines(), ["+10 +2750 78 +9 +9\n"]);
}

#[test]
fn messages_and_the_loggers_of_the_process() {
    let receiver = Receiver::new();
    let draft = valid(&format!(
        "global\n log {} format short local0\ndefaults\n log global\nbackend b\nbackend silent\n no log\n",
        receiver.address()
    ));
    log_of(&draft, "b").message(Level::Alert, "Server b/s is DOWN.");
    ProcessLog::build(&draft).message(Level::Notice, "ready");
    assert_eq!(receiver.lines(), ["<1>Server b/s is DOWN.\n", "<5>ready\n"]);
    assert!(log_of(&draft, "silent").is_silent() && !ProcessLog::build(&draft).is_silent());
}

#[test]
fn rings_keep_what_is_logged() {
    let draft = valid(
        "ring r\n description 'my ring'\n format iso\n maxlen 60\n size 1000\nfrontend f\n \
         log ring@r format raw local0\n log-format 'n %lc'\n",
    );
    let log = log_of(&draft, "f");
    (0..3).for_each(|_| with_scene(unchanged, |scene| log.emit(scene, Level::Info)));
    let sinks = sinks(&draft);
    let listed: Vec<_> = sinks.iter().map(|s| (&*s.name, s.type_name(), s.description.as_str())).collect();
    assert_eq!(
        listed,
        [
            ("stdout", "fd", "standard output (fd#1)"),
            ("stderr", "fd", "standard output (fd#2)"),
            ("buf0", "buffer", "in-memory ring buffer"),
            ("r", "buffer", "my ring"),
        ]
    );
    let SinkKind::Ring(ring) = &sinks[3].kind else { panic!("no ring") };
    let mut seen = Vec::new();
    ring.read(&mut Position::default(), |m| {
        seen.push(String::from_utf8_lossy(m).into_owned());
        Reading::More
    });
    assert_eq!(seen.len(), 3);
    assert!(seen[2].starts_with("2026-11-2") && seen[2].ends_with(" n 2"), "{seen:?}");
}

#[test]
fn when_a_line_is_due() {
    for (lines, expected) in [
        ("mode http\n option httplog", Due::Once(Step::Close)),
        ("mode http\n log-format '%ci %ST'", Due::Once(Step::Response)),
        ("mode tcp\n log-format '%ci %s'", Due::Once(Step::Connect)),
        ("mode tcp\n log-format '%B'", Due::Once(Step::Close)),
        ("mode tcp", Due::Once(Step::Connect)),
        ("mode tcp\n option tcplog\n log-steps all", Due::At(Steps::ALL)),
        (
            "mode tcp\n log-steps accept,close",
            Due::At(Steps::only(Step::Accept).or(Steps::only(Step::Close))),
        ),
    ] {
        let draft = valid(&format!("frontend f\n log 127.0.0.1 local0\n {lines}\n"));
        assert_eq!(log_of(&draft, "f").due(), expected, "{lines}");
    }
}

#[test]
fn nothing_is_needed_when_nobody_listens() {
    let draft =
        valid("frontend f\n mode http\nfrontend g\n mode http\n log 127.0.0.1 local0\n option httplog\n");
    assert_eq!(log_of(&draft, "f").needs(), lang::logformat::Needs::NONE);
    assert!(log_of(&draft, "f").is_silent());
    assert!(log_of(&draft, "g").needs().contains(lang::logformat::Needs::REQUEST_LINE));
    with_scene(unchanged, |scene| {
        let before = dropped();
        log_of(&draft, "f").emit(scene, Level::Info);
        assert_eq!(dropped(), before);
    });
}

#[test]
fn the_last_choice_of_a_format_holds() {
    let http = " option httplog\n log-format x";
    assert_eq!(logged("http", http, unchanged), "x\n");
    assert!(logged("http", " log-format x\n option tcplog", unchanged).contains(" -- "));
    assert!(logged("http", " option httplog\n option httplog clf", unchanged).contains(" - - ["));
}

/// Everything that is said about lines of a section.
fn said(section: &str, lines: &str) -> String {
    read(&format!("{section}\n{lines}\n")).1.join(" / ")
}

#[test]
fn mistakes_in_log_lines_are_named() {
    for (line, expected) in [
        ("log", "'log' expects <target>"),
        ("log 127.0.0.1", "'log' expects <target>"),
        ("log 127.0.0.1 foo", "unknown log facility 'foo'"),
        ("log 127.0.0.1 local0 foo", "unknown optional log level 'foo'"),
        ("log 127.0.0.1 local0 info foo", "unknown optional minimum log level 'foo'"),
        ("log 127.0.0.1 local0 info err x", "cannot handle unexpected argument 'x'"),
        ("log 127.0.0.1 len 79 local0", "invalid log length '79', must be between 80 and 65535"),
        ("log 127.0.0.1 len", "invalid log length '', must be"),
        ("log 127.0.0.1 format foo local0", "unknown log format 'foo'"),
        ("log 127.0.0.1 format raw len 100 local0", "unknown log facility 'len'"),
        ("log 127.0.0.1 sample 1-2 local0", "missing sample size"),
        ("log global local0", "invalid address: 'global'"),
        ("log ring@nope local0", "unknown ring named 'nope'"),
        ("log 127.0.0.1 profile nope local0", "unknown log-profile 'nope'"),
        ("log backend@b local0", "log backends are not supported"),
        ("no log global", "'no log' does not expect arguments"),
        ("option httplog foo", "'option httplog' only supports option 'clf'"),
        ("log-steps foo", "invalid log step name (foo)"),
        ("log-format '%xx'", "no such format alias 'xx'"),
        ("error-log-format '%[foo]'", "unknown fetch method 'foo'"),
        ("log-format a b", "'log-format' cannot handle unexpected argument 'b'"),
    ] {
        let said = said("frontend f\n log 127.0.0.1 local0", line);
        assert!(said.starts_with("E3 ") && said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn what_has_no_effect_is_said() {
    for (section, line, expected) in [
        (
            "frontend f",
            "mode http\n option httplog",
            "W log format ignored for frontend 'f' since it has no log address.",
        ),
        (
            "frontend f",
            "log global\n log-format x",
            "W log format ignored for frontend 'f' since it has no log address.",
        ),
        ("listen f", "log-format-sd x", "W log format ignored for proxy 'f' since it has no log address."),
        ("frontend f", "error-log-format x", ""),
        (
            "backend f",
            "option httplog",
            "W2 backend 'f' : 'option httplog' directive is ignored in backends.",
        ),
        ("backend f", "log-tag x", ""),
        (
            "frontend f\n log 127.0.0.1 local0",
            "option httplog clf",
            "W3 'option httplog clf' not usable with frontend 'f' (needs 'mode http'). Falling back to 'option tcplog clf'.",
        ),
        ("defaults\n log-format %yy", "frontend f\n log-format x\n log 127.0.0.1 local0", ""),
        ("defaults\n option httplog", "backend b", ""),
    ] {
        assert_eq!(said(section, line), expected, "{section} {line}");
    }
    let httpslog = said("frontend f\n mode http\n log 127.0.0.1 local0", "option httpslog");
    assert!(httpslog.starts_with("E4 'option httpslog' is not supported by this build"), "{httpslog}");
}

#[test]
fn mistakes_in_sections_are_named() {
    for (section, line, expected) in [
        ("global", "log global local0", "E2 'log' : 'global' is not supported for a global syslog server."),
        ("global", "log-tag", "E2 'log-tag' expects an argument."),
        ("ring r", "size abc", "E2 invalid size 'abc' for a ring."),
        ("ring r", "size 0", "E2 invalid size '0' for a ring."),
        ("ring r", "maxlen x", "E2 invalid maxlen 'x' for a ring."),
        ("ring r", "format foo", "E2 unknown format 'foo'."),
        (
            "ring r",
            "maxlen 20000",
            "W ring 'r' event max length '20000' exceeds max payload size, forced to '16187'.",
        ),
        ("ring r", "ring r", "E2 sink named 'r' already exists."),
        ("ring buf0", "", "E1 sink named 'buf0' already exists."),
        ("ring a/b", "", "E1 character '/' is not permitted in 'ring' name 'a/b'."),
        (
            "log-profile p",
            "on foo drop",
            "E2 'on' expects a log step: accept, request, connect, response, close, error or any.",
        ),
        ("log-profile p", "on close", "E2 'on close' expects 'drop', 'format' or 'sd'."),
        ("log-profile p", "on close format", "E2 'on close format' expects a logformat string."),
        ("log-profile p", "on close format x drop", "E2 'on close' expects 'drop', 'format' or 'sd'."),
        ("log-profile p", "log-profile p", "E2 there is another log-profile section named 'p'."),
    ] {
        assert_eq!(said(section, line), expected, "{section} {line}");
    }
    for line in ["server s 127.0.0.1:9", "timeout connect 5s", "timeout server 5s", "backing-file /x"] {
        let said = said("ring r", line);
        assert!(said.contains("is not supported in a ring"), "{line}: {said}");
    }
    let sd = said("log-profile p", "on close sd '%xx'");
    assert!(sd.starts_with("E2 ") && sd.contains("no such format alias 'xx'"), "{sd}");
}
