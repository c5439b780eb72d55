//! What `-d` shows of each stream on standard output: who came, what was asked, what was answered, the end
//! (management manual, section 3).
//!
//! Each line is `<stream>:<proxy>.<event>`, followed by the descriptors of the two connections in brackets.

use std::fmt::Write as _;
use std::io::Write as _;

use base::addr::Addr;
use http::Headers;

use crate::story::Story;

/// Shows the events of one connection's streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Events {
    /// The listener's descriptor.
    pub(crate) listener: i32,
}

/// No descriptor, as the lines of messages show it, and those of endings.
const NOBODY: u32 = u32::MAX;
const NOBODY_LEFT: u32 = 0xffff;

/// A stream begins; with its request, where it has one.
pub(crate) fn begun(story: &Story<'_>) {
    let Some(events) = story.events else { return };
    let (name, client) = (&story.frontend.common.facts.name, client(story));
    let mut text = String::with_capacity(1024);
    let id = story.facts.id;
    let _ = write!(text, "{id:08x}:{name}.accept({:04x})={client:04x} from [", events.listener);
    let _ = match &story.session.source {
        Some(Addr::Inet(from)) => write!(text, "{}:{}", from.ip(), from.port()),
        _ => write!(text, "unix:{}", story.session.listener_id),
    };
    text.push_str("] ALPN=<none>\n");
    if story.frontend.common.facts.http {
        let request = &story.request;
        let words = [request.method.as_bytes(), &request.target[..], request.version.as_bytes()];
        let who = Who { story, name, server: NOBODY };
        message(&mut text, &who, ("clireq", "clihdr"), &words, &request.headers);
    }
    show(&text);
}

/// The server has answered.
pub(crate) fn answered(story: &Story<'_>) {
    if story.events.is_none() {
        return;
    }
    let response = &story.response;
    let status = response.status.0.to_string();
    let words = [response.version.as_bytes(), status.as_bytes(), &response.reason[..]];
    let mut text = String::with_capacity(1024);
    let who = Who { story, name: owner(story), server: server(story).unwrap_or(NOBODY) };
    message(&mut text, &who, ("srvrep", "srvhdr"), &words, &response.headers);
    show(&text);
}

/// A stream ends.
pub(crate) fn ended(story: &Story<'_>) {
    if story.events.is_none() {
        return;
    }
    let (id, name, client) = (story.facts.id, owner(story), client(story));
    let server = server(story);
    let mut text = String::with_capacity(256);
    let closings: &[&str] =
        if server.is_some() { &["srvcls", "clicls", "closed"] } else { &["clicls", "closed"] };
    for event in closings {
        let server = server.unwrap_or(NOBODY_LEFT);
        let _ = writeln!(text, "{id:08x}:{name}.{event}[{client:04x}:{server:04x}]");
    }
    show(&text);
}

/// Whose message it is.
struct Who<'w> {
    story: &'w Story<'w>,
    name: &'w str,
    server: u32,
}

/// The first line of a message and its headers, a line each.
fn message(
    text: &mut String,
    who: &Who<'_>,
    (first, header): (&str, &str),
    words: &[&[u8]],
    headers: &Headers,
) {
    let (id, name, client) = (who.story.facts.id, who.name, client(who.story));
    let mut line = |event: &str, content: &[u8]| {
        let server = who.server;
        let _ = write!(text, "{id:08x}:{name}.{event}[{client:04x}:{server:04x}]: ");
        printable(text, content);
        text.push('\n');
    };
    line(first, words.join(&b' ').trim_ascii_end());
    for field in headers {
        line(header, &[field.name.to_ascii_lowercase().as_slice(), field.value].join(&b": "[..]));
    }
}

/// Whatever a peer sends must not steer a terminal.
fn printable(text: &mut String, content: &[u8]) {
    for &byte in content {
        match byte {
            0x20..0x7f => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
}

/// The proxy that a stream belongs to.
fn owner<'s>(story: &'s Story<'_>) -> &'s str {
    story.backend.map_or(&story.frontend.common.facts.name, |b| &b.common.facts.name)
}

fn client(story: &Story<'_>) -> u32 {
    story.live.ends().0.cast_unsigned()
}

fn server(story: &Story<'_>) -> Option<u32> {
    story.live.ends().1.map(i32::cast_unsigned)
}

fn show(text: &str) {
    // With standard output gone there is nobody to show it to.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_as_numbers() {
        let mut text = String::new();
        printable(&mut text, b"a\x1b[1m\xff z");
        assert_eq!(text, "a\\x1b[1m\\xff z");
    }
}
