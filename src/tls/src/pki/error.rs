//! Why a chain is not trusted, by the numbers and the names of OpenSSL's `X509_V_ERR` constants.

/// A result of a verification; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u8);

impl Code {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const NO_ISSUER: Self = Self(2);
    pub(crate) const NO_CRL: Self = Self(3);
    pub(crate) const BAD_SIGNATURE: Self = Self(7);
    pub(crate) const BAD_CRL_SIGNATURE: Self = Self(8);
    pub(crate) const NOT_YET_VALID: Self = Self(9);
    pub(crate) const EXPIRED: Self = Self(10);
    pub(crate) const CRL_NOT_YET_VALID: Self = Self(11);
    pub(crate) const CRL_EXPIRED: Self = Self(12);
    pub(crate) const SELF_SIGNED: Self = Self(18);
    pub(crate) const SELF_SIGNED_IN_CHAIN: Self = Self(19);
    pub(crate) const NO_LOCAL_ISSUER: Self = Self(20);
    pub(crate) const UNVERIFIED_LEAF: Self = Self(21);
    pub(crate) const TOO_LONG: Self = Self(22);
    pub(crate) const REVOKED: Self = Self(23);
    pub(crate) const PATH_LENGTH: Self = Self(25);
    pub(crate) const PURPOSE: Self = Self(26);
    pub(crate) const NO_CRL_ISSUER: Self = Self(33);
    pub(crate) const CRITICAL_EXTENSION: Self = Self(34);
    pub(crate) const NO_CRL_SIGN: Self = Self(35);
    pub(crate) const INVALID_EXTENSION: Self = Self(41);
    pub(crate) const NOT_PERMITTED: Self = Self(47);
    pub(crate) const EXCLUDED: Self = Self(48);
    pub(crate) const CONSTRAINT_TYPE: Self = Self(51);
    pub(crate) const HOST: Self = Self(62);
    pub(crate) const WEAK_DIGEST: Self = Self(68);
    pub(crate) const INVALID_CA: Self = Self(79);
}

/// The names by their numbers.
const NAMES: [&str; 95] = [
    "X509_V_OK",
    "X509_V_ERR_UNSPECIFIED",
    "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT",
    "X509_V_ERR_UNABLE_TO_GET_CRL",
    "X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE",
    "X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE",
    "X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
    "X509_V_ERR_CERT_SIGNATURE_FAILURE",
    "X509_V_ERR_CRL_SIGNATURE_FAILURE",
    "X509_V_ERR_CERT_NOT_YET_VALID",
    "X509_V_ERR_CERT_HAS_EXPIRED",
    "X509_V_ERR_CRL_NOT_YET_VALID",
    "X509_V_ERR_CRL_HAS_EXPIRED",
    "X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD",
    "X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD",
    "X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD",
    "X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD",
    "X509_V_ERR_OUT_OF_MEM",
    "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
    "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN",
    "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "X509_V_ERR_CERT_CHAIN_TOO_LONG",
    "X509_V_ERR_CERT_REVOKED",
    "X509_V_ERR_NO_ISSUER_PUBLIC_KEY",
    "X509_V_ERR_PATH_LENGTH_EXCEEDED",
    "X509_V_ERR_INVALID_PURPOSE",
    "X509_V_ERR_CERT_UNTRUSTED",
    "X509_V_ERR_CERT_REJECTED",
    "X509_V_ERR_SUBJECT_ISSUER_MISMATCH",
    "X509_V_ERR_AKID_SKID_MISMATCH",
    "X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH",
    "X509_V_ERR_KEYUSAGE_NO_CERTSIGN",
    "X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER",
    "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION",
    "X509_V_ERR_KEYUSAGE_NO_CRL_SIGN",
    "X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION",
    "X509_V_ERR_INVALID_NON_CA",
    "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED",
    "X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE",
    "X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED",
    "X509_V_ERR_INVALID_EXTENSION",
    "X509_V_ERR_INVALID_POLICY_EXTENSION",
    "X509_V_ERR_NO_EXPLICIT_POLICY",
    "X509_V_ERR_DIFFERENT_CRL_SCOPE",
    "X509_V_ERR_UNSUPPORTED_EXTENSION_FEATURE",
    "X509_V_ERR_UNNESTED_RESOURCE",
    "X509_V_ERR_PERMITTED_VIOLATION",
    "X509_V_ERR_EXCLUDED_VIOLATION",
    "X509_V_ERR_SUBTREE_MINMAX",
    "X509_V_ERR_APPLICATION_VERIFICATION",
    "X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE",
    "X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX",
    "X509_V_ERR_UNSUPPORTED_NAME_SYNTAX",
    "X509_V_ERR_CRL_PATH_VALIDATION_ERROR",
    "X509_V_ERR_PATH_LOOP",
    "X509_V_ERR_SUITE_B_INVALID_VERSION",
    "X509_V_ERR_SUITE_B_INVALID_ALGORITHM",
    "X509_V_ERR_SUITE_B_INVALID_CURVE",
    "X509_V_ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM",
    "X509_V_ERR_SUITE_B_LOS_NOT_ALLOWED",
    "X509_V_ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256",
    "X509_V_ERR_HOSTNAME_MISMATCH",
    "X509_V_ERR_EMAIL_MISMATCH",
    "X509_V_ERR_IP_ADDRESS_MISMATCH",
    "X509_V_ERR_DANE_NO_MATCH",
    "X509_V_ERR_EE_KEY_TOO_SMALL",
    "X509_V_ERR_CA_KEY_TOO_SMALL",
    "X509_V_ERR_CA_MD_TOO_WEAK",
    "X509_V_ERR_INVALID_CALL",
    "X509_V_ERR_STORE_LOOKUP",
    "X509_V_ERR_NO_VALID_SCTS",
    "X509_V_ERR_PROXY_SUBJECT_NAME_VIOLATION",
    "X509_V_ERR_OCSP_VERIFY_NEEDED",
    "X509_V_ERR_OCSP_VERIFY_FAILED",
    "X509_V_ERR_OCSP_CERT_UNKNOWN",
    "X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM",
    "X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH",
    "X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY",
    "X509_V_ERR_INVALID_CA",
    "X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA",
    "X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN",
    "X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA",
    "X509_V_ERR_ISSUER_NAME_EMPTY",
    "X509_V_ERR_SUBJECT_NAME_EMPTY",
    "X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER",
    "X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER",
    "X509_V_ERR_EMPTY_SUBJECT_ALT_NAME",
    "X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL",
    "X509_V_ERR_CA_BCONS_NOT_CRITICAL",
    "X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL",
    "X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL",
    "X509_V_ERR_CA_CERT_MISSING_KEY_USAGE",
    "X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3",
    "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS",
];

/// The name of a result; the number where there is none (`x509_v_err_str`).
pub(crate) fn name(number: i64) -> Result<&'static str, i64> {
    usize::try_from(number).ok().and_then(|n| NAMES.get(n)).copied().ok_or(number)
}

/// The errors that do not end a handshake (`ca-ignore-err`, `crt-ignore-err`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ignored(u128);

impl Ignored {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u128::MAX);

    /// Reads a list of numbers and names between commas, or `all`.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        if list == "all" {
            return Ok(Self::ALL);
        }
        let mut ignored = Self::NONE;
        for word in list.split(',').filter(|w| !w.is_empty()) {
            ignored.0 |= 1 << number(word, list)?;
        }
        Ok(ignored)
    }

    pub(crate) fn holds(self, code: Code) -> bool {
        self.0 & 1 << code.0 != 0
    }
}

fn number(word: &str, list: &str) -> Result<usize, String> {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        let highest = NAMES.len() - 1;
        return word
            .parse()
            .ok()
            .filter(|n| (1..=highest).contains(n))
            .ok_or_else(|| format!("ID '{word}' out of range (1..{highest}) in error IDs list '{list}'"));
    }
    let found = NAMES.iter().position(|name| *name == word);
    found.ok_or_else(|| format!("error constant '{word}' unknown in error IDs list '{list}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        assert_eq!(name(0), Ok("X509_V_OK"));
        assert_eq!(name(10), Ok("X509_V_ERR_CERT_HAS_EXPIRED"));
        assert_eq!(name(23), Ok("X509_V_ERR_CERT_REVOKED"));
        assert_eq!(name(62), Ok("X509_V_ERR_HOSTNAME_MISMATCH"));
        assert_eq!(name(79), Ok("X509_V_ERR_INVALID_CA"));
        assert_eq!(name(94), Ok("X509_V_ERR_EC_KEY_EXPLICIT_PARAMS"));
        assert_eq!((name(95), name(-1)), (Err(95), Err(-1)));
    }

    #[test]
    fn lists_take_numbers_and_names() {
        let list = Ignored::parse("X509_V_ERR_CERT_REVOKED,10").unwrap();
        assert!(list.holds(Code::REVOKED) && list.holds(Code::EXPIRED) && !list.holds(Code::SELF_SIGNED));
        assert!(Ignored::parse("all").unwrap().holds(Code::INVALID_CA));
        assert!(Ignored::parse("10,FOO").unwrap_err().contains("'FOO' unknown in error IDs list '10,FOO'"));
        assert!(Ignored::parse("95").unwrap_err().contains("out of range (1..94)"));
        assert!(Ignored::parse("-5").is_err());
    }
}
