//! Going to the background: the process that was started stays until the new one is ready.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::process::ExitCode;

use sys::process::{Ended, Fork, Nothing, Patience};

/// Which of the two processes this is.
pub(crate) enum Side {
    /// The one that was started; it ends with this.
    Parent(ExitCode),
    /// The one that stays.
    Child(Child),
}

/// The process in the background, which still owes a word to its parent.
pub(crate) struct Child {
    ready: PipeWriter,
    nothing: Nothing,
}

/// Splits the process. The parent returns once the child is ready, or has failed.
pub(crate) fn detach() -> Result<Side, String> {
    let cannot = |e: io::Error| format!("cannot go to the background ({}).", sys::reason(&e));
    let (reader, writer) = io::pipe().map_err(cannot)?;
    // In a jail there is none any more.
    let nothing = Nothing::open().map_err(|e| e.to_string())?;
    match sys::process::fork().map_err(|e| e.to_string())? {
        Fork::Parent(_) => {
            drop(writer);
            Ok(Side::Parent(await_child(reader)))
        }
        Fork::Child => {
            sys::process::new_session().map_err(|e| e.to_string())?;
            Ok(Side::Child(Child { ready: writer, nothing }))
        }
    }
}

/// A child that ends without a word has said on standard error why.
fn await_child(mut reader: PipeReader) -> ExitCode {
    if reader.read(&mut [0]).is_ok_and(|n| n == 1) {
        return ExitCode::SUCCESS;
    }
    let ended = sys::process::reap(Patience::Wait).ok().flatten();
    match ended.map(|(_, how)| how) {
        Some(how @ (Ended::Exited(_) | Ended::Killed(_))) => {
            ExitCode::from(u8::try_from(how.code()).unwrap_or(1).max(1))
        }
        None => ExitCode::FAILURE,
    }
}

impl Child {
    /// Leaves the terminal and lets the parent go.
    pub(crate) fn announce(mut self) -> Result<(), String> {
        self.nothing.replace_stdio().map_err(|e| e.to_string())?;
        // A parent that has gone needs no word.
        let _ = self.ready.write_all(b"1");
        Ok(())
    }
}

/// Writes this process's number.
pub(crate) fn write_pidfile(file: &str) -> Result<(), String> {
    fs::write(file, format!("{}\n", std::process::id()))
        .map_err(|e| format!("Cannot create pidfile {file} ({})", sys::reason(&e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pidfile_holds_one_line() {
        let path = std::env::temp_dir().join(format!("haproxy-process-{}.pid", std::process::id()));
        write_pidfile(path.to_str().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        fs::remove_file(path).unwrap();
        let e = write_pidfile("/nonexistent/pid").unwrap_err();
        assert_eq!(e, "Cannot create pidfile /nonexistent/pid (No such file or directory)");
    }

    #[test]
    fn other_threads_forbid_going_to_the_background() {
        assert!(detach().is_err_and(|e| e.starts_with("cannot fork")));
    }
}
