//! The responses that are sent when nothing else is configured. Tools compare them byte for byte.

use http::{ResponseHead, Status, Version};

/// A built-in response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The status code.
    pub status: Status,
    /// The phrase of the status line and the title of the page.
    pub title: &'static str,
    text: &'static str,
}

/// Every status with a built-in page, in order.
pub static PAGES: &[ErrorPage] = &[
    page(200, "OK", "Service ready."),
    page(400, "Bad request", "Your browser sent an invalid request."),
    page(401, "Unauthorized", "You need a valid user and password to access this content."),
    page(403, "Forbidden", "Request forbidden by administrative rules."),
    page(404, "Not Found", "The resource could not be found."),
    page(
        405,
        "Method Not Allowed",
        "A request was made of a resource using a request method not supported by that resource.",
    ),
    page(407, "Unauthorized", "You need a valid user and password to access this content."),
    page(408, "Request Time-out", "Your browser didn't send a complete request in time."),
    page(410, "Gone", "The resource is no longer available and will not be available again."),
    page(413, "Payload Too Large", "The request entity exceeds the maximum allowed."),
    page(414, "URI Too Long", "The URI provided was too long for the server to process."),
    page(421, "Misdirected Request", "Request sent to a non-authoritative server."),
    page(422, "Unprocessable Content", "The server cannot process the contained instructions."),
    page(425, "Too Early", "Your browser sent early data."),
    page(429, "Too Many Requests", "You have sent too many requests in a given amount of time."),
    page(431, "Request Header Fields Too Large", "Request Header Fields Too Large."),
    page(500, "Internal Server Error", "An internal server error occurred."),
    page(
        501,
        "Not Implemented",
        "The server does not support the functionality required to fulfill the request.",
    ),
    page(502, "Bad Gateway", "The server returned an invalid or incomplete response."),
    page(503, "Service Unavailable", "No server is available to handle this request."),
    page(504, "Gateway Time-out", "The server didn't respond in time."),
];

const fn page(status: u16, title: &'static str, text: &'static str) -> ErrorPage {
    ErrorPage { status: Status(status), title, text }
}

/// The built-in page of a status.
pub fn find(status: Status) -> Option<&'static ErrorPage> {
    PAGES.iter().find(|page| page.status == status)
}

/// What a page asks of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterPage {
    /// Nothing: it goes on as it would otherwise.
    AsBefore,
    /// The page itself says that it is closed.
    Close,
}

impl ErrorPage {
    /// Whether the page closes the connection: those that answer a request that could not be read.
    pub fn after(&self) -> AfterPage {
        if matches!(self.status.0, 400 | 408) { AfterPage::Close } else { AfterPage::AsBefore }
    }

    /// The body.
    pub fn body(&self) -> String {
        let Self { status, title, text } = self;
        format!("<html><body><h1>{status} {title}</h1>\n{text}\n</body></html>\n")
    }

    /// Makes `head` the head of the page, for a stream that continues. Where [`ErrorPage::after`] says so, the caller
    /// closes the connection.
    pub fn fill(&self, head: &mut ResponseHead) {
        head.clear();
        head.version = Version::Http11;
        head.set_status_and_reason(self.status, self.title.as_bytes());
        head.headers.push(b"content-length", self.body().len().to_string().as_bytes());
        head.headers.push(b"cache-control", b"no-cache");
        head.headers.push(b"content-type", b"text/html");
    }

    /// The whole response, for a connection that cannot tell requests apart any more and is closed after it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { status, title, .. } = self;
        let body = self.body();
        let close = match self.after() {
            AfterPage::Close => "connection: close\r\n",
            AfterPage::AsBefore => "",
        };
        format!(
            "HTTP/1.1 {status} {title}\r\ncontent-length: {}\r\ncache-control: no-cache\r\n{close}\
             content-type: text/html\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_sorted_and_found() {
        assert!(PAGES.is_sorted_by(|a, b| a.status < b.status));
        assert_eq!(find(Status(404)).unwrap().title, "Not Found");
        assert_eq!(find(Status(418)), None);
    }

    #[test]
    fn lengths_on_the_wire() {
        // As operators' tools know them.
        let lengths = [
            (200, 58),
            (400, 90),
            (401, 112),
            (403, 93),
            (404, 83),
            (405, 147),
            (407, 112),
            (408, 110),
            (410, 114),
            (413, 106),
            (414, 110),
            (421, 104),
            (422, 116),
            (425, 80),
            (429, 117),
            (431, 105),
            (500, 97),
            (501, 135),
            (502, 107),
            (503, 107),
            (504, 92),
        ];
        assert_eq!(lengths.len(), PAGES.len());
        for (status, length) in lengths {
            assert_eq!(find(Status(status)).unwrap().body().len(), length, "{status}");
        }
    }

    #[test]
    fn whole_responses() {
        let bytes = String::from_utf8(find(Status(400)).unwrap().to_bytes()).unwrap();
        assert_eq!(
            bytes,
            "HTTP/1.1 400 Bad request\r\ncontent-length: 90\r\ncache-control: no-cache\r\nconnection: close\r\n\
             content-type: text/html\r\n\r\n<html><body><h1>400 Bad request</h1>\n\
             Your browser sent an invalid request.\n</body></html>\n"
        );
        assert!(!String::from_utf8(find(Status(431)).unwrap().to_bytes()).unwrap().contains("connection"));
    }

    #[test]
    fn heads_for_streams() {
        let mut head = ResponseHead::default();
        find(Status(503)).unwrap().fill(&mut head);
        assert_eq!((head.status, head.reason.as_slice()), (Status(503), &b"Service Unavailable"[..]));
        assert_eq!(head.headers.find(b"content-length"), Some(&b"107"[..]));
        assert_eq!(find(Status(408)).unwrap().after(), AfterPage::Close);
    }
}
