//! Messages to try fetches on.

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::registry::Registry;
use http::{Method, RequestHead, ResponseHead, Status, Version};

use crate::Expr;
use crate::expr::{Cursor, Fetched};
use crate::facts::{Buffered, Hope, Payload, ProcessFacts, ProxyFacts, Scene, SessionFacts, StreamFacts};
use crate::sample::Sample;

/// A request, and its response where there is one.
pub(crate) struct Messages {
    pub(crate) request: RequestHead,
    pub(crate) response: Option<ResponseHead>,
    pub(crate) stream: StreamFacts,
    pub(crate) now: Tick,
    body: Option<Vec<u8>>,
}

/// A request with this first line.
pub(crate) fn request(line: &str) -> Messages {
    let words: Vec<&str> = line.split(' ').collect();
    let mut request = RequestHead {
        method: Method::find(words[0].as_bytes()),
        version: Version::find(words[2].as_bytes()).unwrap(),
        ..RequestHead::default()
    };
    request.set_target(words[1].as_bytes());
    let stream = StreamFacts { request_line: line.as_bytes().to_vec(), ..StreamFacts::default() };
    Messages { request, response: None, stream, now: Tick(1), body: None }
}

impl Messages {
    pub(crate) fn field(&mut self, name: &str, value: &str) -> &mut Self {
        self.request.headers.push(name.as_bytes(), value.as_bytes());
        self
    }

    pub(crate) fn respond(&mut self, status: u16) -> &mut Self {
        let mut response = ResponseHead { version: Version::Http11, ..ResponseHead::default() };
        response.set_status(Status(status));
        self.response = Some(response);
        self
    }

    pub(crate) fn answer_field(&mut self, name: &str, value: &str) -> &mut Self {
        self.response.as_mut().unwrap().headers.push(name.as_bytes(), value.as_bytes());
        self
    }

    pub(crate) fn body(&mut self, body: &[u8]) {
        self.body = Some(body.to_vec());
    }

    fn with<T>(&self, expression: &str, then: impl FnOnce(&Expr, &Scene<'_>) -> T) -> T {
        let mut registry = Registry::default();
        for table in super::TABLES {
            registry.add(table);
        }
        let expr =
            Expr::parse(expression.as_bytes(), &registry).unwrap_or_else(|e| panic!("{expression}: {e:?}"));
        let process = ProcessFacts::default();
        let frontend = ProxyFacts { http: true, ..ProxyFacts::default() };
        let session = SessionFacts {
            source: Some(Addr::Inet("127.0.0.1:5".parse().unwrap())),
            ..SessionFacts::default()
        };
        let payload = match &self.body {
            Some(data) => Payload::Request(Buffered { data, hope: Hope::Nothing }),
            None => Payload::Unavailable,
        };
        then(
            &expr,
            &Scene {
                now: (self.now, WallTime(1_700_000_000_123_456)),
                process: &process,
                frontend: &frontend,
                backend: None,
                server: None,
                session: &session,
                stream: Some(&self.stream),
                request: Some(&self.request),
                response: self.response.as_ref(),
                payload,
            },
        )
    }

    /// The one value of an expression.
    pub(crate) fn sample(&self, expression: &str) -> Option<Sample<'static>> {
        self.with(expression, |expr, scene| expr.eval(scene).value().map(Sample::into_owned))
    }

    /// The same as text.
    pub(crate) fn ask(&self, expression: &str) -> Option<String> {
        let text = self.sample(expression)?.into_text();
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The values that an ACL would look at, as text.
    pub(crate) fn ask_each(&self, expression: &str) -> Vec<String> {
        self.with(expression, |expr, scene| {
            let values = (0..).map_while(|n| expr.eval_at(scene, Cursor::Nth(n)).value());
            values.map(|v| String::from_utf8_lossy(&v.into_text()).into_owned()).collect()
        })
    }
}

/// The value of an expression as text, where these bytes have come of a session that carries no HTTP.
pub(crate) fn arrived(data: &[u8], hope: Hope, expression: &str) -> Result<Option<String>, &'static str> {
    let mut registry = Registry::default();
    for table in super::TABLES {
        registry.add(table);
    }
    let expr =
        Expr::parse(expression.as_bytes(), &registry).unwrap_or_else(|e| panic!("{expression}: {e:?}"));
    let (process, frontend, session) =
        (ProcessFacts::default(), ProxyFacts::default(), SessionFacts::default());
    let scene = Scene {
        now: (Tick(1), WallTime(1)),
        process: &process,
        frontend: &frontend,
        backend: None,
        server: None,
        session: &session,
        stream: None,
        request: None,
        response: None,
        payload: Payload::Request(Buffered { data, hope }),
    };
    let found = expr.eval(&scene);
    if found == Fetched::NotYet {
        return Err("not yet");
    }
    Ok(found.value().map(|v| String::from_utf8_lossy(&v.into_text()).into_owned()))
}
