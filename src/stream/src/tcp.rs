//! TCP mode and tunnels: bytes both ways until both sides have ended.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use base::clock::{Clock, Tick};
use base::termination::{Cause, Phase, Termination};
use net::{Deadline, More};

use crate::conn::{Conn, Filled, Receiving};
use crate::live::Live;
use crate::site::Common;
use crate::splice::{Splice, Splicing, Taken};

/// The timeouts of a relay; `None` waits for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RelayTimeouts {
    pub(crate) client: Option<Duration>,
    pub(crate) server: Option<Duration>,
    /// Replaces both while data flow both ways.
    pub(crate) tunnel: Option<Duration>,
    /// Replaces the client's once one side has ended.
    pub(crate) client_fin: Option<Duration>,
    /// Replaces the server's once one side has ended.
    pub(crate) server_fin: Option<Duration>,
    /// Whether what is sent to a side proves that it is alive (`option independent-streams`).
    pub(crate) proof: Proof,
    /// Whether what goes up, and what goes down, is spliced.
    pub(crate) splicing: (Splicing, Splicing),
}

/// What proves that a side is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// That it sends, or that it takes what it is sent.
    #[default]
    Either,
    /// Only that it sends.
    Sending,
}

impl RelayTimeouts {
    /// Those of a frontend and a backend together.
    pub(crate) fn of(front: &Common, back: &Common) -> Self {
        let independent =
            front.sockets.independent_streams.is_on() || back.sockets.independent_streams.is_on();
        Self {
            client: front.timeouts.client,
            server: back.timeouts.server,
            tunnel: back.timeouts.tunnel,
            client_fin: front.timeouts.client_fin,
            server_fin: back.timeouts.server_fin,
            proof: if independent { Proof::Sending } else { Proof::Either },
            splicing: front.splicing(back),
        }
    }
}

/// What a relay carried, and how it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Relayed {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) termination: Termination,
}

/// One direction.
#[derive(Debug, Default)]
struct Direction {
    bytes: u64,
    state: State,
    splice: Splice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Flowing,
    /// The source has ended and everything was passed on.
    Done,
}

/// Which call failed.
enum Fault {
    Source,
    Sink,
}

impl Direction {
    /// Passes on what can be passed on; tells how many bytes moved.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Conn,
        to: &mut Conn,
        limit: usize,
    ) -> Result<u64, Fault> {
        let mut moved = 0;
        while self.state == State::Flowing {
            while !from.input.is_empty() {
                match to.poll_send(cx, from.input.data(), More::No) {
                    Poll::Pending => return Ok(moved),
                    Poll::Ready(Err(_)) => return Err(Fault::Sink),
                    Poll::Ready(Ok(n)) => {
                        from.input.consume(n);
                        moved += n as u64;
                        self.bytes += n as u64;
                    }
                }
            }
            // Records that the socket did not take go first.
            match to.poll_flush(cx, More::No) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Err(_)) => return Err(Fault::Sink),
                Poll::Ready(Ok(())) => {}
            }
            let plain = from.plain().is_some() && to.plain().is_some();
            if self.splice.held() > 0
                || (plain && from.receiving == Receiving::Open && self.splice.is_ready())
            {
                match self.poll_splice(cx, from, to)? {
                    Poll::Pending => return Ok(moved),
                    Poll::Ready(n) => moved += n,
                }
                continue;
            }
            match from.poll_fill_on(cx, limit) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(Filled::Bytes(n))) => self.splice.read(n, limit),
                Poll::Ready(Ok(Filled::End)) => self.finish(to),
                Poll::Ready(Err(_)) => return Err(Fault::Source),
            }
        }
        Ok(moved)
    }

    fn finish(&mut self, to: &mut Conn) {
        self.state = State::Done;
        // The other side may have closed both ways already; then there is nobody left to tell.
        let _ = to.shutdown_write();
    }

    /// One step through the pipe; tells how many bytes arrived at the other side.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Conn,
        to: &mut Conn,
    ) -> Result<Poll<u64>, Fault> {
        let (Some(source), Some(sink)) = (from.plain(), to.plain()) else { return Ok(Poll::Pending) };
        if self.splice.held() == 0 {
            match self.splice.poll_take(cx, source, SPLICE_MAX) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(Taken::Bytes(_))) => {}
                Poll::Ready(Ok(Taken::End)) => {
                    from.receiving = Receiving::Ended;
                    self.finish(to);
                    return Ok(Poll::Ready(0));
                }
                Poll::Ready(Err(_)) => return Err(Fault::Source),
            }
        }
        let before = self.splice.held();
        let given = self.splice.poll_give(cx, sink, More::No);
        let moved = (before - self.splice.held()) as u64;
        self.bytes += moved;
        match given {
            Poll::Ready(Err(_)) => Err(Fault::Sink),
            Poll::Pending if moved == 0 => Ok(Poll::Pending),
            _ => Ok(Poll::Ready(moved)),
        }
    }
}

/// What is asked for at once: more than any pipe holds.
const SPLICE_MAX: usize = 1 << 20;

/// Both directions and their common clock.
pub(crate) struct Relay<'r> {
    client: &'r mut Conn,
    server: &'r mut Conn,
    up: Direction,
    down: Direction,
    clock: &'r Clock,
    live: &'r Live,
    timeouts: RelayTimeouts,
    limit: usize,
    /// When bytes last moved up, and down.
    moved: (Tick, Tick),
    hold: Hold,
}

/// Whether what the server sends is passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    /// It is.
    #[default]
    No,
    /// Rules have not seen yet what has come; they may wait until then.
    Until(Tick),
}

/// What a relay that holds the server's bytes back has come to.
pub(crate) enum Halt {
    /// There is something for rules to look at, or nothing more will come.
    News(Growth),
    /// The relay has ended.
    Ended(Termination),
}

/// Whether more bytes of a server may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    Possible,
    Over,
}

impl<'r> Relay<'r> {
    /// A relay that starts now.
    pub(crate) fn new(
        client: &'r mut Conn,
        server: &'r mut Conn,
        (clock, live): (&'r Clock, &'r Live),
        timeouts: RelayTimeouts,
        limit: usize,
    ) -> Self {
        let now = clock.now();
        Self {
            client,
            server,
            up: Direction { splice: Splice::new(timeouts.splicing.0), ..Direction::default() },
            down: Direction { splice: Splice::new(timeouts.splicing.1), ..Direction::default() },
            clock,
            live,
            timeouts,
            limit,
            moved: (now, now),
            hold: Hold::No,
        }
    }

    /// Carries what the client sends until something has come of the server for rules to look at, that long at most.
    pub(crate) async fn hold(&mut self, until: Tick, room: usize, deadline: &mut Deadline) -> Halt {
        self.hold = Hold::Until(until);
        let halt = poll_fn(|cx| {
            let full = self.server.input.len() >= room;
            match if full { Poll::Pending } else { self.server.poll_fill(cx, room) } {
                Poll::Ready(Ok(Filled::Bytes(_))) => {
                    self.moved.1 = self.clock.now();
                    let full = self.server.input.len() >= room;
                    return Poll::Ready(Halt::News(if full { Growth::Over } else { Growth::Possible }));
                }
                Poll::Ready(_) => return Poll::Ready(Halt::News(Growth::Over)),
                Poll::Pending => {}
            }
            match self.poll(cx, deadline) {
                Poll::Ready(ended) => Poll::Ready(Halt::Ended(ended)),
                Poll::Pending if self.clock.now() >= until => Poll::Ready(Halt::News(Growth::Over)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        self.hold = Hold::No;
        halt
    }

    /// What has come of the server and is held back.
    pub(crate) fn held(&self) -> &[u8] {
        self.server.input.data()
    }

    /// Relays until both sides have ended, one fails, or silence lasts too long.
    pub(crate) async fn finish(&mut self, deadline: &mut Deadline) -> Relayed {
        let termination = poll_fn(|cx| self.poll(cx, deadline)).await;
        self.ended(termination)
    }

    /// What was carried until it ended so.
    pub(crate) fn ended(&self, termination: Termination) -> Relayed {
        Relayed { bytes_in: self.up.bytes, bytes_out: self.down.bytes, termination }
    }

    fn poll(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Termination> {
        let up = self.up.poll(cx, self.client, self.server, self.limit);
        let down = match self.hold {
            Hold::No => self.down.poll(cx, self.server, self.client, self.limit),
            Hold::Until(_) => Ok(0),
        };
        match (up, down) {
            (Err(Fault::Source), _) | (_, Err(Fault::Sink)) => {
                return Poll::Ready(Termination::new(Cause::ClientAbort, Phase::Data));
            }
            (Err(Fault::Sink), _) | (_, Err(Fault::Source)) => {
                return Poll::Ready(Termination::new(Cause::ServerAbort, Phase::Data));
            }
            (Ok(0), Ok(0)) => {}
            (Ok(up), Ok(down)) => {
                let now = self.clock.now();
                self.moved.0 = if up > 0 { now } else { self.moved.0 };
                self.moved.1 = if down > 0 { now } else { self.moved.1 };
                self.live.carry(self.up.bytes, self.down.bytes);
            }
        }
        if self.up.state == State::Done && self.down.state == State::Done {
            return Poll::Ready(Termination::NORMAL);
        }
        loop {
            let (due, cause) = self.due();
            if let Hold::Until(until) = self.hold
                && until.is_set()
                && (!due.is_set() || until <= due)
            {
                deadline.set(until);
                if deadline.poll_expired(cx).is_pending() || self.clock.now() >= until {
                    return Poll::Pending;
                }
                continue;
            }
            deadline.set(due);
            self.live.expire(due);
            if deadline.poll_expired(cx).is_pending() {
                return Poll::Pending;
            }
            if self.clock.now() >= due {
                return Poll::Ready(Termination::new(cause, Phase::Data));
            }
        }
    }

    /// When silence will have lasted too long, and on whose side.
    fn due(&self) -> (Tick, Cause) {
        let t = &self.timeouts;
        let closing = self.up.state == State::Done || self.down.state == State::Done;
        let (client, server) = match (closing, t.tunnel) {
            (true, tunnel) => (t.client_fin.or(tunnel).or(t.client), t.server_fin.or(tunnel).or(t.server)),
            (false, Some(tunnel)) => (Some(tunnel), Some(tunnel)),
            (false, None) => (t.client, t.server),
        };
        // A side that has ended is not waited for any more.
        let (left_down, left_up) = (
            self.server.input.len() + self.down.splice.held(),
            self.client.input.len() + self.up.splice.held(),
        );
        let client = client.filter(|_| self.up.state == State::Flowing || left_down > 0);
        let server = server.filter(|_| self.down.state == State::Flowing || left_up > 0);
        let (client_at, server_at) = match t.proof {
            Proof::Sending => self.moved,
            Proof::Either => {
                let last = self.moved.0.max(self.moved.1);
                (last, last)
            }
        };
        let at = |last: Tick, d: Option<Duration>| d.map_or(Tick::NEVER, |d| last + d);
        match (at(client_at, client), at(server_at, server)) {
            (Tick::NEVER, s) => (s, Cause::ServerTimeout),
            (c, s) if !s.is_set() || c <= s => (c, Cause::ClientTimeout),
            (_, s) => (s, Cause::ServerTimeout),
        }
    }
}

/// Relays until both sides have ended, one fails, or silence lasts too long.
pub(crate) async fn relay(
    client: &mut Conn,
    server: &mut Conn,
    (clock, live): (&Clock, &Live),
    deadline: &mut Deadline,
    timeouts: RelayTimeouts,
    limit: usize,
) -> Relayed {
    Relay::new(client, server, (clock, live), timeouts, limit).finish(deadline).await
}

/// Sends what is left to send to a peer that may be slow, then ends in order.
pub(crate) async fn finish_output(conn: &mut Conn, deadline: &mut Deadline) -> io::Result<()> {
    poll_fn(|cx| {
        if let Poll::Ready(done) = conn.poll_flush(cx, More::No) {
            return Poll::Ready(done);
        }
        deadline.poll_expired(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    })
    .await
}

/// Waits for the peer to end after our last words, so that closing does not reset what it still reads.
pub(crate) async fn linger(conn: &mut Conn, deadline: &mut Deadline, limit: usize) {
    if conn.receiving == Receiving::Ended || conn.shutdown_write().is_err() {
        return;
    }
    poll_fn(|cx| {
        loop {
            conn.input.clear();
            match conn.poll_fill(cx, limit) {
                Poll::Ready(Ok(Filled::Bytes(_))) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return deadline.poll_expired(cx),
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::Socket;
    use std::time::Duration;

    fn block_on<F: Future>(f: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default());
        runtime.unwrap().block_on(f)
    }

    async fn send(socket: &Socket, bytes: &[u8]) {
        let sent = poll_fn(|cx| socket.poll_send(cx, bytes, More::No)).await;
        assert_eq!(sent.unwrap(), bytes.len());
    }

    async fn read_to_end(socket: Socket) -> Vec<u8> {
        let mut conn = Conn::new(socket);
        while poll_fn(|cx| conn.poll_fill(cx, 1 << 16)).await.unwrap() != Filled::End {}
        conn.input.data().to_vec()
    }

    #[test]
    fn half_closed_sides_still_get_their_answer() {
        block_on(async {
            let (client, near) = Socket::pair().unwrap();
            let (far, server) = Socket::pair().unwrap();
            let (mut near, mut far) = (Conn::new(near), Conn::new(far));
            send(&client, b"question").await;
            client.shutdown_write().unwrap();
            send(&server, b"answer").await;
            server.shutdown_write().unwrap();
            let clock = Clock::system();
            let (mut deadline, live) = (Deadline::new(clock.clone()), Live::default());
            let done =
                relay(&mut near, &mut far, (&clock, &live), &mut deadline, RelayTimeouts::default(), 16384)
                    .await;
            assert_eq!((done.bytes_in, done.bytes_out), (8, 6));
            assert_eq!(done.termination, Termination::NORMAL);
            assert_eq!(read_to_end(client).await, b"answer");
            assert_eq!(read_to_end(server).await, b"question");
        });
    }

    #[test]
    fn spliced_bytes_arrive_too() {
        block_on(async {
            let (client, near) = Socket::pair().unwrap();
            let (far, server) = Socket::pair().unwrap();
            let (mut near, mut far) = (Conn::new(near), Conn::new(far));
            send(&client, b"question").await;
            client.shutdown_write().unwrap();
            send(&server, b"answer").await;
            server.shutdown_write().unwrap();
            let clock = Clock::system();
            let (mut deadline, live) = (Deadline::new(clock.clone()), Live::default());
            let timeouts =
                RelayTimeouts { splicing: (Splicing::On, Splicing::On), ..RelayTimeouts::default() };
            let done = relay(&mut near, &mut far, (&clock, &live), &mut deadline, timeouts, 16384).await;
            assert_eq!((done.bytes_in, done.bytes_out), (8, 6));
            drop((near, far));
            assert_eq!(read_to_end(client).await, b"answer");
            assert_eq!(read_to_end(server).await, b"question");
        });
    }

    #[test]
    fn silence_ends_on_the_side_that_is_waited_for() {
        block_on(async {
            let (_client, near) = Socket::pair().unwrap();
            let (far, _server) = Socket::pair().unwrap();
            let (mut near, mut far) = (Conn::new(near), Conn::new(far));
            let clock = Clock::system();
            let (mut deadline, live) = (Deadline::new(clock.clone()), Live::default());
            let timeouts = RelayTimeouts {
                client: Some(Duration::from_mins(1)),
                server: Some(Duration::from_millis(10)),
                ..RelayTimeouts::default()
            };
            let done = relay(&mut near, &mut far, (&clock, &live), &mut deadline, timeouts, 16384).await;
            assert_eq!(done.termination.letters(), *b"sD");
        });
    }
}
