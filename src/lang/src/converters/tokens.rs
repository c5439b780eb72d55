//! The certificates that tokens are verified and decrypted with. Who keeps certificates says which ones they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::jwe::Key;

/// What a certificate has for tokens.
#[derive(Debug)]
pub struct Certificate {
    /// Its public key: the content of the bit string of its `SubjectPublicKeyInfo`.
    pub public: Arc<[u8]>,
    /// Its private key, where there is one that can decrypt.
    pub(super) private: Option<Key>,
}

/// What an expression needs of a certificate that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The certificate; it may be read for this.
    Certificate,
    /// Its private key; it must be there.
    Key,
}

static ALL: RwLock<Option<HashMap<Box<str>, Arc<Certificate>>>> = RwLock::new(None);
/// Tells whether there is a certificate of some name, be it for tokens or not.
type Lookup = Box<dyn Fn(&str) -> bool + Send + Sync>;

static OTHERS: RwLock<Option<Lookup>> = RwLock::new(None);
static MENTIONED: Mutex<BTreeMap<Box<str>, Need>> = Mutex::new(BTreeMap::new());

impl Certificate {
    /// With a public key, and a private one as PKCS #8 or as RFC 5915 has it.
    pub fn new(public: &[u8], private: Option<&[u8]>) -> Self {
        Self { public: public.into(), private: private.and_then(Key::of_der) }
    }
}

/// From now on a certificate may be used for tokens.
pub fn offer(name: &str, certificate: Certificate) {
    let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
    all.get_or_insert_default().insert(name.into(), Arc::new(certificate));
}

/// From now on it may not.
pub fn withdraw(name: &str) {
    if let Some(all) = ALL.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
        all.remove(name);
    }
}

pub(super) fn find(name: &str) -> Option<Arc<Certificate>> {
    ALL.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(name).cloned()
}

/// Says where it can be learnt whether there is a certificate of some name.
pub fn look_up_with(lookup: impl Fn(&str) -> bool + Send + Sync + 'static) {
    *OTHERS.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(lookup));
}

/// Whether there is a certificate of this name that is not for tokens.
pub(super) fn is_other(name: &str) -> bool {
    OTHERS.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|knows| knows(name))
}

pub(super) fn mention(name: &str, need: Need) {
    MENTIONED.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into(), need);
}

/// The certificates that expressions named since the last call.
pub fn mentioned() -> BTreeMap<Box<str>, Need> {
    std::mem::take(&mut *MENTIONED.lock().unwrap_or_else(PoisonError::into_inner))
}
