//! The commands on lists of patterns: `show map`, `add acl` and their kin.
//!
//! Those of maps and those of ACLs differ in their words only.

use std::fmt::Write as _;
use std::sync::Arc;

use keyword::Answer;
use keyword::command::{CommandCx, Dump, Progress};
use pattern::{Case, Columns, Entries, Finding, Found, Reference, References, Refused, Role};

/// How many entries a piece of a dump has.
const PIECE: usize = 256;

/// What a list is called.
struct Words {
    /// In commands.
    name: &'static str,
    /// In messages.
    title: &'static str,
}

fn words(role: Role) -> Words {
    match role {
        Role::Acl => Words { name: "acl", title: "ACL" },
        Role::Map => Words { name: "map", title: "map" },
    }
}

/// What follows a command: a version, perhaps, and the list.
struct Call<'c, 'a> {
    cx: &'c CommandCx<'a>,
    role: Role,
    version: Option<u32>,
    /// How many words the version takes.
    skipped: usize,
}

impl<'c, 'a> Call<'c, 'a> {
    /// A command that knows no versions.
    fn plain(cx: &'c CommandCx<'a>, role: Role) -> Self {
        Self { cx, role, version: None, skipped: 0 }
    }

    /// A command that may name a version. What is no number is version 0.
    fn versioned(cx: &'c CommandCx<'a>, role: Role) -> Self {
        let Some(digits) = cx.bytes(0).strip_prefix(b"@") else { return Self::plain(cx, role) };
        let version = digits.iter().take_while(|b| b.is_ascii_digit());
        let version = version.fold(0u32, |n, b| n.wrapping_mul(10).wrapping_add(u32::from(b - b'0')));
        Self { cx, role, version: Some(version), skipped: 1 }
    }

    /// The word behind the list's, counted from 1; the list's own is number 0.
    fn word(&self, i: usize) -> &'a [u8] {
        self.cx.bytes(self.skipped + i)
    }

    fn has(&self, i: usize) -> bool {
        self.cx.has(self.skipped + i)
    }

    fn title(&self) -> &'static str {
        words(self.role).title
    }

    fn all(&self) -> Arc<References> {
        self.cx.world.get().unwrap_or_default()
    }

    fn list(&self) -> Result<Arc<Reference>, Answer> {
        let word = self.cx.arg(self.skipped);
        let unknown = || format!("Unknown {} identifier. Please use #<id> or <file>.", self.title());
        self.all().find(self.role, &word).ok_or_else(|| Answer::error(unknown()))
    }

    fn needs_list(&self) -> Result<(), Answer> {
        if self.has(0) { Ok(()) } else { Err(Answer::error(format!("Missing {} identifier.", self.title()))) }
    }

    /// How a change ended.
    fn done(&self, changed: Result<(), Refused>, missing: &'static str) -> Result<Answer, Answer> {
        match changed {
            Ok(()) => Ok(Answer::Silence),
            Err(Refused::NotFound) => Err(Answer::error(missing)),
            Err(Refused::Entry(wrong)) => Err(Answer::error(format!("{wrong}."))),
            Err(Refused::VersionOutOfRange) => Err(Answer::error("Version number out of range.")),
            Err(Refused::FutureVersion) => {
                let name = words(self.role).name;
                let text = format!("Version number in the future, please use 'prepare {name}' before.");
                Err(Answer::error(text))
            }
        }
    }
}

fn either(answer: Result<Answer, Answer>) -> Answer {
    answer.unwrap_or_else(|refusal| refusal)
}

/// The number of an entry: `#` and what `show map` prints in front of it.
fn entry_number(word: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(word.strip_prefix(b"#")?).ok()?;
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// `show acl`, `show map`.
pub(super) fn show(cx: &CommandCx<'_>, role: Role) -> Answer {
    let call = Call::versioned(cx, role);
    if !cx.has(0) {
        return Answer::text(overview(&call.all(), role));
    }
    match call.list() {
        Ok(list) => Answer::Dump(Box::new(Listing(list.entries(call.version)))),
        Err(refusal) => refusal,
    }
}

fn overview(all: &References, role: Role) -> String {
    let mut text = "# id (file) description\n".to_owned();
    for list in all.all(role) {
        let (current, next, entries) = list.figures();
        let _ = writeln!(
            text,
            "{} ({}) {}. curr_ver={current} next_ver={next} entry_cnt={entries}",
            list.number(),
            list.name(),
            list.description()
        );
    }
    text
}

/// The entries of a list, written piece by piece.
struct Listing(Entries);

impl Dump for Listing {
    fn write(&mut self, out: &mut Vec<u8>) -> Progress {
        let items = self.0.take(PIECE);
        for item in &items {
            out.extend_from_slice(format!("{:#x} ", item.id()).as_bytes());
            out.extend_from_slice(item.key());
            if let Some(value) = item.value() {
                out.push(b' ');
                out.extend_from_slice(value);
            }
            out.push(b'\n');
        }
        if items.is_empty() { Progress::Done } else { Progress::More }
    }
}

/// `get acl`, `get map`.
pub(super) fn get(cx: &CommandCx<'_>, role: Role) -> Answer {
    let call = Call::plain(cx, role);
    if !call.has(1) {
        return Answer::error(format!("Missing {} identifier and/or key.", call.title()));
    }
    let list = match call.list() {
        Ok(list) => list,
        Err(refusal) => return refusal,
    };
    let found = list.look_up(call.word(1));
    Answer::Text(found.iter().flat_map(|finding| told(finding, role)).collect())
}

/// One line on what one user of a list finds.
fn told(finding: &Finding, role: Role) -> Vec<u8> {
    let case = if finding.case == Case::Sensitive { "sensitive" } else { "insensitive" };
    let verb = if role == Role::Acl { "match" } else { "found" };
    let yes = if finding.hit.is_some() { "yes" } else { "no" };
    let mut line = format!("type={}, case={case}, {verb}={yes}", finding.method.name()).into_bytes();
    if let Some(hit) = &finding.hit {
        let place = if hit.found == Found::InTree { "tree" } else { "list" };
        let key = if role == Role::Acl { "pattern" } else { "key" };
        line.extend_from_slice(format!(", idx={place}, {key}=\"").as_bytes());
        line.extend_from_slice(hit.item.key());
        line.push(b'"');
        match (role, hit.kind) {
            (Role::Acl, _) => {}
            (Role::Map, None) => line.extend_from_slice(b", value=none"),
            (Role::Map, Some(kind)) => {
                line.extend_from_slice(b", value=\"");
                line.extend_from_slice(hit.item.value().unwrap_or_default());
                line.extend_from_slice(format!("\", type=\"{kind}\"").as_bytes());
            }
        }
    }
    line.push(b'\n');
    line
}

/// `add acl`.
pub(super) fn add_acl(cx: &mut CommandCx<'_>) -> Answer {
    let call = Call::versioned(cx, Role::Acl);
    let add = || {
        if !call.has(1) {
            return Err(Answer::error("'add acl' expects two parameters: ACL identifier and pattern."));
        }
        let list = call.list()?;
        if list.columns() == Columns::KeyAndValue {
            return Err(Answer::error(
                "This ACL is shared with a map, whose entries have values: use 'add map' for it.",
            ));
        }
        call.done(list.add(call.version, call.word(1), None), "")
    };
    either(add())
}

/// `add map`, of one entry or of all lines of a payload.
pub(super) fn add_map(cx: &mut CommandCx<'_>) -> Answer {
    let call = Call::versioned(cx, Role::Map);
    let add = || {
        if !call.has(0) || (cx.payload.is_none() && !call.has(2)) {
            return Err(Answer::error(
                "'add map' expects three parameters (map identifier, key and value) \
                 or one parameter (map identifier) and a payload",
            ));
        }
        let list = call.list()?;
        match cx.payload {
            None => call.done(list.add(call.version, call.word(1), Some(call.word(2))), ""),
            Some(payload) => add_lines(&call, &list, payload),
        }
    };
    either(add())
}

fn add_lines(call: &Call<'_, '_>, list: &Reference, payload: &[u8]) -> Result<Answer, Answer> {
    let payload = payload.strip_suffix(b"\n").unwrap_or(payload);
    let mut entries = Vec::new();
    let mut incomplete = None;
    for line in payload.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let (key, value) = pattern::file::split(line);
        if key.len() == line.len() {
            incomplete = Some(key);
            break;
        }
        entries.push((key, Some(value)));
    }
    let added = list.add_all(call.version, entries.into_iter());
    let done = call.done(added, "")?;
    match incomplete {
        None => Ok(done),
        Some(key) => Err(Answer::error(format!("Missing value for key '{}'.", String::from_utf8_lossy(key)))),
    }
}

/// `set map`.
pub(super) fn set_map(cx: &mut CommandCx<'_>) -> Answer {
    let call = Call::plain(cx, Role::Map);
    let set = || {
        if !call.has(2) {
            return Err(Answer::error("'set map' expects three parameters: map identifier, key and value."));
        }
        let list = call.list()?;
        match entry_number(call.word(1)) {
            Some(id) => call.done(list.set_entry(id, call.word(2)), "key or pattern not found."),
            None => call.done(list.set(call.word(1), call.word(2)), "entry not found."),
        }
    };
    either(set())
}

/// `del acl`, `del map`.
pub(super) fn del(cx: &CommandCx<'_>, role: Role) -> Answer {
    let call = Call::plain(cx, role);
    let del = || {
        if !call.has(1) {
            let text = format!("This command expects two parameters: {} identifier and key.", call.title());
            return Err(Answer::error(text));
        }
        let list = call.list()?;
        let removed = match entry_number(call.word(1)) {
            Some(id) => list.remove_entry(id),
            None => list.remove(call.word(1)),
        };
        call.done(removed, "Key not found.")
    };
    either(del())
}

/// `clear acl`, `clear map`.
pub(super) fn clear(cx: &CommandCx<'_>, role: Role) -> Answer {
    let call = Call::versioned(cx, role);
    let clear = || {
        call.needs_list()?;
        call.list()?.clear(call.version);
        Ok(Answer::Silence)
    };
    either(clear())
}

/// `prepare acl`, `prepare map`.
pub(super) fn prepare(cx: &CommandCx<'_>, role: Role) -> Answer {
    let list = Call::plain(cx, role).list();
    either(list.map(|list| Answer::info(format!("New version created: {}\n", list.prepare()))))
}

/// `commit acl`, `commit map`.
pub(super) fn commit(cx: &CommandCx<'_>, role: Role) -> Answer {
    let call = Call::versioned(cx, role);
    let commit = || {
        let version = call.version.ok_or_else(|| Answer::error("Missing version number."))?;
        call.needs_list()?;
        call.done(call.list()?.commit(version), "")
    };
    either(commit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answers, shared};
    use keyword::command::Level::{Admin, Operator};
    use pattern::Use;

    /// What is answered to commands over a map with these entries.
    fn told_of(entries: &[(&str, &str)], commands: &str) -> String {
        let mut shared = shared("defaults\n timeout client 1s\nfrontend f\n");
        let all = References::default();
        let used = Use { role: Role::Map, file: "a.cfg".into(), line: 7 };
        let list = all.named("virt@m", Columns::KeyAndValue, used).unwrap();
        for (key, value) in entries {
            list.add(None, key.as_bytes(), Some(value.as_bytes())).unwrap();
        }
        shared.world.put(Arc::new(all));
        answers(&shared, Admin, commands)
    }

    #[test]
    fn entries_are_named_by_key_or_number() {
        assert_eq!(
            told_of(&[("a", "1"), ("a", "2")], "set map #0 #0x2 x;show map virt@m\n"),
            "\n0x1 a 1\n0x2 a x\n\n"
        );
        assert_eq!(told_of(&[("a", "1"), ("a", "2")], "del map #0 a;show map #0\n"), "\n\n");
        assert_eq!(told_of(&[("a", "1"), ("a", "2")], "del map #0 #1;show map #0\n"), "\n0x2 a 2\n\n");
        assert_eq!(
            told_of(&[], "set map #0 #0x1 x;set map #0 k x\n"),
            "key or pattern not found.\n\nentry not found.\n\n"
        );
    }

    #[test]
    fn payloads_have_one_entry_a_line() {
        let told = told_of(&[], "add map #0 <<\na one\n b  two \n\n");
        assert_eq!(told, "\n");
        let told = told_of(&[], "prompt i;add map #0 <<\na one\nb\nc three\n\nshow map #0\n");
        assert_eq!(told, "\nMissing value for key 'b'.\n\n0x1 a one\n\n");
    }

    #[test]
    fn versions_are_numbers_behind_an_at_sign() {
        let told = told_of(
            &[("a", "1")],
            "prepare map #0;add map @1 #0 b 2;show map @1 #0;commit map @1 #0;show map\n",
        );
        let overview = "# id (file) description\n0 (virt@m) pattern loaded from file 'virt@m' used by map at file 'a.cfg' \
                        line 7. curr_ver=1 next_ver=1 entry_cnt=0\n\n";
        assert_eq!(told, format!("New version created: 1\n\n\n0x2 b 2\n\n\n{overview}"));
        assert_eq!(
            told_of(&[], "commit map #0;commit map @1;commit map @1 #0\n"),
            "Missing version number.\n\nMissing map identifier.\n\nVersion number out of range.\n\n"
        );
    }

    #[test]
    fn who_may_not_change_may_not_look_either() {
        let shared = shared("defaults\n timeout client 1s\nfrontend f\n");
        assert_eq!(answers(&shared, Operator, "show map\n"), "Permission denied\n\n");
    }

    #[test]
    fn long_lists_come_in_pieces() {
        let keys: Vec<String> = (0..2 * PIECE).map(|i| i.to_string()).collect();
        let entries: Vec<_> = keys.iter().map(|k| (k.as_str(), "v")).collect();
        let told = told_of(&entries, "show map #0\n");
        assert_eq!(told.lines().count(), 2 * PIECE + 1);
        assert!(told.ends_with("0x200 511 v\n\n"));
    }
}
