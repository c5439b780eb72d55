//! `show sess` and `shutdown session`: the live streams of all threads.

use std::fmt::Write as _;
use std::sync::Arc;

use base::addr::Addr;
use base::clock::Tick;
use config::Mode;
use keyword::Answer;
use keyword::command::CommandCx;
use stream::live::{Selection, Stage, StreamHandle, StreamView, end_here, list_here};
use stream::site::{BackendSide, Frontend};
use stream::{Crew, Site};

use super::find;
use super::human::span;

const HELP: &str = "Usage: show sess [<id> | all | help] [<options>*]
Lists the streams that live now.
   <id>          all there is about this stream (0x...)
   all           all there is about each stream
   help          shows this text
   susp          streams that seem to be stuck
Options:
   show-uri      with the request lines that are kept
   older <age>   those that are older, in seconds unless a unit follows
   server <b/s>  those of this server
   backend <b>   those of this backend
   frontend <f>  those of this frontend
";

/// What of the streams is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Detail {
    /// One line for each.
    #[default]
    Line,
    /// One line with the request line.
    LineWithUri,
    /// Everything.
    All,
}

/// Which streams are shown beyond what a selection tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Suspicion {
    /// All.
    #[default]
    Any,
    /// Those that should have ended.
    Stuck,
}

#[derive(Debug, Default)]
struct Query {
    selection: Selection,
    detail: Detail,
    suspicion: Suspicion,
}

impl Query {
    fn parse(cx: &CommandCx<'_>, site: &Site) -> Result<Self, Answer> {
        let mut query = Self::default();
        let mut at = 0;
        if cx.arg(0) == "all" {
            query.detail = Detail::All;
            at = 1;
        } else if let Ok(handle) = cx.arg(0).parse::<StreamHandle>() {
            query.detail = Detail::All;
            query.selection.handle = Some(handle);
            at = 1;
        }
        while cx.has(at) {
            at += query.option(cx, site, at)?;
        }
        Ok(query)
    }

    /// Takes in one option; tells how many words it has.
    fn option(&mut self, cx: &CommandCx<'_>, site: &Site, at: usize) -> Result<usize, Answer> {
        let value = cx.arg(at + 1);
        let needs = |text: &'static str| if value.is_empty() { Err(Answer::error(text)) } else { Ok(()) };
        match cx.arg(at).as_ref() {
            "show-uri" => {
                if self.detail == Detail::Line {
                    self.detail = Detail::LineWithUri;
                }
                return Ok(1);
            }
            "susp" => {
                self.suspicion = Suspicion::Stuck;
                return Ok(1);
            }
            "older" => {
                needs("Expects a minimum age (in seconds by default).")?;
                self.selection.not_after = Some(older_than(site, cx.bytes(at + 1))?);
            }
            "backend" => {
                needs("Missing backend name.")?;
                let backend = find::backend(site, &value).ok_or_else(|| Answer::error("No such backend."))?;
                self.selection.backend = Some(backend.common.facts.id);
            }
            "frontend" => {
                needs("Missing frontend name.")?;
                let (_, frontend) =
                    find::frontend(site, &value).ok_or_else(|| Answer::error("No such frontend."))?;
                self.selection.frontend = Some(frontend.common.facts.id);
            }
            "server" => {
                needs("Missing server name (<backend>/<server>).")?;
                let (backend, server) = find::server(site, &value)?;
                self.selection.backend = Some(backend.common.facts.id);
                self.selection.server = Some(server.facts.id);
            }
            other => {
                let text = format!("Unsupported option '{other}', try 'help' for more info.");
                return Err(Answer::error(text));
            }
        }
        Ok(2)
    }

    fn wants(&self, view: &StreamView, now: Tick) -> bool {
        // A deadline that passed a while ago, on a stream that still is there.
        let overdue = view.expires.is_set() && now.since(view.expires).as_secs() >= 1;
        self.suspicion == Suspicion::Any || overdue
    }
}

/// The last moment at which a stream of this age can have begun.
fn older_than(site: &Site, text: &[u8]) -> Result<Tick, Answer> {
    use grammar::time::{Unit, parse};
    let micros = parse(text, Unit::Second)
        .and_then(|t| t.in_unit(Unit::Microsecond, u64::MAX / 2))
        .map_err(|_| Answer::error("Invalid age."))?;
    Ok(Tick(site.clock.now().0.saturating_sub(micros)))
}

/// The site and the threads, which are there whenever commands of the workers run.
fn scene(cx: &CommandCx<'_>) -> Result<(Arc<Site>, Arc<Crew>), Answer> {
    let site = find::site(cx)?;
    let crew = cx.world.get::<Crew>().ok_or_else(|| Answer::error("This process carries no traffic."))?;
    Ok((site, crew))
}

pub(super) fn show(cx: &mut CommandCx<'_>) -> Answer {
    if cx.arg(0) == "help" {
        return Answer::info(HELP);
    }
    let (site, crew) = match scene(cx) {
        Ok(scene) => scene,
        Err(answer) => return answer,
    };
    let query = match Query::parse(cx, &site) {
        Ok(query) => query,
        Err(answer) => return answer,
    };
    Answer::Later(Box::pin(async move {
        let selection = query.selection;
        let threads = crew.ask(move || list_here(&selection)).await;
        let lines = Lines { site: &site, now: site.clock.now() };
        let (mut text, mut found) = (String::new(), 0);
        for (thread, views) in threads.iter().enumerate() {
            let Some(views) = views else {
                let _ = writeln!(text, "# thread {} did not answer in time", thread + 1);
                continue;
            };
            for view in views.iter().filter(|v| query.wants(v, lines.now)) {
                found += 1;
                match query.detail {
                    Detail::Line => lines.short(view, "", &mut text),
                    Detail::LineWithUri => lines.short(view, &uri(view), &mut text),
                    Detail::All => lines.long(view, thread, &mut text),
                }
            }
        }
        if found == 0 && selection.handle.is_some() {
            return Answer::error("Session not found.");
        }
        Answer::text(text)
    }))
}

const UNKNOWN: &str = "No such session (use 'show sess').";

pub(super) fn shutdown_one(cx: &mut CommandCx<'_>) -> Answer {
    let (_, crew) = match scene(cx) {
        Ok(scene) => scene,
        Err(answer) => return answer,
    };
    let text = cx.arg(0);
    if text.is_empty() {
        return Answer::error("Session pointer expected (use 'show sess').");
    }
    let Ok(handle) = text.parse::<StreamHandle>() else { return Answer::error(UNKNOWN) };
    end(crew, Selection { handle: Some(handle), ..Selection::default() }, Some(UNKNOWN))
}

pub(super) fn shutdown_of_server(cx: &mut CommandCx<'_>) -> Answer {
    let (site, crew) = match scene(cx) {
        Ok(scene) => scene,
        Err(answer) => return answer,
    };
    let (backend, server) = match find::server(&site, &cx.arg(0)) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let selection = Selection {
        backend: Some(backend.common.facts.id),
        server: Some(server.facts.id),
        ..Selection::default()
    };
    end(crew, selection, None)
}

/// Ends streams, and says `unless_any` when there are none.
fn end(crew: Arc<Crew>, selection: Selection, unless_any: Option<&'static str>) -> Answer {
    Answer::Later(Box::pin(async move {
        let ended: usize = crew.ask(move || end_here(&selection)).await.into_iter().flatten().sum();
        match unless_any {
            Some(text) if ended == 0 => Answer::error(text),
            _ => Answer::Silence,
        }
    }))
}

/// Writes streams. Fields that have no meaning here are there, as empty or zero, for those who count columns.
struct Lines<'s> {
    site: &'s Site,
    now: Tick,
}

impl Lines<'_> {
    fn frontend(&self, view: &StreamView) -> Option<&Frontend> {
        self.site.frontends.iter().find(|f| f.common.facts.id == view.frontend)
    }

    fn backend(&self, view: &StreamView) -> Option<&BackendSide> {
        self.site.backends.iter().find(|b| Some(b.common.facts.id) == view.backend)
    }

    fn server(&self, view: &StreamView) -> Option<Arc<backend::Server>> {
        let servers = self.backend(view)?.core.servers.load();
        servers.iter().find(|s| Some(s.facts.id) == view.server).cloned()
    }

    /// How long until a moment; nothing when there is none.
    fn until(&self, due: Tick, none: &str) -> String {
        match due {
            Tick::NEVER => none.to_owned(),
            due if due <= self.now => "<PAST>".to_owned(),
            due => span(due.since(self.now)),
        }
    }

    fn short(&self, view: &StreamView, uri: &str, out: &mut String) {
        let (front, back) = stages(view.stage);
        let expires = self.until(view.expires, "");
        let _ = writeln!(
            out,
            "{}: proto={} src={} fe={} be={} srv={} ts=00 epoch=0 age={} calls={} rate=0 cpu=0 lat=0 \
             rq[f=0h,i=0,an=00h,ax=] rp[f=0h,i=0,an=00h,ax=] scf=[{front},0h,fd=1/{},rex=,wex=] \
             scb=[{back},1h,fd=1/{},rex=,wex=] exp={expires} rc={} c_exp={uri}",
            view.handle,
            protocol(view),
            source(view),
            self.frontend(view).map_or("<NONE>", |f| &f.common.facts.name),
            self.backend(view).map_or("<NONE>", |b| &b.common.facts.name),
            self.server(view).map_or_else(|| "<none>".into(), |s| s.facts.name.clone()),
            span(self.now.since(view.since)),
            view.calls,
            view.client.socket,
            view.upstream.as_ref().map_or(-1, |end| end.socket),
            view.retries,
        );
    }

    fn long(&self, view: &StreamView, thread: usize, out: &mut String) {
        let (frontend, backend, server) = (self.frontend(view), self.backend(view), self.server(view));
        let mode = |mode: Mode| mode.name();
        let _ = writeln!(
            out,
            "{}: [{}{:03}] id={} proto={} source={}",
            view.handle,
            log::local_date(view.date),
            view.date.subsec_micros() % 1000,
            view.id,
            protocol(view),
            source(view),
        );
        let _ = writeln!(
            out,
            "  flags=0x0, conn_retries={}, conn_exp=<NEVER> conn_et=0x000 srv_conn=(nil), pend_pos=(nil) \
             waiting={} epoch=0",
            view.retries,
            u32::from(view.stage == Stage::Queued),
        );
        let _ = writeln!(
            out,
            "  frontend={} (id={} mode={}), listener={} (id={}) addr={}",
            frontend.map_or("<NONE>", |f| &f.common.facts.name),
            view.frontend,
            frontend.map_or("-", |f| mode(f.common.mode)),
            view.listener.0.as_deref().unwrap_or("?"),
            view.listener.1,
            view.client.local.as_ref().map_or_else(|| "<none>".to_owned(), |a| name(a, view.listener.1)),
        );
        long_backend(view, backend, server.as_deref(), out);
        let expires = self.until(view.expires, "<NEVER>");
        let _ = writeln!(
            out,
            "  task=(nil) (state=0x00 nice=0 calls={} rate=0 exp={expires} tid={thread}(1/{thread}) age={})",
            view.calls,
            span(self.now.since(view.since)),
        );
        if !view.uri.is_empty() {
            let _ = writeln!(out, " {}", uri(view));
        }
        self.long_ends(view, out);
    }

    /// What is known of the two connections.
    fn long_ends(&self, view: &StreamView, out: &mut String) {
        let (front, back) = stages(view.stage);
        let timeout = |t: Option<std::time::Duration>| t.map_or_else(|| "<NEVER>".to_owned(), span);
        let frontend = self.frontend(view).and_then(|f| f.common.timeouts.client);
        let backend = self.backend(view).and_then(|b| b.common.timeouts.server);
        let mut end = |side: &str, state: u32, wait: String, moved: (u64, u64), socket: i32| {
            let _ = writeln!(
                out,
                "  {side}=(nil) flags=0x00000000 ioto={wait} state={} in={} out={} fd=1/{socket}",
                state_name(state),
                moved.0,
                moved.1,
            );
        };
        let (bytes_in, bytes_out) = (view.bytes_in, view.bytes_out);
        end("scf", front, timeout(frontend), (bytes_in, bytes_out), view.client.socket);
        let socket = view.upstream.as_ref().map_or(-1, |e| e.socket);
        end("scb", back, timeout(backend), (bytes_out, bytes_in), socket);
    }
}

/// The lines of the backend and the server.
fn long_backend(
    view: &StreamView,
    backend: Option<&BackendSide>,
    server: Option<&backend::Server>,
    out: &mut String,
) {
    let upstream = view.upstream.as_ref();
    let _ = match backend {
        Some(b) => {
            let local = upstream.and_then(|end| end.local.as_ref());
            let address = local.map_or_else(String::new, |a| format!(" addr={}", name(a, 0)));
            let (facts, mode) = (&b.common.facts, b.common.mode.name());
            writeln!(out, "  backend={} (id={} mode={mode}){address}", facts.name, facts.id)
        }
        None => writeln!(out, "  backend=<NONE> (id=-1 mode=-)"),
    };
    let _ = match server {
        Some(s) => {
            let address = name(&s.address.load(), 0);
            writeln!(out, "  server={} (id={}) addr={address}", s.facts.name, s.facts.id)
        }
        None => writeln!(out, "  server=<NONE> (id=-1)"),
    };
}

/// The request line as the last field, if it is kept.
fn uri(view: &StreamView) -> String {
    if view.uri.is_empty() { String::new() } else { format!(" uri=\"{}\"", view.uri.escape_ascii()) }
}

/// The numbers of the states of the two sides.
fn stages(stage: Stage) -> (u32, u32) {
    let back = match stage {
        Stage::Request => 0,
        Stage::Queued => 2,
        Stage::Connecting => 5,
        Stage::Waiting | Stage::Relaying => 8,
    };
    (8, back)
}

fn state_name(state: u32) -> &'static str {
    match state {
        0 => "INI",
        2 => "QUE",
        5 => "CON",
        _ => "EST",
    }
}

fn protocol(view: &StreamView) -> &'static str {
    match view.source.as_ref().map(Addr::family) {
        Some(base::addr::Family::V4) => "tcpv4",
        Some(base::addr::Family::V6) => "tcpv6",
        Some(base::addr::Family::Unix) => "unix_stream",
        None => "?",
    }
}

fn source(view: &StreamView) -> String {
    view.source.as_ref().map_or_else(|| "unknown".to_owned(), |a| name(a, view.listener.1))
}

/// An address; those of clients of UNIX sockets are told by the listener.
fn name(addr: &Addr, listener: u32) -> String {
    match addr {
        Addr::Inet(inet) => format!("{}:{}", inet.ip(), inet.port()),
        Addr::Unix(_) => format!("unix:{listener}"),
    }
}
