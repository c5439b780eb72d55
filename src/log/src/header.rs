//! What precedes the text of a message.

use std::str::FromStr;

use base::clock::WallTime;

use crate::level::{Facility, Level};
use crate::time;

/// The form of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HeaderFormat {
    /// RFC 3164 without the host's name.
    #[default]
    Local,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424.
    Rfc5424,
    /// Facility and level, then the text.
    Priority,
    /// The level, then the text.
    Short,
    /// The level and the date.
    Timed,
    /// The date.
    Iso,
    /// Only the text.
    Raw,
}

impl HeaderFormat {
    const ALL: [Self; 8] = [
        Self::Local,
        Self::Rfc3164,
        Self::Rfc5424,
        Self::Priority,
        Self::Short,
        Self::Timed,
        Self::Iso,
        Self::Raw,
    ];

    /// The name by which configurations know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Rfc3164 => "rfc3164",
            Self::Rfc5424 => "rfc5424",
            Self::Priority => "priority",
            Self::Short => "short",
            Self::Timed => "timed",
            Self::Iso => "iso",
            Self::Raw => "raw",
        }
    }
}

impl FromStr for HeaderFormat {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|f| f.name() == name).ok_or(())
    }
}

/// What a header says besides the date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) facility: Facility,
    pub(crate) level: Level,
    pub(crate) date: WallTime,
    /// The host's name, if it is to be told.
    pub(crate) hostname: Option<&'a str>,
    pub(crate) tag: &'a [u8],
    pub(crate) pid: u32,
    /// The structured data of RFC 5424.
    pub(crate) structured: &'a [u8],
}

impl Header<'_> {
    /// Appends the header with the space that ends it.
    pub(crate) fn write(&self, format: HeaderFormat, out: &mut Vec<u8>) {
        match format {
            HeaderFormat::Local => self.rfc3164(None, out),
            HeaderFormat::Rfc3164 => self.rfc3164(Some(self.hostname.unwrap_or("localhost")), out),
            HeaderFormat::Rfc5424 => self.rfc5424(out),
            HeaderFormat::Priority => self.priority(self.facility.priority(self.level), out),
            HeaderFormat::Short => self.priority(self.level.number(), out),
            HeaderFormat::Timed => {
                self.priority(self.level.number(), out);
                self.iso(out);
            }
            HeaderFormat::Iso => self.iso(out),
            HeaderFormat::Raw => {}
        }
    }

    fn rfc3164(&self, host: Option<&str>, out: &mut Vec<u8>) {
        self.priority(self.facility.priority(self.level), out);
        out.extend_from_slice(time::stamp(self.date).rfc3164());
        out.push(b' ');
        if let Some(host) = host {
            out.extend_from_slice(host.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(self.tag);
        out.push(b'[');
        self.number(self.pid, out);
        out.extend_from_slice(b"]: ");
    }

    fn rfc5424(&self, out: &mut Vec<u8>) {
        self.priority(self.facility.priority(self.level), out);
        out.extend_from_slice(b"1 ");
        self.iso(out);
        out.extend_from_slice(self.hostname.unwrap_or("-").as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.tag);
        out.push(b' ');
        self.number(self.pid, out);
        out.extend_from_slice(b" - ");
        let structured = self.structured.trim_ascii_end();
        out.extend_from_slice(if structured.is_empty() { b"-" } else { structured });
        out.push(b' ');
    }

    fn priority(&self, value: u8, out: &mut Vec<u8>) {
        out.push(b'<');
        self.number(u32::from(value), out);
        out.push(b'>');
    }

    fn iso(&self, out: &mut Vec<u8>) {
        time::stamp(self.date).push_iso(self.date.subsec_micros(), out);
        out.push(b' ');
    }

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    fn number(&self, value: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(format: &str, hostname: Option<&str>, structured: &[u8]) -> String {
        let header = Header {
            facility: "local3".parse().unwrap(),
            level: Level::Info,
            date: WallTime(1_795_352_703_068_899),
            hostname,
            tag: b"haproxy",
            pid: 18383,
            structured,
        };
        let mut out = Vec::new();
        header.write(format.parse().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Dates are local: what the system's zone makes of them is not the subject here.
    fn dated(text: &str) -> String {
        let stamp = time::stamp(WallTime(1_795_352_703_068_899));
        let mut iso = Vec::new();
        stamp.push_iso(68_899, &mut iso);
        text.replace("DATE", std::str::from_utf8(stamp.rfc3164()).unwrap())
            .replace("ISO", std::str::from_utf8(&iso).unwrap())
    }

    #[test]
    fn headers_of_every_format() {
        for (format, expected) in [
            ("local", "<158>DATE haproxy[18383]: "),
            ("rfc3164", "<158>DATE localhost haproxy[18383]: "),
            ("rfc5424", "<158>1 ISO - haproxy 18383 - - "),
            ("priority", "<158>"),
            ("short", "<6>"),
            ("timed", "<6>ISO "),
            ("iso", "ISO "),
            ("raw", ""),
        ] {
            assert_eq!(header(format, None, b""), dated(expected), "{format}");
        }
    }

    #[test]
    fn the_hostname_shows_where_it_has_a_place() {
        assert_eq!(header("local", Some("h"), b""), dated("<158>DATE haproxy[18383]: "));
        assert_eq!(header("rfc3164", Some("h"), b""), dated("<158>DATE h haproxy[18383]: "));
        assert_eq!(header("rfc5424", Some("h"), b""), dated("<158>1 ISO h haproxy 18383 - - "));
    }

    #[test]
    fn structured_data_precede_the_text() {
        let expected = dated("<158>1 ISO - haproxy 18383 - [a b=\"c\"] ");
        assert_eq!(header("rfc5424", None, b"[a b=\"c\"]"), expected);
        assert_eq!(header("rfc5424", None, b"[a b=\"c\"] "), expected);
        assert_eq!(header("rfc3164", None, b"[x]"), dated("<158>DATE localhost haproxy[18383]: "));
    }

    #[test]
    fn unknown_formats_are_refused() {
        assert!("foo".parse::<HeaderFormat>().is_err());
    }
}
