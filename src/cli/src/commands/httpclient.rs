//! `httpclient`: a request of the program's own, to see what it comes to.

use std::fmt::Write as _;

use client::{Answer as Came, Client, Outcome, Request};
use keyword::Answer;
use keyword::command::CommandCx;

/// What may be asked for.
const METHODS: &[&str] = &["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];

/// `httpclient`.
pub(super) fn run(cx: &mut CommandCx<'_>) -> Answer {
    if cx.bytes(0) == b"--htx" {
        return Answer::error("'--htx' shows a form of messages that this program has not got.\n");
    }
    if !cx.has(1) {
        return Answer::error("Can't start the HTTP client: not enough parameters.\n");
    }
    let (method, url) = (cx.arg(0).into_owned(), cx.arg(1).into_owned());
    let Some(client) = cx.world.get::<Client>().filter(|_| METHODS.contains(&&*method)) else {
        return Answer::error("Can't start the HTTP client.\n");
    };
    let request = Request { method, ..Request::get(url) };
    Answer::Later(Box::pin(async move { shown(client.fetch(&request).await) }))
}

/// The message as it came; where none did, why.
fn shown(outcome: Outcome) -> Answer {
    let Came { status, reason, headers, body } = match outcome.result {
        Ok(came) => came,
        Err(failure) => return Answer::text(format!("HTTP/1.1 0 Service Unavailable\n\r\n{failure}\n")),
    };
    let mut text = format!("HTTP/1.1 {status} {reason}\n");
    for (name, value) in &headers {
        let _ = write!(text, "{name}: {}\r\n", String::from_utf8_lossy(value));
    }
    text.push_str("\r\n");
    text.push_str(&String::from_utf8_lossy(&body));
    Answer::text(text)
}

#[cfg(test)]
mod tests {
    use keyword::command::Level::Admin;

    use crate::testing::{answers, shared};

    const SITE: &str = "defaults\n timeout client 1s\nfrontend f\n bind 127.0.0.1:9\n";

    #[test]
    fn what_is_wrong_is_named() {
        for (command, answer) in [
            ("httpclient GET http://127.0.0.1/", "This command is restricted to expert mode only.\n\n"),
            ("expert-mode on;httpclient", "\nCan't start the HTTP client: not enough parameters.\n\n"),
            ("expert-mode on;httpclient GET", "\nCan't start the HTTP client: not enough parameters.\n\n"),
            ("expert-mode on;httpclient ZORK http://127.0.0.1/", "\nCan't start the HTTP client.\n\n"),
        ] {
            assert_eq!(answers(&shared(SITE), Admin, &format!("{command}\n")), answer, "{command}");
        }
    }
}
