//! States that are shown as one value for each that there may be: 1 for the one that holds, 0 for the others.

use backend::server::{Admin, Status};
use backend::{CheckStatus, Server};

/// The states of a frontend or a backend.
pub(super) const PROXY: &[&str] = &["DOWN", "UP"];

/// The states of a listener.
pub(super) const LISTENER: &[&str] = &["WAITING", "OPEN", "FULL"];

/// The states of a server.
pub(super) const SERVER: &[&str] = &["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];

/// The outcomes of checks.
pub(super) const CHECK: &[&str] = &[
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP", "L7OK",
    "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];

/// The classes of status, by the label that they have.
pub(super) const CODES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// The state of a server, one of [`SERVER`].
pub(super) fn of_server(server: &Server) -> &'static str {
    match (server.admin(), server.status()) {
        (Admin::Maintenance, _) => "MAINT",
        (_, Status::Down) => "DOWN",
        (Admin::Drain, _) => "DRAIN",
        (Admin::Ready, Status::Stopping) => "NOLB",
        (Admin::Ready, Status::Up) => "UP",
    }
}

/// One of [`CHECK`], as columns show it: with a star while the next check is on its way.
pub(super) fn of_text(status: &str) -> Option<&'static str> {
    let status = status.trim_start_matches("* ");
    CHECK.iter().find(|known| **known == status).copied()
}

/// The outcome of a server's last check, one of [`CHECK`]; none before the first one.
pub(super) fn of_check(server: &Server) -> Option<&'static str> {
    let ((last, _), maintenance) = (server.health.last(), server.admin() == Admin::Maintenance);
    (!maintenance && last.status != CheckStatus::Initializing).then(|| last.status.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_no_part_of_an_outcome() {
        assert_eq!(of_text("* L7OK"), Some("L7OK"));
        assert_eq!(of_text("L4CON"), Some("L4CON"));
        assert_eq!(of_text("INI"), None);
    }
}
