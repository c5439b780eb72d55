//! One check of one server.

use std::future::poll_fn;
use std::time::Duration;

use backend::{CheckResult, CheckStatus};
use base::addr::Addr;
use base::buffer::Buffer;
use base::clock::Clock;
use net::connect::{ConnectError, ConnectSpec, connect};
use net::{More, Socket};
use tokio::time::timeout;

use crate::http;
use crate::settings::CheckKind;

/// The times that a check may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) answer: Duration,
}

/// The largest answer that is looked at.
const MAX_ANSWER: usize = 16384;

/// Makes one check.
pub(crate) async fn probe(to: Addr, kind: &CheckKind, patience: Patience, clock: &Clock) -> CheckResult {
    let begin = clock.now();
    let mut result = match timeout(patience.connect, connect(&ConnectSpec::to(to))).await {
        Err(_) => of(CheckStatus::L4Timeout),
        Ok(Err(e)) => refused(&e),
        Ok(Ok(socket)) => match kind {
            CheckKind::Connect => {
                // A reset spares both sides the closing of a connection that carried nothing.
                let _ = socket.reset_on_close(net::Switch::On);
                of(CheckStatus::L4Ok)
            }
            CheckKind::Http(request) => {
                let request = http::request(request);
                timeout(patience.answer, ask(&socket, &request))
                    .await
                    .unwrap_or_else(|_| of(CheckStatus::L7Timeout))
            }
        },
    };
    result.millis = clock.now().millis_since(begin);
    result
}

fn of(status: CheckStatus) -> CheckResult {
    CheckResult { status, ..CheckResult::default() }
}

fn refused(e: &ConnectError) -> CheckResult {
    let reason = sys_reason(e.io());
    CheckResult { info: reason, ..of(CheckStatus::L4Connection) }
}

/// The system's words for an error.
fn sys_reason(e: &std::io::Error) -> String {
    let name = match e.raw_os_error() {
        Some(errno) => errno_name(errno),
        None => return e.to_string(),
    };
    let text = e.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("{name} returned by OS ({text})")
}

fn errno_name(errno: i32) -> &'static str {
    match errno {
        101 => "ENETUNREACH",
        104 => "ECONNRESET",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        2 => "ENOENT",
        13 => "EACCES",
        _ => "an error",
    }
}

async fn ask(socket: &Socket, request: &[u8]) -> CheckResult {
    let mut sent = 0;
    while sent < request.len() {
        match poll_fn(|cx| socket.poll_send(cx, &request[sent..], More::No)).await {
            Ok(n) => sent += n,
            Err(_) => return of(CheckStatus::SocketError),
        }
    }
    let mut answer = Buffer::new();
    answer.ensure_capacity(MAX_ANSWER);
    loop {
        let room = MAX_ANSWER - answer.len();
        match poll_fn(|cx| socket.poll_recv(cx, &mut answer, room)).await {
            Ok(0) if answer.is_empty() => return of(CheckStatus::SocketError),
            Ok(0) => return http::invalid(),
            Err(_) => return of(CheckStatus::SocketError),
            Ok(_) => {}
        }
        if let Some(result) = http::judge(answer.data()) {
            return result;
        }
        if answer.len() >= MAX_ANSWER {
            return http::invalid();
        }
    }
}
