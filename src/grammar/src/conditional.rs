//! Conditional blocks of a configuration and the expressions they test.

mod blocks;
mod predicate;
mod version;

pub use blocks::{Blocks, Level, Step};
pub use predicate::{Expression, Function, parse};

/// What predicates ask about the program and its environment.
pub trait Facts {
    /// Whether the environment variable `name` exists.
    fn is_defined(&self, name: &str) -> bool;
    /// Whether the program is built with the feature `name`.
    fn has_feature(&self, name: &str) -> bool;
    /// Whether the option `name` is enabled at run time.
    fn is_enabled(&self, name: &str) -> bool;
    /// The version of the program, as `3.5.0-dev1`.
    fn version(&self) -> &str;
    /// The name and version of the TLS library, if there is one.
    fn tls_library(&self) -> Option<&str>;
    /// The version of OpenSSL that the TLS library has or claims, as `1.1.1`.
    fn openssl_version(&self) -> Option<&str>;
    /// The API number of AWS-LC, if that is the TLS library.
    fn awslc_api(&self) -> Option<u32>;
    /// Whether the TLS library runs in FIPS mode.
    fn is_fips(&self) -> bool;
}

/// A program of this version with nothing built in and nothing in its environment.
#[derive(Clone, Copy, Debug)]
pub struct Plain(pub &'static str);

impl Facts for Plain {
    fn is_defined(&self, _: &str) -> bool {
        false
    }

    fn has_feature(&self, _: &str) -> bool {
        false
    }

    fn is_enabled(&self, _: &str) -> bool {
        false
    }

    fn version(&self) -> &str {
        self.0
    }

    fn tls_library(&self) -> Option<&str> {
        None
    }

    fn openssl_version(&self) -> Option<&str> {
        None
    }

    fn awslc_api(&self) -> Option<u32> {
        None
    }

    fn is_fips(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
