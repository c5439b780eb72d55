//! The passphrases of private keys, and the command that tells them (`ssl-passphrase-cmd`).

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::sealed;

/// How a process gets at passphrases.
#[derive(Debug, Default)]
pub(crate) struct Passphrases(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The program and its arguments.
    command: Vec<String>,
    /// Those that opened a key.
    known: Vec<String>,
}

/// Those of this process.
pub(crate) static PASSPHRASES: Passphrases =
    Passphrases(Mutex::new(State { command: Vec::new(), known: Vec::new() }));

impl Passphrases {
    /// Says which command tells them.
    pub(crate) fn settle(&self, command: &[String]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).command = command.to_vec();
    }

    /// The key in a PEM text, if there is one behind a passphrase.
    pub(crate) fn open(&self, file: &Path, text: &[u8]) -> Result<Option<PrivateKeyDer<'static>>, String> {
        let sealed = |passphrase: &str| {
            let key = sealed::key(text, Some(passphrase)).map_err(|why| format!("{why} in"))?;
            Ok(key.map(|key| PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key))))
        };
        // One command at a time: the next key may be behind the same passphrase.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sealed::key(text, None) == Ok(None) {
            return Ok(None);
        }
        if let Some(key) = state.known.iter().find_map(|known| sealed(known).ok()) {
            return Ok(key);
        }
        let told = state.ask(file)?;
        let key: Result<_, String> = sealed(&told);
        if key.is_ok() {
            state.known.push(told);
        }
        key
    }
}

impl State {
    /// Runs the command on a file.
    fn ask(&self, file: &Path) -> Result<String, String> {
        let Some((program, args)) = self.command.split_first() else {
            return Err("there is no 'ssl-passphrase-cmd' for the encrypted private key in".to_owned());
        };
        let output =
            Command::new(program).arg(file).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            _ => Err(format!("'{program}' tells no passphrase for the private key in")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl pkcs8 -topk8` of a key for Ed25519, behind the passphrase `secret`.
    const KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjuZctbSiM4ngICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEECxK4g/fORJY4b9vpq75shQEQIRC\n\
WTz/WEB5EMQl5LYqP8p0RZhmi3Ks2frP7K1ZJpHmoEkGH1piPtrJkCoWAdSTM6Cd\n\
hNTTffe2aI1/hUY/mF8=\n\
-----END ENCRYPTED PRIVATE KEY-----";

    #[test]
    fn the_command_is_asked_once() {
        let all = Passphrases::default();
        let (file, key) = (Path::new("some.pem"), KEY.as_bytes());
        assert_eq!(all.open(file, b"nothing"), Ok(None));
        assert!(all.open(file, key).unwrap_err().contains("no 'ssl-passphrase-cmd'"));
        all.settle(&["false".to_owned()]);
        assert!(all.open(file, key).unwrap_err().contains("'false' tells no passphrase"));
        // Whatever the command says is the passphrase, and the file comes first.
        all.settle(&["echo".to_owned()]);
        assert!(all.open(file, key).unwrap_err().contains("unable to decrypt"));
        all.settle(&["sh".to_owned(), "secret".to_owned()]);
        let script = std::env::temp_dir().join(format!("passphrase-{}", std::process::id()));
        std::fs::write(&script, "printf \"$1\"").unwrap();
        assert!(all.open(&script, key).unwrap().is_some());
        all.settle(&[]);
        assert!(all.open(file, key).unwrap().is_some());
        std::fs::remove_file(script).unwrap();
    }
}
