//! What is shown when a cell is pointed at.

use std::fmt::Write as _;

use stats::columns::Column as C;
use stats::{Object, Row};

use super::cells::{Cells, Escaped, grouped};

/// A table of names and values.
#[derive(Default)]
struct Details(String);

impl Details {
    fn add(&mut self, name: &str, value: u64) {
        // Writing into a string does not fail.
        let _ = write!(self.0, "<tr><th>{name}</th><td>{}</td></tr>", grouped(value));
    }

    /// A value with its share of a whole.
    fn share(&mut self, name: &str, value: u64, whole: u64) {
        let percent = (value * 100).checked_div(whole).unwrap_or(0);
        let value = grouped(value);
        let _ = write!(self.0, "<tr><th>{name}</th><td>{value}</td><td>({percent}%)</td></tr>");
    }

    fn text(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, "<tr><th>{name}</th><td>{value}</td></tr>");
    }

    fn end(self) -> String {
        format!("<table class=det>{}</table>", self.0)
    }
}

/// What legends say of an object.
pub(super) fn legend(cells: &Cells<'_>) -> String {
    let (address, algorithm) = (cells.text(C::Addr), cells.text(C::Algo));
    let kind = if address.starts_with('[') { "IPv6" } else { "IPv4" };
    let mut parts = Vec::new();
    match cells.row.object() {
        Object::Backend if !algorithm.is_empty() => parts.push(format!("balancing: {algorithm}")),
        Object::Frontend | Object::Backend => {}
        Object::Server | Object::Listener if address == "unix" => parts.push(address),
        Object::Server | Object::Listener => parts.push(format!("{kind}: {}", Escaped(&address))),
    }
    match cells.row.object() {
        Object::Frontend | Object::Backend => {}
        Object::Listener => {
            parts.push(format!("proto={}", cells.text(C::Proto)));
            parts.push(format!("id: {}", cells.number(C::Sid)));
        }
        Object::Server => {
            parts.push(format!("id: {}", cells.number(C::Sid)));
            parts.push(format!("rid: {}", cells.number(C::Srid)));
        }
    }
    let cookie = cells.text(C::Cookie);
    if !cookie.is_empty() {
        parts.push(format!("cookie: '{}'", Escaped(&cookie)));
    }
    parts.join(", ")
}

pub(super) fn rates(cells: &Cells<'_>) -> String {
    let mut details = Details::default();
    let names = ["Current connection rate:", "Current session rate:", "Current request rate:"];
    for (name, column) in names.into_iter().zip([C::ConnRate, C::Rate, C::ReqRate]) {
        details.text(name, &format!("{}/s", cells.number(column)));
    }
    details.end()
}

pub(super) fn highest_rates(cells: &Cells<'_>) -> String {
    let mut details = Details::default();
    let names = ["Max connection rate:", "Max session rate:", "Max request rate:"];
    for (name, column) in names.into_iter().zip([C::ConnRateMax, C::RateMax, C::ReqRateMax]) {
        details.text(name, &format!("{}/s", cells.number(column)));
    }
    details.end()
}

/// Responses by class of status, where there are any to count.
const CLASSES: [(&str, C); 6] = [
    ("- HTTP 1xx responses:", C::Hrsp1xx),
    ("- HTTP 2xx responses:", C::Hrsp2xx),
    ("- HTTP 3xx responses:", C::Hrsp3xx),
    ("- HTTP 4xx responses:", C::Hrsp4xx),
    ("- HTTP 5xx responses:", C::Hrsp5xx),
    ("- other responses:", C::HrspOther),
];

/// The sessions and requests of a frontend.
pub(super) fn requests(cells: &Cells<'_>) -> String {
    let mut details = Details::default();
    for (name, column) in [
        ("Cum. connections:", C::ConnTot),
        ("Cum. sessions:", C::Stot),
        ("- HTTP/1 sessions:", C::H1sess),
        ("- HTTP/2 sessions:", C::H2sess),
        ("- HTTP/3 sessions:", C::H3sess),
        ("- other sessions:", C::SessOther),
    ] {
        details.add(name, cells.number(column));
    }
    if cells.row.get(C::Hrsp1xx).is_some() {
        for (name, column) in [
            ("Cum. HTTP requests:", C::ReqTot),
            ("- HTTP/1 requests:", C::H1req),
            ("- HTTP/2 requests:", C::H2req),
            ("- HTTP/3 requests:", C::H3req),
            ("- other requests:", C::ReqOther),
        ] {
            details.add(name, cells.number(column));
        }
        for (name, column) in CLASSES {
            details.add(name, cells.number(column));
        }
        details.add("Intercepted requests:", cells.number(C::Intercepted));
        cache(&mut details, cells);
    }
    details.add("Failed hdr rewrites:", cells.number(C::Wrew));
    details.add("Internal errors:", cells.number(C::Eint));
    details.end()
}

fn cache(details: &mut Details, cells: &Cells<'_>) {
    let lookups = cells.number(C::CacheLookups);
    details.add("Cache lookups:", lookups);
    details.share("Cache hits:", cells.number(C::CacheHits), lookups);
    details.add("Cache hint hits:", cells.number(C::CacheHintHits));
}

/// The sessions of a server or a backend.
pub(super) fn sessions(cells: &Cells<'_>) -> String {
    let mut details = Details::default();
    let (new, reused) = (cells.number(C::Connect), cells.number(C::Reuse));
    details.add("Cum. sessions:", cells.number(C::Stot));
    details.add("New connections:", new);
    details.share("Reused connections:", reused, new + reused);
    if cells.row.get(C::Hrsp1xx).is_some() {
        let requests = cells.number(C::ReqTot);
        details.add("Cum. HTTP requests:", requests);
        for (name, column) in CLASSES {
            details.share(name, cells.number(column), requests);
        }
        if cells.row.object() == Object::Backend {
            cache(&mut details, cells);
        }
    }
    details.add("Failed hdr rewrites:", cells.number(C::Wrew));
    details.add("Internal errors:", cells.number(C::Eint));
    details.0.push_str("<tr><th colspan=3>Max / Avg of the last 1024, in ms</th></tr>");
    for (name, max, average) in [
        ("- Queue time:", C::QtimeMax, C::Qtime),
        ("- Connect time:", C::CtimeMax, C::Ctime),
        ("- Response time:", C::RtimeMax, C::Rtime),
        ("- Total time:", C::TtimeMax, C::Ttime),
    ] {
        details.text(name, &format!("{} / {}", grouped(cells.number(max)), grouped(cells.number(average))));
    }
    details.end()
}

/// The connections to a server.
pub(super) fn connections(cells: &Cells<'_>) -> String {
    let mut details = Details::default();
    for (name, column) in [
        ("Current active connections:", C::Scur),
        ("Current used connections:", C::UsedConnCur),
        ("Current idle connections:", C::SrvIcur),
        ("- unsafe:", C::IdleConnCur),
        ("- safe:", C::SafeConnCur),
        ("Estimated need of connections:", C::NeedConnEst),
        ("Private idle connections:", C::PrivIdleCur),
    ] {
        details.add(name, cells.number(column));
    }
    for (name, column) in [("Active connections limit:", C::Slim), ("Idle connections limit:", C::SrcIlim)] {
        let limit = cells.row.get(column).map(|_| grouped(cells.number(column)));
        details.text(name, limit.as_deref().unwrap_or("-"));
    }
    details.end()
}

/// What compression did; nothing where there is none.
pub(super) fn compression(cells: &Cells<'_>) -> String {
    if cells.row.get(C::CompIn).is_none() || cells.row.get(C::Hrsp1xx).is_none() {
        return String::new();
    }
    let (before, after) = (cells.number(C::CompIn), cells.number(C::CompOut));
    let mut details = Details::default();
    details.add("Response bytes in:", cells.number(C::Bout));
    details.add("Compression in:", before);
    details.share("Compression out:", after, before);
    details.add("Compression bypass:", cells.number(C::CompByp));
    details.end()
}

/// How many transfers were broken off.
pub(super) fn aborts(cells: &Cells<'_>) -> String {
    format!(
        "Transfers broken off: {} by clients, {} by servers",
        cells.number(C::CliAbrt),
        cells.number(C::SrvAbrt)
    )
}

/// The cell of a protocol with its figures; empty where the object has none.
pub(super) fn module(out: &mut String, row: &Row, module: &str) {
    let (cells, mut details) = (Cells { row }, Details::default());
    for column in C::of_protocols().iter().filter(|c| c.module() == Some(module)) {
        if row.get(*column).is_some() {
            details.add(column.field().about, cells.number(*column));
        }
    }
    if details.0.is_empty() {
        out.push_str("<td></td>");
    } else {
        let _ = write!(out, "<td><u>{module}<div class=tips>{}</div></u></td>", details.end());
    }
}
