//! `show stat`, and what starts its counters anew.

use keyword::Answer;
use keyword::command::{CommandCx, Dump, Level, Progress};
use report::{Detail, Found, Query, Servers, Side, Survey, Traffic, sides};
use stats::counters::ListenerCounters;
use stats::rows::{head, tail};
use stats::{Descriptions, First, Form};
use stream::Site;

use super::find;

/// What is asked for, and in which form.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    query: Query,
    form: Form,
    descriptions: Descriptions,
}

impl Wanted {
    fn parse(cx: &CommandCx<'_>, site: &Site) -> Result<Self, Answer> {
        let mut wanted = Self::default();
        let query = &mut wanted.query;
        if cx.session.level >= Level::Operator {
            query.detail = Detail::Full;
        }
        let mut at = 0;
        if cx.arg(0) == "domain" {
            if cx.arg(1) != "proxy" {
                return Err(Answer::error("Invalid statistics domain."));
            }
            at = 2;
        }
        if cx.has(at + 2) {
            let number = |i: usize| cx.arg(i).parse::<i64>().ok();
            query.proxy = match number(at) {
                Some(id) => u32::try_from(id).ok().filter(|id| *id > 0),
                None => Some(proxy_id(site, &cx.arg(at)).ok_or_else(|| Answer::error("No such proxy."))?),
            };
            query.kinds = number(at + 1).and_then(|bits| u32::try_from(bits).ok());
            query.id = number(at + 2).and_then(|id| u32::try_from(id).ok());
            at += 3;
        }
        while cx.has(at) {
            match cx.arg(at).as_ref() {
                "typed" => wanted.form = Form::Typed,
                "json" => wanted.form = Form::Json,
                "desc" => wanted.descriptions = Descriptions::Added,
                "no-maint" => wanted.query.servers = Servers::Wanted,
                "up" => wanted.query.servers = Servers::Up,
                _ => {}
            }
            at += 1;
        }
        Ok(wanted)
    }
}

fn proxy_id(site: &Site, name: &str) -> Option<u32> {
    let front = site.frontends.iter().map(|f| &f.common.facts);
    let back = site.backends.iter().map(|b| &b.common.facts);
    front.chain(back).find(|f| *f.name == *name).map(|f| f.id)
}

pub(super) fn show_stat(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let wanted = match Wanted::parse(cx, &site) {
        Ok(wanted) => wanted,
        Err(answer) => return answer,
    };
    let Some(survey) = Survey::of(cx.world) else { return Answer::Silence };
    let sides = sides(&site).into_iter();
    Answer::Dump(Box::new(StatDump {
        survey,
        wanted,
        sides,
        side: None,
        begun: First::Yes,
        first: First::Yes,
    }))
}

/// The rows, a few at a time.
struct StatDump {
    survey: Survey,
    wanted: Wanted,
    sides: std::vec::IntoIter<Side>,
    /// The side that is under way, and the next step along it.
    side: Option<(Side, usize)>,
    begun: First,
    first: First,
}

/// How much is written at once, about.
const PIECE: usize = 8192;

impl Dump for StatDump {
    fn write(&mut self, out: &mut Vec<u8>) -> Progress {
        let Wanted { query, form, descriptions } = self.wanted;
        let mut text = String::new();
        if std::mem::replace(&mut self.begun, First::No) == First::Yes {
            text = head(form);
        }
        let mut progress = Progress::More;
        while text.len() < PIECE {
            let Some((side, at)) = self.side.or_else(|| self.sides.next().map(|side| (side, 0))) else {
                text.push_str(tail(form));
                progress = Progress::Done;
                break;
            };
            self.side = Some((side, at + 1));
            match self.survey.step(side, at, &query) {
                Found::Row(row) => {
                    row.write(form, descriptions, self.first, &mut text);
                    self.first = First::No;
                }
                Found::Hidden => {}
                Found::End => self.side = None,
            }
        }
        out.extend_from_slice(text.as_bytes());
        progress
    }
}

pub(super) fn schema(_: &mut CommandCx<'_>) -> Answer {
    Answer::text(stats::schema())
}

pub(super) fn clear_counters(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let scope = cx.arg(0);
    if matches!(scope.as_ref(), "all" | "server") && cx.session.level < Level::Admin {
        return Answer::error("Permission denied");
    }
    match scope.as_ref() {
        "server" => match find::server(&site, &cx.arg(1)) {
            Ok((_, server)) => {
                server.counters.clear();
                Answer::info("Server counters cleared.")
            }
            Err(answer) => answer,
        },
        "all" => {
            site.frontends.iter().for_each(|f| f.counters.clear());
            listener_counters(cx, &site, ListenerCounters::clear);
            for backend in &site.backends {
                backend.core.counters.clear();
                backend.core.h1.iter().for_each(|h1| h1.clear());
                backend.core.h2.iter().for_each(|h2| h2.clear());
                backend.core.servers.load().iter().for_each(|s| s.counters.clear());
            }
            clear_process_maxima(&site);
            Answer::Silence
        }
        _ => {
            site.frontends.iter().for_each(|f| f.counters.clear_maxima());
            listener_counters(cx, &site, ListenerCounters::clear_maxima);
            for backend in &site.backends {
                backend.core.counters.clear_maxima();
                backend.core.queue.clear_maximum();
                backend.core.servers.load().iter().for_each(|s| {
                    s.counters.common.clear_maxima();
                    s.slots.clear_maximum();
                });
            }
            clear_process_maxima(&site);
            Answer::Silence
        }
    }
}

/// Does something with the counters of each listener that is counted apart.
fn listener_counters(cx: &CommandCx<'_>, site: &Site, work: fn(&ListenerCounters)) {
    let Some(traffic) = cx.world.get::<Traffic>() else { return };
    let listeners = (0..site.frontends.len()).flat_map(|i| traffic.listeners(i));
    listeners.filter_map(|listener| listener.counters.as_deref()).for_each(work);
}

fn clear_process_maxima(site: &Site) {
    site.counters.connection_rate_max.set(0);
    site.counters.session_rate_max.set(0);
}
