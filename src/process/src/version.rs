//! What the program says of itself.

use std::fmt::Write as _;

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
    ("ACME", false),
    ("BACKTRACE", false),
    ("CPU_AFFINITY", true),
    ("CRYPT_H", false),
    ("DEVICEATLAS", false),
    ("ECH", false),
    ("ENGINE", false),
    ("EPOLL", true),
    ("EVPORTS", false),
    ("FCGI", false),
    ("GETADDRINFO", true),
    ("H2", false),
    ("HAVE_TCP_MD5SIG", true),
    ("KQUEUE", false),
    ("KTLS", false),
    ("LIBCRYPT", false),
    ("LINUX_CAP", true),
    ("LINUX_SPLICE", true),
    ("LINUX_TPROXY", true),
    ("LUA", false),
    ("MEMORY_PROFILING", false),
    ("NS", true),
    ("OBSOLETE_LINKER", false),
    ("OPENSSL", true),
    ("OPENSSL_AWSLC", true),
    ("OPENSSL_WOLFSSL", false),
    ("PCRE", false),
    ("PCRE2", true),
    ("PCRE2_JIT", true),
    ("POLL", false),
    ("PRCTL", true),
    ("PROMEX", true),
    ("PTHREAD_EMULATION", false),
    ("QUIC", false),
    ("QUIC_OPENSSL_COMPAT", false),
    ("SHM_OPEN", false),
    ("SLZ", false),
    ("SPOE", false),
    ("SSL", true),
    ("STATIC_PCRE2", false),
    ("TFO", true),
    ("THREAD", true),
    ("TPROXY", true),
    ("TRACE", false),
    ("WURFL", false),
    ("ZLIB", false),
];

/// The text of `-vv` behind its first line.
pub(crate) fn details() -> String {
    let mut text = String::from("Status: see doc/compatibility.md for what differs.\n");
    if let Some(system) = running_on() {
        let _ = writeln!(text, "Running on: {system}");
    }
    let features: Vec<_> =
        FEATURES.iter().map(|(name, on)| format!("{}{name}", if *on { '+' } else { '-' })).collect();
    let _ = write!(
        text,
        "Build options : \n  TARGET  = linux-glibc\n  OPTIONS = USE_OPENSSL_AWSLC=1 USE_PROMEX=1 USE_PCRE2=1 USE_PCRE2_JIT=1\n  DEBUG   = \n\n\
         Feature list : {}\n\n\
         Default settings :\n  bufsize = 16384, maxrewrite = 1024, maxpollevents = 1024\n\n\
         Built with multi-threading support (MAX_TGROUPS={}, MAX_THREADS={}, default={}).\n\
         Built with SSL library version : {library}\nRunning on SSL library version : {library}\n\
         SSL library supports TLS extensions : yes\nSSL library supports SNI : yes\nSSL library FIPS mode : no\n\
         SSL library supports : TLSv1.2 TLSv1.3\n\
         Built with the Prometheus exporter as a service\n\
         Built with network namespace support.\n\
         Built with transparent proxy support using: IP_TRANSPARENT IPV6_TRANSPARENT IP_FREEBIND\n\
         Built without compression support.\n\
         Built with PCRE2.\nPCRE2 library supports JIT : yes\n\n\
         Available polling systems :\n      epoll : pref=300,  test result OK\nTotal: 1 (1 usable), will use epoll.\n\n\
         Available multiplexer protocols :\n\
         (protocols marked as <default> cannot be specified using 'proto' keyword)\n  \
         <default> : mode=HTTP  side=FE|BE  mux=H1    flags=HTX\n         \
         h1 : mode=HTTP  side=FE|BE  mux=H1    flags=HTX|NO_UPG\n  \
         <default> : mode=TCP   side=FE|BE  mux=PASS  flags=\n       \
         none : mode=TCP   side=FE|BE  mux=PASS  flags=NO_UPG\n\n\
         Available services : prometheus-exporter\nAvailable filters :\n\n",
        features.join(" "),
        crate::keywords::MAX_GROUPS,
        crate::keywords::MAX_THREADS,
        sys::cpu::usable(),
        library = tls::LIBRARY,
    );
    text
}

/// The system's name, release, version and machine.
fn running_on() -> Option<String> {
    let part = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok();
    let (kind, release, version) = (part("ostype")?, part("osrelease")?, part("version")?);
    Some(format!("{} {} {} {}", kind.trim(), release.trim(), version.trim(), std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_find_what_they_parse() {
        let line = line();
        let rest = line.strip_prefix("HAProxy version ").unwrap();
        let (number, rest) = rest.split_once('-').unwrap();
        assert!(number.split('.').count() == 3 && number.split('.').all(|n| n.parse::<u32>().is_ok()));
        assert!(rest.split(' ').nth(1).unwrap().split('/').count() == 3, "{rest}");
        let details = details();
        for part in
            ["Build options :", "  TARGET  = ", "  OPTIONS = ", "Feature list : ", " +THREAD ", " +SSL "]
        {
            assert!(details.contains(part), "{part}");
        }
    }

    #[test]
    fn features_are_listed_in_order() {
        assert!(FEATURES.is_sorted_by_key(|(name, _)| *name));
    }
}
