//! HTTP/2 connections: what comes on their sockets goes to their streams, and the other way around.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use h2::{Appetite, Code, Connection, Counts};
use lang::facts::Multiplex;
use net::More;
use stats::counters::H2Counters;

use crate::conn::{Closing, Conn, Filled};
use crate::meter::Meter;

/// An HTTP/2 connection with its socket.
#[derive(Debug)]
pub(crate) struct Trunk {
    pub(crate) conn: Conn,
    pub(crate) h2: Connection,
    /// How much is received at once.
    limit: usize,
    counters: Arc<H2Counters>,
    _meter: Meter,
    /// What was wrong with what came, and has not been told.
    faults: Faults,
    glitches: u32,
    most_glitches: u32,
}

/// What a connection is kept by.
#[derive(Debug)]
pub(crate) struct Terms {
    /// How much is received at once.
    pub(crate) limit: usize,
    pub(crate) counters: Arc<H2Counters>,
    /// Things that peers do not do, after which it is closed; 0 for never.
    pub(crate) most_glitches: u32,
}

/// What the peer did wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Requests that never became streams.
    pub(crate) requests: u64,
    /// Whether the connection ended for it.
    pub(crate) connections: u64,
}

/// How far a turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something came or went.
    Moved,
    /// Nothing did.
    Idle,
    /// The connection is over.
    Over,
}

/// While so much waits to be sent, nothing is received: peers that do not read make nobody remember answers for them.
const BACKLOG: usize = 128 * 1024;

impl Trunk {
    pub(crate) fn new(mut conn: Conn, h2: Connection, terms: Terms) -> Self {
        if conn.closing == Closing::Freed {
            // What is said at the end has to arrive, and there are few of these.
            conn.closing = Closing::Ordered;
        }
        let Terms { limit, counters, most_glitches } = terms;
        let meter = Meter::new(&counters.exchanges);
        Self {
            conn,
            h2,
            limit,
            counters,
            _meter: meter,
            faults: Faults::default(),
            glitches: 0,
            most_glitches,
        }
    }

    /// What was wrong since this was last asked.
    pub(crate) fn take_faults(&mut self) -> Faults {
        std::mem::take(&mut self.faults)
    }

    /// What is known of it as a connection with several streams.
    pub(crate) fn facts(&self) -> Multiplex {
        Multiplex { streams: self.h2.streams() as u32, limit: self.h2.limit(), glitches: self.glitches }
    }

    fn count(&mut self) {
        let (counts, c) = (self.h2.take_counts(), &self.counters);
        if counts == Counts::default() {
            return;
        }
        c.headers.add(counts.headers);
        c.data.add(counts.data);
        c.settings.add(counts.settings);
        c.resets.add(counts.resets);
        c.go_aways.add(counts.go_aways);
        c.connection_errors.add(counts.connection_errors);
        c.stream_errors.add(counts.stream_errors);
        c.resets_sent.add(counts.resets_sent);
        c.go_aways_sent.add(counts.go_aways_sent);
        self.faults.requests += counts.refused_requests;
        self.faults.connections += counts.connection_errors;
        self.glitches = self.glitches.saturating_add(counts.glitches);
        let most = self.most_glitches;
        if most != 0 && self.glitches >= most && !self.h2.is_failed() {
            self.h2.fail(Code::ENHANCE_YOUR_CALM);
        } else if most != 0 && self.glitches >= most - most / 4 {
            self.h2.leave();
        }
    }

    /// Passes over what still comes, until nothing does.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.conn.input.clear();
            match self.conn.poll_fill(cx, self.limit) {
                Poll::Ready(Ok(Filled::Bytes(_))) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Sends and receives what can be sent and received now. Whoever polls is woken when there is more to do.
    pub(crate) fn turn(&mut self, cx: &mut Context<'_>) -> Turn {
        let turn = self.carry(cx);
        self.count();
        turn
    }

    fn carry(&mut self, cx: &mut Context<'_>) -> Turn {
        self.h2.calm();
        let mut turn = Turn::Idle;
        loop {
            let sent = match self.send(cx) {
                Ok(sent) => sent,
                Err(Broken) => return self.lose(),
            };
            if self.h2.is_done() && self.h2.output().is_empty() {
                return Turn::Over;
            }
            let received = match self.receive(cx) {
                Ok(received) => received,
                Err(Broken) => return self.lose(),
            };
            if sent == Turn::Idle && received == Turn::Idle {
                break;
            }
            turn = Turn::Moved;
            if received == Turn::Idle && self.h2.output().is_empty() {
                break;
            }
        }
        self.h2.call_when_needed(cx);
        turn
    }

    /// Whether a connection that waits for its next use is still there, once what has come was dealt with.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.turn(&mut cx) != Turn::Over && self.h2.is_at_rest()
    }

    fn lose(&mut self) -> Turn {
        self.h2.lose();
        Turn::Over
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Result<Turn, Broken> {
        let mut turn = Turn::Idle;
        while !self.h2.output().is_empty() {
            match self.conn.poll_send(cx, self.h2.output().data(), More::No) {
                Poll::Pending => return Ok(turn),
                Poll::Ready(Err(_)) => return Err(Broken),
                Poll::Ready(Ok(n)) => {
                    self.h2.output().consume(n);
                    turn = Turn::Moved;
                }
            }
        }
        if turn == Turn::Moved {
            self.h2.output().release_if_empty();
            self.h2.sent();
        }
        match self.conn.poll_flush(cx, More::No) {
            Poll::Ready(Err(_)) => Err(Broken),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(turn),
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> Result<Turn, Broken> {
        let mut turn = Turn::Idle;
        loop {
            if self.h2.output().len() > BACKLOG {
                return Ok(turn);
            }
            if !self.conn.input.is_empty() {
                let intake = self.h2.receive(self.conn.input.data());
                self.conn.input.consume(intake.consumed);
                if intake.consumed > 0 {
                    turn = Turn::Moved;
                }
                match intake.appetite {
                    Appetite::Hungry => {}
                    Appetite::Sated | Appetite::Done => return Ok(turn),
                    Appetite::Rest => {
                        cx.waker().wake_by_ref();
                        return Ok(Turn::Idle);
                    }
                }
            }
            match self.conn.poll_fill(cx, self.limit) {
                Poll::Pending => {
                    if !self.h2.welcome() {
                        cx.waker().wake_by_ref();
                    }
                    return Ok(turn);
                }
                Poll::Ready(Ok(Filled::Bytes(_))) => {}
                // What is under way cannot go on: nobody would read it.
                Poll::Ready(_) => return Err(Broken),
            }
        }
    }
}

/// The peer has gone.
struct Broken;
