//! Making requests.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use base::addr::Addr;
use base::clock::{Clock, Tick};
use bytes::Bytes;
use config::Draft;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper::header::{ACCEPT, HOST, HeaderName, HeaderValue, USER_AGENT};
use net::connect::{ConnectSpec, connect};
use tls::{Connector, ConnectorMaker};
use tokio::time::{sleep, timeout};

use crate::directives::Settings;
use crate::line::Line;
use crate::place::{Place, Scheme};
use crate::request::{Answer, Course, Failure, Outcome, Request};

/// Makes requests as the configuration wants them made. Connections are not kept.
pub struct Client {
    settings: Settings,
    maker: ConnectorMaker,
    /// Made when it is first needed: reading what the system trusts takes its time.
    connector: OnceLock<Result<Arc<Connector>, String>>,
    clock: Clock,
}

/// How long to wait before another attempt to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest head of an answer, in bytes.
const HEAD: usize = 16 * 1024;

impl Client {
    /// By what a configuration says.
    pub fn of(draft: &Draft, clock: Clock) -> Self {
        let (settings, maker) = (draft.global::<Settings>(), ConnectorMaker::of_program(draft));
        Self { settings, maker, connector: OnceLock::new(), clock }
    }

    /// Makes a request, several times if it fails in a way that may pass.
    pub async fn fetch(&self, request: &Request) -> Outcome {
        let begin = self.clock.now();
        let mut course = Course::default();
        loop {
            let result = self.attempt(request, begin, &mut course).await;
            course.total = self.clock.now().millis_since(begin);
            let again = result.as_ref().is_err_and(Failure::is_worth_another);
            if !again || course.retries >= self.settings.retries {
                return Outcome { result, course };
            }
            course.retries += 1;
            if matches!(result, Err(Failure::Connect(_))) {
                sleep(PAUSE).await;
            }
        }
    }

    async fn attempt(&self, request: &Request, begin: Tick, course: &mut Course) -> Result<Answer, Failure> {
        let place = Place::of(request)?;
        let message = message(request, &place)?;
        (course.connect, course.answer) = (None, None);
        let line = timeout(self.settings.connect, self.line(request, &place, course.retries));
        let line = line.await.map_err(|_| Failure::Connect("it took too long".to_owned()))??;
        let connected = self.clock.now();
        course.connect = Some(connected.millis_since(begin));
        let head = || course.answer = Some(self.clock.now().millis_since(connected));
        timeout(request.patience, exchange(line, message, request.limit, head))
            .await
            .map_err(|_| Failure::Late)?
    }

    /// A connection to where a request goes.
    async fn line(&self, request: &Request, place: &Place, attempt: u32) -> Result<Line, Failure> {
        let to = match &request.proxy {
            Some(proxy) => proxy.clone(),
            None => place.address(&self.settings, attempt).await?,
        };
        let failed = |e: &dyn std::fmt::Display| Failure::Connect(format!("{}: {e}", name_of(&to)));
        let socket = connect(&ConnectSpec::to(to.clone())).await.map_err(|e| failed(&e))?;
        match place.scheme {
            Scheme::Http => Ok(Line::clear(socket)),
            Scheme::Https if request.proxy.is_some() => {
                Err(Failure::Request("https:// cannot be asked for through a proxy".to_owned()))
            }
            Scheme::Https => {
                let connector = self.connector().map_err(Failure::Request)?;
                Line::encrypted(socket, &connector, &place.host).await.map_err(|e| failed(&e))
            }
        }
    }

    fn connector(&self) -> Result<Arc<Connector>, String> {
        self.connector.get_or_init(|| self.settings.connector(&self.maker)).clone()
    }
}

fn name_of(to: &Addr) -> String {
    to.to_string()
}

type Message = hyper::Request<Full<Bytes>>;

/// The request as the library wants it.
fn message(request: &Request, place: &Place) -> Result<Message, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::Request(e.to_string());
    let body = Full::new(Bytes::copy_from_slice(&request.body));
    let mut message = hyper::Request::builder()
        .method(request.method.as_bytes())
        .uri(place.target.clone())
        .body(body)
        .map_err(|e| wrong(&e))?;
    let headers = message.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(&place.authority).map_err(|e| wrong(&e))?);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static("HAProxy"));
    let mut own = Vec::new();
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name).map_err(|e| wrong(&e))?;
        // What is said of a header takes the place of what every request has, once.
        if !own.contains(&name) {
            headers.remove(&name);
            own.push(name.clone());
        }
        headers.append(name, HeaderValue::try_from(value.as_slice()).map_err(|e| wrong(&e))?);
    }
    Ok(message)
}

/// Sends a request, and reads what comes back.
async fn exchange(
    line: Line,
    message: Message,
    limit: usize,
    mut head: impl FnMut(),
) -> Result<Answer, Failure> {
    let failed = |e: hyper::Error| Failure::Answer(e.to_string());
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD).handshake(line).await.map_err(failed)?;
    let asked = async {
        let response = sender.send_request(message).await.map_err(failed)?;
        head();
        read(response, limit).await
    };
    let (mut asked, mut connection) = (pin!(asked), pin!(connection));
    let mut goes_on = true;
    std::future::poll_fn(|cx| {
        // The connection does the work that the request waits for; what ends it shows in the request.
        if goes_on && connection.as_mut().poll(cx).is_ready() {
            goes_on = false;
        }
        match asked.as_mut().poll(cx) {
            Poll::Pending if !goes_on => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    })
    .await
}

async fn read(response: hyper::Response<Incoming>, limit: usize) -> Result<Answer, Failure> {
    let (head, mut body) = response.into_parts();
    let own =
        |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), value.as_bytes().to_vec());
    let headers = head.headers.iter().map(own).collect();
    let own = head.extensions.get::<ReasonPhrase>();
    let reason = own.map_or_else(
        || head.status.canonical_reason().unwrap_or_default().to_owned(),
        |own| String::from_utf8_lossy(own.as_bytes()).into_owned(),
    );
    let mut answer = Answer { status: head.status.as_u16(), reason, headers, body: Vec::new() };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::Answer(e.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if answer.body.len() + data.len() > limit {
            return Err(Failure::Long);
        }
        answer.body.extend_from_slice(&data);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
