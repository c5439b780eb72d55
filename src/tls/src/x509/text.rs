//! Certificates and their parts as `openssl x509 -text` shows them.

use std::fmt::Write as _;

use x509_parser::asn1_rs::Oid;
use x509_parser::extensions::{
    AuthorityKeyIdentifier, DistributionPointName, ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension,
    PolicyInformation, X509Extension,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use super::{Read, Whose, long_time};
use crate::pki::der::{self, Reader};

/// Where the contents of extensions of certificates begin.
const VALUES: usize = 16;

/// The whole certificate.
pub(crate) fn write_certificate(out: &mut String, der: &[u8]) -> Option<()> {
    let read = Read::new(der)?;
    let tbs = &read.parsed.tbs_certificate;
    let version = tbs.version.0;
    let _ = writeln!(out, "Certificate:\n    Data:\n        Version: {} (0x{version:x})", version + 1);
    write_serial(out, read.parsed.raw_serial());
    let signed = der::Signed::read(der)?;
    let algorithm = algorithm(signed.algorithm)?;
    let _ = writeln!(out, "        Signature Algorithm: {algorithm}");
    let name = |whose| {
        let parts = super::parts(read.name(whose)).map(|(kind, value)| format!("{kind}={value}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(out, "        Issuer: {}", name(Whose::Issuer));
    let validity = &tbs.validity;
    let _ = writeln!(out, "        Validity\n            Not Before: {}", long_time(&validity.not_before));
    let _ = writeln!(out, "            Not After : {}", long_time(&validity.not_after));
    let _ = writeln!(out, "        Subject: {}", name(Whose::Subject));
    write_key(out, &read)?;
    if !tbs.extensions().is_empty() {
        out.push_str("        X509v3 extensions:\n");
        for extension in tbs.extensions() {
            write_extension(out, extension, VALUES - 4);
        }
    }
    let _ = writeln!(out, "    Signature Algorithm: {algorithm}");
    write_signature(out, signed.signature);
    Some(())
}

fn write_serial(out: &mut String, serial: &[u8]) {
    let significant = serial.iter().skip_while(|b| **b == 0).count();
    if significant <= 8 && (significant < 8 || serial[serial.len() - 8] < 0x80) {
        let number = serial.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let _ = writeln!(out, "        Serial Number: {number} (0x{number:x})");
    } else {
        let digits = &serial[serial.len() - significant..];
        let _ = writeln!(out, "        Serial Number:\n            {}", colons(digits, Case::Lower));
    }
}

fn write_key(out: &mut String, read: &Read<'_>) -> Option<()> {
    let info = &read.parsed.tbs_certificate.subject_pki;
    let name = long_name(info.algorithm.algorithm.as_bytes());
    let _ = writeln!(out, "        Subject Public Key Info:\n            Public Key Algorithm: {name}");
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => {
            let bits = bits(key.modulus);
            let _ = writeln!(out, "                Public-Key: ({bits} bit)\n                Modulus:");
            write_lines(out, key.modulus, 20, 15);
            let exponent = key.try_exponent().ok()?;
            let _ = writeln!(out, "                Exponent: {exponent} (0x{exponent:x})");
        }
        Ok(PublicKey::EC(point)) => {
            let curve = info.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok())?;
            let id = curve.to_id_string();
            let (size, asn1, nist) = curve_name(&id);
            let size = if size == 0 { point.key_size() } else { size };
            let _ = writeln!(out, "                Public-Key: ({size} bit)\n                pub:");
            write_lines(out, &info.subject_public_key.data, 20, 15);
            let _ = writeln!(out, "                ASN1 OID: {asn1}");
            if let Some(nist) = nist {
                let _ = writeln!(out, "                NIST CURVE: {nist}");
            }
        }
        _ if name == "ED25519" => {
            out.push_str("                ED25519 Public-Key:\n                pub:\n");
            write_lines(out, &info.subject_public_key.data, 20, 15);
        }
        _ => out.push_str("            Unable to load Public Key\n"),
    }
    Some(())
}

/// How many bits a number has.
fn bits(number: &[u8]) -> usize {
    let mut digits = number.iter().skip_while(|b| **b == 0);
    digits.next().map_or(0, |first| 8 - first.leading_zeros() as usize + digits.count() * 8)
}

/// The size of a curve, and its names.
fn curve_name(id: &str) -> (usize, &str, Option<&'static str>) {
    match id {
        "1.2.840.10045.3.1.7" => (256, "prime256v1", Some("P-256")),
        "1.3.132.0.34" => (384, "secp384r1", Some("P-384")),
        "1.3.132.0.35" => (521, "secp521r1", Some("P-521")),
        "1.3.132.0.10" => (256, "secp256k1", None),
        other => (0, other, None),
    }
}

/// The bytes of a signature.
pub(crate) fn write_signature(out: &mut String, signature: &[u8]) {
    out.push_str("    Signature Value:\n");
    write_lines(out, signature, 8, 18);
}

/// Bytes with colons, so many in a line.
fn write_lines(out: &mut String, bytes: &[u8], indent: usize, width: usize) {
    let count = bytes.len().div_ceil(width);
    for (i, line) in bytes.chunks(width).enumerate() {
        let end = if i + 1 == count { "" } else { ":" };
        let _ = writeln!(out, "{:indent$}{}{end}", "", colons(line, Case::Lower));
    }
}

/// How digits above 9 are written.
#[derive(Clone, Copy)]
enum Case {
    Lower,
    Upper,
}

fn colons(bytes: &[u8], case: Case) -> String {
    let byte = |b: &u8| match case {
        Case::Lower => format!("{b:02x}"),
        Case::Upper => format!("{b:02X}"),
    };
    bytes.iter().map(byte).collect::<Vec<_>>().join(":")
}

/// The name of what the content of an algorithm's identifier says.
pub(crate) fn algorithm(content: &[u8]) -> Option<String> {
    Some(long_name(Reader::new(content).expect(0x06)?.content))
}

/// The name of something with an identifier of its own.
pub(crate) fn long_name(id: &[u8]) -> String {
    const NAMES: &[(&str, &str)] = &[
        ("1.2.840.113549.1.1.1", "rsaEncryption"),
        ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
        ("1.2.840.113549.1.1.10", "rsassaPss"),
        ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
        ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
        ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
        ("1.2.840.10045.2.1", "id-ecPublicKey"),
        ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
        ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
        ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
        ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
        ("1.3.101.112", "ED25519"),
        ("1.3.14.3.2.26", "sha1"),
        ("2.16.840.1.101.3.4.2.1", "sha256"),
        ("2.16.840.1.101.3.4.2.2", "sha384"),
        ("2.16.840.1.101.3.4.2.3", "sha512"),
        ("1.3.6.1.5.5.7.1.1", "Authority Information Access"),
        ("1.3.6.1.5.5.7.1.24", "TLS Feature"),
        ("1.3.6.1.5.5.7.48.1", "OCSP"),
        ("1.3.6.1.5.5.7.48.2", "CA Issuers"),
        ("1.3.6.1.5.5.7.48.1.2", "OCSP Nonce"),
        ("1.3.6.1.5.5.7.48.1.3", "OCSP CRL ID"),
        ("1.3.6.1.5.5.7.48.1.4", "Acceptable OCSP Responses"),
        ("1.3.6.1.5.5.7.48.1.5", "OCSP No Check"),
        ("1.3.6.1.5.5.7.48.1.6", "OCSP Archive Cutoff"),
        ("1.3.6.1.4.1.11129.2.4.2", "CT Precertificate SCTs"),
        ("1.3.6.1.4.1.11129.2.4.5", "CT Certificate SCTs"),
        ("2.5.29.14", "X509v3 Subject Key Identifier"),
        ("2.5.29.15", "X509v3 Key Usage"),
        ("2.5.29.17", "X509v3 Subject Alternative Name"),
        ("2.5.29.18", "X509v3 Issuer Alternative Name"),
        ("2.5.29.19", "X509v3 Basic Constraints"),
        ("2.5.29.21", "X509v3 CRL Reason Code"),
        ("2.5.29.30", "X509v3 Name Constraints"),
        ("2.5.29.31", "X509v3 CRL Distribution Points"),
        ("2.5.29.32", "X509v3 Certificate Policies"),
        ("2.5.29.35", "X509v3 Authority Key Identifier"),
        ("2.5.29.37", "X509v3 Extended Key Usage"),
    ];
    let id = Oid::new(id.into()).to_id_string();
    let known = NAMES.iter().find(|(number, _)| *number == id);
    known.map_or(id, |(_, name)| (*name).to_owned())
}

/// A name in DER, with its parts behind each other, in quotes where that is needed.
pub(crate) fn quoted_name(der: &[u8]) -> Option<String> {
    let (_, name) = X509Name::from_der(der).ok()?;
    let groups = name.iter_rdn().map(|group| {
        let parts = group.iter().map(|a| format!("{} = {}", super::kind(a), quoted(&super::value(a))));
        parts.collect::<Vec<_>>().join(" + ")
    });
    Some(groups.collect::<Vec<_>>().join(", "))
}

fn quoted(value: &str) -> String {
    let special = |c: char| ",+<>;".contains(c);
    let edges = value.starts_with([' ', '#']) || value.ends_with(' ');
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:02X}");
            }
        }
    }
    if edges || value.contains(special) { format!("\"{text}\"") } else { text }
}

/// A list of extensions, each behind so many spaces.
pub(crate) fn write_extensions(out: &mut String, list: &[u8], indent: usize) -> Option<()> {
    let mut rest = list;
    while !rest.is_empty() {
        let (after, extension) = X509Extension::from_der(rest).ok()?;
        write_extension(out, &extension, indent);
        rest = after;
    }
    Some(())
}

fn write_extension(out: &mut String, extension: &X509Extension<'_>, indent: usize) {
    let critical = if extension.critical { "critical" } else { "" };
    let name = long_name(extension.oid.as_bytes());
    let _ = writeln!(out, "{:indent$}{name}: {critical}", "");
    let lines = lines(extension);
    if name == "OCSP No Check" {
        out.push('\n');
        return;
    }
    for line in lines {
        let _ = writeln!(out, "{:width$}{line}", "", width = indent + 4);
    }
}

/// What an extension says, in lines.
fn lines(extension: &X509Extension<'_>) -> Vec<String> {
    match extension.parsed_extension() {
        ParsedExtension::BasicConstraints(c) => {
            let authority = if c.ca { "CA:TRUE" } else { "CA:FALSE" };
            let length = c.path_len_constraint.map_or_else(String::new, |n| format!(", pathlen:{n}"));
            vec![format!("{authority}{length}")]
        }
        ParsedExtension::KeyUsage(usage) => vec![key_usage(*usage)],
        ParsedExtension::ExtendedKeyUsage(usage) => vec![extended_usage(usage)],
        ParsedExtension::SubjectKeyIdentifier(id) => vec![colons(id.0, Case::Upper)],
        ParsedExtension::AuthorityKeyIdentifier(id) => authority_key(id),
        ParsedExtension::SubjectAlternativeName(names) => vec![general_names(&names.general_names)],
        ParsedExtension::IssuerAlternativeName(names) => vec![general_names(&names.general_names)],
        ParsedExtension::AuthorityInfoAccess(access) => {
            let place = |a: &x509_parser::extensions::AccessDescription<'_>| {
                let method = long_name(a.access_method.as_bytes());
                format!("{method} - {}", super::general_name(&a.access_location))
            };
            access.accessdescs.iter().map(place).collect()
        }
        ParsedExtension::CRLDistributionPoints(points) => {
            points.points.iter().flat_map(|point| distribution(point.distribution_point.as_ref())).collect()
        }
        ParsedExtension::CertificatePolicies(policies) => policies.iter().map(policy).collect(),
        _ if extension.oid.to_id_string() == "1.3.6.1.5.5.7.48.1.2" => {
            vec![super::hex(extension.value).to_ascii_uppercase()]
        }
        _ => vec![extension.value.iter().map(|b| printable(*b)).collect()],
    }
}

fn printable(byte: u8) -> char {
    if (0x20..0x7f).contains(&byte) || byte == b'\n' || byte == b'\r' { char::from(byte) } else { '.' }
}

fn policy(policy: &PolicyInformation<'_>) -> String {
    format!("Policy: {}", policy.policy_id.to_id_string())
}

fn key_usage(usage: KeyUsage) -> String {
    const NAMES: &[&str] = &[
        "Digital Signature",
        "Non Repudiation",
        "Key Encipherment",
        "Data Encipherment",
        "Key Agreement",
        "Certificate Sign",
        "CRL Sign",
        "Encipher Only",
        "Decipher Only",
    ];
    let named = NAMES.iter().enumerate().filter(|(i, _)| usage.flags >> i & 1 == 1);
    named.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

fn extended_usage(usage: &ExtendedKeyUsage<'_>) -> String {
    let known = [
        (usage.any, "Any Extended Key Usage"),
        (usage.server_auth, "TLS Web Server Authentication"),
        (usage.client_auth, "TLS Web Client Authentication"),
        (usage.code_signing, "Code Signing"),
        (usage.email_protection, "E-mail Protection"),
        (usage.time_stamping, "Time Stamping"),
        (usage.ocsp_signing, "OCSP Signing"),
    ];
    let names = known.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned());
    let others = usage.other.iter().map(Oid::to_id_string);
    names.chain(others).collect::<Vec<_>>().join(", ")
}

fn authority_key(id: &AuthorityKeyIdentifier<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let alone = id.authority_cert_issuer.is_none() && id.authority_cert_serial.is_none();
    if let Some(key) = &id.key_identifier {
        let key = colons(key.0, Case::Upper);
        lines.push(if alone { key } else { format!("keyid:{key}") });
    }
    lines.extend(id.authority_cert_issuer.iter().flatten().map(general_name));
    lines.extend(id.authority_cert_serial.map(|serial| format!("serial:{}", colons(serial, Case::Upper))));
    lines
}

fn general_names(names: &[GeneralName<'_>]) -> String {
    names.iter().map(general_name).collect::<Vec<_>>().join(", ")
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DirectoryName(name) => format!("DirName:{}", super::one_line_of(name)),
        other => super::general_name(other),
    }
}

fn distribution(point: Option<&DistributionPointName<'_>>) -> Vec<String> {
    match point {
        Some(DistributionPointName::FullName(names)) => {
            let names = names.iter().map(|n| format!("  {}", general_name(n)));
            std::iter::once("Full Name:".to_owned()).chain(names).collect()
        }
        _ => Vec::new(),
    }
}
