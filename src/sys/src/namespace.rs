//! Network namespaces.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, check};

/// The namespaces that were opened by name.
static KNOWN: RwLock<Vec<Namespace>> = RwLock::new(Vec::new());

/// A network namespace that sockets can be made in. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    file: File,
    /// Where the threads come back to.
    home: File,
}

impl Namespace {
    /// Opens a namespace by its name under `/run/netns`.
    pub fn open(name: &str) -> Result<Self, Error> {
        if let Some(known) = Self::known(name.as_bytes()) {
            return Ok(known);
        }
        let opened = Self::open_path(name, &format!("/var/run/netns/{name}"))?;
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).push(opened.clone());
        Ok(opened)
    }

    /// One that was opened by this name before. A process that has given up its privileges opens no others.
    pub fn known(name: &[u8]) -> Option<Self> {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|n| n.name().as_bytes() == name).cloned()
    }

    /// Opens the namespace of a process.
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        Self::open_path(&pid.to_string(), &format!("/proc/{pid}/ns/net"))
    }

    fn open_path(name: &str, path: &str) -> Result<Self, Error> {
        let what = || format!("cannot open namespace '{name}'");
        let file = File::open(path).map_err(|e| Error::new(what(), e))?;
        let home = File::open("/proc/self/ns/net")
            .map_err(|e| Error::new("cannot open the process's own namespace", e))?;
        Ok(Self(Arc::new(Inner { name: name.to_owned(), file, home })))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Runs something with the thread inside the namespace; what it makes stays there.
    ///
    /// # Panics
    /// When the thread cannot come back, since everything it did afterwards would be in the wrong place.
    pub fn within<R>(&self, run: impl FnOnce() -> R) -> Result<R, Error> {
        enter(&self.0.file)
            .map_err(|e| Error::new(format!("cannot enter namespace '{}'", self.0.name), e))?;
        let result = run();
        enter(&self.0.home).expect("invariant: a thread may return to the namespace it comes from");
        Ok(result)
    }
}

fn enter(file: &File) -> std::io::Result<()> {
    // SAFETY: a plain descriptor; the call concerns the calling thread only.
    check(unsafe { libc::setns(file.as_fd().as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_namespace_is_named() {
        let e = Namespace::open("no-such-namespace").unwrap_err();
        assert_eq!(e.to_string(), "cannot open namespace 'no-such-namespace' (No such file or directory)");
    }

    #[test]
    fn a_thread_comes_back_from_a_namespace() {
        let own = Namespace::of_process(std::process::id()).unwrap();
        // Entering needs a privilege that a test run may lack; then the refusal must be the system's.
        match own.within(|| 7) {
            Ok(seven) => assert_eq!(seven, 7),
            Err(e) => assert_eq!(e.errno(), Some(libc::EPERM)),
        }
    }
}
