//! Chains of certificates: what is read of them, whom they lead to, and what OpenSSL's users know the failures by.
//!
//! The rules are those of OpenSSL rather than of the web's authorities: certificates of old versions, without
//! extensions or without names serve as well as others.

pub(crate) mod certificate;
pub(crate) mod chain;
mod constraints;
pub(crate) mod der;
pub(crate) mod error;
pub(crate) mod host;
pub(crate) mod name;
pub(crate) mod revocation;
pub(crate) mod store;

#[cfg(test)]
mod tests;
