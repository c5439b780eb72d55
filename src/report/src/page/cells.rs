//! The cells of a row of a proxy's table.

use std::fmt::{self, Write as _};

use stats::columns::Column as C;
use stats::{Object, Row, Value};

use super::html::Choice;
use super::settings::Shown;
use super::tips;

/// A text in HTML.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// How the rows of a table look.
pub(super) struct Look<'l> {
    pub(super) proxy: &'l str,
    pub(super) choice: Choice,
    pub(super) legends: Shown,
    pub(super) modules: &'static [&'static str],
}

/// Writes a row.
pub(super) fn write(out: &mut String, row: &Row, look: &Look<'_>) {
    let cells = Cells { row };
    let class = match row.object() {
        Object::Frontend => "frontend".to_owned(),
        Object::Backend => "backend".to_owned(),
        Object::Listener => "socket".to_owned(),
        Object::Server => class_of_server(&cells.text(C::Status), cells.number(C::Bck)),
    };
    // Writing into a string does not fail.
    let _ = write!(out, "<tr class=\"{class}\">");
    chooser(out, &cells, look);
    name(out, &cells, look);
    match row.object() {
        Object::Frontend | Object::Listener => front(out, &cells),
        Object::Backend | Object::Server => back(out, &cells),
    }
    for module in look.modules {
        tips::module(out, row, module);
    }
    out.push_str("</tr>\n");
}

/// The colour of a server.
fn class_of_server(status: &str, backup: u64) -> String {
    let role = if backup > 0 { "backup" } else { "active" };
    let between = status.contains('/');
    let state = match status.split(' ').next().unwrap_or_default() {
        "MAINT" => return "maintain".to_owned(),
        "UP" if between => "going_down",
        "UP" => "up",
        "DOWN" if between => "going_up",
        "DOWN" => "down",
        "NOLB" => "nolb",
        "DRAIN" => "draining",
        _ => "no_check",
    };
    format!("{role}_{state}")
}

fn chooser(out: &mut String, cells: &Cells<'_>, look: &Look<'_>) {
    match look.choice {
        Choice::No => {}
        Choice::Yes if cells.row.object() == Object::Server => {
            let (proxy, name) = (Escaped(look.proxy), cells.text(C::Svname));
            let _ = write!(
                out,
                "<td><input class=\"{proxy}-checkbox\" type=\"checkbox\" name=\"s\" value=\"{}\"></td>",
                Escaped(&name)
            );
        }
        Choice::Yes | Choice::NotHere => out.push_str("<td></td>"),
    }
}

fn name(out: &mut String, cells: &Cells<'_>, look: &Look<'_>) {
    let (proxy, own) = (Escaped(look.proxy), cells.text(C::Svname));
    let (mark, shown) = match cells.row.object() {
        Object::Frontend => ("", "Frontend"),
        Object::Backend => ("", "Backend"),
        Object::Listener => ("+", &*own),
        Object::Server => ("", &*own),
    };
    let shown = Escaped(shown);
    let anchor = format!("{proxy}/{mark}{shown}");
    let link = format!("<a name=\"{anchor}\"></a><a class=lfsb href=\"#{anchor}\">{shown}</a>");
    let legend = if look.legends == Shown::Yes { tips::legend(cells) } else { String::new() };
    let link = if legend.is_empty() { link } else { format!("<u>{link}<div class=tips>{legend}</div></u>") };
    let _ = write!(out, "<td class=ac>{link}</td>");
}

/// The cells of frontends and listeners.
fn front(out: &mut String, cells: &Cells<'_>) {
    let listener = cells.row.object() == Object::Listener;
    out.push_str("<td colspan=3></td>");
    if listener {
        out.push_str("<td colspan=3>&nbsp;</td>");
    } else {
        cells.tipped(out, C::Rate, &tips::rates(cells));
        cells.tipped(out, C::RateMax, &tips::highest_rates(cells));
        cells.limit(out, C::RateLim);
    }
    cells.plain(out, &[C::Scur, C::Smax]);
    cells.limit(out, C::Slim);
    if listener {
        cells.plain(out, &[C::Stot]);
    } else {
        cells.tipped(out, C::Stot, &tips::requests(cells));
    }
    out.push_str("<td></td><td></td>");
    cells.plain(out, &[C::Bin]);
    cells.tipped(out, C::Bout, &tips::compression(cells));
    cells.plain(out, &[C::Dreq, C::Dresp, C::Ereq]);
    out.push_str("<td></td><td></td><td></td><td></td>");
    let _ = write!(out, "<td class=ac>{}</td><td class=ac colspan=8></td>", Escaped(&cells.text(C::Status)));
}

/// The cells of servers and backends.
fn back(out: &mut String, cells: &Cells<'_>) {
    let server = cells.row.object() == Object::Server;
    cells.plain(out, &[C::Qcur, C::Qmax]);
    if server {
        cells.limit(out, C::Qlimit);
    } else {
        out.push_str("<td></td>");
    }
    cells.plain(out, &[C::Rate, C::RateMax]);
    out.push_str("<td></td>");
    cells.tipped(out, C::Scur, &if server { tips::connections(cells) } else { String::new() });
    cells.plain(out, &[C::Smax]);
    cells.limit(out, C::Slim);
    cells.tipped(out, C::Stot, &tips::sessions(cells));
    cells.plain(out, &[C::Lbtot]);
    let last = match cells.row.get(C::Lastsess) {
        Some(Value::S32(seconds)) if *seconds >= 0 => span(u64::from(seconds.unsigned_abs())),
        _ => "?".to_owned(),
    };
    let _ = write!(out, "<td>{last}</td>");
    cells.plain(out, &[C::Bin]);
    cells.tipped(out, C::Bout, &tips::compression(cells));
    if server {
        out.push_str("<td></td>");
    } else {
        cells.plain(out, &[C::Dreq]);
    }
    cells.plain(out, &[C::Dresp]);
    out.push_str("<td></td>");
    cells.plain(out, &[C::Econ]);
    cells.tipped(out, C::Eresp, &tips::aborts(cells));
    cells.plain(out, &[C::Wretr, C::Wredis]);
    if server { state_of_server(out, cells) } else { state_of_backend(out, cells) }
}

fn state_of_server(out: &mut String, cells: &Cells<'_>) {
    let status = cells.text(C::Status);
    let checked = cells.row.get(C::Chkfail).is_some();
    if status == "no check" {
        out.push_str("<td class=ac><i>no check</i></td>");
    } else {
        let _ = write!(out, "<td class=ac>{} {}</td>", span(cells.number(C::Lastchg)), Escaped(&status));
    }
    let outcome = cells.text(C::CheckStatus);
    if outcome.is_empty() {
        out.push_str("<td></td>");
    } else {
        let _ = write!(out, "<td class=ac><u> {}", Escaped(&outcome));
        if cells.row.get(C::CheckCode).is_some() {
            let _ = write!(out, "/{}", cells.number(C::CheckCode));
        }
        if cells.row.get(C::CheckDuration).is_some() {
            let _ = write!(out, " in {}ms", cells.number(C::CheckDuration));
        }
        let (text, last) = (cells.text(C::CheckDesc), cells.text(C::LastChk));
        let _ = write!(out, "<div class=tips>{}", Escaped(&text));
        if !last.is_empty() {
            let _ = write!(out, ": {}", Escaped(&last));
        }
        out.push_str("</div></u></td>");
    }
    let mark = |column| if cells.number(column) > 0 { "Y" } else { "-" };
    let _ = write!(
        out,
        "<td class=ac>{}/{}</td><td class=ac>{}</td><td class=ac>{}</td>",
        cells.number(C::Weight),
        cells.number(C::Uweight),
        mark(C::Act),
        mark(C::Bck)
    );
    if checked {
        cells.tipped(out, C::Chkfail, "Failed checks");
        cells.plain(out, &[C::Chkdown]);
        let _ = write!(out, "<td>{}</td>", span(cells.number(C::Downtime)));
    } else {
        out.push_str("<td colspan=3></td>");
    }
    match cells.row.get(C::Throttle) {
        Some(_) => {
            let _ = write!(out, "<td class=ac>{} %</td>", cells.number(C::Throttle));
        }
        None => out.push_str("<td class=ac>-</td>"),
    }
}

fn state_of_backend(out: &mut String, cells: &Cells<'_>) {
    let _ = write!(
        out,
        "<td class=ac>{} {}</td><td class=ac>&nbsp;</td><td class=ac>{}/{}</td><td class=ac>{}</td>\
         <td class=ac>{}</td><td class=ac>&nbsp;</td>",
        span(cells.number(C::Lastchg)),
        Escaped(&cells.text(C::Status)),
        cells.number(C::Weight),
        cells.number(C::Uweight),
        cells.number(C::Act),
        cells.number(C::Bck)
    );
    cells.plain(out, &[C::Chkdown]);
    let down = cells.row.get(C::Downtime).map(|_| span(cells.number(C::Downtime)));
    let _ = write!(out, "<td>{}</td><td></td>", down.unwrap_or_default());
}

/// The values of a row.
pub(super) struct Cells<'r> {
    pub(super) row: &'r Row,
}

impl Cells<'_> {
    /// A column as a number; 0 where it is empty.
    pub(super) fn number(&self, column: C) -> u64 {
        match self.row.get(column) {
            Some(Value::U32(n)) => u64::from(*n),
            Some(Value::U64(n)) => *n,
            _ => 0,
        }
    }

    /// A column as a text; empty where it is.
    pub(super) fn text(&self, column: C) -> String {
        let mut text = String::new();
        if let Some(value) = self.row.get(column) {
            value.write_plain(&mut text);
        }
        text
    }

    /// Cells with numbers.
    fn plain(&self, out: &mut String, columns: &[C]) {
        for column in columns {
            match self.row.get(*column) {
                Some(_) => {
                    let _ = write!(out, "<td>{}</td>", grouped(self.number(*column)));
                }
                None => out.push_str("<td></td>"),
            }
        }
    }

    /// A cell with a limit.
    fn limit(&self, out: &mut String, column: C) {
        match self.row.get(column).map(|_| self.number(column)) {
            None | Some(0) => out.push_str("<td>-</td>"),
            Some(limit) => {
                let _ = write!(out, "<td>{}</td>", grouped(limit));
            }
        }
    }

    /// A cell with a number, and what is shown when it is pointed at.
    fn tipped(&self, out: &mut String, column: C, tip: &str) {
        if tip.is_empty() {
            return self.plain(out, &[column]);
        }
        let _ = write!(out, "<td><u>{}<div class=tips>{tip}</div></u></td>", grouped(self.number(column)));
    }
}

/// A number whose thousands stand apart when it is shown.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len());
    for (i, digit) in digits.chars().enumerate() {
        let behind = digits.len() - 1 - i;
        if behind > 0 && behind.is_multiple_of(3) {
            let _ = write!(out, "<span class=\"rls\">{digit}</span>");
        } else {
            out.push(digit);
        }
    }
    out
}

/// A span of time in its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if days > 0 => format!("{days}d{}h", hours % 24),
        () if hours > 0 => format!("{hours}h{}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m{}s", seconds % 60),
        () => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_tell_the_state() {
        for (status, backup, class) in [
            ("UP", 0, "active_up"),
            ("UP 1/3", 0, "active_going_down"),
            ("DOWN 1/2", 1, "backup_going_up"),
            ("DOWN", 1, "backup_down"),
            ("MAINT", 0, "maintain"),
            ("no check", 0, "active_no_check"),
            ("DRAIN", 0, "active_draining"),
            ("NOLB", 1, "backup_nolb"),
        ] {
            assert_eq!(class_of_server(status, backup), class, "{status}");
        }
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(123), "123");
        assert_eq!(grouped(12345), "1<span class=\"rls\">2</span>345");
        assert_eq!(grouped(1_000_000).matches("span class").count(), 2);
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [(5, "5s"), (65, "1m5s"), (3660, "1h1m"), (90_000, "1d1h")] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(Escaped("<a href=\"x\">&'").to_string(), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn a_server_has_all_the_columns_of_the_heading() {
        let mut row = Row::new(Object::Server, 3, 1);
        row.words(&[(C::Svname, "s1"), (C::Status, "UP 1/2"), (C::CheckStatus, "L4OK")]);
        row.figures(&[(C::Act, 1), (C::Scur, 7), (C::Stot, 12345), (C::CheckCode, 200)]);
        row.counters(&[(C::Chkfail, 1), (C::Chkdown, 2)]);
        let look = Look { proxy: "b<e", choice: Choice::Yes, legends: Shown::No, modules: &[] };
        let mut out = String::new();
        write(&mut out, &row, &look);
        assert!(
            out.starts_with("<tr class=\"active_going_down\"><td><input class=\"b&lt;e-checkbox\""),
            "{out}"
        );
        // The tips are tables of their own.
        let mut outer = out.clone();
        while let (Some(start), Some(end)) = (outer.find("<table"), outer.find("</table>")) {
            outer.replace_range(start..end + "</table>".len(), "");
        }
        assert_eq!(outer.matches("<td").count(), 2 + 3 + 3 + 6 + 2 + 2 + 3 + 2 + 9);
        assert!(out.contains("L4OK/200"));
    }
}
