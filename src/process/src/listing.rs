//! What is printed on demand once the configuration is read: its lines, libraries, processors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use base::registry::Registry;
use config::SectionKind;
use grammar::line::Line;

use crate::options::{ConfigurationListing, Verbosity, Wish};
use crate::plan::{Machine, Plan};

/// One line of the configuration as `-dC` shows it: its words, indented in a section.
pub(crate) fn line(listing: ConfigurationListing, registry: &Registry, line: &Line<'_>) -> String {
    let words: Vec<_> = line.words.iter().map(|w| String::from_utf8_lossy(w.bytes())).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let opens = words.first().is_some_and(|first| opens_section(registry, first));
    let mut out = String::new();
    if listing.numbers == Wish::Yes {
        let _ = write!(out, "{}\t", line.number);
    }
    if !opens {
        out.push('\t');
    }
    match listing.key {
        0 => out.push_str(&words.join(" ")),
        key => hidden(key, &words, &mut out),
    }
    out.push_str(" \n");
    out
}

fn opens_section(registry: &Registry, word: &str) -> bool {
    matches!(word, "global" | "defaults" | "frontend" | "backend" | "listen")
        || registry.find::<SectionKind>(word).is_some()
}

/// Lines whose first argument is a name; what follows it may tell too much.
const NAMED: [&str; 12] = [
    "defaults",
    "frontend",
    "backend",
    "listen",
    "acl",
    "use_backend",
    "default_backend",
    "user",
    "group",
    "userlist",
    "ring",
    "peers",
];

/// A line that may be shown to strangers: keywords stay, names and addresses are replaced by numbers
/// that are the same for the same name, the rest is left out.
fn hidden(key: u32, words: &[&str], out: &mut String) {
    let Some((&keyword, arguments)) = words.split_first() else { return };
    out.push_str(keyword);
    let shown = match (keyword, arguments) {
        ("server", [name, address, ..]) => {
            let _ = write!(out, " ID({:06x}) ADDR({:06x})", hash(key, name), hash(key, address));
            2
        }
        ("bind", [address, ..]) => {
            let _ = write!(out, " ADDR({:06x})", hash(key, address));
            1
        }
        (_, [name, ..]) if NAMED.contains(&keyword) => {
            let _ = write!(out, " ID({:06x})", hash(key, name));
            1
        }
        (
            "option" | "mode" | "balance" | "timeout" | "no" | "default" | "tcp-request" | "http-request",
            [word, ..],
        ) => {
            let _ = write!(out, " {word}");
            1
        }
        _ => 0,
    };
    if arguments.len() > shown {
        out.push_str(" [...]");
    }
}

/// A number of 24 bits for a name, by the FNV-1a hash; the key makes it useless to compare with lists of names.
fn hash(key: u32, name: &str) -> u32 {
    let start = 0x811c_9dc5 ^ key.wrapping_mul(0x9e37_79b1);
    let full = name.bytes().fold(start, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (full ^ full >> 24) & 0xff_ffff
}

/// The program and its libraries with the addresses that they are loaded at.
fn libraries() -> io::Result<BTreeMap<String, (u64, u64)>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for entry in maps.lines() {
        let mut fields = entry.split_whitespace();
        let (Some(range), Some(file)) = (fields.next(), fields.nth(4)) else { continue };
        let bounds = range.split_once('-').and_then(|(low, high)| {
            Some((u64::from_str_radix(low, 16).ok()?, u64::from_str_radix(high, 16).ok()?))
        });
        let (Some((low, high)), true) = (bounds, file.starts_with('/')) else { continue };
        let known = found.entry(file.to_owned()).or_insert((low, high));
        *known = (known.0.min(low), known.1.max(high));
    }
    Ok(found)
}

/// The list of `-dL`.
pub(crate) fn loaded(verbosity: Verbosity) -> io::Result<String> {
    let mut text = String::from("List of loaded object files:\n");
    for (file, (low, high)) in libraries()? {
        if verbosity == Verbosity::Verbose {
            let _ = write!(text, "{low:#x}-{:#x} ({:#09x}) ", high - 1, high - low);
        }
        let _ = writeln!(text, "{file}");
    }
    Ok(text)
}

/// Packs the program and its libraries, for whoever looks at a core dump elsewhere (`-dA`).
pub(crate) fn archive(file: &Path) -> io::Result<()> {
    let mut out = Vec::new();
    for path in libraries()?.into_keys() {
        let content = fs::read(&path)?;
        let name = format!("core-{}{path}", std::process::id());
        out.extend_from_slice(&tar_header(&name, content.len())?);
        out.extend_from_slice(&content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    fs::write(file, out)
}

/// The header of a file in a POSIX archive.
fn tar_header(name: &str, len: usize) -> io::Result<[u8; 512]> {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, format!("the name '{name}' is too long"));
    // A long name is divided at a directory between two fields.
    let (prefix, short) = if name.len() <= 100 {
        ("", name)
    } else {
        let cut = name[..name.len().min(155)].rfind('/').ok_or_else(too_long)?;
        (&name[..cut], &name[cut + 1..])
    };
    if short.len() > 100 {
        return Err(too_long());
    }
    put(0, short);
    put(100, "0000755\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{len:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    put(345, prefix);
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    Ok(header)
}

/// The processors that are used or not, and the threads on them (`-dc`).
pub(crate) fn processors(machine: &Machine, plan: &Plan) -> String {
    let mut text = String::new();
    for cpu in &machine.cpus {
        let mark = if plan.kept.contains(&cpu.id) { "[keep]" } else { "[----]" };
        let speed = cpu.capacity.map_or(String::new(), |c| format!(" capa={c}"));
        let _ = writeln!(
            text,
            "{mark} cpu={:3} pk={:02} no={:02} cl={:03} l3={:03} ts={:03}{speed}",
            cpu.id, cpu.package, cpu.node, cpu.cluster, cpu.cache, cpu.core
        );
    }
    text.push_str("Thread CPU Bindings:\n  Tgrp/Thr  Tid        CPU set\n");
    let mut within = BTreeMap::new();
    for (index, thread) in plan.threads.iter().enumerate() {
        let nth = within.entry(thread.group).or_insert(0);
        *nth += 1;
        let cpus = thread.cpus.as_ref().unwrap_or(&machine.inherited);
        let list: Vec<_> = cpus.iter().map(ToString::to_string).collect();
        let place = format!("{}/{nth}", thread.group + 1);
        let _ = writeln!(text, "  {place:<9} {:<10} {}: {}", index + 1, cpus.len(), list.join(","));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, listing: ConfigurationListing) -> String {
        struct Empty;
        impl grammar::line::Environment for Empty {
            fn get(&self, _: &str) -> Option<std::borrow::Cow<'_, [u8]>> {
                None
            }
        }
        let mut lines = grammar::line::Reader::new("x", text.as_bytes());
        let registry = Registry::default();
        let mut out = String::new();
        while let Some(Ok(next)) = lines.next_line(&Empty) {
            out.push_str(&line(listing, &registry, &next));
        }
        out
    }

    #[test]
    fn lines_are_shown_as_they_were_understood() {
        let text = "# c\nglobal\n  setenv  A 'b c' # x\n\nfrontend f\n bind :80\n";
        let plain = shown(text, ConfigurationListing::default());
        assert_eq!(plain, "global \n\tsetenv A b c \nfrontend f \n\tbind :80 \n");
        let numbered = ConfigurationListing { key: 0, numbers: Wish::Yes };
        assert!(shown(text, numbered).starts_with("2\tglobal \n3\t\tsetenv"));
    }

    #[test]
    fn secrets_do_not_show_under_a_key() {
        let text = "frontend secret-f\n bind 10.1.2.3:80 name x\n stats auth admin:pw\n http-request set-header X hush\n \
                    use_backend secret-b if p\nbackend secret-b\n server secret-s 10.9.9.9:80 check\n";
        let listing = ConfigurationListing { key: 7, numbers: Wish::No };
        let out = shown(text, listing);
        for secret in ["secret", "10.1.2.3", "10.9.9.9", "admin", "pw", "hush"] {
            assert!(!out.contains(secret), "{secret} in {out}");
        }
        let ids: Vec<_> =
            out.lines().filter(|l| l.contains("backend")).map(|l| l.split("ID(").nth(1).unwrap()).collect();
        assert_eq!(ids[0][..6], ids[1][..6], "the same name has the same number");
        assert_ne!(out, shown(text, ConfigurationListing { key: 8, ..listing }));
    }

    #[test]
    fn the_program_is_among_what_is_loaded() {
        let own = std::env::current_exe().unwrap();
        assert!(loaded(Verbosity::Normal).unwrap().contains(own.to_str().unwrap()));
        assert!(loaded(Verbosity::Verbose).unwrap().contains("0x"));
    }

    #[test]
    fn archives_have_valid_headers() {
        let header = tar_header(&format!("{}/{}", "d".repeat(120), "f".repeat(90)), 8).unwrap();
        assert_eq!(&header[..90], "f".repeat(90).as_bytes());
        assert_eq!(&header[124..136], b"00000000010\0");
        let mut summed = header;
        summed[148..156].fill(b' ');
        let sum: u32 = summed.iter().copied().map(u32::from).sum();
        assert_eq!(&header[148..155], format!("{sum:06o}\0").as_bytes());
        assert!(tar_header(&"x".repeat(101), 0).is_err());
    }
}
