use super::*;
use lang::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts, StreamFacts};

fn format(text: &str) -> LogFormat {
    let mut registry = base::registry::Registry::default();
    registry.add(lang::fetches::FETCHES);
    LogFormat::parse(text.as_bytes(), &registry, lang::Contexts::ANY).unwrap()
}

/// Runs actions on a request; tells whether all went on, and how many rewrites failed.
fn run(head: &mut RequestHead, buffer: usize, acts: &[&dyn Act]) -> (bool, u32) {
    let (process, frontend) = (ProcessFacts::default(), ProxyFacts::default());
    let (mut session, mut stream) = (SessionFacts::default(), StreamFacts::default());
    let mut goes_on = true;
    for act in acts {
        let mut txn = Txn {
            now: Default::default(),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session: &mut session,
            stream: Some(&mut stream),
            request: Some(head),
            response: None,
            payload: Payload::Unavailable,
            recorder: None,
            buffer,
        };
        goes_on &= matches!(act.act(&mut txn), Verdict::Continue);
    }
    (goes_on, stream.rewrites.failed_requests)
}

fn request(target: &str) -> RequestHead {
    let mut head = RequestHead { target: target.into(), ..RequestHead::default() };
    head.headers.push(b"Host", b"a");
    head
}

fn set(part: Part, value: &str) -> SetLine {
    SetLine { part, value: format(value) }
}

#[test]
fn a_target_with_a_host_says_who_is_asked() {
    for (target, host, fine) in [
        ("http://u@b:80/c", "b:80", true),
        ("b", "b", true),
        ("//x/y", "a", true),
        ("*", "a", true),
        ("http:///x", "a", false),
    ] {
        let mut head = request("/");
        let outcome = run(&mut head, 16384, &[&set(Part::Target, target)]);
        assert_eq!(outcome, (fine, u32::from(!fine)), "{target}");
        assert_eq!(head.headers.find(b"host"), Some(host.as_bytes()), "{target}");
    }
}

#[test]
fn parts_of_the_target_are_replaced_by_what_was_found_in_them() {
    let replace = |part, regex: &str, template: &str| ReplaceLine {
        part,
        regex: Rewriter::build(regex.as_bytes()).unwrap(),
        template: format(template),
    };
    let mut head = request("/bar?q=1");
    run(&mut head, 16384, &[&replace(Part::Path, "(.*)", r"/foo\1")]);
    assert_eq!(head.target, b"/foo/bar?q=1");
    run(&mut head, 16384, &[&replace(Part::PathAndQuery, r"([^?]*)(\?(.*))?", r"\1/x\2")]);
    assert_eq!(head.target, b"/foo/bar/x?q=1");
    run(&mut head, 16384, &[&replace(Part::Target, "nothing", "/")]);
    assert_eq!(head.target, b"/foo/bar/x?q=1");
}

fn field(extent: Extent, regex: &str) -> ReplaceField {
    ReplaceField {
        name: (*b"v").into(),
        extent,
        regex: Rewriter::build(regex.as_bytes()).unwrap(),
        template: format(r"<\1>"),
        set: REQUEST,
    }
}

#[test]
fn elements_are_replaced_one_by_one() {
    let elements = field(Extent::Elements, "^a(.)$");
    let of = |value: &str| elements.replaced(value.as_bytes(), br"<\1>");
    assert_eq!(of("a1,  b , a2,a3").as_deref(), Some(&b"<1>,  b ,<2>,<3>"[..]));
    assert_eq!(of("\"a1,a2\", a3 ,").as_deref(), Some(&b"\"a1,a2\",<3>,"[..]));
    assert_eq!(of("b, c"), None);
    let mut head = request("/");
    head.headers.push(b"v", b"xa1y");
    head.headers.push(b"v", b"no");
    run(&mut head, 16384, &[&field(Extent::Value, "a(.)")]);
    assert_eq!(head.headers.find_all(b"v").collect::<Vec<_>>(), [&b"<1>"[..], b"no"]);
}

#[test]
fn what_does_not_fit_is_a_fault_where_it_is_strict() {
    // What a request of this kind takes: see `Txn::room`.
    let taken = 60 + 8 + 12 + (5 + 8) + 9;
    let lax = StrictMode(RewriteStrictness::Lenient);
    let path = set(Part::Path, "/longer");
    let run_in = |room: usize, acts: &[&dyn Act]| {
        let mut head = request("/");
        let outcome = run(&mut head, taken + room, acts);
        (outcome, String::from_utf8(head.target).unwrap())
    };
    assert_eq!(run_in(6, &[&path]), ((true, 0), "/longer".to_owned()));
    assert_eq!(run_in(5, &[&path]), ((false, 1), "/".to_owned()));
    assert_eq!(run_in(5, &[&lax, &path]), ((true, 1), "/".to_owned()));
}
