//! Status codes.

use std::fmt;

/// A response status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

/// The first digit of a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusClass {
    /// 1xx: the final response is still to come.
    Informational,
    /// 2xx
    Success,
    /// 3xx
    Redirection,
    /// 4xx
    ClientError,
    /// 5xx
    ServerError,
    /// Anything else.
    Other,
}

impl Default for Status {
    fn default() -> Self {
        Self(200)
    }
}

impl Status {
    /// The class of the code.
    pub fn class(self) -> StatusClass {
        match self.0 {
            100..=199 => StatusClass::Informational,
            200..=299 => StatusClass::Success,
            300..=399 => StatusClass::Redirection,
            400..=499 => StatusClass::ClientError,
            500..=599 => StatusClass::ServerError,
            _ => StatusClass::Other,
        }
    }

    /// Whether another response to the same request follows. 101 ends the exchange of HTTP messages instead.
    pub fn is_interim(self) -> bool {
        matches!(self.0, 100 | 102..=199)
    }

    /// Whether the code rules out a body whatever the headers say.
    pub fn forbids_body(self) -> bool {
        matches!(self.0, 100..=199 | 204 | 304)
    }

    /// The phrase for a start line that is made here.
    pub fn reason(self) -> &'static str {
        match REASONS.binary_search_by_key(&self.0, |&(code, _)| code) {
            Ok(at) => REASONS[at].1,
            Err(_) => match self.class() {
                StatusClass::Informational => "Informational",
                StatusClass::Success => "Success",
                StatusClass::Redirection => "Redirection",
                StatusClass::ClientError => "Client Error",
                StatusClass::ServerError => "Server Error",
                StatusClass::Other => "Other",
            },
        }
    }
}

/// The known phrases, sorted by code. Existing tools compare whole status lines, so that their spelling is part
/// of the interface, also where RFC 9110 spells another way.
static REASONS: &[(u16, &str)] = &[
    (100, "Continue"),
    (101, "Switching Protocols"),
    (102, "Processing"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-Authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (210, "Content Different"),
    (226, "IM Used"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (310, "Too many Redirects"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Time-out"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Requested range unsatisfiable"),
    (417, "Expectation failed"),
    (418, "I'm a teapot"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Content"),
    (423, "Locked"),
    (424, "Method failure"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (449, "Retry With"),
    (450, "Blocked by Windows Parental Controls"),
    (451, "Unavailable For Legal Reasons"),
    (456, "Unrecoverable Error"),
    (499, "client has closed connection"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway or Proxy Error"),
    (503, "Service Unavailable"),
    (504, "Gateway Time-out"),
    (505, "HTTP Version not supported"),
    (506, "Variant also negotiate"),
    (507, "Insufficient storage"),
    (508, "Loop detected"),
    (509, "Bandwidth Limit Exceeded"),
    (510, "Not extended"),
    (511, "Network authentication required"),
    (520, "Web server is returning an unknown error"),
];

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phrases_are_sorted() {
        assert!(REASONS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn phrases() {
        assert_eq!(Status(200).reason(), "OK");
        assert_eq!(Status(408).reason(), "Request Time-out");
        assert_eq!(Status(103).reason(), "Informational");
        assert_eq!(Status(299).reason(), "Success");
        assert_eq!(Status(444).reason(), "Client Error");
        assert_eq!(Status(599).reason(), "Server Error");
        assert_eq!(Status(600).reason(), "Other");
    }

    #[test]
    fn interim_and_bodiless_codes() {
        assert!(Status(100).is_interim() && Status(103).is_interim());
        assert!(!Status(101).is_interim() && !Status(200).is_interim());
        assert!(Status(304).forbids_body() && Status(101).forbids_body() && !Status(205).forbids_body());
    }
}
