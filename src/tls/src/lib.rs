//! TLS on both sides: certificates and their files, what `bind` and `server` lines ask for, and sessions.
//!
//! A [`Session`] is separate from its socket, so that a connection can be taken over by another thread. No type of the
//! TLS library is seen outside this room.

mod acceptor;
mod build;
mod certificate;
mod connector;
mod crt_store;
mod described;
mod directory;
mod fault;
mod fetches;
mod figures;
mod forge;
mod frontend_list;
mod hello;
mod issuers;
mod line;
mod memory;
mod names;
mod ocsp;
mod overheard;
mod passphrase;
mod pki;
mod profile;
mod records;
mod sealed;
mod secret_fetches;
mod session;
mod settings;
mod sigalgs;
mod store;
mod suites;
mod tickets;
mod told;
mod updates;
mod verify;
mod x509;

pub use acceptor::{Acceptor, Order};
pub use build::{CHECKS, ConnectorMaker};
pub use certificate::{Certificate, KeyKind, Stapling};
pub use connector::{Connector, Offer, SessionReuse};
pub use crt_store::{SECTIONS, STORE_DIRECTIVES};
pub use described::{common_name, key, signature_algorithm};
pub use directory::Strictness;
pub use fault::Fault;
pub use fetches::{CLIENT_FETCHES, FETCHES, OWN_FETCHES, ROOT_FETCHES, SERVER_FETCHES};
pub use figures::{Figures, figures};
pub use frontend_list::FRONTEND_DIRECTIVES;
pub use hello::{Hello, Opening};
pub use line::LIST_OPTIONS;
pub use names::Version;
pub use ocsp::directives::UPDATE_DIRECTIVES;
pub use ocsp::text::describe as describe_response;
pub use profile::Profile;
pub use secret_fetches::SECRET_FETCHES;
pub use session::Session;
pub use settings::{
    BIND_OPTIONS, BindSettings, CheckUse, DIRECTIVES, EarlyRoom, Named, Naming, SERVER_OPTIONS,
    ServerSettings, Use,
};
pub use store::{Due, Expired, Fetched, FileKind, Form, Job, Numbers, Refused, SniWanted, Store};
pub use verify::{Authorities, Verify};

/// What does the cryptography, as the program says of itself.
pub const LIBRARY: &str = "AWS-LC (with rustls)";
/// The version of OpenSSL that AWS-LC claims to be compatible with.
pub const OPENSSL_VERSION: &str = "1.1.1";
/// The number of AWS-LC's interface.
pub const AWS_LC_API: u32 = 35;
