//! The page in HTML, piece by piece: a head, a table for each proxy, an end.

use std::fmt::Write as _;
use std::sync::Arc;

use stats::columns::Column as C;

use super::admin::OFFERED;
use super::cells::{self, Escaped, Look};
use super::legend;
use super::request::{Access, Page as Settings, Progress, Tour, detail};
use super::settings::Shown;
use super::uri::View;
use crate::rows::{Found, Query, Side};
use crate::survey::Survey;

/// The page on its way.
pub(super) struct Page {
    settings: Arc<Settings>,
    survey: Survey,
    view: View,
    access: Access,
    tour: Tour,
    query: Query,
    stage: Stage,
}

/// How far the page is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Start,
    /// Between two proxies.
    Between,
    /// Within the table of a proxy.
    Within(Table),
    End,
}

/// The table of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    name: Arc<str>,
    id: u32,
    /// Whether servers of it can be chosen.
    choice: Choice,
}

/// Whether the rows of a table can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Nothing can be changed here at all.
    No,
    /// Nothing of this table.
    NotHere,
    Yes,
}

/// The columns of a proxy's table, without those of single protocols.
const HEADINGS: [(&str, &[&str]); 9] = [
    ("Queue", &["Cur", "Max", "Limit"]),
    ("Session rate", &["Cur", "Max", "Limit"]),
    ("Sessions", &["Cur", "Max", "Limit", "Total", "LbTot", "Last"]),
    ("Bytes", &["In", "Out"]),
    ("Denied", &["Req", "Resp"]),
    ("Errors", &["Req", "Conn", "Resp"]),
    ("Warnings", &["Retr", "Redis"]),
    ("Server", &["Status", "LastChk", "Wght", "Act", "Bck", "Chk", "Dwn", "Dwntme", "Thrtle"]),
    ("Extra modules", &[]),
];

impl Page {
    pub(super) fn new(settings: Arc<Settings>, survey: Survey, view: View, access: Access) -> Self {
        // The cells themselves say less where legends are not wanted.
        let query = Query { servers: view.servers, detail: detail(&settings), ..Query::default() };
        let tour = Tour::new(settings.clone(), &survey, &view);
        Self { settings, survey, view, access, tour, query, stage: Stage::Start }
    }

    /// Writes the next part.
    pub(super) fn step(&mut self, out: &mut String) -> Progress {
        match &self.stage {
            Stage::End => return Progress::Done,
            Stage::Start => {
                legend::write(out, &self.settings, &self.survey, &self.view);
                self.stage = Stage::Between;
                return Progress::after(out);
            }
            Stage::Between | Stage::Within(_) => {}
        }
        match self.tour.next(&self.survey, &self.query) {
            None => {
                self.close(out);
                out.push_str("</body></html>\n");
                self.stage = Stage::End;
            }
            Some((side, Found::Row(row))) => {
                self.enter(side, out);
                if let Stage::Within(table) = &self.stage {
                    let look = Look {
                        proxy: &table.name,
                        choice: table.choice,
                        legends: self.settings.settings.legends,
                        modules: self.modules(),
                    };
                    cells::write(out, &row, &look);
                }
            }
            Some((_, Found::Hidden | Found::End)) => {}
        }
        Progress::after(out)
    }

    fn modules(&self) -> &'static [&'static str] {
        if self.settings.settings.modules == Shown::Yes { C::modules() } else { &[] }
    }

    /// Begins the table of a side's proxy, unless it has begun.
    fn enter(&mut self, side: Side, out: &mut String) {
        let facts = &side.common(&self.survey.site).facts;
        if matches!(&self.stage, Stage::Within(table) if table.id == facts.id) {
            return;
        }
        let (name, id) = (facts.name.clone(), facts.id);
        self.close(out);
        let backend = self.survey.site.backends.iter().find(|backend| backend.common.facts.id == id);
        let has_servers = backend.is_some_and(|backend| !backend.core.servers.load().is_empty());
        let choice = match self.access {
            Access::ReadOnly => Choice::No,
            Access::Admin if has_servers && self.settings.covers(&name) => Choice::Yes,
            Access::Admin => Choice::NotHere,
        };
        let table = Table { name, id, choice };
        self.open(side, &table, out);
        self.stage = Stage::Within(table);
    }

    fn open(&self, side: Side, table: &Table, out: &mut String) {
        let common = side.common(&self.survey.site);
        let name = Escaped(&table.name);
        if table.choice == Choice::Yes {
            out.push_str("<form method=\"post\">");
        }
        let mut title = format!("<a class=px href=\"#{name}\">{name}</a>");
        if self.settings.settings.legends == Shown::Yes {
            let front = self.survey.site.frontends.iter().any(|f| f.common.facts.id == table.id);
            let back = self.survey.site.backends.iter().any(|b| b.common.facts.id == table.id);
            let side = if front && back {
                "proxy"
            } else if front {
                "frontend"
            } else {
                "backend"
            };
            let tip = format!("cap: {side}, mode: {}, id: {}", common.mode.name(), table.id);
            title = format!("<u>{title}<div class=tips>{tip}</div></u>");
        }
        let description = match &common.notes.description {
            Some(text) => format!("<th class=\"desc\" width=\"90%\">{}</th>", Escaped(text)),
            None => "<th class=\"empty\" width=\"90%\"></th>".to_owned(),
        };
        // Writing into a string does not fail.
        let _ = write!(
            out,
            "<table class=\"tbl\" width=\"100%\">\n<tr class=\"titre\"><th class=\"pxname\" width=\"10%\">\
             <a name=\"{name}\"></a>{title}</th>{description}</tr>\n</table>\n\
             <table class=\"tbl\" width=\"100%\">\n"
        );
        self.headings(table, out);
    }

    fn headings(&self, table: &Table, out: &mut String) {
        let name = Escaped(&table.name);
        out.push_str("<tr class=\"titre\">");
        match table.choice {
            Choice::No => {}
            Choice::NotHere => out.push_str("<th rowspan=2></th>"),
            Choice::Yes => {
                let _ = write!(
                    out,
                    "<th rowspan=2 width=1><input type=\"checkbox\" title=\"all of them\" \
                     onclick=\"for (const c of this.form.elements.s.length ? this.form.elements.s : \
                     [this.form.elements.s]) c.checked = this.checked\" id=\"{name}-all\"></th>"
                );
            }
        }
        out.push_str("<th rowspan=2></th>");
        let modules = self.modules();
        for (title, columns) in HEADINGS {
            let count = if columns.is_empty() { modules.len() } else { columns.len() };
            if count > 0 {
                let _ = write!(out, "<th colspan={count}>{title}</th>");
            }
        }
        out.push_str("</tr>\n<tr class=\"titre\">");
        for column in HEADINGS.iter().flat_map(|(_, columns)| *columns).chain(modules) {
            let _ = write!(out, "<th>{column}</th>");
        }
        out.push_str("</tr>\n");
    }

    /// Ends the table that is open, with the choice of what to do.
    fn close(&mut self, out: &mut String) {
        let Stage::Within(table) = std::mem::replace(&mut self.stage, Stage::Between) else { return };
        out.push_str("</table>");
        if table.choice == Choice::Yes {
            out.push_str("What to do with the servers that are chosen: <select name=action><option value=\"\"></option>");
            for (word, text) in OFFERED {
                let _ = write!(out, "<option value=\"{word}\">{text}</option>");
            }
            let _ = write!(
                out,
                "</select><input type=\"hidden\" name=\"b\" value=\"#{}\">&nbsp;\
                 <input type=\"submit\" value=\"Apply\"></form>",
                table.id
            );
        }
        out.push_str("<p>\n");
    }
}
