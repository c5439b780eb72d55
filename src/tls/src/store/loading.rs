//! Reads certificates, on all processors when there are many.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use config::draft::Speech;

use super::{Content, Wanted};
use crate::certificate::{Beside, Files, LoadError, Parts};
use crate::issuers::Issuers;

/// How often people are told how far it is.
const TOLD: Duration = Duration::from_secs(1);
/// So many are worth a thread.
const WORTH: usize = 16;

type Read = (Wanted, Result<Content, LoadError>);

/// Reads certificates; tells people at a terminal how far it is while that takes long.
pub(super) fn read_all(wanted: &[Wanted], issuers: &Issuers, speech: Speech) -> Vec<Read> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(wanted.len() / WORTH + 1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(one) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((one.clone(), read(&one.files, issuers)));
        }
        done
    };
    if workers <= 1 {
        return work();
    }
    std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        let worker = || {
            let ended = ended.clone();
            scope.spawn(move || {
                let done = work();
                drop(ended);
                done
            })
        };
        let helpers: Vec<_> = (0..workers).map(|_| worker()).collect();
        drop(ended);
        let mut progress = Progress::new(speech);
        while end.recv_timeout(TOLD) == Err(RecvTimeoutError::Timeout) {
            progress.tell(next.load(Ordering::Relaxed).min(wanted.len()), wanted.len());
        }
        progress.end();
        helpers.into_iter().flat_map(|h| h.join().unwrap_or_default()).collect()
    })
}

fn read(files: &Files, issuers: &Issuers) -> Result<Content, LoadError> {
    let mut parts = Parts::load(files)?;
    issuers.complete(&mut parts);
    // Whoever says which files there are may bring the key later.
    if parts.key.is_none() && matches!(files.beside, Beside::Told { .. }) {
        return Ok(Content::Keyless(Arc::new(parts)));
    }
    parts.ready().map(|c| Content::Ready(Arc::new(c))).map_err(|flaw| flaw.of_file(&files.crt))
}

/// A line on a terminal that is written again and again.
enum Progress {
    Silent,
    Waiting,
    Begun,
}

impl Progress {
    fn new(speech: Speech) -> Self {
        let heard = speech == Speech::Free && std::io::stderr().is_terminal();
        if heard { Self::Waiting } else { Self::Silent }
    }

    fn tell(&mut self, done: usize, all: usize) {
        if !matches!(self, Self::Silent) {
            let _ = write!(std::io::stderr(), "\rCertificates: {done} of {all} read");
            *self = Self::Begun;
        }
    }

    fn end(self) {
        if matches!(self, Self::Begun) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use config::directive::Switch;
    use rcgen::{CertificateParams, KeyPair};

    use super::super::Origin;
    use super::*;

    #[test]
    fn many_are_read_and_each_is_told_of() {
        let directory = std::env::temp_dir().join(format!("haproxy-loading-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let key = KeyPair::generate().unwrap();
        let wanted: Vec<_> = (0..100)
            .map(|i| {
                let crt = directory.join(format!("{i}.pem"));
                let params = CertificateParams::new([format!("n{i}.example.com")]).unwrap();
                let pem = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
                // One file is missing.
                if i != 42 {
                    std::fs::write(&crt, pem).unwrap();
                }
                let beside = Beside::Told { key: None, ocsp: None, issuer: None };
                let (name, files) = (format!("{i}").into(), Files { crt, beside });
                Wanted {
                    name,
                    files,
                    origin: Origin::default(),
                    told: crate::told::Told::default(),
                    tokens: Switch::Off,
                }
            })
            .collect();
        let read = read_all(&wanted, &Issuers::default(), Speech::Silent);
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(read.len(), 100);
        for (wanted, content) in read {
            match content {
                Ok(Content::Ready(certificate)) => {
                    assert_eq!(*certificate.names[0], format!("n{}.example.com", wanted.name));
                }
                _ => assert_eq!(&*wanted.name, "42"),
            }
        }
    }
}
