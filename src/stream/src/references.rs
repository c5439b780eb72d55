//! The proxies and servers that expressions name.

use backend::ServerDrafts;
use base::reference::{Found, Kind, Reference};
use base::registry::Registry;
use config::directive::Target;
use config::{Diagnostics, Draft, ProxyKind};

/// Looks up what expressions name, now that all sections are known.
pub(crate) fn resolve(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for placed in &draft.references {
        let reference = &placed.reference;
        let found = match reference.kind() {
            Kind::Frontend | Kind::Backend => proxy(draft, reference, placed.target),
            Kind::Server => server(draft, reference, placed.target),
            // Others have looked these up where they were read.
            Kind::Acl | Kind::Userlist => continue,
        };
        match found {
            Ok(found) => reference.resolve(found),
            Err(message) => diagnostics.alert_at(&placed.place, message),
        }
    }
}

fn proxy(draft: &Draft, reference: &Reference, target: Target) -> Result<Found, String> {
    let (name, wanted) = (reference.name(), reference.kind());
    let fits =
        |kind: ProxyKind| if wanted == Kind::Frontend { kind.has_frontend() } else { kind.has_backend() };
    let word = if wanted == Kind::Frontend { "frontend" } else { "backend" };
    if !name.is_empty() {
        let found = if wanted == Kind::Frontend { draft.frontend(name) } else { draft.backend(name) };
        return found.map(Found::Proxy).ok_or_else(|| {
            format!("unable to find {word} '{name}' referenced in {reference} in {}.", draft.describe(target))
        });
    }
    match target {
        Target::Proxy(i) if draft.proxies[i].kind == ProxyKind::Defaults => Ok(Found::Current),
        Target::Proxy(i) if fits(draft.proxies[i].kind) => Ok(Found::Proxy(i)),
        Target::Proxy(i) => {
            let own = &draft.proxies[i].name;
            Err(format!(
                "proxy '{own}', referenced in {reference} in proxy '{own}', has not {word} capability."
            ))
        }
        Target::Global | Target::Section(_) => Err(format!("missing {word} name in {reference}.")),
    }
}

fn server(draft: &Draft, reference: &Reference, target: Target) -> Result<Found, String> {
    let within = || draft.describe(target);
    let name = reference.name();
    if name.is_empty() {
        return Err(format!("missing server name in {reference} in {}.", within()));
    }
    let (proxy, name) = match (name.split_once('/'), target) {
        (Some((proxy, name)), _) => {
            let found = draft.backend(proxy);
            let missing =
                || format!("unable to find proxy '{proxy}' referenced in {reference} in {}.", within());
            (found.ok_or_else(missing)?, name)
        }
        (None, Target::Proxy(i)) => (i, name),
        (None, _) => return Err(format!("missing backend name in {reference}.")),
    };
    let missing = || {
        let own = &draft.proxies[proxy].name;
        format!("unable to find server '{name}' in proxy '{own}', referenced in {reference} in {}.", within())
    };
    let drafts = draft.proxies[proxy].slots.get::<ServerDrafts>();
    let server = drafts.and_then(|d| d.list.iter().find(|s| *s.name == *name)).ok_or_else(missing)?;
    let id = server.slots.get_or_default::<backend::ServerSettings>().id;
    Ok(Found::Server(proxy, id.unwrap_or(0)))
}
