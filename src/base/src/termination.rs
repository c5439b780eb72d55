//! How a stream ended: the two letters of the log (configuration manual, section 8.5).

/// Who or what ended the stream: the first letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cause {
    /// `-`: both sides finished normally.
    #[default]
    Normal,
    /// `C`: the client aborted.
    ClientAbort,
    /// `S`: the server aborted or refused.
    ServerAbort,
    /// `P`: the proxy itself ended it (denied, invalid, limits).
    Proxy,
    /// `L`: served by the proxy itself, without a server.
    Local,
    /// `R`: a resource of the proxy ran out.
    Resource,
    /// `I`: an internal error.
    Internal,
    /// `D`: killed since its server went down.
    Down,
    /// `U`: killed since an active server came back (`on-marked-up`).
    Up,
    /// `K`: killed by an operator.
    Killed,
    /// `c`: the client did not send or take data in time.
    ClientTimeout,
    /// `s`: the server did not send or take data in time.
    ServerTimeout,
}

/// When the stream ended: the second letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// `-`: after the end of the transfer.
    #[default]
    Done,
    /// `R`: while waiting for a complete, valid request.
    Request,
    /// `Q`: in a queue for a server or a backend.
    Queue,
    /// `C`: while connecting to the server.
    Connect,
    /// `H`: while waiting for complete, valid response headers.
    Headers,
    /// `D`: during the transfer of data.
    Data,
    /// `L`: the last data had still to reach the client after the server had finished.
    Last,
    /// `T`: the request was tarpitted.
    Tarpit,
}

/// The end of a stream: its cause and its phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Termination {
    /// The first letter.
    pub cause: Cause,
    /// The second letter.
    pub phase: Phase,
}

impl Termination {
    /// A normal end.
    pub const NORMAL: Self = Self { cause: Cause::Normal, phase: Phase::Done };

    /// An end for a cause in a phase.
    pub const fn new(cause: Cause, phase: Phase) -> Self {
        Self { cause, phase }
    }

    /// The two letters.
    pub fn letters(self) -> [u8; 2] {
        [self.cause.letter(), self.phase.letter()]
    }

    /// Whether nothing went wrong: the stream ended by itself, or was answered by the proxy as configured.
    pub fn is_normal(self) -> bool {
        matches!(self.cause, Cause::Normal | Cause::Local)
    }
}

impl Cause {
    /// The letter of the log.
    pub fn letter(self) -> u8 {
        match self {
            Self::Normal => b'-',
            Self::ClientAbort => b'C',
            Self::ServerAbort => b'S',
            Self::Proxy => b'P',
            Self::Local => b'L',
            Self::Resource => b'R',
            Self::Internal => b'I',
            Self::Down => b'D',
            Self::Up => b'U',
            Self::Killed => b'K',
            Self::ClientTimeout => b'c',
            Self::ServerTimeout => b's',
        }
    }
}

impl Phase {
    /// The letter of the log.
    pub fn letter(self) -> u8 {
        match self {
            Self::Done => b'-',
            Self::Request => b'R',
            Self::Queue => b'Q',
            Self::Connect => b'C',
            Self::Headers => b'H',
            Self::Data => b'D',
            Self::Last => b'L',
            Self::Tarpit => b'T',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_the_log() {
        assert_eq!(Termination::NORMAL.letters(), *b"--");
        assert_eq!(Termination::new(Cause::Proxy, Phase::Request).letters(), *b"PR");
        assert_eq!(Termination::new(Cause::ServerTimeout, Phase::Headers).letters(), *b"sH");
        assert!(Termination::new(Cause::Local, Phase::Request).is_normal());
    }
}
