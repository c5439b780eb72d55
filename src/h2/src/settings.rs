//! What either side wants of the other (RFC 9113, section 6.5).

use crate::Code;
use crate::frame;

/// What this side wants of its peer, and the limits that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Streams that the peer may have open at a time; for a client, streams that it opens at most.
    pub max_streams: u32,
    /// Bytes of a body that the peer may send ahead on each stream.
    pub window: u32,
    /// The largest payload of a frame.
    pub max_frame: u32,
    /// Bytes that the table of header fields takes.
    pub table: u32,
    /// Bytes that all bodies may take that have come and have not been read.
    pub buffers: u32,
    /// Bytes that a head may take.
    pub max_head: usize,
    /// Header fields that a message may have.
    pub max_fields: usize,
    /// Streams after which the peer is asked to open another connection; 0 for no limit.
    pub total_streams: u32,
    /// Frames that are taken in a row; 0 for no limit.
    pub frames_at_once: u32,
    /// `RST_STREAM` frames that are taken in a row; 0 for no limit.
    pub resets_at_once: u32,
    /// Whether `CONNECT` may name a protocol (RFC 8441).
    pub extended_connect: ExtendedConnect,
    /// What is not said in clear words is refused, or let through.
    pub strictness: Strictness,
}

/// Whether `CONNECT` may name a protocol (RFC 8441).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedConnect {
    /// It may.
    Offered,
    /// It may not.
    No,
}

/// Whether characters are let through that should not be in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They are not.
    #[default]
    Strict,
    /// Those that do no harm are.
    Relaxed,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_streams: 100,
            window: 16384,
            max_frame: 16384,
            table: 4096,
            buffers: 100 * 16384,
            max_head: 16384,
            max_fields: 101,
            total_streams: 0,
            frames_at_once: 0,
            resets_at_once: 0,
            extended_connect: ExtendedConnect::Offered,
            strictness: Strictness::Strict,
        }
    }
}

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// What is taken for granted before settings come.
const DEFAULT_TABLE: u32 = 4096;
const DEFAULT_WINDOW: u32 = 65535;
const DEFAULT_FRAME: u32 = 16384;

/// The window of a connection is not a setting: it begins with this.
pub(crate) const CONNECTION_WINDOW: u32 = DEFAULT_WINDOW;

/// The largest window.
pub(crate) const LARGEST_WINDOW: u32 = 0x7fff_ffff;

impl Settings {
    /// Appends the frame by which a server tells them.
    pub(crate) fn push_for_server(&self, out: &mut Vec<u8>) {
        let connect = (self.extended_connect == ExtendedConnect::Offered).then_some(1);
        let streams = (self.max_streams != 0).then_some(self.max_streams);
        self.push(&[(ENABLE_CONNECT_PROTOCOL, connect), (MAX_CONCURRENT_STREAMS, streams)], out);
    }

    /// Appends the frame by which a client tells them: nobody shall push anything.
    pub(crate) fn push_for_client(&self, out: &mut Vec<u8>) {
        let streams = (self.max_streams != 0).then_some(self.max_streams);
        self.push(&[(ENABLE_PUSH, Some(0)), (MAX_CONCURRENT_STREAMS, streams)], out);
    }

    fn push(&self, own: &[(u16, Option<u32>); 2], out: &mut Vec<u8>) {
        let unless = |value: u32, default: u32| (value != default).then_some(value);
        let [first, last] = *own;
        let all = [
            first,
            (HEADER_TABLE_SIZE, unless(self.table, DEFAULT_TABLE)),
            (INITIAL_WINDOW_SIZE, unless(self.window, DEFAULT_WINDOW)),
            last,
            (MAX_FRAME_SIZE, unless(self.max_frame, DEFAULT_FRAME)),
        ];
        let mut payload = Vec::with_capacity(6 * all.len());
        for (name, value) in all {
            if let Some(value) = value {
                payload.extend_from_slice(&name.to_be_bytes());
                payload.extend_from_slice(&value.to_be_bytes());
            }
        }
        frame::push(frame::SETTINGS, 0, 0, &payload, out);
    }
}

/// What the peer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) table: u32,
    pub(crate) max_streams: u32,
    pub(crate) window: u32,
    pub(crate) max_frame: u32,
    pub(crate) extended_connect: ExtendedConnect,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            table: DEFAULT_TABLE,
            max_streams: u32::MAX,
            window: DEFAULT_WINDOW,
            max_frame: DEFAULT_FRAME,
            extended_connect: ExtendedConnect::No,
        }
    }
}

impl Peer {
    /// Takes over what a frame says.
    pub(crate) fn update(&mut self, payload: &[u8]) -> Result<(), Code> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Code::FRAME_SIZE_ERROR);
        }
        for [a, b, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            match u16::from_be_bytes([*a, *b]) {
                HEADER_TABLE_SIZE => self.table = value,
                ENABLE_PUSH if value > 1 => return Err(Code::PROTOCOL_ERROR),
                MAX_CONCURRENT_STREAMS => self.max_streams = value,
                INITIAL_WINDOW_SIZE if value > LARGEST_WINDOW => return Err(Code::FLOW_CONTROL_ERROR),
                INITIAL_WINDOW_SIZE => self.window = value,
                MAX_FRAME_SIZE if !(DEFAULT_FRAME..1 << 24).contains(&value) => {
                    return Err(Code::PROTOCOL_ERROR);
                }
                MAX_FRAME_SIZE => self.max_frame = value,
                ENABLE_CONNECT_PROTOCOL if value == 1 => self.extended_connect = ExtendedConnect::Offered,
                // What is not known is passed over.
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(push: impl Fn(&mut Vec<u8>)) -> Vec<(u8, u32)> {
        let mut out = Vec::new();
        push(&mut out);
        out[frame::HEADER..].chunks(6).map(|s| (s[1], u32::from_be_bytes([s[2], s[3], s[4], s[5]]))).collect()
    }

    #[test]
    fn what_is_not_the_default_is_told() {
        let settings = Settings::default();
        assert_eq!(told(|out| settings.push_for_server(out)), [(8, 1), (4, 16384), (3, 100)]);
        assert_eq!(told(|out| settings.push_for_client(out)), [(2, 0), (4, 16384), (3, 100)]);
        let other = Settings { table: 0, max_frame: 20000, window: 65535, max_streams: 0, ..settings };
        assert_eq!(told(|out| other.push_for_server(out)), [(8, 1), (1, 0), (5, 20000)]);
    }

    #[test]
    fn settings_of_the_peer_are_checked() {
        let update = |name: u8, value: u32| {
            let mut peer = Peer::default();
            let [a, b, c, d] = value.to_be_bytes();
            peer.update(&[0, name, a, b, c, d]).map(|()| peer)
        };
        assert_eq!(update(5, 16383), Err(Code::PROTOCOL_ERROR));
        assert_eq!(update(5, 16384).unwrap().max_frame, 16384);
        assert_eq!(update(5, 1 << 24), Err(Code::PROTOCOL_ERROR));
        assert_eq!(update(2, 2), Err(Code::PROTOCOL_ERROR));
        assert_eq!(update(4, 1 << 31), Err(Code::FLOW_CONTROL_ERROR));
        assert_eq!(update(3, 7).unwrap().max_streams, 7);
        assert_eq!(update(8, 1).unwrap().extended_connect, ExtendedConnect::Offered);
        assert_eq!(update(99, 1), Ok(Peer::default()));
        assert_eq!(Peer::default().update(&[0; 5]), Err(Code::FRAME_SIZE_ERROR));
    }
}
