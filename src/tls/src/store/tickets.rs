//! `show tls-keys` and `set ssl tls-key`.

use super::{Refused, Store};
use crate::tickets::TicketFiles;

impl Store {
    /// Remembers the files of ticket keys that a configuration names.
    pub(crate) fn keep_ticket_keys(&self, files: TicketFiles) {
        self.state().tickets = files;
    }

    /// `show tls-keys`: the files that ticket keys came from.
    pub fn ticket_files(&self) -> String {
        self.state().tickets.list()
    }

    /// `show tls-keys <which>`: the keys of one file, or of all of them.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn ticket_keys(&self, which: &str) -> Result<String, Refused> {
        let unknown = || "'show tls-keys' unable to locate referenced filename\n".to_owned();
        self.state().tickets.show(which).ok_or_else(unknown)
    }

    /// `set ssl tls-key`: puts another key behind those of a file.
    ///
    /// # Errors
    /// When there is no such file, or the key is none.
    pub fn push_ticket_key(&self, which: &str, key: &str) -> Result<String, Refused> {
        let keys = self.state().tickets.find(which).map(|(_, keys)| keys.clone());
        let unknown = || "'set ssl tls-key' unable to locate referenced filename\n".to_owned();
        keys.ok_or_else(unknown)?.push(key)?;
        Ok("TLS ticket key updated!\n".to_owned())
    }
}
