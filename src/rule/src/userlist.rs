//! The section `userlist`: users, their passwords and groups.

use std::collections::HashMap;
use std::sync::Arc;

use base::reference::{Found, Kind, Reference};
use base::registry::Registry;
use config::directive::Arity;
use config::{
    Check, Diagnostics, Directive, Draft, Naming, Prefix, Refusal, Section, SectionKind, Setting, Statement,
};
use lang::users::{Password, UserList};

const LIST: &str = "userlist";

/// The sections of this file.
pub static USER_SECTIONS: &[SectionKind] =
    &[SectionKind { name: LIST, named: Naming::Required, manual: "12.2" }];

const fn directive(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    Directive {
        name,
        section: Section::Other(LIST),
        prefix: Prefix::None,
        arity: Arity::AtLeast(0),
        manual: "12.2",
        parse,
    }
}

/// The directives of this file.
pub static USER_DIRECTIVES: &[Directive] = &[directive("group", group), directive("user", user)];

/// The checks of this file.
pub static USER_CHECKS: &[Check] = &[Check { name: "userlists", run: resolve }];

/// What a section says.
#[derive(Clone, Debug, Default)]
struct Members {
    users: Vec<UserDraft>,
    /// With the users that they name.
    groups: Vec<(Box<str>, Vec<Box<str>>)>,
}

#[derive(Clone, Debug)]
struct UserDraft {
    name: Box<str>,
    password: Password,
    groups: Vec<Box<str>>,
}

impl Setting for Members {}

fn names(text: &str) -> Vec<Box<str>> {
    text.split(',').filter(|name| !name.is_empty()).map(Box::from).collect()
}

fn named(s: &Statement<'_>) -> Result<Box<str>, Refusal> {
    if s.args() == 0 {
        return Err(Refusal::new(format!("'{}' expects <name> as arguments.", s.keyword())));
    }
    Ok(s.arg(0).into())
}

fn group(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = named(s)?;
    let mut users = Vec::new();
    if s.args() > 1 {
        if s.arg(1) != "users" {
            return Err(s.refuse(1, "'group' only supports 'users' option."));
        }
        users = names(&s.arg(2));
    }
    let members: &mut Members = s.slot();
    if members.groups.iter().any(|(known, _)| *known == name) {
        s.warn(format!("ignoring duplicated group '{name}'."));
    } else {
        members.groups.push((name, users));
    }
    Ok(())
}

fn user(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut user = UserDraft { name: named(s)?, password: Password::None, groups: Vec::new() };
    let mut at = 1;
    while at < s.args() {
        let value: Box<[u8]> = s.bytes(at + 1).into();
        match s.arg(at).as_ref() {
            "password" => user.password = Password::Encrypted(value),
            "insecure-password" => user.password = Password::Clear(value),
            "groups" => user.groups = names(&s.arg(at + 1)),
            _ => {
                let text = "'user' only supports 'password', 'insecure-password' and 'groups' options.";
                return Err(s.refuse(at, text));
            }
        }
        at += 2;
    }
    let members: &mut Members = s.slot();
    if members.users.iter().any(|known| known.name == user.name) {
        s.warn(format!("ignoring duplicated user '{}'.", user.name));
    } else {
        members.users.push(user);
    }
    Ok(())
}

/// Makes the lists, and gives them to the expressions that name them.
fn resolve(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let mut lists: HashMap<Arc<str>, Arc<UserList>> = HashMap::new();
    for section in draft.sections.iter().filter(|s| s.kind == LIST) {
        if lists.contains_key(&section.name) {
            let text = format!("ignoring duplicated userlist '{}'.", section.name);
            diagnostics.warning_at(&section.place, text);
            continue;
        }
        match section.slots.get_or_default::<Members>().list() {
            Ok(list) => {
                lists.insert(section.name.clone(), Arc::new(list));
            }
            Err(text) => {
                diagnostics.alert_at(&section.place, format!("userlist '{}': {text}.", section.name));
            }
        }
    }
    for placed in draft.references.iter().filter(|placed| placed.reference.kind() == Kind::Userlist) {
        let reference = &placed.reference;
        let (name, within) = (reference.name(), draft.describe(placed.target));
        if let Some(list) = lists.get(name) {
            for wrong in unknown_groups(reference, list) {
                let text = format!("{wrong}, referenced in {reference} in {within}.");
                diagnostics.alert_at(&placed.place, text);
            }
            reference.resolve(Found::Thing(list.clone()));
        } else {
            let text = format!("unable to find userlist '{name}' referenced in {reference} in {within}.");
            diagnostics.alert_at(&placed.place, text);
        }
    }
}

/// What is wrong with the groups that an ACL asks for.
fn unknown_groups(reference: &Reference, list: &UserList) -> Vec<String> {
    let Some(groups) = reference.members() else { return Vec::new() };
    let name = reference.name();
    if groups.is_empty() {
        return vec![format!("no groups specified of userlist '{name}'")];
    }
    let unknown = groups.iter().filter(|group| !list.has_group(group));
    unknown
        .map(|group| format!("unable to find group '{}' in userlist '{name}'", group.escape_ascii()))
        .collect()
}

impl Members {
    fn list(self) -> Result<UserList, String> {
        for (group, users) in &self.groups {
            let unknown = users.iter().find(|name| !self.users.iter().any(|user| user.name == **name));
            if let Some(name) = unknown {
                return Err(format!("no such user '{name}' specified in group '{group}'"));
            }
        }
        for user in &self.users {
            let unknown =
                user.groups.iter().find(|name| !self.groups.iter().any(|(group, _)| group == *name));
            if let Some(name) = unknown {
                return Err(format!("no such group '{name}' specified in user '{}'", user.name));
            }
        }
        let bytes = |text: &str| Box::<[u8]>::from(text.as_bytes());
        let users = self.users.iter().map(|user| {
            let belongs = |(group, users): &&(Box<str>, Vec<Box<str>>)| {
                users.contains(&user.name) || user.groups.contains(group)
            };
            let groups = self.groups.iter().filter(belongs).map(|(group, _)| bytes(group)).collect();
            (bytes(&user.name), user.password.clone(), groups)
        });
        Ok(UserList::new(users, self.groups.iter().map(|(group, _)| bytes(group))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, groups: &[&str]) -> UserDraft {
        let groups = groups.iter().map(|group| Box::from(*group)).collect();
        UserDraft { name: name.into(), password: Password::None, groups }
    }

    #[test]
    fn both_sides_must_be_there() {
        let members = |groups, users| Members { users, groups };
        let group = |name: &str, users: &str| (Box::from(name), names(users));
        assert!(members(vec![group("g", "a,b")], vec![user("a", &["g"]), user("b", &[])]).list().is_ok());
        let error = members(vec![group("g", "a,,b")], vec![user("a", &[])]).list().unwrap_err();
        assert_eq!(error, "no such user 'b' specified in group 'g'");
        let error = members(vec![], vec![user("a", &["g"])]).list().unwrap_err();
        assert_eq!(error, "no such group 'g' specified in user 'a'");
    }
}
