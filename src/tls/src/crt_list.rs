//! `crt-list` files: a certificate on each line, with the names that it is used for (configuration manual, 5.1).

use std::path::{Path, PathBuf};

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// The names that it is for; those of the certificate when there are none.
    pub(crate) names: Vec<Box<str>>,
    /// Names that its wildcards leave out.
    pub(crate) except: Vec<Box<str>>,
}

/// Reads a list.
pub(crate) fn read(file: &Path) -> Result<Vec<Entry>, String> {
    let text =
        std::fs::read_to_string(file).map_err(|e| format!("cannot open '{}' ({e})", file.display()))?;
    parse(&text).map_err(|(line, why)| format!("{why} on line {line} in file '{}'", file.display()))
}

fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        entries.push(entry(line).map_err(|why| (number + 1, why))?);
    }
    Ok(entries)
}

fn entry(line: &str) -> Result<Entry, String> {
    let (path, rest) = line.split_once(|c: char| c.is_ascii_whitespace() || c == '[').unwrap_or((line, ""));
    if line[path.len()..].trim_start().starts_with('[') {
        return Err("options between brackets are not supported by this version".to_owned());
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut entry = Entry { path, names: Vec::new(), except: Vec::new() };
    for word in rest.split_ascii_whitespace() {
        match word.strip_prefix('!') {
            Some(name) => entry.except.push(name.to_ascii_lowercase().into()),
            None => entry.names.push(word.to_ascii_lowercase().into()),
        }
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_file_and_its_names() {
        let entries = parse("# all\n\n/a/b.pem *.Example.com !secure.example.com\n/c.pem\n").unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].path, Path::new("/a/b.pem"));
        assert_eq!(*entries[0].names, [Box::from("*.example.com")]);
        assert_eq!(*entries[0].except, [Box::from("secure.example.com")]);
        assert!(entries[1].names.is_empty());
        assert_eq!(parse("/a\n/b [alpn h2] x\n").unwrap_err().0, 2);
    }
}
