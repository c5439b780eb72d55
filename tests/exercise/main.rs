//! Every keyword is used once as it should be, and a few times as it should not.
//!
//! The cases come from the program's own tables: for each entry lines that the program must accept with `-c`, and
//! lines that it must refuse with an error that names the line and what is wrong there. Many of them stand in one file,
//! as all errors of a file are told at once. With `HAPROXY_REFERENCE` in the environment, that program is given what
//! this one accepts, and must accept it too.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod cases;
#[path = "../../src/rooms.rs"]
mod rooms;
mod words;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::registry::Registry;

use lang::Converter;

use cases::{Case, Cases};

/// The program stops reading after so many errors; no file has as many.
const ERRORS: usize = 40;

/// What all files begin with.
const PRELUDE: &str = "\
global
    external-check
    insecure-fork-wanted
    expose-experimental-directives
    expose-deprecated-directives
";

/// What comes before all sections but `global`: the names that lines refer to.
const SECTIONS: &str = "\
defaults
    mode http
    external-check command /bin/true
    timeout connect 1s
    timeout client 1s
    timeout server 1s
userlist ul
    group g users u
    user u insecure-password p
http-errors he
healthcheck hc
    type tcp-check
log-profile lp
    on any drop
ring rg
backend be
    server s 127.0.0.1:1
frontend fe
    bind 127.0.0.1:1
";

/// A folder of its own for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("haproxy-exercise-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file of these cases, with the number of the line of each.
    fn write(&self, cases: &[Case]) -> (PathBuf, Vec<usize>) {
        let global = cases.iter().any(|case| case.before == cases::GLOBAL);
        // One that stands alone may not stand with these either.
        let mut text = if global && cases.len() == 1 { String::new() } else { PRELUDE.to_owned() };
        if !global {
            text.push_str(SECTIONS);
        }
        let mut lines = Vec::new();
        for (case, number) in cases.iter().zip(1000..) {
            text.push_str(&case.before);
            lines.push(text.lines().count() + 1);
            let _ = writeln!(text, "    {}", case.line.replace(words::NUMBER, &number.to_string()));
        }
        let file = self.0.join("cfg");
        std::fs::write(&file, self.fill(&text)).unwrap();
        (file, lines)
    }

    /// A text with the folder's name in it.
    fn fill(&self, text: &str) -> String {
        text.replace(words::FOLDER, self.0.to_str().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a program accepts a file, and what it says.
fn check(program: impl AsRef<Path>, file: &Path) -> (bool, String) {
    let done = Command::new(program.as_ref()).arg("-c").arg("-f").arg(file).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

fn ours() -> PathBuf {
    std::env::var_os("HAPROXY_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_haproxy").into(), PathBuf::from)
}

/// The alerts of a program, with the lines of the file that they are about.
fn alerts(said: &str, file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let mut out = String::new();
    for alert in said.lines().filter(|line| line.contains("[ALERT]")) {
        let number = alert.split_once("cfg:").and_then(|(_, rest)| rest.split(']').next()?.parse().ok());
        let line = number.and_then(|n: usize| text.lines().nth(n - 1)).unwrap_or_default();
        let _ = writeln!(out, "{alert}\n    {}", line.trim());
    }
    out
}

/// All of these are accepted together here.
fn accepts_here(folder: &Folder, cases: &[Case]) -> PathBuf {
    let (file, _) = folder.write(cases);
    let (accepted, said) = check(ours(), &file);
    assert!(accepted, "refused:\n{}", alerts(&said, &file));
    file
}

/// All of these are accepted together, here and by the reference.
fn accepts(folder: &Folder, cases: &[Case]) {
    let file = accepts_here(folder, cases);
    let Some(reference) = std::env::var_os("HAPROXY_REFERENCE") else { return };
    let (accepted, said) = check(PathBuf::from(reference), &file);
    assert!(accepted, "the reference refuses:\n{}", alerts(&said, &file));
}

/// Each of these is refused, with an error that names its line and what is wrong with it.
fn refuses(folder: &Folder, cases: &[Case]) {
    let mut wrong = String::new();
    for cases in cases.chunks(ERRORS) {
        let (file, lines) = folder.write(cases);
        let said = check(ours(), &file).1;
        for (case, line) in cases.iter().zip(lines) {
            let place = format!(":{line}]");
            let told: Vec<_> = said.lines().filter(|said| said.contains(&place)).collect();
            if !told.iter().any(|said| {
                said.contains("[ALERT]") && case.names.iter().any(|name| said.contains(&folder.fill(name)))
            }) {
                let _ = writeln!(wrong, "{}\n    {}", case.line, told.join("\n    "));
            }
        }
    }
    assert!(wrong.is_empty(), "accepted, or refused without the names that count:\n{wrong}");
}

fn exercise(name: &str, make: impl Fn(&Registry, &mut Cases)) {
    let folder = Folder::new(name);
    let registry = keyword::registry(rooms::ROOMS);
    let converters = registry.all::<Converter>().iter().map(|converter| converter.name);
    words::prepare(&folder.0, converters.filter(|name| words::map(name).is_some()));
    let mut cases = Cases::default();
    make(&registry, &mut cases);
    assert!(cases.without.is_empty(), "no words in tests/exercise/words.rs for {:?}", cases.without);
    assert!(!cases.good.is_empty() && !cases.bad.is_empty(), "nothing to exercise");
    accepts(&folder, &cases.good);
    for alone in cases.alone.chunks(1) {
        accepts(&folder, alone);
    }
    accepts_here(&folder, &cases.here);
    refuses(&folder, &cases.bad);
    refuses(&folder, &cases.late);
}

#[test]
fn fetches() {
    exercise("fetches", cases::fetches);
}

#[test]
fn converters() {
    exercise("converters", cases::converters);
}

#[test]
fn criteria() {
    exercise("criteria", cases::criteria);
}

#[test]
fn predefined() {
    exercise("predefined", cases::predefined);
}

#[test]
fn actions() {
    exercise("actions", cases::actions);
}

#[test]
fn aliases() {
    exercise("aliases", cases::aliases);
}

#[test]
fn global() {
    exercise("global", cases::global);
}

#[test]
fn proxies() {
    exercise("proxies", cases::proxies);
}

#[test]
fn sections() {
    exercise("sections", cases::sections);
}

#[test]
fn bind() {
    exercise("bind", cases::bind);
}

#[test]
fn server() {
    exercise("server", cases::server);
}
