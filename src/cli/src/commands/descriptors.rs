//! `show fd`, `show libs`: what the process has open, and what it consists of.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use base::addr::Addr;
use keyword::Answer;
use keyword::command::CommandCx;
use stream::live::{Selection, StreamView, list_here};
use stream::{Crew, Site};

use super::find;
use report::Program;

pub(super) fn show_fd(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let (crew, program) = (cx.world.get::<Crew>(), cx.world.get::<Program>());
    let wanted = match cx.arg(0).as_ref() {
        "" => None,
        text => match text.parse::<i32>() {
            Ok(number) => Some(number),
            Err(_) => return Answer::error("Descriptor number expected."),
        },
    };
    Answer::Later(Box::pin(async move {
        let views = match crew {
            Some(crew) => crew.ask(|| list_here(&Selection::default())).await,
            None => Vec::new(),
        };
        let views: Vec<StreamView> = views.into_iter().flatten().flatten().collect();
        let uses = uses(&site, program.as_deref(), &views);
        let mut text = String::new();
        for number in open_descriptors().into_iter().filter(|n| wanted.is_none_or(|w| w == *n)) {
            let use_of = uses.get(&number).map(String::as_str);
            let _ = writeln!(text, "{number:>7} : {}", describe(number, use_of));
        }
        Answer::text(text)
    }))
}

/// The descriptors that are open, in order.
fn open_descriptors() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let mut numbers: Vec<i32> = entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// What listeners and streams use their sockets for.
fn uses(site: &Site, program: Option<&Program>, views: &[StreamView]) -> HashMap<i32, String> {
    let mut uses = HashMap::new();
    for listener in program.map_or(&[][..], |p| &p.listeners) {
        uses.insert(listener.number(), "listener".to_owned());
    }
    let name = |id: u32| {
        let front = site.frontends.iter().map(|f| &f.common.facts);
        let back = site.backends.iter().map(|b| &b.common.facts);
        front.chain(back).find(|f| f.id == id).map_or_else(String::new, |f| f.name.to_string())
    };
    for view in views {
        let from = format!("client fe={} strm={}", name(view.frontend), view.handle);
        uses.insert(view.client.socket, from);
        if let (Some(end), Some(backend)) = (&view.upstream, view.backend) {
            uses.insert(end.socket, format!("server be={} strm={}", name(backend), view.handle));
        }
    }
    uses
}

fn describe(number: i32, used: Option<&str>) -> String {
    let link = std::fs::read_link(format!("/proc/self/fd/{number}"));
    let target = link.map_or_else(|_| "closed".to_owned(), |path| path.to_string_lossy().into_owned());
    if !target.starts_with("socket:") {
        return format!("type={}", kind(&target));
    }
    // A connection without a stream waits: for its client's next request, or for its next use.
    let mut text = format!("type=socket use={}", used.unwrap_or("idle"));
    let _ = match net::destination_of(number) {
        Some(Addr::Inet(local)) => {
            let family = if local.is_ipv4() { "ipv4" } else { "ipv6" };
            write!(text, " fam={family} laddr={} lport={}", local.ip(), local.port())
        }
        Some(Addr::Unix(_)) => write!(text, " fam=unix"),
        None => Ok(()),
    };
    text
}

/// What a descriptor that is no socket is, without naming files.
fn kind(target: &str) -> &str {
    match target.split_once(':') {
        Some(("anon_inode", name)) => name,
        Some((kind, _)) => kind,
        None if target.starts_with("/dev/") => target,
        None => "file",
    }
}

pub(super) fn show_libs(_: &mut CommandCx<'_>) -> Answer {
    match std::fs::read_to_string("/proc/self/maps") {
        Ok(maps) => Answer::text(libraries(&maps)),
        Err(e) => Answer::error(format!("cannot list the libraries ({}).", sys::reason(&e))),
    }
}

/// The program and its libraries, where they lie in memory.
fn libraries(maps: &str) -> String {
    let mut objects: Vec<(&str, u64, u64, bool)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights), Some(path)) = (words.next(), words.next(), words.nth(3)) else {
            continue;
        };
        let Some((low, high)) = range.split_once('-') else { continue };
        let number = |text| u64::from_str_radix(text, 16).ok();
        let (Some(low), Some(high)) = (number(low), number(high)) else { continue };
        if !path.starts_with('/') {
            continue;
        }
        let at = *places.entry(path).or_insert_with(|| {
            objects.push((path, low, high, false));
            objects.len() - 1
        });
        let (_, first, last, code) = &mut objects[at];
        (*first, *last, *code) = ((*first).min(low), (*last).max(high), *code || rights.contains('x'));
    }
    let mut text = String::new();
    for (path, low, high, _) in objects.into_iter().filter(|(.., code)| *code) {
        let _ = writeln!(text, "{low:#014x}-{:#014x} ({:#09x}) {path}", high - 1, high - low);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_holds_code_is_a_library() {
        let maps = "55d0-55e0 r--p 0 fe:01 1 /bin/a\n55e0-55f0 r-xp 0 fe:01 1 /bin/a\n\
                    7000-7010 r--p 0 fe:01 2 /usr/share/locale\n7100-7200 rw-p 0 00:00 0 \n\
                    7200-7300 r-xp 0 00:00 0 [vdso]\n";
        assert_eq!(libraries(maps), "0x0000000055d0-0x0000000055ef (0x0000020) /bin/a\n");
    }

    #[test]
    fn descriptors_are_told_apart() {
        assert_eq!((kind("pipe:[5]"), kind("anon_inode:[eventpoll]")), ("pipe", "[eventpoll]"));
        assert_eq!((kind("/dev/null"), kind("/etc/passwd")), ("/dev/null", "file"));
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&socket);
        assert!(open_descriptors().contains(&number));
        let port = socket.local_addr().unwrap().port();
        let text = describe(number, Some("listener"));
        assert_eq!(text, format!("type=socket use=listener fam=ipv4 laddr=127.0.0.1 lport={port}"));
    }
}
