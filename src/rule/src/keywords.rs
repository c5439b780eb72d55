//! The older names of ACL criteria, and the predefined ACLs.

use pattern::Method;

use crate::acl::{AclKeyword, PredefinedAcl};

const fn keyword(name: &'static str, fetch: &'static str, method: Method) -> AclKeyword {
    AclKeyword { name, fetch, method }
}

/// A fetch under its older names, with the suffix that says how it is compared.
macro_rules! family {
    ($($name:literal $beg:literal $dir:literal $dom:literal $end:literal $len:literal $reg:literal $sub:literal => $fetch:literal),+ $(,)?;
     $($single:literal => $of:literal by $method:ident),+ $(,)?) => {
        &[$(
            keyword($name, $fetch, Method::Str),
            keyword($beg, $fetch, Method::Beg),
            keyword($dir, $fetch, Method::Dir),
            keyword($dom, $fetch, Method::Dom),
            keyword($end, $fetch, Method::End),
            keyword($len, $fetch, Method::Len),
            keyword($reg, $fetch, Method::Reg),
            keyword($sub, $fetch, Method::Sub),
        )+
        $(keyword($single, $of, Method::$method)),+]
    };
}

/// Criteria that bring their match method along.
pub static ACL_KEYWORDS: &[AclKeyword] = family! {
    "base" "base_beg" "base_dir" "base_dom" "base_end" "base_len" "base_reg" "base_sub" => "base",
    "cook" "cook_beg" "cook_dir" "cook_dom" "cook_end" "cook_len" "cook_reg" "cook_sub" => "req.cook",
    "hdr" "hdr_beg" "hdr_dir" "hdr_dom" "hdr_end" "hdr_len" "hdr_reg" "hdr_sub" => "req.hdr",
    "path" "path_beg" "path_dir" "path_dom" "path_end" "path_len" "path_reg" "path_sub" => "path",
    "scook" "scook_beg" "scook_dir" "scook_dom" "scook_end" "scook_len" "scook_reg" "scook_sub" => "res.cook",
    "shdr" "shdr_beg" "shdr_dir" "shdr_dom" "shdr_end" "shdr_len" "shdr_reg" "shdr_sub" => "res.hdr",
    "url" "url_beg" "url_dir" "url_dom" "url_end" "url_len" "url_reg" "url_sub" => "url",
    "urlp" "urlp_beg" "urlp_dir" "urlp_dom" "urlp_end" "urlp_len" "urlp_reg" "urlp_sub" => "urlp";
    "http_auth_group" => "http_auth_group" by Str,
    "method" => "method" by Str,
    "payload" => "req.payload" by Bin,
    "payload_lv" => "req.payload_lv" by Bin,
    "req.ssl_ver" => "req.ssl_ver" by Int,
    "req_rdp_cookie" => "req.rdp_cookie" by Str,
    "req_rdp_cookie_cnt" => "req.rdp_cookie_cnt" by Int,
    "req_ssl_sni" => "req.ssl_sni" by Str,
    "req_ssl_ver" => "req.ssl_ver" by Int,
    "req_ver" => "req.ver" by Str,
    "resp_ver" => "res.ver" by Str,
    "ssl_fc_sni_end" => "ssl_fc_sni" by End,
    "ssl_fc_sni_reg" => "ssl_fc_sni" by Reg,
};

const fn predefined(name: &'static str, words: &'static [&'static str]) -> PredefinedAcl {
    PredefinedAcl { name, words }
}

/// The ACLs that need no declaration (configuration manual, section 7.4).
pub static PREDEFINED_ACLS: &[PredefinedAcl] = &[
    predefined("FALSE", &["always_false"]),
    predefined("HTTP", &["req.proto_http"]),
    predefined("HTTP_1.0", &["req.ver", "1.0"]),
    predefined("HTTP_1.1", &["req.ver", "1.1"]),
    predefined("HTTP_2.0", &["req.ver", "2.0"]),
    predefined("HTTP_3.0", &["req.ver", "3.0"]),
    predefined("HTTP_CONTENT", &["req.hdr_val(content-length)", "gt", "0"]),
    predefined("HTTP_URL_ABS", &["url", "-m", "reg", "^[^/:]*://"]),
    predefined("HTTP_URL_SLASH", &["url", "-m", "beg", "/"]),
    predefined("HTTP_URL_STAR", &["url", "*"]),
    predefined("LOCALHOST", &["src", "127.0.0.1/8", "::1"]),
    predefined("METH_CONNECT", &["method", "CONNECT"]),
    predefined("METH_DELETE", &["method", "DELETE"]),
    predefined("METH_GET", &["method", "GET", "HEAD"]),
    predefined("METH_HEAD", &["method", "HEAD"]),
    predefined("METH_OPTIONS", &["method", "OPTIONS"]),
    predefined("METH_POST", &["method", "POST"]),
    predefined("METH_PUT", &["method", "PUT"]),
    predefined("METH_TRACE", &["method", "TRACE"]),
    predefined("RDP_COOKIE", &["req.rdp_cookie_cnt", "gt", "0"]),
    predefined("REQ_CONTENT", &["req.len", "gt", "0"]),
    predefined("TRUE", &["always_true"]),
    predefined("WAIT_END", &["wait_end"]),
];
