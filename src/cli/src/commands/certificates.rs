//! The commands on certificates: `show ssl cert`, `commit ssl cert` and their kin.

use std::sync::Arc;

use grammar::time::{TimeError, Unit};
use keyword::Answer;
use keyword::command::CommandCx;
use tls::{Expired, Numbers, Refused, SniWanted, Store};

/// What is answered when a process has no certificates at all.
pub(super) fn store(cx: &CommandCx<'_>) -> Arc<Store> {
    cx.world.get().unwrap_or_default()
}

/// A message of success is a notice, what is refused an error.
pub(super) fn notice(done: Result<String, Refused>) -> Answer {
    done.map_or_else(Answer::error, Answer::notice)
}

pub(super) fn text(done: Result<String, Refused>) -> Answer {
    done.map_or_else(Answer::error, Answer::text)
}

/// Answers a command that takes one name.
fn named(
    cx: &CommandCx<'_>,
    missing: &'static str,
    run: impl FnOnce(&Store, &str) -> Result<String, Refused>,
    answer: fn(Result<String, Refused>) -> Answer,
) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::error(missing);
    }
    answer(run(&store(cx), &cx.arg(0)))
}

/// `show ssl cert`.
pub(super) fn show(cx: &mut CommandCx<'_>) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::text(store(cx).names());
    }
    text(store(cx).show(&cx.arg(0)))
}

/// `dump ssl cert`.
pub(super) fn dump(cx: &mut CommandCx<'_>) -> Answer {
    text(store(cx).dump(&cx.arg(0)))
}

/// `new ssl cert`.
pub(super) fn new(cx: &mut CommandCx<'_>) -> Answer {
    named(cx, "'new ssl cert' expects a filename\n", Store::new_certificate, notice)
}

/// `set ssl cert`.
pub(super) fn set(cx: &mut CommandCx<'_>) -> Answer {
    match cx.payload.filter(|payload| !payload.is_empty() && !cx.bytes(0).is_empty()) {
        Some(payload) => notice(store(cx).set(&cx.arg(0), payload)),
        None => Answer::error("'set ssl cert' expects a filename and a certificate as a payload\n"),
    }
}

/// `commit ssl cert`.
pub(super) fn commit(cx: &mut CommandCx<'_>) -> Answer {
    named(cx, "'commit ssl cert' expects a filename\n", Store::commit, text)
}

/// `abort ssl cert`.
pub(super) fn abort(cx: &mut CommandCx<'_>) -> Answer {
    named(cx, "'abort ssl cert' expects a filename\n", Store::abort, notice)
}

/// `del ssl cert`.
pub(super) fn delete(cx: &mut CommandCx<'_>) -> Answer {
    named(cx, "'del ssl cert' expects a certificate name\n", Store::delete, notice)
}

/// `show ssl crt-list`.
pub(super) fn show_list(cx: &mut CommandCx<'_>) -> Answer {
    let (numbers, at) = if cx.bytes(0) == b"-n" { (Numbers::Shown, 1) } else { (Numbers::Hidden, 0) };
    if cx.bytes(at).is_empty() {
        return Answer::text(store(cx).lists());
    }
    text(store(cx).list(&cx.arg(at), numbers))
}

/// `add ssl crt-list`.
pub(super) fn add_line(cx: &mut CommandCx<'_>) -> Answer {
    let line = cx.payload.map(String::from_utf8_lossy).filter(|payload| !payload.is_empty());
    let line = line.unwrap_or_else(|| cx.arg(1));
    if cx.bytes(0).is_empty() || line.is_empty() {
        return Answer::error("'add ssl crtlist' expects a filename and a certificate name\n");
    }
    text(store(cx).add_line(&cx.arg(0), &line))
}

/// `del ssl crt-list`.
pub(super) fn delete_line(cx: &mut CommandCx<'_>) -> Answer {
    if cx.bytes(0).is_empty() || cx.bytes(1).is_empty() {
        return Answer::error("'del ssl crtlist' expects a filename and a certificate name\n");
    }
    notice(store(cx).delete_line(&cx.arg(0), &cx.arg(1)))
}

/// `show tls-keys`.
pub(super) fn show_ticket_keys(cx: &mut CommandCx<'_>) -> Answer {
    if cx.bytes(0).is_empty() {
        return Answer::text(store(cx).ticket_files());
    }
    text(store(cx).ticket_keys(&cx.arg(0)))
}

/// `set ssl tls-key`.
pub(super) fn set_ticket_key(cx: &mut CommandCx<'_>) -> Answer {
    if cx.bytes(0).is_empty() || cx.bytes(1).is_empty() {
        return Answer::error(
            "'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.\n",
        );
    }
    notice(store(cx).push_ticket_key(&cx.arg(0), &cx.arg(1)))
}

/// `show ssl sni`.
pub(super) fn show_sni(cx: &mut CommandCx<'_>) -> Answer {
    match wanted(cx) {
        Ok(wanted) => Answer::text(store(cx).sni(&wanted)),
        Err(why) => Answer::error(why),
    }
}

fn wanted(cx: &CommandCx<'_>) -> Result<SniWanted, String> {
    let (mut wanted, mut offset, mut expired) = (SniWanted::default(), 0, Expired::OrNot);
    let site = cx.world.get::<stream::Site>();
    let now = site.as_ref().map_or(0, |site| site.clock.wall().0 / 1_000_000);
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut at = 0;
    while cx.has(at) {
        match cx.bytes(at) {
            b"-f" if cx.bytes(at + 1).is_empty() => return Err("'-f' requires a frontend name!\n".to_owned()),
            b"-f" => {
                at += 1;
                let name = cx.arg(at).into_owned();
                let known =
                    |site: &Arc<stream::Site>| site.frontends.iter().any(|f| *f.common.facts.name == *name);
                if !site.as_ref().is_some_and(known) {
                    return Err("Couldn't find the specified frontend!\n".to_owned());
                }
                wanted.frontend = Some(name);
            }
            b"-A" => expired = Expired::By(now),
            b"-t" if cx.bytes(at + 1).is_empty() => {
                return Err("'-t' requires an offset argument!\n".to_owned());
            }
            b"-t" => {
                at += 1;
                offset = seconds(cx, at)?;
            }
            _ => {
                let options = "only supports '-f', '-A' or '-t' options!";
                return Err(format!("Invalid parameters, 'show ssl sni' {options}\n"));
            }
        }
        at += 1;
    }
    wanted.expired = match expired {
        Expired::By(now) => Expired::By(now.saturating_add(offset)),
        Expired::OrNot => Expired::OrNot,
    };
    Ok(wanted)
}

/// An offset in seconds.
fn seconds(cx: &CommandCx<'_>, at: usize) -> Result<i64, String> {
    let text = cx.arg(at);
    let offset = grammar::time::parse(cx.bytes(at), Unit::Second)
        .and_then(|time| time.in_unit(Unit::Second, i32::MAX as u64));
    match offset {
        Ok(seconds) => Ok(seconds.cast_signed()),
        Err(TimeError::Overflow) => {
            let most = "(maximum value is 2147483647s or ~24855 days)";
            Err(format!("offset overflow '{text}' {most}\n"))
        }
        Err(TimeError::Unexpected(span)) => {
            let c = text.chars().nth(span.start as usize).unwrap_or(' ');
            Err(format!("'-t {text}' : unexpected character '{c}'\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use keyword::command::Level::{Admin, Operator};

    use crate::testing::{answers, shared};

    const SITE: &str = "defaults\n timeout client 1s\nfrontend f\n bind 127.0.0.1:9\n";

    fn says(input: &str) -> String {
        answers(&shared(SITE), Admin, &format!("{input}\n"))
    }

    #[test]
    fn without_certificates_nothing_is_shown() {
        assert_eq!(says("show ssl cert"), "# filename\n\n");
        assert_eq!(says("show ssl crt-list"), "\n");
        assert!(says("show ssl cert a.pem").starts_with("Can't display the certificate: Not found"));
        assert_eq!(says("show ssl crt-list -n a"), "didn't find the specified filename\n\n");
        assert!(says("show ssl sni").starts_with("# Frontend/Bind\tSNI\t"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (command, answer) in [
            ("new ssl cert", "'new ssl cert' expects a filename\n\n"),
            ("abort ssl cert", "'abort ssl cert' expects a filename\n\n"),
            ("set ssl cert a", "'set ssl cert' expects a filename and a certificate as a payload\n\n"),
            ("del ssl crt-list a", "'del ssl crtlist' expects a filename and a certificate name\n\n"),
            ("show ssl sni -t", "'-t' requires an offset argument!\n\n"),
            ("show ssl sni -t zz", "'-t zz' : unexpected character 'z'\n\n"),
            ("show ssl sni -f g", "Couldn't find the specified frontend!\n\n"),
            (
                "set ssl tls-key f",
                "'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.\n\n",
            ),
            ("set ssl tls-key f AA", "'set ssl tls-key' unable to locate referenced filename\n\n"),
            ("show tls-keys f", "'show tls-keys' unable to locate referenced filename\n\n"),
            ("show tls-keys", "# id (file)\n\n"),
            ("show tls-keys *", "# id secret\n\n"),
            ("commit ssl cert a", "No ongoing transaction! !\nCan't commit a!\n\n"),
        ] {
            assert_eq!(says(command), answer, "{command}");
        }
        assert!(says("show ssl sni -f f -A -t 30d").starts_with("# Frontend/Bind"));
        assert!(says("show ssl sni -t 100000d").starts_with("offset overflow '100000d'"));
    }

    #[test]
    fn certificates_are_for_administrators() {
        for command in ["new ssl cert a", "dump ssl cert a", "set ssl cert a", "del ssl cert a"] {
            let answer = answers(&shared(SITE), Operator, &format!("{command}\n"));
            assert_eq!(answer, "Permission denied\n\n", "{command}");
        }
    }
}
