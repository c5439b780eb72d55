//! The configuration files: which there are, and what stands in them.

use std::io;
use std::path::{Path, PathBuf};

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// Reads the files of the command line; a directory stands for its files.
pub(crate) fn load(arguments: &[String]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for argument in arguments {
        let files = expand(Path::new(argument)).map_err(|e| {
            format!("config : Cannot open configuration file/directory {argument} : {}", sys::reason(&e))
        })?;
        for file in files {
            let name = file.to_string_lossy().into_owned();
            let content = std::fs::read(&file).map_err(|e| {
                format!("config : Could not open configuration file {name} : {}", sys::reason(&e))
            })?;
            sources.push(Source { name, content });
        }
    }
    Ok(sources)
}

/// A directory stands for its files that end in `.cfg`, in the order of their names.
fn expand(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|n| n.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|e| e == "cfg") && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_its_visible_configurations() {
        let dir = std::env::temp_dir().join(format!("haproxy-process-{}-files", std::process::id()));
        std::fs::create_dir_all(dir.join("sub.cfg")).unwrap();
        for name in ["b.cfg", "a.cfg", ".hidden.cfg", "c.txt"] {
            std::fs::write(dir.join(name), name).unwrap();
        }
        let sources = load(&[dir.to_string_lossy().into_owned()]).unwrap();
        let contents: Vec<_> = sources.iter().map(|s| s.content.as_slice()).collect();
        assert_eq!(contents, [b"a.cfg", b"b.cfg"]);
        std::fs::remove_dir_all(&dir).unwrap();
        let e = load(&["/nonexistent".to_owned()]).unwrap_err();
        assert_eq!(
            e,
            "config : Cannot open configuration file/directory /nonexistent : No such file or directory"
        );
    }
}
