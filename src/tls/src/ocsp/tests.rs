use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rustls::crypto::aws_lc_rs;

use super::check::{Flaw, Valid, verify};
use super::{id, text};

/// The response of an authority with a P-256 key on a certificate of its own: good from 1795383623 on, for 100 days.
const RESPONSE: &str = "MIIBLAoBAKCCASUwggEhBgkrBgEFBQcwAQEEggESMIIBDjCBtaEyMDAxCzAJBgNVBAYTAkZSMRIwEAYDVQQKDAlUZXN0LCBJbmMx \
     DTALBgNVBAMMBGVjY2EYDzIwMjYxMTIyMjE0MDIzWjBuMGwwRDAJBgUrDgMCGgUABBR84zTbYZ/4mdmBJ3WCmI0gz3rIqgQUv4Iz \
     62gazdM7dXeeJjVPPX0r1Y4CCwDxIjNEVWZ3iJkAgAAYDzIwMjYxMTIyMjE0MDIzWqARGA8yMDI3MDMwMjIxNDAyM1owCgYIKoZI \
     zj0EAwIDSAAwRQIhAIjLTNOi38NTSW+Honj4K1BplxHSvJgqB1tsIClx+szQAiB6JFQOipSkRQC9Vz/ftchbXLMwOO1/FadZqxcm \
     Lxu6oA==";

/// The authority.
const ISSUER: &str = "MIIBxDCCAWugAwIBAgIUIPt8HuyW4e+/7y0Pg6M8Moc1xGYwCgYIKoZIzj0EAwIwMDELMAkGA1UEBhMCRlIxEjAQBgNVBAoMCVRl \
     c3QsIEluYzENMAsGA1UEAwwEZWNjYTAeFw0yNjExMjIyMTQwMjJaFw0zNjExMTkyMTQwMjJaMDAxCzAJBgNVBAYTAkZSMRIwEAYD \
     VQQKDAlUZXN0LCBJbmMxDTALBgNVBAMMBGVjY2EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS3xE7QvEVdxJD+D4faBnDnKFtS \
     jjeaK7NEgTs02x17kIb+s2qOdI5wzg4xTvFt4QRpr+VMIRTRTb+fX5NWEWE6o2MwYTAdBgNVHQ4EFgQUv4Iz62gazdM7dXeeJjVP \
     PX0r1Y4wHwYDVR0jBBgwFoAUv4Iz62gazdM7dXeeJjVPPX0r1Y4wDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYI \
     KoZIzj0EAwIDRwAwRAIgLNcRYQldVuTFRDidYbMzluUfHWObfs4JkEwkifKOjewCIHBd3xmTTPpjmc/A2MVebSoi62rYaCIvN2GV \
     ylKPhnDu";

/// The certificate.
const CERTIFICATE: &str = "MIICIjCCAcigAwIBAgILAPEiM0RVZneImQAwCgYIKoZIzj0EAwIwMDELMAkGA1UEBhMCRlIxEjAQBgNVBAoMCVRlc3QsIEluYzEN \
     MAsGA1UEAwwEZWNjYTAeFw0yNjExMjIyMTQwMjJaFw0zNjExMTkyMTQwMjJaMBgxFjAUBgNVBAMMDWMuZXhhbXBsZS5jb20wdjAQ \
     BgcqhkjOPQIBBgUrgQQAIgNiAASApHCQc+ZfB/cvfFc861ZziJ6guSdSIce2ZMmW2+47ff5dsEIM2rEpPdESbCXULYlZR3Uej0Xi \
     tDSNIemLCIIkwPMxV5nG9RSv2Z/UaTjzcn1+td51syUWNbxOrdm4sG6jgcMwgcAwXgYIKwYBBQUHAQEEUjBQMCMGCCsGAQUFBzAB \
     hhdodHRwOi8vMTI3LjAuMC4xOjEyMzU1LzApBggrBgEFBQcwAoYdaHR0cDovLzEyNy4wLjAuMToxMjM1NS9jYS5jcnQwHgYDVR0R \
     BBcwFYINeC5leGFtcGxlLmNvbYcECgAAATAdBgNVHQ4EFgQUsuJ2Og44aFiB7s+kKwmpYLodHDMwHwYDVR0jBBgwFoAUv4Iz62ga \
     zdM7dXeeJjVPPX0r1Y4wCgYIKoZIzj0EAwIDSAAwRQIhAIV1LLyqDsQabj+5RofJyiwIMAQC/5Bd7AWgy1vH7R0SAiANCA1b98P/ \
     qpOXAnNWzgrkLGfMf9ZbAqC1eKL9D0eIIg==";

/// When the response was made, and its end.
const MADE: i64 = 1_795_383_623;
const END: i64 = MADE + 100 * 86_400;

fn bytes(encoded: &str) -> Vec<u8> {
    STANDARD.decode(encoded.replace([' ', '\n'], "")).unwrap()
}

fn verified(response: &[u8], issuer: &[u8], now: i64) -> Result<(), String> {
    verify(response, issuer, now, &aws_lc_rs::default_provider().signature_verification_algorithms)
}

#[test]
fn a_response_is_good_for_its_time() {
    let response = bytes(RESPONSE);
    let valid = Valid::check(&response, MADE).unwrap();
    assert_eq!(valid.until, END - 300);
    assert_eq!(Some(valid.id), id::of(&bytes(CERTIFICATE), &bytes(ISSUER)));
    assert_eq!(Valid::check(&response, MADE - 301), Err(Flaw::Outdated));
    assert!(Valid::check(&response, MADE - 300).is_ok() && Valid::check(&response, END - 300).is_ok());
    assert_eq!(Valid::check(&response, END - 299), Err(Flaw::EndsSoon));
    assert_eq!(Valid::check(&response, END + 301), Err(Flaw::Outdated));
}

#[test]
fn only_the_issuer_is_believed() {
    let (response, issuer) = (bytes(RESPONSE), bytes(ISSUER));
    assert_eq!(verified(&response, &issuer, MADE), Ok(()));
    let wrong = Err("OCSP_basic_verify() failed".to_owned());
    assert_eq!(verified(&response, &bytes(CERTIFICATE), MADE), wrong);
    let refused = Err("OCSP response not successful (6: unauthorized)".to_owned());
    assert_eq!(verified(&[0x30, 0x03, 0x0a, 0x01, 0x06], &issuer, MADE), refused);
    assert_eq!(verified(b"", &issuer, MADE), Err("d2i_OCSP_RESPONSE() failed".to_owned()));
}

#[test]
fn it_is_shown_as_others_show_it() {
    let shown = text::describe(&bytes(RESPONSE)).unwrap();
    let begin = "OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n    Response Type: Basic OCSP Response\n    Version: 1 (0x0)\n    Responder Id: C = FR, O = \"Test, Inc\", CN = ecca\n    Produced At: Nov 22 21:40:23 2026 GMT\n    Responses:\n    Certificate ID:\n      Hash Algorithm: sha1\n";
    assert!(shown.starts_with(begin), "{shown}");
    assert!(
        shown.contains("\n    Cert Status: good\n    This Update: Nov 22 21:40:23 2026 GMT\n"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "Next Update: Mar  2 21:40:23 2027 GMT\n\n    Signature Algorithm: ecdsa-with-SHA256\n"
        )
    );
    assert_eq!(text::describe(&[0x30, 0x03, 0x0a, 0x01, 0x03]).unwrap(), "Responder Error: trylater (3)\n");
}

#[test]
fn certificates_say_where_to_ask() {
    assert_eq!(id::responder(&bytes(CERTIFICATE)).as_deref(), Some("http://127.0.0.1:12355/"));
    assert_eq!(id::responder(&bytes(ISSUER)), None);
}

proptest! {
    #[test]
    fn a_changed_response_is_not_believed(at in 0usize..304, bit in 0u8..8) {
        let mut response = bytes(RESPONSE);
        let at = at % response.len();
        response[at] ^= 1 << bit;
        let _ = text::describe(&response);
        let _ = Valid::check(&response, MADE);
        // Its own status and what stands around the signed part are not signed, but have to be as they are.
        prop_assert!(verified(&response, &bytes(ISSUER), MADE).is_err());
    }

    #[test]
    fn nothing_that_is_sent_breaks_it(bytes: Vec<u8>) {
        prop_assert!(verified(&bytes, ISSUER.as_bytes(), MADE).is_err());
        let _ = (text::describe(&bytes), id::responder(&bytes), id::of(&bytes, &bytes));
    }
}
