//! The commands on the files of authorities and of what they revoked: `show ssl ca-file`, `commit ssl crl-file` and
//! their kin, and those on the certificates of tokens.

use std::sync::Arc;

use config::directive::Switch;
use keyword::command::CommandCx;
use keyword::command::Level::{Admin, Operator};
use keyword::{Answer, Command};
use tls::FileKind::{self, Ca, Crl};
use tls::{Refused, Store};

/// The commands of this file.
pub static AUTHORITY_COMMANDS: &[Command] = &[
    Command::new(
        "abort ssl ca-file",
        "abort ssl ca-file <cafile>",
        "forget what a file of authorities was to become",
        Admin,
        |cx| named(cx, ("abort", Ca), "a filename", Store::abort_file, notice),
    ),
    Command::new(
        "abort ssl crl-file",
        "abort ssl crl-file <crlfile>",
        "forget what a file of revocations was to become",
        Admin,
        |cx| named(cx, ("abort", Crl), "a filename", Store::abort_file, notice),
    ),
    Command::new(
        "add ssl ca-file",
        "add ssl ca-file <cafile> <payload>",
        "prepare further certificates for a file of authorities",
        Admin,
        |cx| payload(cx, Ca, Store::add_to_file),
    ),
    Command::new(
        "add ssl jwt",
        "add ssl jwt <certfile>",
        "let a certificate verify and decrypt tokens",
        Admin,
        |cx| tokens(cx, "add", Switch::On),
    ),
    Command::new(
        "commit ssl ca-file",
        "commit ssl ca-file <cafile>",
        "put a prepared file of authorities in service",
        Admin,
        |cx| named(cx, ("commit", Ca), "a filename", Store::commit_file, text),
    ),
    Command::new(
        "commit ssl crl-file",
        "commit ssl crl-file <crlfile>",
        "put a prepared file of revocations in service",
        Admin,
        |cx| named(cx, ("commit", Crl), "a filename", Store::commit_file, text),
    ),
    Command::new(
        "del ssl ca-file",
        "del ssl ca-file <cafile>",
        "forget a file of authorities that nobody uses",
        Admin,
        |cx| named(cx, ("del", Ca), "a CA file name", Store::delete_file, notice),
    ),
    Command::new(
        "del ssl crl-file",
        "del ssl crl-file <crlfile>",
        "forget a file of revocations that nobody uses",
        Admin,
        |cx| named(cx, ("del", Crl), "a CRL file name", Store::delete_file, notice),
    ),
    Command::new(
        "del ssl jwt",
        "del ssl jwt <certfile>",
        "no longer let a certificate verify and decrypt tokens",
        Admin,
        |cx| tokens(cx, "del", Switch::Off),
    ),
    Command::new(
        "new ssl ca-file",
        "new ssl ca-file <cafile>",
        "name a file of authorities that is to come",
        Admin,
        |cx| named(cx, ("new", Ca), "a filename", Store::new_file, notice),
    ),
    Command::new(
        "new ssl crl-file",
        "new ssl crl-file <crlfile>",
        "name a file of revocations that is to come",
        Admin,
        |cx| named(cx, ("new", Crl), "a filename", Store::new_file, notice),
    ),
    Command::new(
        "set ssl ca-file",
        "set ssl ca-file <cafile> <payload>",
        "prepare other content for a file of authorities",
        Admin,
        |cx| payload(cx, Ca, |store, name, payload| store.set_file(Ca, name, payload)),
    ),
    Command::new(
        "set ssl crl-file",
        "set ssl crl-file <crlfile> <payload>",
        "prepare other content for a file of revocations",
        Admin,
        |cx| payload(cx, Crl, |store, name, payload| store.set_file(Crl, name, payload)),
    ),
    Command::new(
        "show ssl ca-file",
        "show ssl ca-file [<cafile>[:<index>]]",
        "files of authorities, or what is in one",
        Operator,
        |cx| show(cx, Ca),
    ),
    Command::new(
        "show ssl crl-file",
        "show ssl crl-file [<crlfile>[:<index>]]",
        "files of revocations, or what is in one",
        Operator,
        |cx| show(cx, Crl),
    ),
    Command::new("show ssl jwt", "show ssl jwt", "certificates for tokens", Operator, |cx| {
        Answer::text(store(cx).token_certificates())
    }),
];

fn store(cx: &CommandCx<'_>) -> Arc<Store> {
    cx.world.get().unwrap_or_default()
}

fn notice(done: Result<String, Refused>) -> Answer {
    done.map_or_else(Answer::error, Answer::notice)
}

fn text(done: Result<String, Refused>) -> Answer {
    done.map_or_else(Answer::error, Answer::text)
}

fn word(kind: FileKind) -> &'static str {
    match kind {
        Ca => "ca",
        Crl => "crl",
    }
}

/// Answers a command that takes one name.
fn named(
    cx: &CommandCx<'_>,
    (verb, kind): (&str, FileKind),
    wanted: &str,
    run: fn(&Store, FileKind, &str) -> Result<String, Refused>,
    answer: fn(Result<String, Refused>) -> Answer,
) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::error(format!("'{verb} ssl {}-file' expects {wanted}\n", word(kind)));
    }
    answer(run(&store(cx), kind, &cx.arg(0)))
}

/// Answers a command that takes a name and a payload.
fn payload(
    cx: &CommandCx<'_>,
    kind: FileKind,
    run: impl FnOnce(&Store, &str, &[u8]) -> Result<String, Refused>,
) -> Answer {
    let payload = cx.payload.filter(|payload| !payload.is_empty() && !cx.bytes(0).is_empty());
    let Some(payload) = payload else {
        let word = word(kind);
        let what = word.to_ascii_uppercase();
        return Answer::error(format!("'set ssl {word}-file' expects a filename and {what}s as a payload\n"));
    };
    notice(run(&store(cx), &cx.arg(0), payload))
}

fn tokens(cx: &CommandCx<'_>, verb: &str, switch: Switch) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::error(format!("'{verb} ssl cert' expects a filename\n"));
    }
    text(store(cx).switch_tokens(&cx.arg(0), switch))
}

fn show(cx: &CommandCx<'_>, kind: FileKind) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::text(store(cx).files(kind));
    }
    text(store(cx).show_file(kind, &cx.arg(0)))
}

#[cfg(test)]
mod tests {
    use keyword::command::Level::{Admin, Operator};

    use crate::testing::{answers, shared};

    const SITE: &str = "defaults\n timeout client 1s\nfrontend f\n bind 127.0.0.1:9\n";

    #[test]
    fn what_is_missing_is_named() {
        let shared = shared(SITE);
        for (command, answer) in [
            ("new ssl ca-file", "'new ssl ca-file' expects a filename\n\n"),
            ("del ssl crl-file", "'del ssl crl-file' expects a CRL file name\n\n"),
            ("add ssl ca-file a", "'set ssl ca-file' expects a filename and CAs as a payload\n\n"),
            ("set ssl crl-file a", "'set ssl crl-file' expects a filename and CRLs as a payload\n\n"),
            ("commit ssl ca-file a", "No ongoing transaction! !\nCan't commit a!\n\n"),
            ("abort ssl crl-file a", "No ongoing transaction!\n\n"),
            ("show ssl crl-file", "# filename\n\n"),
            ("show ssl crl-file a:0", "wrong CRL index after colons in 'a:0'!\n\n"),
            ("show ssl ca-file a", "Can't display the CA file : Not found!\n\n"),
        ] {
            assert_eq!(answers(&shared, Admin, &format!("{command}\n")), answer, "{command}");
        }
    }

    #[test]
    fn only_administrators_change_files() {
        for command in ["new ssl ca-file a", "del ssl crl-file a", "commit ssl ca-file a"] {
            let answer = answers(&shared(SITE), Operator, &format!("{command}\n"));
            assert_eq!(answer, "Permission denied\n\n", "{command}");
        }
    }
}
