//! Giving up what only the start needed: the file system, the user, new privileges.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use sys::ids;
use sys::limits::{self, Limit, Resource, UNLIMITED};

use crate::settings::{Identity, Jail, Permission};

/// Becomes who the configuration says, with nothing more than that needs.
pub(crate) fn assume(identity: &Identity) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    match &identity.jail {
        Some(Jail::Directory(path)) => ids::change_root(path).map_err(|e| capital(&e))?,
        Some(Jail::Nameless) => nameless_jail()?,
        None => {}
    }
    if let Some(group) = identity.group {
        if ids::effective_user() == 0 {
            ids::drop_groups().unwrap_or_else(|e| warnings.push(format!("[haproxy.main()] {e}")));
        }
        if group != ids::effective_group() {
            ids::set_group(group).map_err(|e| capital(&e))?;
        }
    }
    if let Some(user) = identity.user
        && user != ids::effective_user()
    {
        ids::set_user(user, &identity.capabilities).map_err(|e| capital(&e))?;
    }
    if identity.setuid_programs == Permission::Refused
        && let Err(e) = sys::process::forbid_new_privileges()
    {
        warnings.push(format!("[haproxy.main()] {e}"));
    }
    if identity.core_dumps.is_on() {
        allow_core_dumps(&mut warnings);
    }
    Ok(warnings)
}

/// What a start as root leaves open, if it does.
pub(crate) fn advice(identity: &Identity) -> Vec<String> {
    let mut advice = Vec::new();
    if ids::effective_user() != 0 {
        return advice;
    }
    if identity.jail.is_none() {
        advice.push(
            "started as root without 'chroot': an intruder would see the whole file system. 'chroot auto' in the \
             global section shuts the process into an empty directory; 'chroot /' says that this is on purpose."
                .to_owned(),
        );
    }
    if identity.user.is_none() {
        advice.push(
            "started as root without 'user' or 'uid': the process keeps all privileges. An unprivileged user, with \
             'setcap' where needed, is safer; 'uid 0' says that this is on purpose."
                .to_owned(),
        );
    }
    advice
}

/// An empty directory that has lost its name before anyone could put something into it.
fn nameless_jail() -> Result<(), String> {
    let cannot = |e| format!("Cannot make a directory for 'chroot auto' ({}).", sys::reason(&e));
    let path = std::env::temp_dir().join(format!("haproxy-jail-{}", std::process::id()));
    DirBuilder::new().mode(0o500).create(&path).map_err(cannot)?;
    let entered = std::env::set_current_dir(&path);
    std::fs::remove_dir(&path).map_err(cannot)?;
    entered.map_err(cannot)?;
    ids::change_root(Path::new(".")).map_err(|e| capital(&e))
}

fn allow_core_dumps(warnings: &mut Vec<String>) {
    let unlimited = Limit { soft: UNLIMITED, hard: UNLIMITED };
    for resource in [Resource::Core, Resource::FileSize] {
        if limits::set_limit(resource, unlimited).is_err()
            && let Ok(now) = limits::limit(resource)
        {
            // As far as it goes.
            let _ = limits::set_limit(resource, Limit { soft: now.hard, ..now });
        }
    }
    if let Err(e) = sys::process::set_dumpable() {
        warnings.push(format!("[haproxy.main()] {e}"));
    }
}

fn capital(e: &sys::Error) -> String {
    let text = e.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase()).into_iter();
    format!("{}.", first.chain(letters).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_jail_is_named() {
        let identity = Identity { jail: Some(Jail::Directory("/nonexistent".into())), ..Identity::default() };
        let e = assume(&identity).unwrap_err();
        assert_eq!(e, "Cannot chroot(/nonexistent) (No such file or directory).");
    }

    #[test]
    fn advice_is_for_root_only() {
        let settled =
            Identity { user: Some(0), jail: Some(Jail::Directory("/".into())), ..Identity::default() };
        assert!(advice(&settled).is_empty());
        assert_eq!(advice(&Identity::default()).is_empty(), ids::effective_user() != 0);
    }
}
