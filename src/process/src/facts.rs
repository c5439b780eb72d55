//! What conditional blocks and `-cc` may ask.

use grammar::conditional::Facts;

use crate::version;

/// Answers about this program and its environment.
#[derive(Debug, Default)]
pub(crate) struct ProgramFacts;

impl Facts for ProgramFacts {
    fn is_defined(&self, name: &str) -> bool {
        std::env::var_os(name).is_some()
    }

    fn has_feature(&self, name: &str) -> bool {
        version::FEATURES.iter().any(|(n, on)| *n == name && *on)
    }

    fn is_enabled(&self, name: &str) -> bool {
        matches!(
            name,
            "POLL"
                | "EPOLL"
                | "SPLICE"
                | "GETADDRINFO"
                | "REUSEPORT"
                | "FAST-FORWARD"
                | "SERVER-SSL-VERIFY-NONE"
        )
    }

    fn version(&self) -> &str {
        version::VERSION
    }

    fn tls_library(&self) -> Option<&str> {
        Some(tls::LIBRARY)
    }

    fn openssl_version(&self) -> Option<&str> {
        Some(tls::OPENSSL_VERSION)
    }

    fn awslc_api(&self) -> Option<u32> {
        Some(tls::AWS_LC_API)
    }

    fn is_fips(&self) -> bool {
        false
    }
}
