//! Responses as `openssl ocsp -text` shows them.

use std::fmt::Write as _;

use super::check::status as status_name;
use super::response::{Content, Date, Responder, Response, Single, Status};
use crate::x509::{self, text};

/// What an authority's response on a certificate says; none when it is malformed.
pub fn describe(der: &[u8]) -> Option<String> {
    let response = Response::read(der)?;
    let mut out = String::new();
    if response.status != 0 {
        let _ = writeln!(out, "Responder Error: {} ({})", status_name(response.status), response.status);
        return Some(out);
    }
    out.push_str("OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n");
    let Content::Basic(basic) = &response.content else {
        out.push_str("    Response Type: (unknown response type)\n");
        return Some(out);
    };
    let version = basic.version;
    let _ =
        writeln!(out, "    Response Type: Basic OCSP Response\n    Version: {} (0x{version:x})", version + 1);
    let responder = match basic.responder {
        Responder::Name(name) => text::quoted_name(name)?,
        Responder::Key(hash) => upper(hash),
    };
    let _ = writeln!(out, "    Responder Id: {responder}\n    Produced At: {}", time(basic.produced));
    out.push_str("    Responses:\n");
    for single in &basic.singles {
        write_single(&mut out, single)?;
    }
    if let Some(list) = basic.extensions {
        out.push_str("    Response Extensions:\n");
        text::write_extensions(&mut out, list, 8)?;
    }
    let _ = writeln!(out, "    Signature Algorithm: {}", text::algorithm(basic.algorithm)?);
    text::write_signature(&mut out, basic.signature);
    for der in &basic.certificates {
        text::write_certificate(&mut out, der)?;
        x509::write_pem(&mut out, "CERTIFICATE", der);
    }
    Some(out)
}

/// What says which certificate a response is about, each line behind so many spaces.
pub(crate) fn write_id(
    out: &mut String,
    id: &super::response::CertId<'_>,
    indent: usize,
    hash: Option<&str>,
) {
    let pad = " ".repeat(indent);
    let _ = writeln!(out, "{pad}Certificate ID:");
    if let Some(hash) = hash {
        let _ = writeln!(out, "{pad}  Hash Algorithm: {hash}");
    }
    let _ = writeln!(out, "{pad}  Issuer Name Hash: {}", upper(id.name_hash));
    let _ = writeln!(out, "{pad}  Issuer Key Hash: {}", upper(id.key_hash));
    let zeros = id.serial.iter().take_while(|b| **b == 0).count().min(id.serial.len().saturating_sub(1));
    let _ = writeln!(out, "{pad}  Serial Number: {}", upper(&id.serial[zeros..]));
}

fn write_single(out: &mut String, single: &Single<'_>) -> Option<()> {
    let hash = text::long_name(single.id.hash()?);
    write_id(out, &single.id, 4, Some(&hash));
    match single.status {
        Status::Good => out.push_str("    Cert Status: good\n"),
        Status::Unknown => out.push_str("    Cert Status: unknown\n"),
        Status::Revoked(since, reason) => {
            let _ = writeln!(out, "    Cert Status: revoked\n    Revocation Time: {}", time(since));
            if let Some(reason) = reason {
                let _ = writeln!(out, "    Revocation Reason: {} (0x{reason:x})", reason_name(reason));
            }
        }
    }
    let _ = write!(out, "    This Update: {}", time(single.this_update));
    if let Some(next) = single.next_update {
        let _ = write!(out, "\n    Next Update: {}", time(next));
    }
    out.push('\n');
    if let Some(list) = single.extensions {
        out.push_str("    Response Single Extensions:\n");
        text::write_extensions(out, list, 8)?;
    }
    out.push('\n');
    Some(())
}

fn reason_name(number: u8) -> &'static str {
    match number {
        0 => "unspecified",
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        _ => "(UNKNOWN)",
    }
}

fn upper(bytes: &[u8]) -> String {
    x509::hex(bytes).to_ascii_uppercase()
}

/// A time with the name of its month.
fn time(written: &[u8]) -> String {
    match Date::read(written) {
        Some(date) => {
            let Date { year, month, day, hour, minute, second } = date;
            let month = x509::MONTHS[month as usize - 1];
            format!("{month} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT")
        }
        None => "Bad time value".to_owned(),
    }
}
