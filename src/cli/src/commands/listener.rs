//! The rows of `show stat` for listeners that are counted apart (`option socket-stats`).

use base::addr::Family;
use keyword::command::Level;
use stats::columns::Column as C;
use stats::counters::FrontendEvents;
use stats::{Object, Row, Value};
use stream::ListenerFacts;
use stream::site::Frontend;

use super::stat::{tls, with_port};
use crate::traffic::Door;

/// The row of a listener; none when it is not counted apart.
pub(super) fn row(frontend: &Frontend, facts: &ListenerFacts, door: Door, level: Level) -> Option<Row> {
    let counters = facts.counters.as_ref()?;
    let mut row = Row::new(Object::Listener, frontend.common.facts.id, facts.id);
    let name = facts.name.as_ref().map_or_else(|| format!("sock-{}", facts.id), ToString::to_string);
    let status = match door {
        Door::Open => "OPEN",
        Door::Paused => "WAITING",
        Door::Stopped => "STOP",
    };
    let protocol = match facts.address.family() {
        Family::V4 => "tcpv4",
        Family::V6 => "tcpv6",
        Family::Unix => "unix_stream",
    };
    row.set(C::Pxname, Value::Text(frontend.common.facts.name.to_string().into()));
    row.set(C::Svname, Value::Text(name.into()));
    row.words(&[(C::Status, status), (C::Mode, frontend.common.mode.name()), (C::Proto, protocol)]);
    if level >= Level::Operator {
        row.set(C::Addr, Value::Text(with_port(&facts.address).into()));
    }
    row.figures(&[(C::Scur, counters.current.get()), (C::Smax, counters.current_max.get()), (C::Slim, 0)]);
    tls(&mut row, &counters.tls);
    let sum = |figure: fn(&FrontendEvents) -> u64| counters.events.sum(figure);
    let (bytes_in, bytes_out) = (sum(|e| e.bytes_in.get()), sum(|e| e.bytes_out.get()));
    row.counters(&[
        (C::Stot, sum(|e| e.sessions.get())),
        (C::Bin, bytes_in),
        (C::Bout, bytes_out),
        (C::Dreq, sum(|e| e.denied_requests.get())),
        (C::Dresp, sum(|e| e.denied_responses.get())),
        (C::Ereq, sum(|e| e.failed_requests.get())),
        (C::ConnTot, sum(|e| e.connections.get())),
        (C::Dcon, sum(|e| e.denied_connections.get())),
        (C::Dses, sum(|e| e.denied_sessions.get())),
        (C::Wrew, sum(|e| e.failed_rewrites.get())),
        (C::Eint, sum(|e| e.internal_errors.get())),
        (C::Reqbin, bytes_in),
        (C::Reqbout, sum(|e| e.requests_out.get())),
        (C::Resbin, bytes_out),
        (C::Resbout, sum(|e| e.responses_out.get())),
    ]);
    Some(row)
}
