//! Options on what messages look like and on which of them pass.

use std::sync::Arc;

use config::directive::{Arity, Switch};
use config::{Directive, Prefix, Refusal, Section, Sections, Setting, Statement};
use h1::CaseMap;
use lang::Contexts;
use pattern::{HostNames, Network};
use rule::Condition;

use crate::settings::{ForwardedFor, IfNone};

/// The options of a proxy on messages.
#[derive(Clone, Debug, Default)]
pub struct MessageOptions {
    /// `monitor-uri`.
    pub monitor_uri: Option<Box<[u8]>>,
    /// `monitor fail`: the conditions under which monitoring is told of a failure.
    pub monitor_fail: Vec<Arc<Condition>>,
    /// `option originalto`, which has no `if-none`.
    pub original_to: Option<ForwardedFor>,
    /// `http-send-name-header`.
    pub server_name_header: Option<Box<[u8]>>,
    /// `option http-restrict-req-hdr-names`.
    pub request_names: NamePolicy,
    /// `option http-drop-request-trailers`.
    pub drop_request_trailers: Switch,
    /// `option http-drop-response-trailers`.
    pub drop_response_trailers: Switch,
    /// `option http-ignore-probes`.
    pub ignore_probes: Switch,
    /// `option http-pretend-keepalive`.
    pub pretend_keepalive: Switch,
    /// `option checkcache`.
    pub check_cache: Switch,
    /// `option h1-case-adjust-bogus-client`.
    pub adjust_for_client: Switch,
    /// `option h1-case-adjust-bogus-server`.
    pub adjust_for_server: Switch,
}

/// Conditions refer to the ACLs of their section, and stay there.
impl Setting for MessageOptions {
    fn inherited(&self) -> Option<Self> {
        Some(Self { monitor_fail: Vec::new(), ..self.clone() })
    }
}

/// What becomes of request headers whose names hold more than letters, digits and hyphens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamePolicy {
    /// They are passed on.
    #[default]
    Preserve,
    /// They are removed.
    Delete,
    /// Requests with such headers are denied.
    Reject,
}

impl NamePolicy {
    /// Whether a name is of the restricted set.
    pub fn is_plain(name: &[u8]) -> bool {
        name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    }
}

/// `h1-case-adjust`, `h1-case-adjust-file`.
#[derive(Clone, Debug, Default)]
pub struct CaseSettings {
    /// The names that are given one by one.
    pub single: Vec<Box<[u8]>>,
    /// Those of a file.
    pub file: Vec<Box<[u8]>>,
}

impl Setting for CaseSettings {}

impl CaseSettings {
    /// All of them.
    pub(crate) fn map(&self) -> Arc<CaseMap> {
        let mut map = CaseMap::new();
        for name in self.single.iter().chain(&self.file) {
            map.insert(name);
        }
        Arc::new(map)
    }
}

type Parse = fn(&mut Statement<'_>) -> Result<(), Refusal>;

const fn proxy(name: &'static str, sections: Sections, arity: Arity, parse: Parse) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix: Prefix::None, arity, manual: "4.2", parse }
}

const fn switch(name: &'static str, sections: Sections, parse: Parse) -> Directive {
    Directive { prefix: Prefix::NoDefault, ..proxy(name, sections, Arity::None, parse) }
}

const fn global(name: &'static str, arity: Arity, parse: Parse) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

macro_rules! set_switch {
    ($field:ident) => {
        |s| {
            let on = Switch::of(s.sense);
            s.slot::<MessageOptions>().$field = on;
            Ok(())
        }
    };
}

const FRONT: Sections = Sections::FRONT;
const BACK: Sections = Sections::BACK;

/// The directives of this file.
pub static MESSAGE_DIRECTIVES: &[Directive] = &[
    global("h1-case-adjust", Arity::Exactly(2), case_adjust),
    global("h1-case-adjust-file", Arity::Exactly(1), case_adjust_file),
    proxy("http-send-name-header", BACK, Arity::Exactly(1), |s| {
        let name: Box<[u8]> = s.bytes(0).to_ascii_lowercase().into();
        if matches!(&*name, b"host" | b"content-length" | b"transfer-encoding" | b"connection") {
            let text = format!(
                "'{}' cannot be used as header name for 'http-send-name-header' directive.",
                s.arg(0)
            );
            return Err(s.refuse(0, text));
        }
        s.slot::<MessageOptions>().server_name_header = Some(name);
        Ok(())
    }),
    proxy("monitor fail", FRONT.without(Sections::DEFAULTS), Arity::AtLeast(1), |s| {
        let condition = rule::condition_after(s, 0, Contexts::FRONT_REQUEST, "frontend monitor rule")?;
        s.slot::<MessageOptions>().monitor_fail.extend(condition.map(Arc::new));
        Ok(())
    }),
    proxy("monitor-uri", FRONT, Arity::Exactly(1), |s| {
        let uri = s.bytes(0).into();
        s.slot::<MessageOptions>().monitor_uri = Some(uri);
        Ok(())
    }),
    switch("option checkcache", BACK, set_switch!(check_cache)),
    switch("option h1-case-adjust-bogus-client", FRONT, set_switch!(adjust_for_client)),
    switch("option h1-case-adjust-bogus-server", BACK, set_switch!(adjust_for_server)),
    switch("option http-drop-request-trailers", BACK, set_switch!(drop_request_trailers)),
    switch("option http-drop-response-trailers", FRONT, set_switch!(drop_response_trailers)),
    switch("option http-ignore-probes", FRONT, set_switch!(ignore_probes)),
    switch("option http-pretend-keepalive", BACK, set_switch!(pretend_keepalive)),
    proxy("option http-restrict-req-hdr-names", Sections::ALL, Arity::Exactly(1), |s| {
        let policy = match s.arg(0).as_ref() {
            "preserve" => NamePolicy::Preserve,
            "delete" => NamePolicy::Delete,
            "reject" => NamePolicy::Reject,
            other => {
                let text = format!(
                    "invalid parameter '{other}'. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option."
                );
                return Err(s.refuse(0, text));
            }
        };
        s.slot::<MessageOptions>().request_names = policy;
        Ok(())
    }),
    proxy("option originalto", Sections::ALL, Arity::AtLeast(0), original_to),
];

fn original_to(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut option = ForwardedFor { header: (*b"x-original-to").into(), except: None, if_none: IfNone::Add };
    let mut at = 0;
    while at < s.args() {
        match s.arg(at).as_ref() {
            "except" => {
                at += 1;
                let network = Network::parse(s.bytes(at), HostNames::Resolved);
                let refusal =
                    || s.refuse(at, "'option originalto except' expects <address>[/mask] as argument.");
                option.except = Some(network.ok_or_else(refusal)?);
            }
            "header" if !s.bytes(at + 1).is_empty() => {
                at += 1;
                option.header = s.bytes(at).to_ascii_lowercase().into();
            }
            "header" => {
                return Err(s.refuse(at, "'option originalto header' expects a header name."));
            }
            _ => {
                let text = "'option originalto' only supports optional values: 'except' and 'header'.";
                return Err(s.refuse(at, text));
            }
        }
        at += 1;
    }
    s.slot::<MessageOptions>().original_to = Some(option);
    Ok(())
}

/// Checks one pair of names.
fn adjusted(from: &[u8], to: &[u8], known: &[Box<[u8]>]) -> Result<Box<[u8]>, &'static str> {
    if from.is_empty() || from.iter().any(u8::is_ascii_uppercase) {
        return Err("the first name must be in lower case");
    }
    if !from.eq_ignore_ascii_case(to) {
        return Err("the two names may differ in their case only");
    }
    if known.iter().any(|name| name.eq_ignore_ascii_case(from)) {
        return Err("there is an adjustment for this name already");
    }
    Ok(to.into())
}

fn case_adjust(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let (from, to) = (s.bytes(0), s.bytes(1));
    let settings = s.slot::<CaseSettings>();
    let known = [&settings.single[..], &settings.file].concat();
    let name = adjusted(from, to, &known).map_err(|e| s.refuse(0, format!("'h1-case-adjust' : {e}.")))?;
    s.slot::<CaseSettings>().single.push(name);
    Ok(())
}

fn case_adjust_file(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let file = s.arg(0);
    let fail = |e: String| format!("'h1-case-adjust-file' : file '{file}' : {e}.");
    let text = std::fs::read(file.as_ref()).map_err(|e| s.refuse(0, fail(e.to_string())))?;
    let single = s.slot::<CaseSettings>().single.clone();
    let names = pairs(&text, single).map_err(|e| s.refuse(0, fail(e)))?;
    s.slot::<CaseSettings>().file = names;
    Ok(())
}

/// The names of a file beside those known before, two in each line; lines that start with `#` and empty ones are passed over.
fn pairs(text: &[u8], mut known: Vec<Box<[u8]>>) -> Result<Vec<Box<[u8]>>, String> {
    let before = known.len();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let mut words = line.split(|b| matches!(b, b' ' | b'\t' | b'\r')).filter(|w| !w.is_empty());
        let Some(from) = words.next().filter(|w| w[0] != b'#') else { continue };
        let at = |e: &str| format!("line {} : {e}", number + 1);
        let (Some(to), None) = (words.next(), words.next()) else {
            return Err(at("two names are expected"));
        };
        known.push(adjusted(from, to, &known).map_err(at)?);
    }
    Ok(known.split_off(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_file_come_in_pairs() {
        let names = pairs(b"# comment\n\n  host\tHost \r\nx-a X-A\n", Vec::new()).unwrap();
        assert_eq!(names, [Box::from(*b"Host"), Box::from(*b"X-A")] as [Box<[u8]>; 2]);
        for (text, part) in [
            (&b"host"[..], "line 1 : two names"),
            (b"host Host more", "two names"),
            (b"Host host", "lower case"),
            (b"\nhost Hosts", "line 2 : the two names"),
            (b"a A\na a", "already"),
        ] {
            let e = pairs(text, vec![b"X-B".as_slice().into()]).unwrap_err();
            assert!(e.contains(part), "{e}");
        }
    }

    #[test]
    fn plain_names_have_no_underscores() {
        assert!(NamePolicy::is_plain(b"x-Forwarded-4"));
        assert!(!NamePolicy::is_plain(b"x_forwarded") && !NamePolicy::is_plain(b"a.b"));
    }
}
