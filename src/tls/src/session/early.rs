//! What is sent before the handshake is over, in sessions that take up an earlier one (RFC 8446, section 2.3; RFC 8470).

use std::io;
use std::task::{Context, Poll, ready};

use base::buffer::Buffer;
use lang::tls_facts::EarlyData;
use net::{More, Socket};
use rustls::client::ClientConnectionData;
use rustls::server::ServerConnectionData;
use rustls::unbuffered::{ReadEarlyData, TransmitTlsData};

use super::{Inner, Input, Job, RECORD_CONTENT, RECORD_OVERHEAD, RECORD_ROOM, Session, Sink, Step, seal};
use crate::fault::Fault;

/// How a session stands with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Early {
    /// It is not wanted.
    #[default]
    No,
    /// A client says that it sends something, which may not be taken.
    Announced,
    /// The same, and the library has looked at all records that there are.
    Passed,
    /// A client has sent something.
    Came,
    /// A server may be sent something; this much was sent.
    Sent(Vec<u8>),
    /// The same, and the server has taken it.
    Taken,
}

/// The most that is sent to a server before it has answered, in one record. Servers that do not want it may count what
/// is around it too, so there is room left below what they usually allow.
const MOST: usize = RECORD_CONTENT / 2;
/// What a record of TLS 1.3 has around its content.
const AROUND: usize = 5 + 1 + 16;
/// How a record begins that holds nothing but the word that no early data follows. A client sends that word only where
/// its early data was taken, and sends nothing else that is as short.
const END_OF_EARLY_DATA: [u8; 5] = [0x17, 3, 3, 0, 4 + 1 + 16];

impl Early {
    /// Something came before the end of the handshake.
    pub(super) fn came(&mut self) {
        *self = Self::Came;
    }

    /// The library has nothing to do before more records come.
    pub(super) fn passed(&mut self) {
        if *self == Self::Announced {
            *self = Self::Passed;
        }
    }

    /// How many bytes there are of records that were not taken. The library would look at them again and again, and
    /// take each time for more that the client should not have sent.
    pub(super) fn rejected(&mut self, incoming: &[u8]) -> usize {
        if *self != Self::Passed {
            return 0;
        }
        *self = Self::Announced;
        let mut rest = incoming;
        while let [0x17, _, _, high, low, behind @ ..] = rest
            && let Some(next) = behind.get(usize::from(u16::from_be_bytes([*high, *low]))..)
        {
            rest = next;
        }
        incoming.len() - rest.len()
    }

    /// Looks at a record that is sent: the library does not say otherwise whether a server took what it was sent.
    pub(super) fn look_at_sent(&mut self, record: &[u8]) {
        if matches!(self, Self::Sent(_)) && record.starts_with(&END_OF_EARLY_DATA) {
            *self = Self::Taken;
        }
    }
}

/// What differs between the two sides of a session.
pub(super) trait Side: Sized {
    /// Encrypts something ahead of the handshake's end, where that is possible.
    fn send_early(
        data: &mut TransmitTlsData<'_, Self>,
        early: &mut Early,
        job: &Job<'_>,
        outgoing: &mut Buffer,
    ) -> Option<Step>;

    /// Reads what came ahead of the handshake's end; tells how much of what came is used up.
    fn read_early(data: &mut ReadEarlyData<'_, '_, Self>, sink: &mut Sink<'_>) -> usize;
}

impl Side for ServerConnectionData {
    fn send_early(
        _: &mut TransmitTlsData<'_, Self>,
        _: &mut Early,
        _: &Job<'_>,
        _: &mut Buffer,
    ) -> Option<Step> {
        None
    }

    fn read_early(data: &mut ReadEarlyData<'_, '_, Self>, sink: &mut Sink<'_>) -> usize {
        let mut discard = 0;
        while let Some(Ok(record)) = data.next_record() {
            discard += record.discard;
            sink.take(record.payload);
        }
        discard
    }
}

impl Side for ClientConnectionData {
    fn send_early(
        data: &mut TransmitTlsData<'_, Self>,
        early: &mut Early,
        job: &Job<'_>,
        outgoing: &mut Buffer,
    ) -> Option<Step> {
        let Early::Sent(sent) = early else { return None };
        let mut encrypter = data.may_encrypt_early_data()?;
        match job {
            Job::Read | Job::Close => None,
            Job::Begin => Some(Step::Early(0)),
            Job::Send(content) => {
                let part = &content[..content.len().min(MOST - sent.len())];
                if part.is_empty() {
                    return None;
                }
                let written =
                    seal(outgoing, part.len() + RECORD_OVERHEAD, |to| encrypter.encrypt(part, to)).ok()?;
                // The server may have allowed less.
                let taken = written.checked_sub(AROUND)?;
                sent.extend_from_slice(&part[..taken]);
                Some(Step::Early(taken))
            }
        }
    }

    fn read_early(_: &mut ReadEarlyData<'_, '_, Self>, _: &mut Sink<'_>) -> usize {
        0
    }
}

impl Session {
    /// The client says that it sends something before the end of the handshake, whether that is taken or not.
    pub(crate) fn announce_early(&mut self) {
        self.0.known.get_or_insert_default().early = Early::Announced;
    }

    /// What comes before the end of the handshake is known as such.
    pub(crate) fn take_early(&mut self) {
        self.0.known.get_or_insert_default();
    }

    /// What is sent first goes before the end of the handshake, where the server has allowed that before.
    pub(crate) fn send_early(&mut self) {
        self.0.known.get_or_insert_default().early = Early::Sent(Vec::new());
    }

    /// Whether the handshake goes on beside what is sent and received.
    pub fn is_unconfirmed(&self) -> bool {
        self.0.core.is_handshaking()
    }

    /// Goes on with a handshake that is not over although there is content already. What else comes is kept for
    /// whoever reads next.
    pub fn poll_confirm(&mut self, cx: &mut Context<'_>, socket: &Socket) -> Poll<io::Result<()>> {
        let inner = &mut *self.0;
        while inner.core.is_handshaking() {
            while inner.step(&Job::Read, None)? == Step::Again {}
            inner.settle()?;
            let _ = inner.poll_flush(cx, socket, More::No);
            if inner.core.is_handshaking() && ready!(inner.poll_receive(cx, socket, RECORD_ROOM))? == 0 {
                inner.input = Input::Ended;
                return Poll::Ready(Err(Fault::closed().into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Inner {
    fn early(&self) -> &Early {
        self.known.as_ref().map_or(&Early::No, |known| &known.early)
    }

    /// Whether there is content before the end of the handshake. Clients have to have chosen a protocol for it.
    pub(super) fn goes_ahead(&self) -> bool {
        *self.early() == Early::Came && self.core.common().alpn_protocol().is_some()
    }

    /// Whether what was sent may have to be sent once more.
    pub(super) fn is_early(&self) -> bool {
        matches!(self.early(), Early::Sent(_))
    }

    pub(super) fn early_data(&self) -> EarlyData {
        match (self.early(), self.core.is_handshaking()) {
            (Early::Came | Early::Sent(_), true) => EarlyData::Pending,
            (Early::Came | Early::Taken, _) => EarlyData::Confirmed,
            _ => EarlyData::None,
        }
    }

    /// Once the handshake is over, sends again what the server did not take before.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        if !self.is_early() || self.core.is_handshaking() {
            return Ok(());
        }
        // What is sent of the handshake itself tells what the server did.
        while self.step(&Job::Read, None)? == Step::Again {}
        let Some(Early::Sent(sent)) = self.known.as_mut().map(|known| std::mem::take(&mut known.early))
        else {
            return Ok(());
        };
        if sent.is_empty() { Ok(()) } else { self.seal(&Job::Send(&sent)) }
    }

    /// Sends what may go before the end of the handshake; nothing when that is over.
    pub(super) fn poll_send_early(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        part: &[u8],
    ) -> Poll<io::Result<Option<usize>>> {
        loop {
            self.settle()?;
            if !self.core.is_handshaking() {
                return Poll::Ready(Ok(None));
            }
            match self.step(&Job::Send(part), None)? {
                Step::Again => {}
                Step::Early(taken) => return Poll::Ready(Ok(Some(taken))),
                Step::Ready => return Poll::Ready(Ok(Some(part.len()))),
                Step::Blocked => {
                    let _ = self.poll_flush(cx, socket, More::No);
                    if ready!(self.poll_receive(cx, socket, RECORD_ROOM))? == 0 {
                        return Poll::Ready(Err(Fault::closed().into()));
                    }
                }
            }
        }
    }
}
