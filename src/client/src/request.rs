//! What is asked, and what comes of it.

use std::time::Duration;

use base::addr::Addr;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// The whole URL, by `http` or `https`.
    pub url: String,
    /// Headers beside those that every request has.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body; none is sent when it is empty.
    pub body: Vec<u8>,
    /// The longest body that may come back, in bytes.
    pub limit: usize,
    /// How long the answer may take once the connection is there.
    pub patience: Duration,
    /// A proxy that the request is sent to.
    pub proxy: Option<Addr>,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest body.
const LIMIT: usize = 64 * 1024;

impl Request {
    /// A request without anything special.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            limit: LIMIT,
            patience: PATIENCE,
            proxy: None,
        }
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What stands behind it.
    pub reason: String,
    /// The headers, with names in lower case, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request cannot be sent: this is wrong with it.
    Request(String),
    /// The server's name leads nowhere.
    Name(String),
    /// No connection could be made.
    Connect(String),
    /// The server took the connection, and gave no answer.
    Answer(String),
    /// The answer took too long.
    Late,
    /// The answer is longer than it may be.
    Long,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(why) => write!(f, "cannot make the request: {why}"),
            Self::Name(why) => write!(f, "cannot find the server: {why}"),
            Self::Connect(why) => write!(f, "cannot reach the server: {why}"),
            Self::Answer(why) => write!(f, "no answer of the server: {why}"),
            Self::Late => f.write_str("no answer of the server in time"),
            Self::Long => f.write_str("the server's answer is too long"),
        }
    }
}

impl Failure {
    /// Whether another attempt may fare better.
    pub(crate) fn is_worth_another(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Answer(_))
    }
}

/// How a request went. Times are in milliseconds; none of what it did not get to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// The attempts after the first one.
    pub retries: u32,
    /// Until there was a connection.
    pub connect: Option<u64>,
    /// From then on until the head of the answer was there.
    pub answer: Option<u64>,
    /// All of it.
    pub total: u64,
}

/// What came of a request, and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What came back.
    pub result: Result<Answer, Failure>,
    /// How it went.
    pub course: Course,
}
