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
    ("HAPROXY_TCP_LOG_FMT", TCP),
    ("HAPROXY_TCP_CLF_LOG_FMT", TCP_CLF),
];
