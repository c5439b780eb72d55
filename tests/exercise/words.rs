//! The words that keywords take, where they do not follow from the program's tables.

use std::path::Path;

/// Stands for the folder of the files that `prepare` makes.
pub(crate) const FOLDER: &str = "@FOLDER@";

/// Stands for a number that no other line has.
pub(crate) const NUMBER: &str = "@NUMBER@";

/// Stands for no words at all among the wrong ones.
pub(crate) const NOTHING: &str = "<nothing>";

/// What is to happen to a keyword with the right words.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    /// It is accepted.
    Accepted,
    /// It is accepted, but cannot stand in one file with all others.
    Alone,
    /// It is accepted here, but not by the reference: doc/compatibility.md says why.
    Here,
    /// It is accepted; that other words are wrong is told once all is read.
    Late,
    /// It is refused whatever its words: doc/configuration.md says why.
    Refused,
    /// The same, told once all is read.
    RefusedLate,
}

/// The words of a keyword.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    /// The keyword.
    pub(crate) name: &'static str,
    /// Words that are right.
    pub(crate) good: &'static str,
    /// Words that are wrong; none if there are no such.
    pub(crate) bad: &'static str,
    /// What happens to the right ones.
    pub(crate) fate: Fate,
}

impl Words {
    /// No words.
    pub(crate) const NONE: Self = Self { name: "", good: "", bad: "", fate: Fate::Accepted };
}

const fn words(name: &'static str, good: &'static str, bad: &'static str) -> Words {
    Words { name, good, bad, fate: Fate::Accepted }
}

const fn alone(name: &'static str, good: &'static str, bad: &'static str) -> Words {
    Words { name, good, bad, fate: Fate::Alone }
}

const fn here(name: &'static str, good: &'static str, bad: &'static str) -> Words {
    Words { name, good, bad, fate: Fate::Here }
}

const fn late(name: &'static str, good: &'static str, bad: &'static str) -> Words {
    Words { name, good, bad, fate: Fate::Late }
}

const fn refused(name: &'static str, good: &'static str) -> Words {
    Words { name, good, bad: "", fate: Fate::Refused }
}

const fn refused_late(name: &'static str) -> Words {
    Words { name, good: "", bad: "", fate: Fate::RefusedLate }
}

/// What is only asked whether it is one of some patterns.
pub(crate) const ASKS_PATTERNS: &str = "http_auth_group";

/// Arguments of converters that are not just any text.
pub(crate) const CONVERTERS: &[Words] = &[
    words("add", "1", "x"),
    words("and", "1", "x"),
    words("div", "1", "x"),
    words("mod", "1", "x"),
    words("mul", "1", "x"),
    words("or", "1", "x"),
    words("sub", "1", "x"),
    words("xor", "1", "x"),
    words("add_item", ":,txn.x,y", ":,none.x"),
    words("aes_cbc_dec", "128,txn.x,txn.y,txn.z", "1,txn.x,txn.y"),
    words("aes_cbc_enc", "128,txn.x,txn.y,txn.z", "1,txn.x,txn.y"),
    words("aes_gcm_dec", "128,txn.x,txn.y,txn.z,txn.a", "1,txn.x,txn.y,txn.z"),
    words("aes_gcm_enc", "128,txn.x,txn.y,txn.z,txn.a", "1,txn.x,txn.y,txn.z"),
    words("be2dec", ":,2,1", "0"),
    words("be2hex", ":,2,1", "x,-1"),
    words("le2dec", ":,2,1", "x,9"),
    words("bytes", "1,2", "x.x"),
    words("concat", "x,txn.x,y", "x,y"),
    words("debug", "x,stderr", "x,none"),
    words("digest", "sha256", "none"),
    words("fix_tag_value", "35", "none"),
    words("has_ctl", "http", "none"),
    words("hmac", "sha256,eHg=", "none,eHg="),
    words("http_date", "1,ms", "1,none"),
    words("json", "utf8", "none"),
    words("json_query", "$.x,int", "$.x,none"),
    words("jwt_decrypt_cert", "txn.x", ""),
    words("jwt_decrypt_jwk", "txn.x", "x"),
    words("jwt_decrypt_secret", "eHg=", "x"),
    words("jwt_header_query", "$.x,int", "$.x,none"),
    words("jwt_payload_query", "$.x,int", "$.x,none"),
    words("jwt_verify", "HS256,x", "none,x"),
    words("jwt_verify_cert", "RS256,txn.x", "HS256,x"),
    words("mqtt_field_value", "connect,client_identifier", "none,x"),
    words("protobuf", "1.2,int32", "1.2,none"),
    words("ungrpc", "1.2,int32", "1.2,none"),
    words("regsub", "x,y,gi", "x,y,z"),
    words("rfc7239_field", "for", "none"),
    words("secure_memcmp", "txn.x", "none.x"),
    words("set-var", "txn.x,ifexists", "none.x"),
    words("unset-var", "txn.x", "none.x"),
    words("sha2", "256", "1"),
    words("strcmp", "txn.x", "none.x"),
    words("url_enc", "query", "none"),
    words("when", "stopping", "none"),
];

/// The file that a converter of maps reads.
pub(crate) fn map(name: &str) -> Option<String> {
    let known = name == "map" || name.starts_with("map_");
    known.then(|| format!("{FOLDER}/{name}"))
}

/// What stands in such a file, in the type that the converter's name tells.
fn entry(name: &str) -> String {
    let key = match name.split('_').nth(1) {
        Some("ip") => "127.0.0.1",
        Some("int") => "1",
        _ => "x",
    };
    let value = match name.split('_').nth(2) {
        Some("ip") => "127.0.0.1",
        Some("int") => "1",
        _ => "x",
    };
    format!("{key} {value}\n")
}

/// Words of actions; those of one rule set alone under its name, too.
pub(crate) const ACTIONS: &[Words] = &[
    words("accept", "", ""),
    words("add-acl", "(virt@x) x", ""),
    words("add-header", "x %[src]", "x %[none]"),
    words("add-headers-bin", "str(x) prefix x", "none"),
    words("allow", "", ""),
    words("auth", "realm x", "realm"),
    words("capture", "req.hdr(x) len 9", "req.hdr(x) len x"),
    words("http-response capture", "res.hdr(x) id 0", "res.hdr(x) len 9"),
    words("http-after-response capture", "res.hdr(x) id 0", "res.hdr(x) len 9"),
    words("close", "", ""),
    words("del-acl", "(virt@x) x", ""),
    words("del-header", "x -m beg", "x -m none"),
    words("del-headers-bin", "str(x) -m beg", "str(x) -m none"),
    words("del-map", "(virt@x) x", ""),
    words("deny", "deny_status 404", "deny_status x"),
    words("disable-l7-retry", "", ""),
    words("do-log", "profile lp", "profile"),
    words("early-hint", "x y", "x"),
    words("expect-netscaler-cip", "layer4", "none"),
    words("expect-proxy", "layer4", "none"),
    words("normalize-uri", "path-merge-slashes", "none"),
    words("pause", "1s", "x..y"),
    words("redirect", "location /x", "none /x"),
    words("reject", "", ""),
    words("replace-header", "x y z", "x [ z"),
    words("replace-path", "x y", "[ y"),
    words("replace-pathq", "x y", "[ y"),
    words("replace-uri", "x y", "[ y"),
    words("replace-value", "x y z", "x [ z"),
    words("return", "status 200 content-type text/plain string x", "status x"),
    words("set-bc-mark", "1", "none"),
    words("set-bc-tos", "1", "none"),
    words("set-dst", "ipv4(127.0.0.1)", "none"),
    words("set-dst-port", "int(1)", "none"),
    words("set-fc-mark", "1", "none"),
    words("set-fc-tos", "1", "none"),
    words("set-header", "x y", "x %[none]"),
    words("set-headers-bin", "str(x)", "none"),
    words("set-log-level", "silent", "none"),
    words("set-map", "(virt@x) x y", "(virt@x) x"),
    words("set-mark", "1", "none"),
    words("set-method", "x", "%[none]"),
    words("set-nice", "1", NOTHING),
    words("set-path", "/x", "%[none]"),
    words("set-pathq", "/x?y", "%[none]"),
    words("set-priority-class", "int(1)", "none"),
    words("set-priority-offset", "int(1)", "none"),
    words("set-query", "x", "%[none]"),
    words("set-retries", "1", "none"),
    words("set-src", "ipv4(127.0.0.1)", "none"),
    words("set-src-port", "int(1)", "none"),
    words("set-status", "404 reason x", "x"),
    words("set-timeout", "server 1s", "none 1s"),
    words("set-tos", "1", "none"),
    words("set-uri", "/x", "%[none]"),
    words("set-var", "(sess.x) str(x)", "(none.x) str(x)"),
    words("set-var-fmt", "(sess.x) x", "(none.x) x"),
    words("silent-drop", "rst-ttl 1", "rst-ttl x"),
    words("strict-mode", "on", "x"),
    words("switch-mode", "http proto h1", "tcp"),
    words("tarpit", "deny_status 404", "deny_status x"),
    words("unset-var", "(sess.x)", "(none.x)"),
    words("wait-for-body", "time 1s at-least 1k", "time x"),
    words("wait-for-handshake", "", ""),
];

/// Words of the keywords of `global`.
pub(crate) const GLOBAL: &[Words] = &[
    words("ca-base", FOLDER, ""),
    words("chroot", FOLDER, ""),
    words("close-spread-time", "1s", "x"),
    words("cpu-affinity", "per-core", "none"),
    words("cpu-map", "1 0", "x 0"),
    words("cpu-policy", "none", "x"),
    words("cpu-set", "reset", "none"),
    words("crt-base", FOLDER, ""),
    alone("default-path", "current", "none"),
    words("description", "x", ""),
    words("fd-hard-limit", "5000", "x"),
    words("gid", "65534", "x"),
    words("grace", "1s", "x"),
    alone("group", "root", "no-such-group"),
    words("h1-case-adjust", "x X", "x Y"),
    words("h1-case-adjust-file", "@FOLDER@/case", "@FOLDER@/none"),
    words("hard-stop-after", "1s", "x"),
    words("httpclient.resolvers.disabled", "on", "maybe"),
    words("httpclient.resolvers.prefer", "ipv4", "ipv5"),
    words("httpclient.retries", "2", "x"),
    late("httpclient.ssl.ca-file", "@FOLDER@/pem", "@FOLDER@/none"),
    words("httpclient.ssl.verify", "none", "optional"),
    words("httpclient.timeout.connect", "2s", "x"),
    words("key-base", FOLDER, ""),
    words("localpeer", "x", ""),
    words("log", "127.0.0.1:514 local0", "127.0.0.1:514 none"),
    words("log-send-hostname", "x", ""),
    words("log-tag", "x", ""),
    refused("master-worker", ""),
    words("max-threads-per-group", "4", "x"),
    words("maxconn", "10", "x"),
    words("maxconnrate", "10", "x"),
    words("maxpipes", "10", "x"),
    words("maxsessrate", "10", "x"),
    words("issuers-chain-path", "@FOLDER@", "@FOLDER@/none"),
    words("jwt.decrypt_alg_list", "ALL:!dir", "x"),
    words("jwt.decrypt_enc_list", "A128GCM", "x"),
    words("maxsslconn", "10", "x"),
    words("maxsslrate", "10", "x"),
    words("mworker-max-reloads", "1", "x"),
    refused("nbproc", "2"),
    words("nbthread", "2", "x"),
    words("node", "x", ""),
    words("ocsp-update.disable", "off", ""),
    words("ocsp-update.httpproxy", "127.0.0.1:3128", "1.2.3.4:x"),
    words("ocsp-update.maxdelay", "4000", "100"),
    words("ocsp-update.mindelay", "200", "9000"),
    words("ocsp-update.mode", "off", ""),
    words("pidfile", "@FOLDER@/pid", ""),
    words("presetenv", "X_EXERCISE y", "X_EXERCISE"),
    words("profiling.tasks", "on", "none"),
    alone("quiet", "", ""),
    alone("resetenv", "PATH", ""),
    words("set-dumpable", "on", "none"),
    words("set-var", "proc.x str(x)", "none.x str(x)"),
    words("set-var-fmt", "proc.x x", "none.x x"),
    words("setcap", "cap_net_raw", "none"),
    words("setenv", "X_EXERCISE y", "X_EXERCISE"),
    words("ssl-default-bind-ciphers", "ECDHE-RSA-AES128-GCM-SHA256", ""),
    words("ssl-default-bind-ciphersuites", "TLS_AES_128_GCM_SHA256", ""),
    words("ssl-default-bind-curves", "X25519", ""),
    words("ssl-passphrase-cmd", "/bin/false x", ""),
    words("ssl-default-bind-client-sigalgs", "ed25519", "x"),
    words("ssl-default-bind-sigalgs", "ed25519:RSA+SHA256:ECDSA+SHA256:RSA-PSS+SHA256", "x"),
    words("ssl-default-bind-options", "no-tls-tickets", "none"),
    words("ssl-default-server-ciphers", "ECDHE-RSA-AES128-GCM-SHA256", ""),
    words("ssl-default-server-ciphersuites", "TLS_AES_128_GCM_SHA256", ""),
    words("ssl-default-server-curves", "X25519", ""),
    words("ssl-default-server-client-sigalgs", "ed25519", "x"),
    words("ssl-default-server-sigalgs", "ed25519:RSA+SHA256:ECDSA+SHA256:RSA-PSS+SHA256", "x"),
    words("ssl-default-server-options", "no-tls-tickets", "none"),
    words("ssl-load-extra-files", "none", "x"),
    words("ssl-server-verify", "none", "x"),
    words("stats maxconn", "10", "x"),
    words("stats socket", "@FOLDER@/api level admin", "@FOLDER@/api level none"),
    words("stats timeout", "1s", "x"),
    words("stress-level", "1", "x"),
    words("thread-group", "1 1-2", "x"),
    words("thread-groups", "1", "x"),
    words("thread-hard-limit", "4", "x"),
    words("tune.buffers.limit", "10", "x"),
    words("tune.buffers.reserve", "4", "x"),
    words("tune.bufsize", "16384", "x"),
    words("tune.bufsize.large", "32768", "x"),
    words("tune.bufsize.small", "1024", "x"),
    refused("tune.chksize", "16384"),
    words("tune.epoll.mask-events", "err", "none"),
    words("tune.events.max-events-at-once", "10", "x"),
    words("tune.fail-alloc", "1", "x"),
    words("tune.fd.edge-triggered", "on", "none"),
    words("tune.http.cookielen", "63", "x"),
    words("tune.http.logurilen", "1024", "x"),
    words("tune.http.maxhdr", "101", "x"),
    words("tune.idle-pool.shared", "on", "none"),
    words("tune.idletimer", "1000", "x"),
    words("tune.listener.default-shards", "by-thread", "none"),
    words("tune.listener.multi-queue", "on", "none"),
    words("tune.max-rules-at-once", "50", "-1"),
    words("tune.maxaccept", "4", "x"),
    words("tune.maxpollevents", "10", "x"),
    words("tune.maxrewrite", "1024", "x"),
    words("tune.memory.hot-size", "1024", "x"),
    words("tune.notsent-lowat.client", "4096", "x"),
    words("tune.notsent-lowat.server", "4096", "x"),
    words("tune.pattern.cache-size", "10", "x"),
    words("tune.pipesize", "65536", "x"),
    words("tune.pool-high-fd-ratio", "10", "x"),
    words("tune.pool-low-fd-ratio", "10", "x"),
    words("tune.pt.zero-copy-forwarding", "on", "none"),
    words("tune.rcvbuf.backend", "65536", "x"),
    words("tune.rcvbuf.client", "65536", "x"),
    words("tune.rcvbuf.frontend", "65536", "x"),
    words("tune.rcvbuf.server", "65536", "x"),
    words("tune.recv_enough", "10", "x"),
    words("tune.renice.runtime", "1", "x"),
    words("tune.renice.startup", "1", "x"),
    words("tune.runqueue-depth", "10", "x"),
    words("tune.sched.low-latency", "on", "none"),
    words("tune.sndbuf.backend", "65536", "x"),
    words("tune.sndbuf.client", "65536", "x"),
    words("tune.sndbuf.frontend", "65536", "x"),
    words("tune.sndbuf.server", "65536", "x"),
    words("tune.ssl.cachesize", "10", "x"),
    words("tune.ssl.capture-buffer-size", "100", "x"),
    alone("tune.ssl.capture-cipherlist-size", "100", "x"),
    words("tune.ssl.ocsp-update.maxdelay", "4000", "x"),
    words("tune.ssl.ocsp-update.mindelay", "200", "x"),
    words("tune.ssl.ssl-ctx-cache-size", "100", "x"),
    words("tune.ssl.keylog", "on", "x"),
    here("tune.ssl.certificate-compression", "auto", "x"),
    words("tune.ssl.default-dh-param", "2048", "1000"),
    words("tune.ssl.hard-maxrecord", "1400", "-1"),
    words("tune.ssl.lifetime", "10s", "x"),
    words("tune.ssl.maxrecord", "1400", "-1"),
    words("tune.takeover-other-tg-connections", "none", "x"),
    words("tune.vars.global-max-size", "100000", "x"),
    words("tune.vars.proc-max-size", "100000", "x"),
    words("tune.vars.reqres-max-size", "100000", "x"),
    words("tune.vars.sess-max-size", "100000", "x"),
    words("tune.vars.txn-max-size", "100000", "x"),
    words("uid", "65534", "x"),
    words("ulimit-n", "4000", "x"),
    words("unix-bind", "mode 600", "none"),
    words("unsetenv", "X_EXERCISE", ""),
    alone("user", "root", "no-such-user"),
    alone("zero-warning", "", ""),
];

/// Words of the keywords of proxies.
pub(crate) const PROXY: &[Words] = &[
    words("acl", "x path /x", "x none"),
    words("backlog", "10", "x"),
    words("balance", "roundrobin", "none"),
    words("bind", "127.0.0.1:2", "127.0.0.1:x"),
    words("capture cookie", "x len 9", "x len x"),
    words("capture request header", "x len 9", "x len x"),
    words("capture response header", "x len 9", "x len x"),
    words("clitcpka-cnt", "3", "x"),
    words("clitcpka-idle", "1s", "x"),
    words("clitcpka-intvl", "1s", "x"),
    words("declare capture", "request len 9", "none len 9"),
    words("default-server", "weight 1", "weight x"),
    words("default_backend", "be", ""),
    words("description", "x", ""),
    here("dispatch", "127.0.0.1:2", "127.0.0.1:x"),
    late("error-log-format", "%ci", "%zz"),
    words("ssl-f-use", "crt @FOLDER@/pem", "crt @FOLDER@/pem verify never"),
    words("errorfile", "503 @FOLDER@/503", "503 @FOLDER@/none"),
    words("errorfiles", "he", NOTHING),
    words("errorloc", "503 /x", "x /x"),
    words("errorloc302", "503 /x", "x /x"),
    words("errorloc303", "503 /x", "x /x"),
    words("force-be-switch", "if TRUE", "if none"),
    words("cookie", "x insert indirect nocache maxidle 30m domain .a.b", "x insert rewrite"),
    words("dynamic-cookie-key", "x", NOTHING),
    words("force-persist", "if TRUE", "if none"),
    words("hash-balance-factor", "150", "50"),
    words("hash-preserve-affinity", "maxconn", "none"),
    words("hash-type", "consistent sdbm avalanche", "none"),
    words("ignore-persist", "if TRUE", "if none"),
    words("persist", "rdp-cookie(x)", "none"),
    words("fullconn", "10", "x"),
    words("http-after-response", "set-header x y", "none"),
    words("http-error", "status 503 content-type text/plain string x", "status x string y"),
    words("http-request", "deny", "none"),
    words("http-response", "deny", "none"),
    words("http-reuse", "always", "none"),
    words("http-send-name-header", "x", ""),
    words("id", "@NUMBER@", "x"),
    words("log", "global", "127.0.0.1:514 none"),
    late("log-format", "%ci", "%zz"),
    late("log-format-sd", "%ci", "%zz"),
    words("log-steps", "accept", ""),
    words("log-tag", "x", ""),
    words("max-keep-alive-queue", "1", "x"),
    words("max-session-srv-conns", "1", "x"),
    words("maxconn", "10", "x"),
    words("mode", "http", "none"),
    words("monitor fail", "if TRUE", "if none"),
    words("monitor-uri", "/x", ""),
    here("option transparent", "", ""),
    here("redispatch", "", ""),
    words("option forwarded", "proto", "none"),
    words("option forwardfor", "if-none", "none"),
    words("option http-restrict-req-hdr-names", "delete", "none"),
    words("option httpchk", "GET /", ""),
    words("option httplog", "", "none"),
    words("option httpslog", "", ""),
    words("option originalto", "header x", "none"),
    words("option redispatch", "1", "x"),
    words("option tcplog", "", "none"),
    words("option use-small-buffers", "queue", "none"),
    words("rate-limit sessions", "10", "x"),
    words("redirect", "location /x", "none /x"),
    words("retries", "1", "x"),
    words("retry-on", "conn-failure", "nothing"),
    words("server", "t 127.0.0.1:2", "t 127.0.0.1:x"),
    words("source", "127.0.0.1", "127.0.0.1 none"),
    words("srvtcpka-cnt", "3", "x"),
    words("srvtcpka-idle", "1s", "x"),
    words("srvtcpka-intvl", "1s", "x"),
    words("tcp-request connection", "reject", "none"),
    words("tcp-request content", "reject", "none"),
    words("tcp-request inspect-delay", "1s", "x"),
    words("tcp-request session", "reject", "none"),
    words("tcp-response content", "reject", "none"),
    words("tcp-response inspect-delay", "1s", "x"),
    words("timeout check", "1s", "x"),
    words("timeout client", "1s", "x"),
    words("timeout client-fin", "1s", "x"),
    words("timeout client-hs", "1s", "x"),
    words("timeout connect", "1s", "x"),
    words("timeout http-keep-alive", "1s", "x"),
    words("timeout http-request", "1s", "x"),
    words("timeout queue", "1s", "x"),
    words("timeout server", "1s", "x"),
    words("timeout server-fin", "1s", "x"),
    words("timeout tarpit", "1s", "x"),
    words("timeout tunnel", "1s", "x"),
    words("unique-id-format", "%ci", "%zz"),
    words("unique-id-header", "x", ""),
    words("use-server", "s if TRUE", "s none"),
    words("use_backend", "be if TRUE", "be none"),
];

/// Words of the keywords of other sections, which stand before them.
pub(crate) const SECTIONS: &[Words] = &[
    words("crt-store crt-base", FOLDER, ""),
    words("crt-store key-base", FOLDER, ""),
    words("crt-store load", "crt @FOLDER@/pem", "none"),
    words("http-errors errorfile", "503 @FOLDER@/503", "503 @FOLDER@/none"),
    words("log-profile log-tag", "x", ""),
    words("log-profile on", "accept drop", "none drop"),
    refused("ring backing-file", "@FOLDER@/ring"),
    words("ring description", "x", ""),
    words("ring format", "rfc5424", "none"),
    words("ring maxlen", "1000", "x"),
    refused("ring server", "s 127.0.0.1:514"),
    words("ring size", "20000", "x"),
    refused("ring timeout connect", "1s"),
    refused("ring timeout server", "1s"),
    words("userlist group", "g", "g none u"),
    words("userlist user", "u insecure-password p", "u none p"),
];

/// Words of the options of `bind` lines.
pub(crate) const BIND: &[Words] = &[
    words("accept-netscaler-cip", "1", "x"),
    words("alpn", "http/1.1", ""),
    words("backlog", "10", "x"),
    late("ca-file", "@FOLDER@/pem", "@FOLDER@/none verify required"),
    words("ca-ignore-err", "all", "x"),
    late("ca-sign-file", "@FOLDER@/pem generate-certificates", "@FOLDER@/none generate-certificates"),
    words("ca-sign-pass", "secret", ""),
    late("ca-verify-file", "@FOLDER@/pem", "@FOLDER@/none verify required"),
    words("cc", "cubic", ""),
    words("ciphers", "ECDHE-RSA-AES128-GCM-SHA256", ""),
    words("ciphersuites", "TLS_AES_128_GCM_SHA256", ""),
    words("client-sigalgs", "RSA+SHA256", "x"),
    late("crt", "@FOLDER@/pem", "@FOLDER@/none"),
    late("crt-list", "@FOLDER@/list", "@FOLDER@/none"),
    late(
        "crl-file",
        "@FOLDER@/crl ca-file @FOLDER@/pem verify required",
        "@FOLDER@/none ca-file @FOLDER@/pem verify required",
    ),
    words("crt-ignore-err", "all", "x"),
    words("curves", "X25519", ""),
    late("default-crt", "@FOLDER@/pem", "@FOLDER@/none"),
    words("ecdhe", "prime256v1", ""),
    words("expose-fd", "listeners", "none"),
    words("generate-certificates", "ca-sign-file @FOLDER@/pem", ""),
    refused_late("force-sslv3"),
    refused_late("force-tlsv10"),
    refused_late("force-tlsv11"),
    words("gid", "0", ""),
    words("group", "root", "no-such-group"),
    words("id", "@NUMBER@", "x"),
    words("interface", "lo", ""),
    words("ktls", "on", "x"),
    words("label", "x", ""),
    words("level", "admin", "none"),
    words("maxconn", "10", "x"),
    words("mode", "600", ""),
    words("mss", "1000", "x"),
    words("name", "x", ""),
    refused("namespace", "no-such-namespace"),
    words("nice", "1", ""),
    words("npn", "http/1.1", ""),
    refused("process", "1"),
    words("proto", "h1", "x"),
    words("severity-output", "number", "x"),
    words("shards", "1", "x"),
    words("sigalgs", "rsa_pss_rsae_sha256:ECDSA+SHA256", "x"),
    words("ssl", "crt @FOLDER@/pem", ""),
    words("ssl-max-ver", "TLSv1.3", "none"),
    words("ssl-min-ver", "TLSv1.2", "none"),
    words("tcp-md5sig", "x", ""),
    words("tcp-ss", "1", "x"),
    words("tcp-ut", "1s", "x"),
    words("thread", "1", "x"),
    words("tls-ticket-keys", "@FOLDER@/tickets", "@FOLDER@/none"),
    words("uid", "0", ""),
    words("user", "root", "no-such-user"),
    words("verify", "none", "x"),
];

/// Words of the options of `server` lines.
pub(crate) const SERVER: &[Words] = &[
    words("addr", "127.0.0.1", "x..y"),
    words("alpn", "http/1.1", ""),
    words("ca-file", "@FOLDER@/pem", ""),
    words("cc", "cubic", ""),
    words("check-sni", "x", ""),
    words("ciphers", "ECDHE-RSA-AES128-GCM-SHA256", ""),
    words("ciphersuites", "TLS_AES_128_GCM_SHA256", ""),
    words("client-sigalgs", "RSA+SHA256", "x"),
    words("sigalgs", "rsa_pss_rsae_sha256", "x"),
    late("crt", "@FOLDER@/pem", "@FOLDER@/none"),
    words("crl-file", "@FOLDER@/crl", ""),
    words("curves", "X25519", ""),
    words("downinter", "1s", "x"),
    words("fall", "1", "x"),
    words("fastinter", "1s", "x"),
    refused_late("force-sslv3"),
    refused_late("force-tlsv10"),
    refused_late("force-tlsv11"),
    words("id", "@NUMBER@", "x"),
    words("cookie", "x", ""),
    words("hash-key", "addr", "none"),
    words("idle-ping", "1s", "x"),
    words("inter", "1s", "x"),
    words("ktls", "on", "x"),
    words("max-reuse", "1", "x"),
    words("maxconn", "10", "x"),
    words("maxqueue", "10", "x"),
    words("minconn", "1", "x"),
    refused("namespace", "no-such-namespace"),
    words("npn", "http/1.1", ""),
    words("pool-conn-name", "str(x)", "none"),
    words("pool-low-conn", "1", "x"),
    words("pool-max-conn", "1", "x"),
    words("pool-purge-delay", "1s", "x"),
    words("port", "1", "x"),
    words("proxy-v2-options", "crc32c", "none"),
    words("rise", "1", "x"),
    words("set-proxy-v2-tlv-fmt", "(0x20) x", "(x) x"),
    words("sni", "str(x)", "none"),
    words("socks4", "127.0.0.1:3", "127.0.0.1:x"),
    words("source", "127.0.0.1", "127.0.0.1 usesrc"),
    words("ssl", "verify none", ""),
    words("ssl-max-ver", "TLSv1.3", "none"),
    words("ssl-min-ver", "TLSv1.2", "none"),
    words("tcp-md5sig", "x", ""),
    words("tcp-ut", "1s", "x"),
    refused("usesrc", "client"),
    words("verify", "none", "x"),
    words("verifyhost", "x", ""),
    words("weight", "1", "x"),
];

/// Makes the files that words name.
pub(crate) fn prepare(folder: &Path, maps: impl Iterator<Item = &'static str>) {
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    put("pem", &format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem()));
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let crl = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(2100, 1, 1),
        crl_number: rcgen::SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let issuer = rcgen::Issuer::from_params(&params, &made.signing_key);
    put("crl", &crl.signed_by(&issuer).unwrap().pem().unwrap());
    put("list", &format!("{}/pem\n", folder.display()));
    put("tickets", &format!("{}\n", "A".repeat(64)).repeat(3));
    put("503", "HTTP/1.0 503 x\r\n\r\n");
    put("case", "y Y\n");
    for name in maps {
        put(name, &entry(name));
    }
}
