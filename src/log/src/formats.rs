//! The formats that options stand for (configuration manual, section 8.2).

/// `option tcplog`, and the variable `HAPROXY_TCP_LOG_FMT`.
pub const TCP: &str = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";

/// `option tcplog clf`, and the variable `HAPROXY_TCP_CLF_LOG_FMT`.
pub const TCP_CLF: &str = "%{+Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U \
     %ts-- %ac %fc %bc %sc %rc %sq %bq \"\" \"\" ";

/// `option httplog`, and the variable `HAPROXY_HTTP_LOG_FMT`.
pub const HTTP: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc \
     %sq/%bq %hr %hs %{+Q}r";

/// `option httplog clf`, and the variable `HAPROXY_HTTP_CLF_LOG_FMT`.
pub const HTTP_CLF: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta \
     %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";

/// `option httpslog`, and the variable `HAPROXY_HTTPS_LOG_FMT`.
pub const HTTPS: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
     %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/\
     %[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";

/// The lines of a file of TLS secrets. Each names the session by the client's random bytes.
macro_rules! keys {
    ($side:literal, $gap:literal) => {
        concat!(
            "CLIENT_RANDOM %[ssl_",
            $side,
            "_client_random,hex]",
            $gap,
            "%[ssl_",
            $side,
            "_session_key,hex]",
            keys!($side: "CLIENT_EARLY_TRAFFIC_SECRET" "client_early_traffic_secret"),
            keys!($side: "CLIENT_HANDSHAKE_TRAFFIC_SECRET" "client_handshake_traffic_secret"),
            keys!($side: "SERVER_HANDSHAKE_TRAFFIC_SECRET" "server_handshake_traffic_secret"),
            keys!($side: "CLIENT_TRAFFIC_SECRET_0" "client_traffic_secret_0"),
            keys!($side: "SERVER_TRAFFIC_SECRET_0" "server_traffic_secret_0"),
            keys!($side: "EXPORTER_SECRET" "exporter_secret"),
            keys!($side: "EARLY_EXPORTER_SECRET" "early_exporter_secret"),
        )
    };
    ($side:literal: $label:literal $fetch:literal) => {
        concat!("\n", $label, " %[ssl_", $side, "_client_random,hex] %[ssl_", $side, "_", $fetch, "]")
    };
}

/// The variable `HAPROXY_KEYLOG_FC_LOG_FMT`.
pub const KEYS_OF_CLIENTS: &str = keys!("fc", " ");

/// The variable `HAPROXY_KEYLOG_BC_LOG_FMT`.
pub const KEYS_OF_SERVERS: &str = keys!("bc", "  ");

/// What a TCP proxy without any format logs.
pub(crate) const DEFAULT_TCP: &str = "Connect from %ci:%cp to %fi:%fp (%f/TCP)";

/// What an HTTP proxy without any format logs.
pub(crate) const DEFAULT_HTTP: &str = "Connect from %ci:%cp to %fi:%fp (%f/HTTP)";

/// What precedes the reason for which a connection failed before it became a stream; the name of the
/// listener and the reason follow.
pub(crate) const FAILURE: &str = "%ci:%cp [%t] %f/";

/// The variables that configurations see, with the formats that they hold.
pub const VARIABLES: &[(&str, &str)] = &[
    ("HAPROXY_HTTP_LOG_FMT", HTTP),
    ("HAPROXY_HTTP_CLF_LOG_FMT", HTTP_CLF),
    ("HAPROXY_HTTPS_LOG_FMT", HTTPS),
    ("HAPROXY_KEYLOG_BC_LOG_FMT", KEYS_OF_SERVERS),
    ("HAPROXY_KEYLOG_FC_LOG_FMT", KEYS_OF_CLIENTS),
    ("HAPROXY_TCP_LOG_FMT", TCP),
    ("HAPROXY_TCP_CLF_LOG_FMT", TCP_CLF),
];
