//! The live streams of each worker thread, as the runtime API lists and ends them.
//!
//! Each session keeps a place in its thread's list and notes there, once for each phase, what its stream is about. The
//! notes are plain cells of the thread: whoever wants to read them, or to end a stream, sends a closure to the thread
//! (see [`Crew`](crate::Crew)) and gets copies.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::counter::{Counter, Gauge};
use base::worker::PerWorker;
use lang::facts::SessionFacts;
use stats::counters::HttpCounters;

use crate::meter::Exchange;

thread_local! {
    static STREAMS: Roll = const { Roll::new() };
}

/// All places of one thread; those that are free keep their memory.
struct Roll {
    places: RefCell<Vec<Rc<Live>>>,
    free: RefCell<Vec<u32>>,
}

impl Roll {
    const fn new() -> Self {
        Self { places: RefCell::new(Vec::new()), free: RefCell::new(Vec::new()) }
    }

    fn take(&self) -> Rc<Live> {
        let free = self.free.borrow_mut().pop();
        let mut places = self.places.borrow_mut();
        if let Some(live) = free.and_then(|place| places.get(place as usize)) {
            return live.clone();
        }
        let live = Rc::new(Live { place: places.len() as u32, ..Live::default() });
        places.push(live.clone());
        live
    }
}

/// The name of one stream, good for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamHandle {
    thread: u32,
    place: u32,
    generation: u32,
}

/// The bits of a handle's number that name the thread, and the place.
const THREAD_BITS: u32 = 12;
const PLACE_BITS: u32 = 28;

impl StreamHandle {
    /// The handle as one number, never 0.
    pub fn number(self) -> u64 {
        let Self { thread, place, generation } = self;
        u64::from(generation) << (PLACE_BITS + THREAD_BITS)
            | u64::from(place) << THREAD_BITS
            | u64::from(thread)
    }

    /// The handle of a number.
    pub fn from_number(number: u64) -> Self {
        let low = |n: u64, bits: u32| (n & ((1 << bits) - 1)) as u32;
        Self {
            thread: low(number, THREAD_BITS),
            place: low(number >> THREAD_BITS, PLACE_BITS),
            generation: low(number >> (PLACE_BITS + THREAD_BITS), 24),
        }
    }
}

/// As it is shown: `0x10000000001`.
impl fmt::Display for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.number())
    }
}

/// A text that is no handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHandle;

/// In hexadecimal after `0x`, else in decimal.
impl FromStr for StreamHandle {
    type Err = NoHandle;

    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.map(Self::from_number).map_err(|_| NoHandle)
    }
}

/// How far a stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Its rules run, or it is being answered without a server.
    #[default]
    Request,
    /// It waits for a server's slot.
    Queued,
    /// It is being connected.
    Connecting,
    /// The request is with the server, whose response has not begun.
    Waiting,
    /// Both sides talk.
    Relaying,
}

/// Numbers of streams, by thread.
#[derive(Debug)]
pub struct StreamCounters {
    /// Those that live.
    pub current: PerWorker<Gauge>,
    /// All so far.
    pub total: PerWorker<Counter>,
}

impl StreamCounters {
    /// Counters for that many threads.
    pub fn new(workers: usize) -> Self {
        Self { current: PerWorker::new(workers), total: PerWorker::new(workers) }
    }
}

/// What is noted of a stream when it begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Begun {
    /// Its number (`%rt`).
    pub(crate) id: u32,
    pub(crate) since: Tick,
    pub(crate) date: WallTime,
}

/// A place in the list: a session, and its stream if it has one now.
#[derive(Debug, Default)]
pub(crate) struct Live {
    place: u32,
    generation: Cell<u32>,
    presence: Cell<Presence>,
    begun: Cell<Begun>,
    stage: Cell<Stage>,
    frontend: Cell<u32>,
    backend: Cell<Option<u32>>,
    server: Cell<Option<u32>>,
    sockets: Cell<(i32, Option<i32>)>,
    expires: Cell<Tick>,
    carried: Cell<(u64, u64)>,
    /// What of it has been counted.
    counted: Cell<(u64, u64)>,
    retries: Cell<u32>,
    calls: Cell<u64>,
    source: RefCell<Option<Addr>>,
    listener: RefCell<(Option<Arc<str>>, u32)>,
    uri: RefCell<Vec<u8>>,
    waker: RefCell<Option<Waker>>,
}

/// Whether a session has a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    None,
    Streaming,
    /// Somebody wants it to end.
    Condemned,
}

impl Live {
    fn handle(&self) -> StreamHandle {
        let thread = base::worker::index() as u32;
        StreamHandle { thread, place: self.place, generation: self.generation.get() }
    }

    pub(crate) fn is_streaming(&self) -> bool {
        self.presence.get() != Presence::None
    }

    /// The stream came to another phase.
    pub(crate) fn reach(&self, stage: Stage) {
        self.stage.set(stage);
    }

    /// The stream belongs to this backend.
    pub(crate) fn route(&self, backend: u32) {
        self.backend.set(Some(backend));
    }

    /// The stream belongs to this server.
    pub(crate) fn assign(&self, server: u32, retries: u32) {
        self.server.set(Some(server));
        self.retries.set(retries);
    }

    /// The stream has a connection to its server.
    pub(crate) fn connect(&self, socket: i32) {
        self.sockets.set((self.sockets.get().0, Some(socket)));
        self.stage.set(Stage::Waiting);
    }

    /// The stream's connection to a server is no longer its own.
    pub(crate) fn disconnect(&self) {
        self.sockets.set((self.sockets.get().0, None));
    }

    /// The descriptors of its two connections.
    pub(crate) fn ends(&self) -> (i32, Option<i32>) {
        self.sockets.get()
    }

    /// When the stream will have waited for too long.
    pub(crate) fn expire(&self, due: Tick) {
        self.expires.set(due);
    }

    /// Bytes from and to the client so far.
    pub(crate) fn carry(&self, bytes_in: u64, bytes_out: u64) {
        self.carried.set((bytes_in, bytes_out));
    }

    /// Bytes from and to the client so far.
    pub(crate) fn carried(&self) -> (u64, u64) {
        self.carried.get()
    }

    /// What of that has not been counted, which it is from here on.
    pub(crate) fn count_now(&self) -> (u64, u64) {
        let (carried, counted) = (self.carried.get(), self.counted.replace(self.carried.get()));
        (carried.0.saturating_sub(counted.0), carried.1.saturating_sub(counted.1))
    }

    /// What has been counted before the stream ended.
    pub(crate) fn counted(&self) -> (u64, u64) {
        self.counted.get()
    }

    /// The number of the backend that the stream belongs to.
    pub(crate) fn backend(&self) -> Option<u32> {
        self.backend.get()
    }

    /// The number of the server that the stream belongs to.
    pub(crate) fn server(&self) -> Option<u32> {
        self.server.get()
    }

    /// Wants the stream to end.
    fn condemn(&self) {
        self.presence.set(Presence::Condemned);
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    fn poll_condemned(&self, cx: &Context<'_>) -> Poll<()> {
        if self.presence.get() == Presence::Condemned {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|w| !w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.calls.set(self.calls.get() + 1);
        Poll::Pending
    }

    fn view(&self) -> StreamView {
        let (client, server) = self.sockets.get();
        StreamView {
            handle: self.handle(),
            id: self.begun.get().id,
            since: self.begun.get().since,
            date: self.begun.get().date,
            stage: self.stage.get(),
            frontend: self.frontend.get(),
            backend: self.backend.get(),
            server: self.server.get(),
            source: self.source.borrow().clone(),
            listener: self.listener.borrow().clone(),
            client: End::of(client),
            upstream: server.map(End::of),
            expires: self.expires.get(),
            bytes_in: self.carried.get().0,
            bytes_out: self.carried.get().1,
            retries: self.retries.get(),
            calls: self.calls.get(),
            uri: self.uri.borrow().clone(),
        }
    }
}

/// A session's place in the list, given back when it ends.
#[derive(Debug)]
pub(crate) struct Seat<'s> {
    live: Rc<Live>,
    counters: &'s StreamCounters,
    /// The frontend's, where its exchanges are counted, and the one that goes on.
    exchanges: Option<&'s Arc<HttpCounters>>,
    exchange: RefCell<Option<Exchange>>,
}

impl Deref for Seat<'_> {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.live
    }
}

impl<'s> Seat<'s> {
    /// A place for a session.
    pub(crate) fn take(counters: &'s StreamCounters) -> Self {
        Self { live: STREAMS.with(Roll::take), counters, exchanges: None, exchange: RefCell::default() }
    }

    /// The same for a session whose streams are counted as exchanges, where these are.
    pub(crate) fn counting(mut self, exchanges: Option<&'s Arc<HttpCounters>>) -> Self {
        self.exchanges = exchanges;
        self
    }

    /// Counts an exchange that never came to be one.
    pub(crate) fn count_failed(&self) {
        if let Some(exchanges) = self.exchanges.filter(|_| !self.is_streaming()) {
            exchanges.streams.inc();
        }
    }

    /// What the session carries turned out to be exchanges of HTTP/1, of which the stream is the first.
    pub(crate) fn upgrade(&mut self, exchanges: &'s Arc<HttpCounters>) {
        self.exchanges = Some(exchanges);
        *self.exchange.borrow_mut() = Some(Exchange::new(exchanges));
    }

    /// Notes who the session is.
    pub(crate) fn open(&self, frontend: u32, session: &SessionFacts, socket: i32) {
        self.frontend.set(frontend);
        self.sockets.set((socket, None));
        self.source.borrow_mut().clone_from(&session.source);
        *self.listener.borrow_mut() = (session.listener_name().cloned(), session.listener_id);
    }

    /// The place, for what has to look at it beside the story.
    pub(crate) fn share(&self) -> Rc<Live> {
        self.live.clone()
    }

    /// A stream of the session begins; `uri` is its request line, empty when nobody keeps it.
    pub(crate) fn enter(&self, begun: Begun, uri: &[u8]) {
        // 24 bits fit into the number of a handle; 0 is left out, so that no number is 0.
        self.generation.set((self.generation.get() % 0xff_ffff) + 1);
        self.begun.set(begun);
        self.stage.set(Stage::Request);
        self.backend.set(None);
        self.server.set(None);
        self.carried.set((0, 0));
        self.counted.set((0, 0));
        self.retries.set(0);
        self.calls.set(0);
        if !(uri.is_empty() && self.uri.borrow().is_empty()) {
            let mut kept = self.uri.borrow_mut();
            kept.clear();
            kept.extend_from_slice(uri);
        }
        self.presence.set(Presence::Streaming);
        self.counters.current.here().inc();
        self.counters.total.here().inc();
        *self.exchange.borrow_mut() = self.exchanges.map(Exchange::new);
    }

    /// The stream has ended; the session may go on.
    pub(crate) fn leave(&self) {
        if self.is_streaming() {
            self.presence.set(Presence::None);
            self.disconnect();
            self.counters.current.here().dec();
            self.exchange.borrow_mut().take();
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.leave();
        *self.live.waker.borrow_mut() = None;
        // A thread that is ending has nobody left to list.
        let _ = STREAMS.try_with(|roll| roll.free.borrow_mut().push(self.live.place));
    }
}

/// Does the work of a stream unless somebody wants the stream to end; then `None`, and the work is dropped.
pub(crate) async fn unless_condemned<T>(
    live: &Live,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|cx| {
        if live.poll_condemned(cx).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

/// One end of a stream's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its descriptor.
    pub socket: i32,
    /// Our address there.
    pub local: Option<Addr>,
}

impl End {
    fn of(socket: i32) -> Self {
        Self { socket, local: net::destination_of(socket) }
    }
}

/// A copy of what is known of a stream.
#[derive(Clone, Debug)]
pub struct StreamView {
    /// Its name.
    pub handle: StreamHandle,
    /// Its number (`%rt`).
    pub id: u32,
    /// When it began.
    pub since: Tick,
    /// The date of that.
    pub date: WallTime,
    /// How far it is.
    pub stage: Stage,
    /// The number of its frontend.
    pub frontend: u32,
    /// The number of its backend, once it is chosen.
    pub backend: Option<u32>,
    /// The number of its server, once it is chosen.
    pub server: Option<u32>,
    /// Where the client is.
    pub source: Option<Addr>,
    /// The name and the number of the listener.
    pub listener: (Option<Arc<str>>, u32),
    /// The client's side.
    pub client: End,
    /// The server's side.
    pub upstream: Option<End>,
    /// When it will have waited for too long.
    pub expires: Tick,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// Connection attempts beyond the first.
    pub retries: u32,
    /// How often it had something to do.
    pub calls: u64,
    /// The request line, if it is kept.
    pub uri: Vec<u8>,
}

/// Which streams are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this one.
    pub handle: Option<StreamHandle>,
    /// Only those that began no later.
    pub not_after: Option<Tick>,
    /// Only those of the frontend with this number.
    pub frontend: Option<u32>,
    /// Only those of the backend with this number.
    pub backend: Option<u32>,
    /// Only those of the backend's server with this number.
    pub server: Option<u32>,
}

impl Selection {
    fn includes(&self, live: &Live) -> bool {
        live.is_streaming()
            && self.handle.is_none_or(|h| h == live.handle())
            && self.not_after.is_none_or(|limit| live.begun.get().since <= limit)
            && self.frontend.is_none_or(|f| f == live.frontend.get())
            && self.backend.is_none_or(|b| Some(b) == live.backend.get())
            && self.server.is_none_or(|s| Some(s) == live.server.get())
    }
}

/// Copies of this thread's streams, the oldest first.
pub fn list_here(selection: &Selection) -> Vec<StreamView> {
    STREAMS.with(|roll| {
        let places = roll.places.borrow();
        let mut found: Vec<_> = places.iter().filter(|l| selection.includes(l)).map(|l| l.view()).collect();
        found.sort_by_key(|view| view.since);
        found
    })
}

/// Ends streams of this thread; tells how many.
pub fn end_here(selection: &Selection) -> usize {
    STREAMS.with(|roll| {
        let places = roll.places.borrow();
        let mut ended = 0;
        for live in places.iter().filter(|l| selection.includes(l)) {
            live.condemn();
            ended += 1;
        }
        ended
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn begun(id: u32, since: u64) -> Begun {
        Begun { id, since: Tick(since), date: WallTime(0) }
    }

    fn ids(selection: &Selection) -> Vec<u32> {
        list_here(selection).iter().map(|view| view.id).collect()
    }

    #[test]
    fn streams_are_listed_while_they_live() {
        let counters = StreamCounters::new(1);
        let (a, b) = (Seat::take(&counters), Seat::take(&counters));
        a.enter(begun(1, 20), b"GET / HTTP/1.1");
        b.enter(begun(2, 10), b"");
        assert_eq!(ids(&Selection::default()), [2, 1]);
        assert_eq!(ids(&Selection { not_after: Some(Tick(15)), ..Selection::default() }), [2]);
        assert_eq!(list_here(&Selection::default())[1].uri, b"GET / HTTP/1.1");
        a.leave();
        drop(b);
        assert!(ids(&Selection::default()).is_empty());
        assert_eq!((counters.current.sum(Gauge::get), counters.total.sum(Counter::get)), (0, 2));
    }

    #[test]
    fn places_are_used_again_under_another_name() {
        let counters = StreamCounters::new(1);
        let a = Seat::take(&counters);
        a.enter(begun(1, 1), b"x");
        let first = list_here(&Selection::default())[0].handle;
        a.enter(begun(2, 2), b"");
        let second = &list_here(&Selection::default())[0];
        assert!(first != second.handle && second.uri.is_empty());
        assert_eq!(end_here(&Selection { handle: Some(first), ..Selection::default() }), 0);
        assert_eq!(STREAMS.with(|roll| roll.places.borrow().len()), 1);
    }

    #[test]
    fn streams_are_selected_by_where_they_belong() {
        let counters = StreamCounters::new(1);
        let seat = Seat::take(&counters);
        seat.open(3, &SessionFacts::default(), -1);
        seat.enter(begun(7, 1), b"");
        seat.route(4);
        seat.assign(5, 0);
        let all = Selection::default();
        for hit in [
            Selection { frontend: Some(3), ..all },
            Selection { backend: Some(4), ..all },
            Selection { backend: Some(4), server: Some(5), ..all },
        ] {
            assert_eq!(ids(&hit), [7], "{hit:?}");
        }
        for miss in [
            Selection { frontend: Some(4), ..all },
            Selection { backend: Some(3), ..all },
            Selection { backend: Some(4), server: Some(6), ..all },
        ] {
            assert!(ids(&miss).is_empty(), "{miss:?}");
        }
    }

    #[test]
    fn condemned_streams_drop_their_work() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap();
        let counters = StreamCounters::new(1);
        let seat = Seat::take(&counters);
        seat.enter(begun(1, 1), b"");
        let live = seat.share();
        let ended = runtime.block_on(async {
            let work = tokio::task::spawn_local(async move {
                unless_condemned(&live, std::pin::pin!(pending::<()>())).await
            });
            tokio::task::yield_now().await;
            assert_eq!(end_here(&Selection::default()), 1);
            work.await.unwrap()
        });
        assert_eq!(ended, None);
    }

    #[test]
    fn handles_are_numbers() {
        let handle = StreamHandle { thread: 3, place: 70_000, generation: 9 };
        assert_eq!(StreamHandle::from_number(handle.number()), handle);
        assert_eq!(handle.to_string().parse(), Ok(handle));
        assert_eq!(handle.number().to_string().parse(), Ok(handle));
        assert_eq!("0x".parse::<StreamHandle>(), Err(NoHandle));
        assert_eq!("fh".parse::<StreamHandle>(), Err(NoHandle));
    }
}
