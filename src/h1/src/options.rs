//! What a parser is told about its surroundings.

/// Whether violations of the protocol are tolerated: `option accept-unsafe-violations-in-http-request` and
/// `-response`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// None is.
    #[default]
    Strict,
    /// Those that the option names are; each is counted, and the first one's position is kept.
    Relaxed,
}

/// What follows a message with both `Transfer-Encoding` and `Content-Length`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InsecureFraming {
    /// The connection is closed after it.
    #[default]
    Close,
    /// The connection stays: `h1-do-not-close-on-insecure-transfer-encoding`.
    Keep,
}

/// Whether an HTTP/1.0 `GET`, `HEAD` or `DELETE` may have a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldPayload {
    /// It is refused with status 413.
    #[default]
    Refuse,
    /// It is passed on: `h1-accept-payload-with-any-method`.
    Accept,
}

/// The limits of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of lines before the empty one: `tune.http.maxhdr`.
    pub lines: usize,
    /// The size of the buffer that a head must fit in: `tune.bufsize`.
    pub buffer: usize,
    /// What must stay free in that buffer for header rewriting: `tune.maxrewrite`.
    pub reserve: usize,
}

/// Everything together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Tolerance of violations.
    pub strictness: Strictness,
    /// Limits.
    pub limits: Limits,
    /// After contradicting lengths.
    pub insecure_framing: InsecureFraming,
    /// Bodies of old requests.
    pub old_payload: OldPayload,
}

/// What a full buffer holds less than its size says, as existing configurations were sized by.
const BUFFER_OVERHEAD: usize = 40;
/// The bytes a head takes in the buffer besides its text: for itself and for each line.
const HEAD_OVERHEAD: usize = 61;
const LINE_OVERHEAD: usize = 8;

impl Default for Limits {
    fn default() -> Self {
        Self { lines: 101, buffer: 16_384, reserve: 1_024 }
    }
}

impl Limits {
    /// Whether nothing more can be received before this is consumed.
    pub(crate) fn is_full(&self, received: usize) -> bool {
        received + BUFFER_OVERHEAD >= self.buffer
    }

    /// Whether the first line of a request, of so many bytes of text, could stand in the buffer without the rest.
    pub(crate) fn holds_line(&self, text: usize) -> bool {
        text + HEAD_OVERHEAD <= self.buffer + 1
    }

    /// Whether a complete head leaves the reserve free: the bytes of its texts and the number of its fields.
    pub(crate) fn fits(&self, text: usize, fields: usize) -> bool {
        text + LINE_OVERHEAD * (fields + 2) + HEAD_OVERHEAD + self.reserve <= self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_no_reserve() {
        let limits = Limits { buffer: 2048, ..Limits::default() };
        assert!(limits.holds_line(1988) && !limits.holds_line(1989));
    }

    #[test]
    fn heads_that_leave_the_reserve_fit() {
        let limits = Limits::default();
        assert!(limits.fits(15_275, 1) && !limits.fits(15_276, 1));
        assert!(limits.fits(14_555, 91) && !limits.fits(14_555, 92));
    }

    #[test]
    fn a_buffer_is_full_before_its_last_byte() {
        assert!(Limits::default().is_full(16_344) && !Limits::default().is_full(16_343));
    }
}
