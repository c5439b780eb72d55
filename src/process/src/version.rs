//! What the program says of itself.

/// The version, as predicates and tools compare it.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The branch.
pub(crate) const BRANCH: &str = "3.5";
/// The date of the version.
pub(crate) const DATE: &str = "2026/11/22";
/// Where the project lives.
pub(crate) const URL: &str = "https://haproxy.org/";

/// The version with the build's own id.
pub(crate) fn full() -> String {
    format!("{VERSION}-rs")
}

/// The first line of `-v`, which tools parse.
pub(crate) fn line() -> String {
    format!("HAProxy version {} {DATE} - {URL}", full())
}

/// What this build can do, as `-vv` lists it and `feature()` answers.
pub(crate) const FEATURES: &[(&str, bool)] = &[
    ("51DEGREES", false),
    ("ACCEPT4", true),
    ("CPU_AFFINITY", true),
    ("DEVICEATLAS", false),
    ("EPOLL", true),
    ("GETADDRINFO", true),
    ("LINUX_SPLICE", true),
    ("LINUX_TPROXY", true),
    ("LUA", false),
    ("NS", true),
    ("OPENSSL", false),
    ("PCRE2", true),
    ("PCRE2_JIT", true),
    ("QUIC", false),
    ("SSL", false),
    ("TFO", true),
    ("THREAD", true),
    ("TPROXY", true),
    ("WURFL", false),
];

/// The text of `-vv`.
pub(crate) fn details() -> String {
    let features: Vec<_> =
        FEATURES.iter().map(|(name, on)| format!("{}{name}", if *on { '+' } else { '-' })).collect();
    format!(
        "Build options : \n  TARGET  = linux-glibc\n  OPTIONS = USE_PCRE2=1 USE_PCRE2_JIT=1\n\n\
         Feature list : {}\n\n\
         Default settings :\n  bufsize = 16384, maxrewrite = 1024, maxpollevents = 200\n\n\
         Built with multi-threading support.\n\
         Built without SSL library.\n\
         Built with network namespace support.\n\n\
         Available polling systems :\n      epoll : pref=300,  test result OK\nTotal: 1 (1 usable), will use epoll.\n",
        features.join(" ")
    )
}
