//! The beginning of the page: its style, figures of the process, what the colours mean, and links.

use std::fmt::Write as _;

use stats::Value;
use stats::info::Figure as F;

use super::cells::Escaped;
use super::request::Page;
use super::settings::{Node, Shown};
use super::uri::{Outcome, Refreshing, View};
use crate::figures::{Numbers, figures};
use crate::rows::Servers;
use crate::survey::Survey;

/// The colours of rows, by class. Operators know what they mean.
const COLOURS: [(&str, &str); 18] = [
    ("titre", "#20d0d0"),
    ("frontend", "#e8e8d0"),
    ("socket", "#d0d0d0"),
    ("backend", "#e8e8d0"),
    ("active_down", "#ff9090"),
    ("active_going_up", "#ffd020"),
    ("active_going_down", "#ffffa0"),
    ("active_up", "#c0ffc0"),
    ("active_nolb", "#20a0ff"),
    ("active_draining", "#20a0ff"),
    ("active_no_check", "#e0e0e0"),
    ("backup_down", "#ff9090"),
    ("backup_going_up", "#ff80ff"),
    ("backup_going_down", "#c060ff"),
    ("backup_up", "#b0d0ff"),
    ("backup_nolb", "#90b0e0"),
    ("backup_draining", "#cc9900"),
    ("backup_no_check", "#e0e0e0"),
];

const STYLE: &str = "\
body { font: 12px sans-serif; color: black; background: white; }\n\
h1, h2 { margin: 0 0 .3em 0; font-size: x-large; }\n\
h3 { margin: 0; font-size: 16px; background: #e8e8d0; }\n\
th, td { font-size: 10px; }\n\
table.tbl { border-collapse: collapse; }\n\
table.tbl td, table.tbl th { border: 1px solid gray; padding: 2px 3px; white-space: nowrap; }\n\
table.tbl td { text-align: right; }\n\
table.tbl td.ac { text-align: center; }\n\
table.tbl th.pxname { background: #b00040; color: #ffff40; }\n\
table.tbl th.desc { background: white; text-align: left; }\n\
table.tbl th.empty { border-style: none; background: white; }\n\
table.lgd td { border: 1px solid gray; padding: 2px; }\n\
table.lgd td.noborder { border-style: none; white-space: nowrap; }\n\
table.det th { text-align: left; border-style: none; }\n\
table.det td { text-align: right; border-style: none; }\n\
.maintain { background: #c07820; }\n\
.rls { letter-spacing: .2em; }\n\
a.px { color: #ffff40; text-decoration: none; }\n\
a.lfsb { color: black; text-decoration: none; }\n\
u { text-decoration: none; border-bottom: 1px dotted black; position: relative; }\n\
div.tips { visibility: hidden; position: absolute; z-index: 9; padding: 2px 4px; background: #f0f060; \
border: 1px solid #7040c0; white-space: nowrap; text-align: left; }\n\
u:hover div.tips, td:hover > div.tips { visibility: visible; }\n";

/// Writes all that comes before the tables of the proxies.
pub(super) fn write(out: &mut String, page: &Page, survey: &Survey, view: &View) {
    let node = match &page.settings.node {
        Node::Hidden => String::new(),
        Node::OfProcess => format!(" on {}", Escaped(&survey.site.process.node)),
        Node::Named(name) => format!(" on {}", Escaped(name)),
    };
    let version = version(page, survey);
    // Writing into a string does not fail.
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Statistics Report for HAProxy{node}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<meta charset=\"utf-8\">\n<style>\n{STYLE}"
    );
    for (class, colour) in COLOURS {
        let _ = writeln!(out, ".{class} {{ background: {colour}; }}");
    }
    let description = page.settings.description.as_deref().map(|text| format!(": {}", Escaped(text)));
    let _ = write!(
        out,
        "</style></head>\n<body><h1>HAProxy{version}</h1>\n<h2>Statistics Report for pid {}{node}{}</h2>\n\
         <hr width=\"100%\">\n<h3>&gt; General process information</h3>\n\
         <table border=0><tr><td align=\"left\" nowrap width=\"1%\">\n",
        survey.site.process.pid,
        description.unwrap_or_default()
    );
    process(out, survey);
    colours(out);
    links(out, page, view);
    out.push_str("</tr></table>\n");
    if let Some(outcome) = view.outcome {
        banner(out, page, view, outcome);
    }
}

fn version(page: &Page, survey: &Survey) -> String {
    match &survey.program {
        Some(program) if page.settings.version == Shown::Yes => {
            format!(" version {}, released {}", program.version, program.date)
        }
        _ => String::new(),
    }
}

fn process(out: &mut String, survey: &Survey) {
    let Some(info) = figures(survey, Numbers::Whole) else { return out.push_str("</td>") };
    let of = |figure: F| {
        let mut text = String::new();
        if let Some(value) = info.get(figure) {
            Value::write_plain(value, &mut text);
        }
        text
    };
    let bits = of(F::BytesOutRate).parse::<f64>().unwrap_or_default() * 8.0;
    let (rate, unit) = match bits {
        b if b >= 1e9 => (b / 1e9, "gbps"),
        b if b >= 1e6 => (b / 1e6, "mbps"),
        b => (b / 1e3, "kbps"),
    };
    let memory = Some(of(F::MemmaxMb)).filter(|text| text != "0").unwrap_or_else(|| "unlimited".to_owned());
    let _ = writeln!(
        out,
        "<p><b>pid = </b> {} (process #1, nbproc = 1, nbthread = {})<br>\n\
         <b>uptime = </b> {}; warnings = {}<br>\n\
         <b>system limits:</b> memmax = {memory}; ulimit-n = {}<br>\n\
         <b>maxsock = </b> {}; <b>maxconn = </b> {}; <b>reached = </b> {}; <b>maxpipes = </b> {}<br>\n\
         current conns = {}; current pipes = {}/{}; conn rate = {}/sec; bit rate = {rate:.3} {unit}<br>\n\
         Running tasks: {}/{} ({} niced); idle = {} %<br>\n</td>",
        of(F::Pid),
        of(F::Nbthread),
        of(F::Uptime),
        of(F::TotalWarnings),
        of(F::UlimitN),
        of(F::Maxsock),
        of(F::Maxconn),
        of(F::MaxconnReached),
        of(F::Maxpipes),
        of(F::CurrConns),
        of(F::PipesUsed),
        of(F::PipesFree),
        of(F::ConnRate),
        of(F::RunQueue),
        of(F::Tasks),
        of(F::NicedTasks),
        of(F::IdlePct),
    );
}

/// What the colours of servers mean.
fn colours(out: &mut String) {
    const PAIRS: [[(&str, &str); 2]; 4] = [
        [("active_up", "active UP"), ("backup_up", "backup UP")],
        [("active_going_down", "active UP, going down"), ("backup_going_down", "backup UP, going down")],
        [("active_going_up", "active DOWN, going up"), ("backup_going_up", "backup DOWN, going up")],
        [("active_down", "active or backup DOWN"), ("active_no_check", "not checked")],
    ];
    const WHOLE: [(&str, &str); 2] =
        [("maintain", "in maintenance (MAINT)"), ("active_draining", "without new sessions (NOLB, DRAIN)")];
    out.push_str("<td align=\"center\" nowrap>\n<table class=\"lgd\">\n");
    for pair in PAIRS {
        out.push_str("<tr>");
        for (class, text) in pair {
            let _ = write!(out, "<td class=\"{class}\">&nbsp;</td><td class=\"noborder\">{text} </td>");
        }
        out.push_str("</tr>\n");
    }
    for (class, text) in WHOLE {
        let _ = writeln!(
            out,
            "<tr><td class=\"{class}\">&nbsp;</td><td class=\"noborder\" colspan=\"3\">{text}</td></tr>"
        );
    }
    out.push_str("</table></td>");
}

/// The same page in other ways.
fn links(out: &mut String, page: &Page, view: &View) {
    let (uri, scope) = (Escaped(page.uri()), view.scope_end());
    let scope = Escaped(&scope);
    let words = |servers, refreshing| View::words(servers, refreshing);
    let (servers, refreshing) = (view.servers, view.refreshing);
    let _ = writeln!(
        out,
        "<td align=\"left\" valign=\"top\" nowrap width=\"1%\"><b>Display:</b><ul>\
         <li><form method=\"GET\">Scope: <input value=\"{}\" name=\"scope\" size=\"8\" maxlength=\"20\" \
         tabindex=\"1\"></form>",
        Escaped(&view.scope)
    );
    let mut link = |words: &str, text: &str| {
        let _ = writeln!(out, "<li><a href=\"{uri}{words}{scope}\">{text}</a><br>");
    };
    match servers {
        Servers::Up => link(words(Servers::All, refreshing), "All servers"),
        Servers::All | Servers::Wanted => link(words(Servers::Up, refreshing), "Only servers that are up"),
    }
    if page.settings.refresh.is_some() {
        match refreshing {
            Refreshing::Off => link(words(servers, Refreshing::AsConfigured), "Refresh by itself"),
            Refreshing::AsConfigured => link(words(servers, Refreshing::Off), "Do not refresh by itself"),
        }
    }
    link(words(servers, refreshing), "Refresh now");
    link(";csv;norefresh", "CSV");
    link(";json;norefresh", "JSON");
    link(";json-schema", "Schema of the JSON form");
    out.push_str("</ul></td>");
}

/// Tells what came of a form.
fn banner(out: &mut String, page: &Page, view: &View, outcome: Outcome) {
    let (class, text) = match outcome {
        Outcome::Done => ("active_up", "Done."),
        Outcome::Nothing => ("active_going_down", "There was nothing to change."),
        Outcome::Partial => {
            ("active_going_down", "Done in part: some of the servers do not exist in this backend.")
        }
        Outcome::Invalid => {
            ("active_down", "Not done: the action, the backend or one of the servers does not exist.")
        }
        Outcome::TooLong => ("active_down", "Not done: the form was too long. Choose fewer servers at once."),
        Outcome::Denied => ("active_down", "Not allowed."),
        Outcome::Unknown => ("active_no_check", "Nobody knows what came of it."),
    };
    let words = View::words(view.servers, view.refreshing);
    let _ = write!(
        out,
        "<p><div class={class}><a class=lfsb href=\"{}{words}{}\" title=\"Close\">[X]</a> {text}</div>\n<p>\n",
        Escaped(page.uri()),
        Escaped(&view.scope_end())
    );
}
