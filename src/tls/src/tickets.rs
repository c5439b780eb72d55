//! Session tickets: the keys of files (`tls-ticket-keys`), and how long tickets are good for.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::{hmac, iv};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;

/// How many keys are in use at a time: the last but one makes tickets, all open them.
const KEYS: usize = 3;
/// Which of them makes tickets.
const MAKER: usize = KEYS - 2;
/// A key of AES-128, with its name and the key of its seal.
const SMALL: usize = 48;
/// The same of AES-256.
const LARGE: usize = 80;
const NAME: usize = 16;
const IV: usize = 16;
const TAG: usize = 32;

/// The keys of one file, shared by the listeners that name it.
pub(crate) struct TicketKeys {
    /// The file as it is written.
    file: Box<str>,
    keys: ArcSwap<[Arc<Key>; KEYS]>,
    /// Those who change the keys come one by one.
    change: Mutex<()>,
}

/// One key.
struct Key {
    /// As it was read: its name, then what the others are made of.
    bytes: Box<[u8]>,
    seal: hmac::Key,
    close: PaddedBlockEncryptingKey,
    open: PaddedBlockDecryptingKey,
}

/// Makes and opens tickets that are good for some time, in sessions of one kind.
#[derive(Debug)]
pub(crate) struct Ticketer {
    pub(crate) maker: Arc<dyn ProducesTickets>,
    /// In seconds.
    pub(crate) lifetime: u32,
    /// What whoever shows a ticket would be believed without being asked again: it is worth nothing to others.
    pub(crate) realm: u64,
}

impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKeys").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Key {
    /// Makes a key of one of the two sizes.
    fn new(bytes: &[u8]) -> Option<Self> {
        let (algorithm, size) = match bytes.len() {
            SMALL => (&AES_128, 16),
            LARGE => (&AES_256, 32),
            _ => return None,
        };
        let (seal, cipher) = bytes[NAME..].split_at(size);
        let unbound = || UnboundCipherKey::new(algorithm, cipher).ok();
        Some(Self {
            bytes: bytes.into(),
            seal: hmac::Key::new(hmac::HMAC_SHA256, seal),
            close: PaddedBlockEncryptingKey::cbc_pkcs7(unbound()?).ok()?,
            open: PaddedBlockDecryptingKey::cbc_pkcs7(unbound()?).ok()?,
        })
    }

    /// Key name, IV, content and seal over all of that.
    fn encrypt(&self, content: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = content.to_vec();
        let begun = self.close.encrypt(&mut sealed).ok()?;
        let iv: &[u8] = (&begun).try_into().ok()?;
        let mut ticket = Vec::with_capacity(NAME + IV + sealed.len() + TAG);
        for part in [&self.bytes[..NAME], iv, &sealed] {
            ticket.extend_from_slice(part);
        }
        let tag = hmac::sign(&self.seal, &ticket);
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (sealed, tag) = ticket.split_at_checked(ticket.len().checked_sub(TAG)?)?;
        hmac::verify(&self.seal, sealed, tag).ok()?;
        let (iv, content) = sealed.get(NAME..)?.split_at_checked(IV)?;
        let begun = DecryptionContext::Iv128(iv::FixedLength::try_from(iv).ok()?);
        let mut content = content.to_vec();
        self.open.decrypt(&mut content, begun).ok().map(|content| content.to_vec())
    }
}

impl TicketKeys {
    /// Reads the keys of a file.
    pub(crate) fn load(file: &str) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|_| "unable to load ssl tickets keys file".to_owned())?;
        Self::read(file, &text)
    }

    fn read(file: &str, text: &[u8]) -> Result<Self, String> {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = text.split(|b| *b == b'\n').filter(|_| !text.is_empty());
        for (line, number) in lines.zip(1..) {
            let end = line.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
            let bytes = decode(&line[..end])
                .ok_or_else(|| format!("unable to decode base64 key on line {number}"))?;
            let fits = keys.first().is_none_or(|first| first.bytes.len() == bytes.len());
            let key = Some(&bytes).filter(|_| fits).and_then(|bytes| Key::new(bytes));
            keys.push(Arc::new(key.ok_or_else(|| format!("wrong sized key on line {number}"))?));
        }
        let last = keys.len().saturating_sub(KEYS);
        let keys = <[Arc<Key>; KEYS]>::try_from(keys.split_off(last))
            .map_err(|_| format!("please supply at least {KEYS} keys in the tls-tickets-file"))?;
        Ok(Self { file: file.into(), keys: ArcSwap::from_pointee(keys), change: Mutex::new(()) })
    }

    /// The file as it is written.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Puts a key behind the others; the oldest goes.
    pub(crate) fn push(&self, text: &str) -> Result<(), String> {
        let invalid = || "'set ssl tls-key' received invalid base64 encoded TLS key.\n".to_owned();
        let bytes = decode(text.as_bytes()).ok_or_else(invalid)?;
        let _turn = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.keys.load();
        let wrong = || "'set ssl tls-key' received a key of wrong size.\n".to_owned();
        let fits = keys[0].bytes.len() == bytes.len();
        let new = Some(&bytes).filter(|_| fits).and_then(|bytes| Key::new(bytes)).ok_or_else(wrong)?;
        let [_, second, third] = &**keys;
        self.keys.store(Arc::new([second.clone(), third.clone(), Arc::new(new)]));
        Ok(())
    }

    /// The keys as `show tls-keys` lists them.
    pub(crate) fn show(&self, id: usize, out: &mut String) {
        for (i, key) in self.keys.load().iter().enumerate() {
            let _ = writeln!(out, "{id}.{i} {}", STANDARD.encode(&key.bytes));
        }
    }
}

/// The bytes of a key that is not too long for any.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| bytes.len() <= LARGE)
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.load()[MAKER].encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys.load();
        keys.iter().rev().find(|key| cipher.starts_with(&key.bytes[..NAME]))?.decrypt(cipher)
    }
}

/// What stands before the content of a ticket: when it was made, and for which kind of sessions.
const HEAD: usize = 16;

impl Ticketer {
    fn encrypt_at(&self, now: u64, plain: &[u8]) -> Option<Vec<u8>> {
        let mut content = Vec::with_capacity(HEAD + plain.len());
        content.extend_from_slice(&now.to_be_bytes());
        content.extend_from_slice(&self.realm.to_be_bytes());
        content.extend_from_slice(plain);
        self.maker.encrypt(&content)
    }

    fn decrypt_at(&self, now: u64, cipher: &[u8]) -> Option<Vec<u8>> {
        let mut content = self.maker.decrypt(cipher)?;
        let (made, rest) = content.split_first_chunk::<8>()?;
        let (realm, _) = rest.split_first_chunk::<8>()?;
        let age = now.checked_sub(u64::from_be_bytes(*made))?;
        let good = age <= u64::from(self.lifetime) && u64::from_be_bytes(*realm) == self.realm;
        good.then(|| content.split_off(HEAD))
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        self.maker.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.lifetime
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.encrypt_at(UnixTime::now().as_secs(), plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.decrypt_at(UnixTime::now().as_secs(), cipher)
    }
}

/// The files of keys of a process, the one read last first.
#[derive(Clone, Debug, Default)]
pub(crate) struct TicketFiles(Vec<Arc<TicketKeys>>);

impl TicketFiles {
    /// The keys of a file, read once.
    pub(crate) fn get(&mut self, file: &str) -> Result<Arc<TicketKeys>, String> {
        if let Some(known) = self.0.iter().find(|keys| keys.file() == file) {
            return Ok(known.clone());
        }
        let keys = Arc::new(TicketKeys::load(file)?);
        self.0.insert(0, keys.clone());
        Ok(keys)
    }

    /// By `#` and its number, or by its file.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Arc<TicketKeys>)> {
        let mut all = self.0.iter().enumerate();
        match name.strip_prefix('#') {
            Some("") => all.next(),
            Some(number) => {
                let number: usize = number.parse().ok()?;
                all.find(|(id, _)| *id == number)
            }
            None => all.find(|(_, keys)| keys.file() == name),
        }
    }

    /// The files and their numbers.
    pub(crate) fn list(&self) -> String {
        let mut out = "# id (file)\n".to_owned();
        for (id, keys) in self.0.iter().enumerate() {
            let _ = writeln!(out, "{id} ({})", keys.file());
        }
        out
    }

    /// The keys of one file, or of all (`*`).
    pub(crate) fn show(&self, which: &str) -> Option<String> {
        let shown: Vec<_> = match which {
            "*" => self.0.iter().enumerate().collect(),
            one => vec![self.find(one)?],
        };
        let mut out = "# id secret\n".to_owned();
        for (id, keys) in shown {
            let _ = writeln!(out, "# {id} ({})", keys.file());
            keys.show(id, &mut out);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(fill: u8, size: usize) -> String {
        STANDARD.encode(vec![fill; size])
    }

    fn keys(fills: &[u8], size: usize) -> TicketKeys {
        let text: Vec<_> = fills.iter().map(|f| line(*f, size)).collect();
        TicketKeys::read("file", text.join("\n").as_bytes()).unwrap()
    }

    #[test]
    fn the_last_but_one_makes_tickets_and_all_open_them() {
        for size in [SMALL, LARGE] {
            let old = keys(&[1, 2, 3], size);
            let ticket = old.encrypt(b"something").unwrap();
            assert_eq!(ticket[..NAME], [2; NAME]);
            // The ticket of its maker is opened as long as that is among the last three.
            assert_eq!(keys(&[0, 1, 2, 3, 4], size).decrypt(&ticket).unwrap(), b"something");
            assert_eq!(keys(&[2, 3, 4, 5], size).decrypt(&ticket), None);
        }
    }

    #[test]
    fn another_key_takes_the_place_of_the_oldest() {
        let all = keys(&[1, 2, 3], SMALL);
        let ticket = all.encrypt(b"x").unwrap();
        all.push(&line(4, SMALL)).unwrap();
        assert_eq!(all.encrypt(b"x").unwrap()[..NAME], [3; NAME]);
        assert!(all.decrypt(&ticket).is_some());
        all.push(&line(5, SMALL)).unwrap();
        assert!(all.decrypt(&ticket).is_none());
        assert!(all.push(&line(5, LARGE)).unwrap_err().contains("wrong size"));
        assert!(all.push("@@").unwrap_err().contains("invalid base64"));
        let mut shown = String::new();
        all.show(7, &mut shown);
        assert_eq!(shown.lines().next_back(), Some(format!("7.2 {}", line(5, SMALL)).as_str()));
    }

    #[test]
    fn a_changed_ticket_is_worth_nothing() {
        let all = keys(&[1, 2, 3], LARGE);
        let ticket = all.encrypt(b"something").unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(all.decrypt(&changed), None, "at {at}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_line() {
        let wrong = |lines: &[String]| TicketKeys::read("f", lines.join("\n").as_bytes()).unwrap_err();
        let (small, large) = (line(1, SMALL), line(1, LARGE));
        let mixed = [small.clone(), small.clone(), large.clone()];
        assert_eq!(wrong(&mixed), "wrong sized key on line 3");
        assert_eq!(wrong(&[large.clone(), String::new(), large]), "wrong sized key on line 2");
        assert_eq!(wrong(&[small.clone(), "zz!!".to_owned()]), "unable to decode base64 key on line 2");
        assert_eq!(wrong(&[small.clone(), line(1, 300)]), "unable to decode base64 key on line 2");
        assert_eq!(wrong(&[small.clone(), small]), "please supply at least 3 keys in the tls-tickets-file");
        assert!(wrong(&[]).contains("at least 3"));
    }

    #[test]
    fn tickets_grow_old_and_stay_in_their_realm() {
        let maker: Arc<dyn ProducesTickets> = Arc::new(keys(&[1, 2, 3], SMALL));
        let of = |realm| Ticketer { maker: maker.clone(), lifetime: 300, realm };
        let ticket = of(1).encrypt_at(1000, b"x").unwrap();
        assert_eq!(of(1).decrypt_at(1300, &ticket).unwrap(), b"x");
        assert_eq!(of(1).decrypt_at(1301, &ticket), None);
        assert_eq!(of(1).decrypt_at(999, &ticket), None);
        assert_eq!(of(2).decrypt_at(1000, &ticket), None);
    }

    #[test]
    fn files_have_numbers_the_last_first() {
        let files = TicketFiles(vec![Arc::new(keys(&[1, 2, 3], SMALL)), Arc::new(keys(&[1, 2, 3], LARGE))]);
        assert_eq!(files.list(), "# id (file)\n0 (file)\n1 (file)\n");
        assert_eq!(files.find("#1").map(|(id, _)| id), Some(1));
        assert_eq!(files.find("#").map(|(id, _)| id), Some(0));
        assert!(files.find("#2").is_none() && files.find("#x").is_none() && files.find("other").is_none());
        assert_eq!(files.show("*").unwrap().lines().count(), 9);
        assert!(files.show("#1").unwrap().starts_with("# id secret\n# 1 (file)\n1.0 "));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_breaks_it(ticket: Vec<u8>, text: Vec<u8>) {
            prop_assert_eq!(keys(&[1, 2, 3], SMALL).decrypt(&ticket), None);
            let mut named = vec![2; NAME];
            named.extend(ticket);
            prop_assert_eq!(keys(&[1, 2, 3], SMALL).decrypt(&named), None);
            let _ = TicketKeys::read("f", &text);
        }

        #[test]
        fn what_is_closed_opens(content: Vec<u8>) {
            let all = keys(&[1, 2, 3], LARGE);
            prop_assert_eq!(all.decrypt(&all.encrypt(&content).unwrap()).unwrap(), content);
        }
    }
}
