use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;

use super::certificate::Cert;
use super::chain::{Examination, Purpose, Refused, Trust, Verdict};
use super::der::{Reader, Signed};
use super::error::{Code, Ignored};
use super::store::Store;

/// 2030, when certificates are in force unless a test says otherwise.
const NOW: i64 = 1_900_000_000;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root() -> Authority {
    CertifiedIssuer::self_signed(authority_params("root"), KeyPair::generate().unwrap()).unwrap()
}

fn below(name: &str, issuer: &Authority) -> Authority {
    CertifiedIssuer::signed_by(authority_params(name), KeyPair::generate().unwrap(), issuer).unwrap()
}

fn leaf(params: &CertificateParams, issuer: &Authority) -> Vec<u8> {
    params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().to_vec()
}

fn trust(pem: &str) -> Trust {
    let store = Arc::new(Store::read(Path::new("ca.pem"), pem.as_bytes()).unwrap());
    Trust { authorities: vec![store], revocations: None }
}

fn look(trust: &Trust, leaf: &[u8], others: &[&[u8]], passed: &str) -> (Result<(), Refused>, Verdict) {
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let passed = Ignored::parse(passed).unwrap();
    let mut examination = Examination::new(trust, algorithms, NOW, Purpose::Client, (passed, passed));
    (examination.run(leaf, others), examination.verdict)
}

fn refused(trust: &Trust, leaf: &[u8], others: &[&[u8]]) -> Option<Refused> {
    look(trust, leaf, others, "").0.err()
}

#[test]
fn a_chain_leads_over_others_to_a_root() {
    let root = root();
    let middle = below("middle", &root);
    let leaf = leaf(&params("a.example.com"), &middle);
    let trust = trust(&root.pem());
    assert_eq!(refused(&trust, &leaf, &[middle.der()]), None);
    assert_eq!(refused(&trust, &leaf, &[]), Some(Refused::Leaf(Code::NO_LOCAL_ISSUER)));
}

#[test]
fn an_authority_whose_issuer_is_missing_is_not_enough() {
    let middle = below("middle", &root());
    let leaf = leaf(&params("a.example.com"), &middle);
    assert_eq!(refused(&trust(&middle.pem()), &leaf, &[]), Some(Refused::Authority(Code::NO_ISSUER)));
}

#[test]
fn errors_that_are_passed_over_are_remembered() {
    let (root, other) = (root(), below("other", &root()));
    let leaf = leaf(&params("a.example.com"), &other);
    let (done, verdict) = look(&trust(&root.pem()), &leaf, &[], "all");
    assert_eq!(done, Ok(()));
    assert_eq!((verdict.leaf, verdict.last), (Code::NO_LOCAL_ISSUER, Code::UNVERIFIED_LEAF));
    assert_eq!(verdict.authority, Code::OK);
}

#[test]
fn self_signed_certificates_are_believed_when_they_are_known() {
    let (known, unknown) = (root(), root());
    assert_eq!(refused(&trust(&known.pem()), known.der(), &[]), Some(Refused::Leaf(Code::PURPOSE)));
    assert_eq!(refused(&trust(&known.pem()), unknown.der(), &[]), Some(Refused::Leaf(Code::SELF_SIGNED)));
    let leaf = leaf(&params("a.example.com"), &unknown);
    let store = trust(&below("middle", &known).pem());
    let expected = Some(Refused::Authority(Code::SELF_SIGNED_IN_CHAIN));
    assert_eq!(refused(&store, &leaf, &[unknown.der()]), expected);
}

#[test]
fn times_and_signatures_are_checked() {
    let (root, namesake) = (root(), root());
    let mut late = params("a.example.com");
    late.not_after = date_time_ymd(2020, 1, 1);
    assert_eq!(refused(&trust(&root.pem()), &leaf(&late, &root), &[]), Some(Refused::Leaf(Code::EXPIRED)));
    let mut early = params("a.example.com");
    early.not_before = date_time_ymd(2040, 1, 1);
    assert_eq!(
        refused(&trust(&root.pem()), &leaf(&early, &root), &[]),
        Some(Refused::Leaf(Code::NOT_YET_VALID))
    );
    let foreign = leaf(&params("a.example.com"), &namesake);
    assert_eq!(refused(&trust(&root.pem()), &foreign, &[]), Some(Refused::Leaf(Code::BAD_SIGNATURE)));
}

#[test]
fn only_authorities_issue_and_within_their_length() {
    let root = root();
    let mut plain = authority_params("plain");
    plain.is_ca = IsCa::ExplicitNoCa;
    let plain = CertifiedIssuer::signed_by(plain, KeyPair::generate().unwrap(), &root).unwrap();
    let below_plain = leaf(&params("a.example.com"), &plain);
    let store = trust(&root.pem());
    let expected = Some(Refused::Authority(Code::INVALID_CA));
    assert_eq!(refused(&store, &below_plain, &[plain.der()]), expected);

    let mut short = authority_params("short");
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let short = CertifiedIssuer::signed_by(short, KeyPair::generate().unwrap(), &root).unwrap();
    assert_eq!(refused(&store, &leaf(&params("a.example.com"), &short), &[short.der()]), None);
    let deeper = below("deeper", &short);
    let far = leaf(&params("a.example.com"), &deeper);
    let expected = Some(Refused::Authority(Code::PATH_LENGTH));
    assert_eq!(refused(&store, &far, &[short.der(), deeper.der()]), expected);
}

#[test]
fn names_stay_within_constraints() {
    let mut limited = authority_params("limited");
    limited.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: vec![rcgen::GeneralSubtree::DnsName("secret.example.com".into())],
    });
    let limited = CertifiedIssuer::self_signed(limited, KeyPair::generate().unwrap()).unwrap();
    let store = trust(&limited.pem());
    let of = |name| refused(&store, &leaf(&params(name), &limited), &[]);
    assert_eq!(of("a.example.com"), None);
    assert_eq!(of("a.example.org"), Some(Refused::Leaf(Code::NOT_PERMITTED)));
    assert_eq!(of("a.secret.example.com"), Some(Refused::Leaf(Code::EXCLUDED)));
}

fn list(issuer: &Authority, revoked: &[u64], until: i32) -> String {
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}

#[test]
fn what_is_revoked_is_refused() {
    let root = root();
    let mut numbered = params("a.example.com");
    numbered.serial_number = Some(SerialNumber::from(77));
    let leaf = leaf(&numbered, &root);
    let with = |pem: &str| {
        let store = Store::read(Path::new("crl.pem"), pem.as_bytes()).unwrap();
        Trust { revocations: Some(Arc::new(store)), ..trust(&root.pem()) }
    };
    assert_eq!(refused(&with(&list(&root, &[5], 2050)), &leaf, &[]), None);
    let revoked = Some(Refused::Leaf(Code::REVOKED));
    assert_eq!(refused(&with(&list(&root, &[5, 77], 2050)), &leaf, &[]), revoked);
    assert_eq!(refused(&with(&list(&root, &[], 2025)), &leaf, &[]), Some(Refused::Leaf(Code::CRL_EXPIRED)));
    let stranger = self::root();
    let expected = Some(Refused::Leaf(Code::BAD_CRL_SIGNATURE));
    assert_eq!(refused(&with(&list(&stranger, &[], 2050)), &leaf, &[]), expected);
    let other = below("other", &root);
    assert_eq!(refused(&with(&list(&other, &[], 2050)), &leaf, &[]), Some(Refused::Leaf(Code::NO_CRL)));
}

proptest! {
    #[test]
    fn anything_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::new(&bytes);
        let mut total = 0;
        while let Some(element) = reader.next() {
            prop_assert!(element.whole.len() >= 2 && element.whole.ends_with(element.content));
            total += element.whole.len();
        }
        prop_assert!(total <= bytes.len());
        prop_assert!(Cert::read(&bytes).is_none());
    }

    #[test]
    fn damaged_certificates_are_not_believed(at in 0usize..10_000, with in 1u8..) {
        let root = root();
        let mut leaf = leaf(&params("a.example.com"), &root);
        let at = at % leaf.len();
        leaf[at] ^= with;
        // Outside of what is signed only the outermost length and the signature itself are left.
        prop_assert!(Signed::read(&leaf).is_none() || look(&trust(&root.pem()), &leaf, &[], "").0.is_err());
    }
}
