//! What certificates say of themselves, in the forms that OpenSSL's users know.

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use x509_parser::asn1_rs::Oid;
use x509_parser::der_parser::oid;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

pub(crate) mod text;

/// A certificate that was read.
pub(crate) struct Read<'c> {
    der: &'c [u8],
    parsed: X509Certificate<'c>,
}

/// Which of its two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Subject,
    Issuer,
}

impl<'c> Read<'c> {
    pub(crate) fn new(der: &'c [u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        Some(Self { der, parsed })
    }

    pub(crate) fn sha1(&self) -> [u8; 20] {
        Sha1::digest(self.der).into()
    }

    /// The number that the issuer gave to it, without leading zeros.
    pub(crate) fn serial(&self) -> &[u8] {
        without_zeros(self.parsed.raw_serial())
    }

    pub(crate) fn version(&self) -> i64 {
        i64::from(self.parsed.version().0) + 1
    }

    pub(crate) fn not_before(&self) -> String {
        time(&self.parsed.validity().not_before)
    }

    pub(crate) fn not_after(&self) -> String {
        time(&self.parsed.validity().not_after)
    }

    /// The dates with the names of months, as `openssl x509` writes them.
    pub(crate) fn not_before_long(&self) -> String {
        long_time(&self.parsed.validity().not_before)
    }

    pub(crate) fn not_after_long(&self) -> String {
        long_time(&self.parsed.validity().not_after)
    }

    /// In seconds since 1970.
    pub(crate) fn not_after_seconds(&self) -> i64 {
        self.parsed.validity().not_after.timestamp()
    }

    /// What the key is, and its size in bits.
    pub(crate) fn key_kind(&self) -> String {
        match self.parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => format!("RSA{}", key.key_size()),
            // The coordinates of this curve do not fill their bytes.
            Ok(PublicKey::EC(point)) if point.key_size() == 528 => "EC521".to_owned(),
            Ok(PublicKey::EC(point)) => format!("EC{}", point.key_size()),
            _ => algorithm(&self.parsed.public_key().algorithm.algorithm),
        }
    }

    pub(crate) fn signature_algorithm(&self) -> String {
        algorithm(&self.parsed.signature_algorithm.algorithm)
    }

    pub(crate) fn key_algorithm(&self) -> String {
        algorithm(&self.parsed.public_key().algorithm.algorithm)
    }

    /// What something makes of its key.
    pub(crate) fn key<T>(&self, describe: impl FnOnce(&PublicKey<'_>) -> Option<T>) -> Option<T> {
        describe(&self.parsed.public_key().parsed().ok()?)
    }

    fn name(&self, whose: Whose) -> &X509Name<'_> {
        match whose {
            Whose::Subject => self.parsed.subject(),
            Whose::Issuer => self.parsed.issuer(),
        }
    }

    /// The whole name, each part behind a slash.
    pub(crate) fn one_line(&self, whose: Whose) -> String {
        one_line_of(self.name(whose))
    }

    /// The whole name, the last part first (RFC 2253).
    pub(crate) fn rfc2253(&self, whose: Whose) -> String {
        let mut parts: Vec<_> = parts(self.name(whose)).collect();
        parts.reverse();
        let parts: Vec<_> = parts.iter().map(|(kind, value)| format!("{kind}={}", escaped(value))).collect();
        parts.join(",")
    }

    /// The part with this occurrence of those of one kind: from the front counted from 1, from the end from -1.
    pub(crate) fn entry(&self, whose: Whose, kind: &str, occurrence: i64) -> Option<String> {
        let mut values: Vec<_> = parts(self.name(whose)).filter(|(k, _)| k == kind).map(|(_, v)| v).collect();
        if occurrence < 0 {
            values.reverse();
        }
        let index = usize::try_from(occurrence.unsigned_abs().max(1) - 1).ok()?;
        values.into_iter().nth(index)
    }

    /// The other names that it is for.
    pub(crate) fn alternative_names(&self) -> Option<String> {
        let extension = self.parsed.subject_alternative_name().ok()??;
        let names: Vec<String> = extension.value.general_names.iter().map(general_name).collect();
        Some(names.join(", "))
    }

    /// The policies that it was issued under.
    pub(crate) fn policies(&self) -> Vec<String> {
        let extensions = self.parsed.extensions().iter();
        let policies = extensions.filter_map(|e| match e.parsed_extension() {
            ParsedExtension::CertificatePolicies(policies) => Some(policies),
            _ => None,
        });
        policies.flat_map(|p| p.iter().map(|policy| policy.policy_id.to_id_string())).collect()
    }
}

/// A whole name, each part behind a slash.
fn one_line_of(name: &X509Name<'_>) -> String {
    parts(name).fold(String::new(), |mut text, (kind, value)| {
        let _ = write!(text, "/{kind}={value}");
        text
    })
}

/// The parts of a name: the short names of their kinds, and their values.
fn parts<'n>(name: &'n X509Name<'_>) -> impl Iterator<Item = (String, String)> + 'n {
    name.iter_attributes().map(|a| (kind(a), value(a)))
}

fn kind(attribute: &AttributeTypeAndValue<'_>) -> String {
    let id = attribute.attr_type();
    let known: &[(Oid<'static>, &str)] = &[
        (oid!(2.5.4.3), "CN"),
        (oid!(2.5.4.4), "SN"),
        (oid!(2.5.4.5), "serialNumber"),
        (oid!(2.5.4.6), "C"),
        (oid!(2.5.4.7), "L"),
        (oid!(2.5.4.8), "ST"),
        (oid!(2.5.4.9), "street"),
        (oid!(2.5.4.10), "O"),
        (oid!(2.5.4.11), "OU"),
        (oid!(2.5.4.12), "title"),
        (oid!(2.5.4.42), "GN"),
        (oid!(2.5.4.97), "organizationIdentifier"),
        (oid!(1.2.840.113549.1.9.1), "emailAddress"),
        (oid!(0.9.2342.19200300.100.1.25), "DC"),
        (oid!(0.9.2342.19200300.100.1.1), "UID"),
    ];
    known.iter().find(|(o, _)| o == id).map_or_else(|| id.to_id_string(), |(_, name)| (*name).to_owned())
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.attr_value().data).into_owned(),
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (i, c) in value.char_indices() {
        let edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == value.len() && c == ' ');
        if edge || ",+\"\\<>;".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.map_or_else(|_| "IP Address:<invalid>".to_owned(), |a| format!("IP Address:{a}"))
        }
        other => other.to_string(),
    }
}

/// A date as it is written, without its century.
pub(crate) fn time(time: &ASN1Time) -> String {
    let date = time.to_datetime();
    let (year, month, day) = (date.year().rem_euclid(100), u8::from(date.month()), date.day());
    format!("{year:02}{month:02}{day:02}{:02}{:02}{:02}Z", date.hour(), date.minute(), date.second())
}

/// What a list says of what was revoked; none if it cannot be read.
pub(crate) fn describe_list(der: &[u8]) -> Option<String> {
    let (_, list) = CertificateRevocationList::from_der(der).ok()?;
    let signed = list_algorithm(&list.signature_algorithm.algorithm);
    let mut issuer = String::new();
    for (kind, value) in parts(list.issuer()) {
        let _ = write!(issuer, "/{kind}={value}");
    }
    let version = list.version().map_or(0, |v| v.0) + 1;
    let mut text = format!("Version {version}\nSignature Algorithm: {signed}\nIssuer: {issuer}\n");
    let _ = writeln!(text, "Last Update: {}", long_time(&list.last_update()));
    let next = list.next_update().map_or_else(|| "NONE".to_owned(), |time| long_time(&time));
    let _ = writeln!(text, "Next Update: {next}");
    let mut revoked = list.iter_revoked_certificates().peekable();
    let any = if revoked.peek().is_some() { "Revoked Certificates:" } else { "No Revoked Certificates." };
    let _ = writeln!(text, "{any}");
    for one in revoked {
        let _ = writeln!(
            text,
            "    Serial Number: {}",
            hex(without_zeros(one.raw_serial())).to_ascii_uppercase()
        );
        let _ = writeln!(text, "        Revocation Date: {}", long_time(&one.revocation_date));
    }
    Some(text)
}

/// What OpenSSL calls the algorithm of a list's signature, which is longer than what it calls that of a certificate.
fn list_algorithm(id: &Oid<'_>) -> String {
    let known: &[(Oid<'static>, &str)] = &[
        (oid!(1.2.840.113549.1.1.5), "sha1WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.10), "rsassaPss"),
        (oid!(1.2.840.113549.1.1.11), "sha256WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.12), "sha384WithRSAEncryption"),
        (oid!(1.2.840.113549.1.1.13), "sha512WithRSAEncryption"),
        (oid!(1.2.840.10045.4.1), "ecdsa-with-SHA1"),
    ];
    known.iter().find(|(o, _)| o == id).map_or_else(|| algorithm(id), |(_, name)| (*name).to_owned())
}

/// A number without leading zeros.
fn without_zeros(raw: &[u8]) -> &[u8] {
    let zeros = raw.iter().take_while(|b| **b == 0).count().min(raw.len().saturating_sub(1));
    &raw[zeros..]
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// The names of months.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn long_time(time: &ASN1Time) -> String {
    let date = time.to_datetime();
    let month = MONTHS[usize::from(u8::from(date.month())) - 1];
    let (hour, minute, second) = date.to_hms();
    format!("{month} {:2} {hour:02}:{minute:02}:{second:02} {} GMT", date.day(), date.year())
}

/// What OpenSSL calls an algorithm.
fn algorithm(id: &Oid<'_>) -> String {
    let known: &[(Oid<'static>, &str)] = &[
        (oid!(1.2.840.113549.1.1.1), "rsaEncryption"),
        (oid!(1.2.840.113549.1.1.5), "RSA-SHA1"),
        (oid!(1.2.840.113549.1.1.10), "RSASSA-PSS"),
        (oid!(1.2.840.113549.1.1.11), "RSA-SHA256"),
        (oid!(1.2.840.113549.1.1.12), "RSA-SHA384"),
        (oid!(1.2.840.113549.1.1.13), "RSA-SHA512"),
        (oid!(1.2.840.10045.2.1), "id-ecPublicKey"),
        (oid!(1.2.840.10045.4.3.2), "ecdsa-with-SHA256"),
        (oid!(1.2.840.10045.4.3.3), "ecdsa-with-SHA384"),
        (oid!(1.2.840.10045.4.3.4), "ecdsa-with-SHA512"),
        (oid!(1.3.101.112), "ED25519"),
    ];
    known.iter().find(|(o, _)| o == id).map_or_else(|| id.to_id_string(), |(_, name)| (*name).to_owned())
}

/// Something in DER, as PEM.
pub(crate) fn write_pem(text: &mut String, kind: &str, der: &[u8]) {
    let _ = writeln!(text, "-----BEGIN {kind}-----");
    let encoded = STANDARD.encode(der);
    for line in encoded.as_bytes().chunks(64) {
        let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
    }
    let _ = writeln!(text, "-----END {kind}-----");
}
