//! Certificates that are made for the names that clients ask for, and signed by an authority of the configuration
//! (`generate-certificates`; configuration manual, 5.1).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use rustls::SignatureScheme;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use x509_parser::time::ASN1Time;

use crate::certificate::{Certificate, Extras, LoadError, Parts, reason};
use crate::pki::certificate::Cert;
use crate::pki::der::{self, SEQUENCE, encode};
use crate::sealed;
use crate::x509;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const LONG_TIME: u8 = 0x18;
const SET: u8 = 0x31;
/// What is told apart by its place.
const TAGGED: u8 = 0xa0;

/// The longest common name (RFC 5280, `ub-common-name`).
const LONGEST_NAME: usize = 64;
const DAY: i64 = 24 * 3600;
/// How long before now, and after, a certificate is good.
const GOOD: (i64, i64) = (DAY, 365 * DAY);

/// An authority that signs what is made.
pub(crate) struct Authority {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<CertifiedKey>,
    scheme: SignatureScheme,
}

/// Makes the certificates of one listener.
pub(crate) struct Forge {
    authority: Authority,
    made: Arc<Made>,
    /// What tells its certificates apart from those of others.
    id: usize,
}

/// What was made, up to a number: who is asked for least recently is forgotten first.
#[derive(Debug)]
pub(crate) struct Made {
    most: usize,
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    certificates: HashMap<Key, (Arc<Certificate>, u64)>,
    /// By when they were asked for.
    used: BTreeMap<u64, Key>,
    now: u64,
    forges: usize,
}

type Key = (usize, Box<str>);

/// The signatures that authorities make, with the contents of their identifiers.
const SIGNATURES: &[(SignatureScheme, &[u8])] = &[
    (
        SignatureScheme::RSA_PKCS1_SHA256,
        &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00],
    ),
    (SignatureScheme::ECDSA_NISTP256_SHA256, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]),
    (SignatureScheme::ECDSA_NISTP384_SHA384, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03]),
    (SignatureScheme::ECDSA_NISTP521_SHA512, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04]),
    (SignatureScheme::ED25519, &[0x06, 0x03, 0x2b, 0x65, 0x70]),
];

impl std::fmt::Debug for Forge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forge").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Made {
    pub(crate) fn up_to(most: usize) -> Self {
        // One handshake asks twice for the same.
        Self { most: most.max(1), state: Mutex::default() }
    }

    fn find(&self, key: &Key) -> Option<Arc<Certificate>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { certificates, used, now, .. } = &mut *state;
        let (certificate, last) = certificates.get_mut(key)?;
        *now += 1;
        let key = used.remove(last)?;
        used.insert(*now, key);
        *last = *now;
        Some(certificate.clone())
    }

    fn keep(&self, key: Key, certificate: &Arc<Certificate>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now += 1;
        let now = state.now;
        if let Some((_, last)) = state.certificates.insert(key.clone(), (certificate.clone(), now)) {
            state.used.remove(&last);
        }
        state.used.insert(now, key);
        while state.certificates.len() > self.most {
            let Some((_, oldest)) = state.used.pop_first() else { break };
            state.certificates.remove(&oldest);
        }
    }

    fn next_forge(&self) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forges += 1;
        state.forges
    }
}

impl Authority {
    /// Reads an authority with its key from a file, or the key from the one beside it.
    pub(crate) fn load(file: &Path, password: Option<&str>) -> Result<Self, LoadError> {
        let text = std::fs::read(file)
            .map_err(|e| LoadError::new(file, format!("cannot open ({}) the file", reason(&e))))?;
        let mut parts = Parts::of_pem(file, &text)?;
        let unsealed = |key: Vec<u8>| Arc::new(PrivateKeyDer::Pkcs8(key.into()));
        match (&parts.key, sealed::key(&text, password)) {
            (Some(_), _) => {}
            (None, Ok(Some(key))) => parts.key = Some(unsealed(key)),
            (None, Ok(None)) => parts.seek_key(file, Extras::default())?,
            (None, Err(why)) => return Err(LoadError::new(file, format!("{why} in"))),
        }
        let chain = parts.chain.clone();
        let ready = parts.ready().map_err(|flaw| flaw.of_file(file))?;
        let schemes: Vec<_> = SIGNATURES.iter().map(|(scheme, _)| *scheme).collect();
        let signer = ready.key.key.choose_scheme(&schemes);
        let scheme = signer
            .ok_or_else(|| LoadError::new(file, "certificates cannot be signed with the key in"))?
            .scheme();
        Ok(Self { chain, key: ready.key, scheme })
    }

    /// A certificate for a name and a public key.
    fn sign(&self, name: &str, public_key: &[u8], now: i64) -> Option<CertificateDer<'static>> {
        let own = Cert::read(self.chain.first()?)?;
        let (_, algorithm) = SIGNATURES.iter().find(|(scheme, _)| *scheme == self.scheme)?;
        let algorithm = encode(SEQUENCE, algorithm);
        let mut serial = [0; 16];
        aws_lc_rs::rand::fill(&mut serial).ok()?;
        // Positive, and as long as it is.
        serial[0] = serial[0] & 0x3f | 0x40;
        let times = [time(now - GOOD.0)?, time(now + GOOD.1)?].concat();
        let body = [
            encode(TAGGED, &encode(INTEGER, &[2])),
            encode(INTEGER, &serial),
            algorithm.clone(),
            own.subject().to_vec(),
            encode(SEQUENCE, &times),
            subject(own.subject(), name)?,
            public_key.to_vec(),
            encode(TAGGED | 3, &encode(SEQUENCE, &extensions(&own, name, public_key)?)),
        ];
        let body = encode(SEQUENCE, &body.concat());
        let signature = self.key.key.choose_scheme(&[self.scheme])?.sign(&body).ok()?;
        let signature = encode(der::BIT_STRING, &[&[0][..], &signature].concat());
        Some(encode(SEQUENCE, &[body, algorithm, signature].concat()).into())
    }
}

impl Forge {
    pub(crate) fn new(authority: Authority, made: &Arc<Made>) -> Self {
        Self { authority, made: made.clone(), id: made.next_forge() }
    }

    /// The certificate for a name, with the key of another one.
    pub(crate) fn certificate(&self, name: &str, like: &Certificate) -> Option<Arc<Certificate>> {
        if name.is_empty() || name.len() > 255 || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let name = name.to_ascii_lowercase().into_boxed_str();
        let key = (self.id, name.clone());
        if let Some(known) = self.made.find(&key).filter(|known| known.has_key_of(like)) {
            return Some(known);
        }
        let public_key = Cert::read(like.der())?.parsed.tbs_certificate.subject_pki.raw.to_vec();
        let now = UnixTime::now().as_secs().cast_signed();
        let mut chain = vec![self.authority.sign(&name, &public_key, now)?];
        chain.extend(self.authority.chain.iter().cloned());
        let made = Arc::new(like.with_chain(chain, vec![name]));
        self.made.keep(key, &made);
        Some(made)
    }
}

/// The name of an authority, with another common name behind it unless that is too long.
fn subject(authority: &[u8], name: &str) -> Option<Vec<u8>> {
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let parts = der::Reader::new(authority).expect(SEQUENCE)?.content;
    if name.len() > LONGEST_NAME {
        return Some(authority.to_vec());
    }
    let pair = [encode(OID, COMMON_NAME), encode(UTF8, name.as_bytes())].concat();
    let last = encode(SET, &encode(SEQUENCE, &pair));
    Some(encode(SEQUENCE, &[parts, &last].concat()))
}

fn extensions(authority: &Cert<'_>, name: &str, public_key: &[u8]) -> Option<Vec<u8>> {
    let (_, key) = der::public_key(public_key)?;
    let own = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
    // Either the identifier of the authority's key, or its issuer and its number.
    let authority = if let Some(id) = authority.key_identifier() {
        encode(0x80, id)
    } else {
        let issuer = encode(TAGGED | 1, &encode(TAGGED | 4, authority.issuer()));
        [issuer, encode(0x82, authority.parsed.raw_serial())].concat()
    };
    // Digital signature, non-repudiation, encipherment of keys.
    let uses = encode(der::BIT_STRING, &[5, 0xe0]);
    let names = encode(SEQUENCE, &encode(0x82, name.as_bytes()));
    let all: [(u8, Vec<u8>); 5] = [
        (19, encode(SEQUENCE, &[])),
        (14, encode(OCTETS, own.as_ref())),
        (35, encode(SEQUENCE, &authority)),
        (15, uses),
        (17, names),
    ];
    let one = |(id, value): &(u8, Vec<u8>)| {
        encode(SEQUENCE, &[encode(OID, &[0x55, 0x1d, *id]), encode(OCTETS, value)].concat())
    };
    Some(all.iter().flat_map(one).collect())
}

/// A time in seconds since 1970; with its century from 2050 on (RFC 5280, section 4.1.2.5).
fn time(seconds: i64) -> Option<Vec<u8>> {
    let time = ASN1Time::from_timestamp(seconds).ok()?;
    let (text, year) = (x509::time(&time), time.to_datetime().year());
    Some(match year {
        1950..2050 => encode(UTC_TIME, text.as_bytes()),
        _ => encode(LONG_TIME, format!("{:02}{text}", year / 100).as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::*;
    use crate::pki::chain::{Examination, Purpose, Trust};
    use crate::pki::error::Ignored;
    use crate::pki::store::Store;

    fn pem(name: &str, is_ca: IsCa, key: &KeyPair) -> String {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        params.self_signed(key).unwrap().pem() + &key.serialize_pem()
    }

    fn certificate(pem: &str) -> Certificate {
        Parts::of_pem(Path::new("x.pem"), pem.as_bytes()).unwrap().ready().unwrap()
    }

    fn forge(algorithm: &'static rcgen::SignatureAlgorithm, most: usize) -> (Forge, String) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let pem = pem("signer", IsCa::Ca(BasicConstraints::Unconstrained), &key);
        let ready = certificate(&pem);
        let schemes: Vec<_> = SIGNATURES.iter().map(|(scheme, _)| *scheme).collect();
        let scheme = ready.key.key.choose_scheme(&schemes).unwrap().scheme();
        let authority = Authority { chain: ready.key.cert.clone(), key: ready.key, scheme };
        (Forge::new(authority, &Arc::new(Made::up_to(most))), pem)
    }

    #[test]
    fn what_is_made_convinces_those_who_trust_the_authority() {
        let own = certificate(&pem("own.example.com", IsCa::NoCa, &KeyPair::generate().unwrap()));
        for algorithm in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let (forge, pem) = forge(algorithm, 10);
            let made = forge.certificate("Some.Example.com", &own).unwrap();
            let store = Arc::new(Store::read(Path::new("ca"), pem.as_bytes()).unwrap());
            let trust = Trust { authorities: vec![store], revocations: None };
            let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
            let now = UnixTime::now().as_secs().cast_signed();
            let none = (Ignored::NONE, Ignored::NONE);
            let mut examination = Examination::new(&trust, algorithms, now, Purpose::Server, none);
            assert_eq!(examination.run(made.der(), &[]), Ok(()));
            let cert = Cert::read(made.der()).unwrap();
            assert!(crate::pki::host::is_for(&cert, "some.example.com"));
            let read = x509::Read::new(made.der()).unwrap();
            assert_eq!(read.one_line(x509::Whose::Subject), "/CN=signer/CN=some.example.com");
            assert_eq!(read.version(), 3);
        }
    }

    #[test]
    fn long_names_are_alternative_names_only() {
        let own = certificate(&pem("own.example.com", IsCa::NoCa, &KeyPair::generate().unwrap()));
        let (forge, _) = forge(&rcgen::PKCS_ECDSA_P256_SHA256, 10);
        let name = format!("{}.example.com", "long".repeat(15));
        let made = forge.certificate(&name, &own).unwrap();
        let read = x509::Read::new(made.der()).unwrap();
        assert_eq!(read.one_line(x509::Whose::Subject), "/CN=signer");
        assert_eq!(read.alternative_names(), Some(format!("DNS:{name}")));
        assert!(forge.certificate("no name", &own).is_none());
    }

    #[test]
    fn what_is_asked_for_least_recently_is_made_anew() {
        let own = certificate(&pem("own.example.com", IsCa::NoCa, &KeyPair::generate().unwrap()));
        let (forge, _) = forge(&rcgen::PKCS_ECDSA_P256_SHA256, 2);
        let make = |name| forge.certificate(name, &own).unwrap();
        let (a, b) = (make("a"), make("b"));
        assert!(Arc::ptr_eq(&a, &make("A")));
        make("c");
        assert!(Arc::ptr_eq(&a, &make("a")) && !Arc::ptr_eq(&b, &make("b")));
        // Another key is another certificate.
        let other = certificate(&pem("own.example.com", IsCa::NoCa, &KeyPair::generate().unwrap()));
        assert!(!Arc::ptr_eq(&make("b"), &forge.certificate("b", &other).unwrap()));
    }

    #[test]
    fn times_are_written_with_their_century_when_it_matters() {
        assert_eq!(time(0).unwrap(), encode(UTC_TIME, b"700101000000Z"));
        assert_eq!(time(2_524_608_000).unwrap(), encode(LONG_TIME, b"20500101000000Z"));
    }
}
