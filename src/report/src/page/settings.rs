//! The directives `stats ...` of proxies: whether a proxy has a page of statistics, where, and for whom.

use std::sync::Arc;
use std::time::Duration;

use base::registry::Registry;
use config::directive::Arity;
use config::{
    Check, Diagnostics, Directive, Draft, Mode, Prefix, ProxyKind, Refusal, Section, Sections, Setting,
    Statement,
};
use grammar::time::Unit;
use rule::{Action, ActionCx, Condition, Rule, RuleList, RuleSets, Rules};

use super::request::StatsPage;

const ANY: Sections = Sections::ALL;
const NAMED: Sections = Sections::ALL.without(Sections::DEFAULTS);

const fn stats(
    name: &'static str,
    sections: Sections,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix: Prefix::None, arity, manual: "4.2", parse }
}

/// A directive that needs no argument, and passes over what follows.
const fn word(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    stats(name, ANY, Arity::AtLeast(0), parse)
}

/// The directives of this file.
pub static PAGE_DIRECTIVES: &[Directive] = &[
    stats("stats admin", NAMED, Arity::AtLeast(0), admin),
    word("stats auth", auth),
    word("stats enable", |s| {
        page(s);
        Ok(())
    }),
    word("stats hide-version", |s| {
        page(s).version = Shown::No;
        Ok(())
    }),
    stats("stats http-request", NAMED, Arity::AtLeast(0), http_request),
    word("stats realm", |s| {
        let realm = argument(s, "'realm' needs an realm name.")?;
        page(s).realm = Some(realm.into());
        Ok(())
    }),
    word("stats refresh", |s| {
        let delay = if s.args() == 0 { Duration::ZERO } else { s.duration(0, Unit::Second)? };
        page(s).refresh = Some(delay.as_secs()).filter(|seconds| *seconds > 0);
        Ok(())
    }),
    word("stats scope", |s| {
        let name = argument(s, "'scope' needs a proxy name.")?;
        page(s).scopes.push(name.into());
        Ok(())
    }),
    word("stats show-desc", |s| {
        let words: Vec<_> = (0..s.args()).map(|i| s.arg(i).into_owned()).collect();
        let general = s.draft.global::<config::global::Instance>().description;
        page(s).description = if words.is_empty() { general } else { Some(words.join(" ").into()) };
        Ok(())
    }),
    word("stats show-legends", |s| {
        page(s).legends = Shown::Yes;
        Ok(())
    }),
    word("stats show-modules", |s| {
        page(s).modules = Shown::Yes;
        Ok(())
    }),
    word("stats show-node", show_node),
    word("stats show-version", |s| {
        page(s).version = Shown::Yes;
        Ok(())
    }),
    word("stats uri", |s| {
        let uri = argument(s, "'uri' needs an URI prefix.")?;
        page(s).uri = Some(uri.into());
        Ok(())
    }),
];

/// The checks of this file.
pub static PAGE_CHECKS: &[Check] = &[Check { name: "pages of statistics", run: put_up }];

/// Whether something is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shown {
    #[default]
    No,
    Yes,
}

/// A proxy's page of statistics.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageSettings {
    /// Whose it is.
    pub(crate) origin: Origin,
    /// Whether there is one.
    pub(crate) enabled: Shown,
    pub(crate) uri: Option<Arc<str>>,
    pub(crate) realm: Option<Arc<str>>,
    /// Who may see it, with passwords; everybody when there are none.
    pub(crate) users: Vec<(Box<str>, Box<str>)>,
    /// The proxies that it shows; all when there are none.
    pub(crate) scopes: Vec<Arc<str>>,
    /// After how many seconds browsers ask again.
    pub(crate) refresh: Option<u64>,
    pub(crate) version: Shown,
    pub(crate) legends: Shown,
    pub(crate) modules: Shown,
    pub(crate) node: Node,
    pub(crate) description: Option<Arc<str>>,
    /// When servers may be changed.
    pub(crate) admin: Vec<Arc<Condition>>,
    /// `stats http-request`.
    pub(crate) rules: RuleList,
}

/// The name of the node that a page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Node {
    #[default]
    Hidden,
    /// The one of the process.
    OfProcess,
    Named(Arc<str>),
}

/// Whose page it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The section's own.
    #[default]
    Own,
    /// That of its `defaults` section.
    Inherited,
}

impl Setting for PageSettings {
    fn inherited(&self) -> Option<Self> {
        Some(Self { origin: Origin::Inherited, ..self.clone() })
    }
}

/// The page that the statement is about; any of them enables it. A section that says anything of its own page has
/// nothing of the one of its defaults: what was meant for others must not leak into it, users among them.
fn page<'s>(s: &'s mut Statement<'_>) -> &'s mut PageSettings {
    let page: &mut PageSettings = s.slot();
    if page.origin == Origin::Inherited {
        *page = PageSettings::default();
    }
    page.enabled = Shown::Yes;
    page
}

fn argument(s: &Statement<'_>, lacking: &str) -> Result<String, Refusal> {
    if s.args() == 0 { Err(Refusal::new(lacking)) } else { Ok(s.arg(0).into_owned()) }
}

fn auth(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let account = argument(s, "'auth' needs a user:password account.")?;
    let (user, password) = account.split_once(':').unwrap_or((&account, ""));
    page(s).users.push((user.into(), password.into()));
    Ok(())
}

fn show_node(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = s.arg(0).into_owned();
    if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.".contains(*c)) {
        return Err(s.refuse(
            0,
            format!(
                "'stats show-node' invalid node name - '{bad}' is not a letter, a digit, '-', '_' or '.'."
            ),
        ));
    }
    page(s).node = if name.is_empty() { Node::OfProcess } else { Node::Named(name.into()) };
    Ok(())
}

fn admin(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let (within, side) = RuleSets::HTTP_REQUEST.first(s.proxy().kind);
    let point = format!("{side} stats admin rule");
    let lacking = "'stats admin' requires either 'if' or 'unless' followed by a condition.";
    if !matches!(s.arg(0).as_ref(), "if" | "unless") {
        return Err(Refusal::new(lacking));
    }
    let condition = rule::condition_after(s, 0, within, &point)?.ok_or_else(|| Refusal::new(lacking))?;
    page(s).admin.push(Arc::new(condition));
    Ok(())
}

/// What rules on who sees a page may do.
const ACTIONS: [&str; 3] = ["allow", "deny", "auth"];

fn http_request(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let set = RuleSets::HTTP_REQUEST;
    let name = s.arg(0).into_owned();
    let found = s.registry.named::<Action>(&name).iter().find(|action| action.sets.meets(set));
    let Some(action) = found.filter(|_| ACTIONS.contains(&&*name)) else {
        return Err(s.refuse(
            0,
            format!("'stats http-request' expects 'allow', 'deny' or 'auth', but got '{name}'."),
        ));
    };
    let place = s.place.clone();
    let mut cx = ActionCx::new(s, set, None, 1);
    let parsed = (action.parse)(&mut cx)?;
    let at = cx.position();
    let (within, side) = set.first(s.proxy().kind);
    let point = format!("{side} http-request header rule");
    let condition = rule::condition_after(s, at, within, &point)?;
    if page(s).rules.is_closed() {
        s.warn("previous 'stats' action has no condition attached, further entries are NOOP.");
    }
    page(s).rules.push(Rule { condition, action: parsed, place });
    Ok(())
}

/// Puts the pages where requests come by.
fn put_up(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in draft.proxies.iter_mut().filter(|p| p.kind != ProxyKind::Defaults) {
        let Some(page) = proxy.slots.get::<PageSettings>().filter(|p| p.enabled == Shown::Yes).cloned()
        else {
            continue;
        };
        if proxy.mode != Mode::Http {
            diagnostics.warning(format!(
                "'stats' statement ignored for {} '{}' as it requires HTTP mode.",
                proxy.kind.title(),
                proxy.name
            ));
            continue;
        }
        if !page.rules.is_empty() && (!page.users.is_empty() || page.realm.is_some()) {
            let text = "stats 'auth'/'realm' and 'http-request' can't be used at the same time.";
            diagnostics.alert(format!("proxy '{}': {text}", proxy.name));
        }
        let action = Box::new(StatsPage::new(page, proxy.name.clone()));
        let place = proxy.place.clone();
        proxy.slots.get_mut::<Rules>().services.push(Rule { condition: None, action, place });
    }
}
