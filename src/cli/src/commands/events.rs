//! `show events`: what the rings hold, and what comes to them.

use std::fmt::Write as _;
use std::sync::Arc;

use keyword::Answer;
use keyword::command::{CommandCx, Dump, Progress};
use log::ring::{Position, Reading, Ring};
use log::{Sink, SinkKind};

/// The places that events go to.
#[derive(Clone, Debug, Default)]
pub struct Sinks(pub Vec<Sink>);

/// Whether new events are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtEnd {
    Stop,
    Wait,
}

pub(super) fn show(cx: &mut CommandCx<'_>) -> Answer {
    let sinks = cx.world.get::<Sinks>().unwrap_or_default();
    let name = cx.arg(0);
    if name.is_empty() {
        return Answer::info(list(&sinks));
    }
    let Some(sink) = sinks.0.iter().find(|s| *s.name == *name) else {
        return Answer::error("No such event sink");
    };
    let SinkKind::Ring(ring) = &sink.kind else {
        return Answer::error("Nothing to report for this sink");
    };
    let mut tail =
        Tail { ring: ring.clone(), position: ring.oldest(), at_end: AtEnd::Stop, delimiter: b'\n' };
    for i in 1..cx.args.len() {
        let word = cx.arg(i);
        let Some(flags) = word.strip_prefix('-').filter(|f| !f.is_empty()) else {
            return Answer::error("unknown option");
        };
        for flag in flags.chars() {
            match flag {
                'w' => tail.at_end = AtEnd::Wait,
                'n' => tail.position = ring.newest(),
                '0' => tail.delimiter = 0,
                _ => return Answer::error("unknown option"),
            }
        }
    }
    Answer::Dump(Box::new(tail))
}

fn list(sinks: &Sinks) -> String {
    let mut text = "The places that events go to. Options: -0 (delimited by zeroes), -w (wait for more), \
-n (new ones only). Any input stops.\n"
        .to_owned();
    for sink in &sinks.0 {
        let (name, kind, dropped) = (&sink.name, sink.type_name(), sink.dropped());
        let _ = writeln!(text, "    {name:<10} : type={kind}, {dropped} dropped, {}", sink.description);
    }
    text
}

/// A reader of a ring.
struct Tail {
    ring: Arc<Ring>,
    position: Position,
    at_end: AtEnd,
    delimiter: u8,
}

/// How much is written at once.
const PIECE: usize = 4096;

impl Dump for Tail {
    fn write(&mut self, out: &mut Vec<u8>) -> Progress {
        let before = out.len();
        let mut progress = Progress::Done;
        self.ring.read(&mut self.position, |message| {
            out.extend_from_slice(message);
            out.push(self.delimiter);
            if out.len() - before < PIECE {
                return Reading::More;
            }
            progress = Progress::More;
            Reading::Enough
        });
        match (progress, self.at_end) {
            (Progress::Done, AtEnd::Wait) => Progress::Waiting,
            (progress, _) => progress,
        }
    }
}
