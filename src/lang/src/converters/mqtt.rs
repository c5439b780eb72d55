//! The first packets of MQTT 3.1, 3.1.1 and 5.0: what a client begins with, and the answer.

use super::{STR, bytes, plain, settled, text, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};

/// The converters of MQTT.
pub static CONVERTERS: &[Converter] = &[
    with("mqtt_field_value", Signature::all(&[STR, STR]), Type::Bin, Type::Str, check_field, field_value),
    settled(&plain("mqtt_is_valid", Type::Bin, Type::Bool, |s, _, _| match Packet::parse(&bytes(s)?) {
        Ok(_) => Some(Sample::Bool(true)),
        Err(Trouble::Malformed) => Some(Sample::Bool(false)),
        Err(Trouble::Unfinished) => None,
    })),
];

const CONNECT: usize = 1;
const CONNACK: usize = 2;

/// All types of packets by their numbers.
const PACKETS: [&str; 16] = [
    "reserved",
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
    "auth",
];

const CONNECT_FIELDS: [&str; 9] = [
    "flags",
    "protocol_name",
    "protocol_version",
    "client_identifier",
    "will_topic",
    "will_payload",
    "username",
    "password",
    "keepalive",
];
const CONNACK_FIELDS: [&str; 3] = ["flags", "protocol_version", "reason_code"];

/// The properties of `CONNECT`, of its will, and of `CONNACK`.
const CONNECT_PROPERTIES: [u8; 9] = [17, 33, 39, 34, 25, 23, 38, 21, 22];
const WILL_PROPERTIES: [u8; 7] = [24, 1, 2, 3, 8, 9, 38];
const CONNACK_PROPERTIES: [u8; 17] = [17, 33, 36, 37, 39, 18, 34, 31, 38, 40, 41, 42, 19, 26, 28, 21, 22];

const USER_PROPERTY: u8 = 38;

/// What a converter asks for: a field of a kind of packet by its name, or a property by its number.
fn check_field(args: &mut Args) -> Result<(), String> {
    let (kind, name) = (text(args, 0), text(args, 1));
    let by_name = PACKETS.iter().position(|known| known.eq_ignore_ascii_case(kind));
    let packet = by_name.or_else(|| kind.parse().ok()).filter(|n| (1..PACKETS.len()).contains(n));
    let Some(packet) = packet else {
        return Err(format!("Unknown MQTT packet type '{kind}'"));
    };
    let (fields, lists): (&[&str], [&[u8]; 2]) = match packet {
        CONNECT => (&CONNECT_FIELDS, [&CONNECT_PROPERTIES, &WILL_PROPERTIES]),
        CONNACK => (&CONNACK_FIELDS, [&CONNACK_PROPERTIES, &[]]),
        _ => (&[], [&[], &[]]),
    };
    let field = fields
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map(|known| Arg::Str((*known).as_bytes().into()));
    let property = || {
        let id: u8 = name.parse().ok()?;
        lists.concat().contains(&id).then_some(Arg::Choice(usize::from(id)))
    };
    let Some(wanted) = field.or_else(property) else {
        return Err(format!("Unknown MQTT field name '{name}' for packet type '{kind}'"));
    };
    args.0 = vec![Arg::Choice(packet), wanted];
    Ok(())
}

fn field_value<'a>(s: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let stream = bytes(s)?;
    let value = match (args.choice(0)?, Packet::parse(&stream).ok()?) {
        (CONNECT, Packet::Connect(connect)) => connect.value(&args.0[1])?,
        (CONNACK, Packet::Connack(connack)) => connack.value(&args.0[1])?,
        _ => return None,
    };
    Some(Sample::owned(match value {
        Value::Number(number) => number.to_string().into_bytes(),
        Value::Bytes(bytes) => bytes.to_vec(),
    }))
}

/// A value of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value<'p> {
    Number(u32),
    Bytes(&'p [u8]),
}

/// Why there is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Its end is still to come.
    Unfinished,
    /// It breaks the protocol, or is not the first of its side.
    Malformed,
}

enum Packet<'p> {
    Connect(Connect<'p>),
    Connack(Connack<'p>),
}

/// The packet that a client begins with.
struct Connect<'p> {
    protocol: &'p [u8],
    version: u8,
    flags: u8,
    keepalive: u16,
    properties: Properties<'p>,
    client: &'p [u8],
    will: Option<Will<'p>>,
    username: Option<&'p [u8]>,
    password: Option<&'p [u8]>,
}

/// What is published when a client is gone.
struct Will<'p> {
    properties: Properties<'p>,
    topic: &'p [u8],
    payload: &'p [u8],
}

/// The answer to `CONNECT`.
struct Connack<'p> {
    /// 5 where there are properties; else 4 stands for all before it.
    version: u8,
    flags: u8,
    reason: u8,
    properties: Properties<'p>,
}

#[derive(Default)]
struct Properties<'p>(Vec<(u8, Value<'p>)>);

/// Reads what is left of a packet.
struct Reader<'p>(&'p [u8]);

impl<'p> Reader<'p> {
    fn take(&mut self, len: usize) -> Option<&'p [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn number(&mut self, size: usize) -> Option<u32> {
        Some(self.take(size)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// Bytes behind their length.
    fn string(&mut self) -> Option<&'p [u8]> {
        let len = self.number(2)?;
        self.take(len as usize)
    }

    /// A number in up to four groups of seven bits, the lowest one first.
    fn varint(&mut self) -> Option<u32> {
        let mut number = 0;
        for group in 0..4 {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << (7 * group);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A block of properties: only known ones, each once but the user's own.
    fn properties(&mut self, known: &[u8]) -> Option<Properties<'p>> {
        let len = self.varint()?;
        let mut block = Reader(self.take(len as usize)?);
        let mut found = Vec::new();
        while let Some(id) = block.byte() {
            if !known.contains(&id) || id != USER_PROPERTY && found.iter().any(|(other, _)| *other == id) {
                return None;
            }
            let value = match id {
                USER_PROPERTY => {
                    block.string()?;
                    Value::Bytes(block.string()?)
                }
                1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => Value::Number(block.number(1)?),
                19 | 33 | 34 => Value::Number(block.number(2)?),
                2 | 17 | 24 | 39 => Value::Number(block.number(4)?),
                _ => Value::Bytes(block.string()?),
            };
            found.push((id, value));
        }
        Some(Properties(found))
    }
}

/// Whether the lower half of a packet's first byte is what its type, the upper half, wants (MQTT 5.0, section 2.1.3).
fn has_right_flags(first: u8) -> bool {
    match first >> 4 {
        0 => false,
        // PUBLISH has all of them.
        3 => true,
        6 | 8 | 10 => first % 16 == 2,
        _ => first.is_multiple_of(16),
    }
}

impl<'p> Packet<'p> {
    fn parse(stream: &'p [u8]) -> Result<Self, Trouble> {
        let mut reader = Reader(stream);
        let kind = reader.byte().filter(|_| stream.len() > 1).ok_or(Trouble::Unfinished)?;
        if !has_right_flags(kind) {
            return Err(Trouble::Malformed);
        }
        let before = reader.0.len();
        let len = reader.varint().ok_or(if before < 4 { Trouble::Unfinished } else { Trouble::Malformed })?;
        let body = reader.take(len as usize).ok_or(Trouble::Unfinished)?;
        let packet = match kind {
            0x10 => Connect::parse(Reader(body)).map(Self::Connect),
            0x20 => Connack::parse(Reader(body)).map(Self::Connack),
            // Packets of other types are not looked into.
            _ => None,
        };
        packet.ok_or(Trouble::Malformed)
    }
}

impl<'p> Connect<'p> {
    const RESERVED: u8 = 0x01;
    const WILL: u8 = 0x04;
    const WILL_QOS: u8 = 0x18;
    const PASSWORD: u8 = 0x40;
    const USERNAME: u8 = 0x80;

    fn parse(mut reader: Reader<'p>) -> Option<Self> {
        let protocol = reader.string()?;
        let version = reader.byte()?;
        let is_known = matches!((protocol, version), (b"MQIsdp", 3) | (b"MQTT", 4 | 5));
        let flags = reader.byte()?;
        if !is_known || flags & Self::RESERVED != 0 || flags & Self::WILL_QOS == Self::WILL_QOS {
            return None;
        }
        let keepalive = reader.number(2)? as u16;
        let properties = |reader: &mut Reader<'p>, known: &[u8]| match version {
            5 => reader.properties(known),
            _ => Some(Properties::default()),
        };
        let own = properties(&mut reader, &CONNECT_PROPERTIES)?;
        let client = reader.string()?;
        let will = if flags & Self::WILL == 0 {
            None
        } else {
            let properties = properties(&mut reader, &WILL_PROPERTIES)?;
            Some(Will { properties, topic: reader.string()?, payload: reader.string()? })
        };
        let mut optional = |flag: u8| match flags & flag {
            0 => Some(None),
            _ => reader.string().map(Some),
        };
        let (username, password) = (optional(Self::USERNAME)?, optional(Self::PASSWORD)?);
        reader.0.is_empty().then_some(Self {
            protocol,
            version,
            flags,
            keepalive,
            properties: own,
            client,
            will,
            username,
            password,
        })
    }

    fn value(&self, wanted: &Arg) -> Option<Value<'p>> {
        let will = self.will.as_ref();
        match wanted {
            Arg::Choice(_) if self.version < 5 => None,
            Arg::Choice(id) if WILL_PROPERTIES.contains(&(*id as u8)) => will?.properties.value(*id as u8),
            Arg::Choice(id) => self.properties.value(*id as u8),
            Arg::Str(name) => Some(match &**name {
                b"flags" => Value::Number(self.flags.into()),
                b"protocol_name" => Value::Bytes(self.protocol),
                b"protocol_version" => Value::Number(self.version.into()),
                b"client_identifier" => Value::Bytes(self.client),
                b"will_topic" => Value::Bytes(will?.topic),
                b"will_payload" => Value::Bytes(will?.payload),
                b"username" => Value::Bytes(self.username?),
                b"password" => Value::Bytes(self.password?),
                _ => Value::Number(self.keepalive.into()),
            }),
            _ => None,
        }
    }
}

impl<'p> Connack<'p> {
    fn parse(mut reader: Reader<'p>) -> Option<Self> {
        const SESSION_PRESENT: u8 = 1;
        let flags = reader.byte().filter(|flags| flags & !SESSION_PRESENT == 0)?;
        let reason = reader.byte()?;
        let (version, properties) = if reader.0.is_empty() {
            (4, Properties::default())
        } else {
            (5, reader.properties(&CONNACK_PROPERTIES)?)
        };
        reader.0.is_empty().then_some(Self { version, flags, reason, properties })
    }

    fn value(&self, wanted: &Arg) -> Option<Value<'p>> {
        match wanted {
            Arg::Choice(_) if self.version < 5 => None,
            Arg::Choice(id) => self.properties.value(*id as u8),
            Arg::Str(name) => Some(Value::Number(u32::from(match &**name {
                b"flags" => self.flags,
                b"protocol_version" => self.version,
                _ => self.reason,
            }))),
            _ => None,
        }
    }
}

impl<'p> Properties<'p> {
    /// A property; 0 for a number that is not there.
    fn value(&self, id: u8) -> Option<Value<'p>> {
        const NUMBERS: [u8; 15] = [1, 2, 17, 19, 23, 24, 25, 33, 34, 36, 37, 39, 40, 41, 42];
        let found = self.0.iter().find(|(other, _)| *other == id).map(|(_, value)| *value);
        found.or_else(|| NUMBERS.contains(&id).then_some(Value::Number(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, text};
    use super::*;
    use proptest::prelude::*;

    const CONNECT_311: &str = "101f00044d51545404ee003c000363696400027774000277700002757300027077";
    const CONNECT_31: &str = "101100064d51497364700302003c0003636964";
    const CONNECT_5: &str = "104300044d51545405ee003c1611000000642100051901150002616d2600016b00017600036369640c180000000903\
                             00026374010100027774000277700002757300027077";
    const CONNACK_4: &str = "20020100";
    const CONNACK_5: &str = "202200871f1100000007240112000861737369676e65641f00037768792801290013001e";

    fn valid(packet: &str) -> Option<String> {
        text(&format!("bin({packet}),mqtt_is_valid"))
    }

    fn value(packet: &str, field: &str) -> Option<String> {
        text(&format!("bin({packet}),mqtt_field_value({field})"))
    }

    #[test]
    fn packets_are_judged() {
        for packet in [CONNECT_311, CONNECT_31, CONNECT_5, CONNACK_4, CONNACK_5, "20020109", "2003000000"] {
            assert_eq!(valid(packet).unwrap(), "1", "{packet}");
            // A second packet is not looked at.
            assert_eq!(valid(&format!("{packet}c000")).unwrap(), "1", "{packet}");
            assert_eq!(valid(&packet[..packet.len() - 2]), None, "{packet}");
        }
        for start in ["10", "00", "2f", "3f09", "6209", "c001", "f001"] {
            assert_eq!(valid(start), None, "{start}");
        }
        for packet in [
            "1100",
            "300400017478",
            "c000",
            "100d00044d5154540602003c000163",
            "100d00044d5154580402003c000163",
            "100d00044d5154540403003c000163",
            "100d00044d515454041e003c000163",
            "100f00044d5154540402003c0001637a7a",
            "20020200",
            "200101",
            "20050000021901",
            "200700000424012401",
            "10ffffffff00",
        ] {
            assert_eq!(valid(packet).unwrap(), "0", "{packet}");
        }
    }

    #[test]
    fn fields_of_connect() {
        for (packet, protocol, version) in [(CONNECT_311, "MQTT", "4"), (CONNECT_5, "MQTT", "5")] {
            for (field, wanted) in [
                ("flags", "238"),
                ("protocol_name", protocol),
                ("protocol_version", version),
                ("client_identifier", "cid"),
                ("will_topic", "wt"),
                ("will_payload", "wp"),
                ("username", "us"),
                ("password", "pw"),
                ("keepalive", "60"),
            ] {
                assert_eq!(value(packet, &format!("connect,{field}")).as_deref(), Some(wanted), "{field}");
            }
        }
        assert_eq!(value(CONNECT_31, "CONNECT,Protocol_Name").unwrap(), "MQIsdp");
        assert_eq!(value(CONNECT_31, "1,will_topic"), None);
        assert_eq!(value(CONNACK_4, "connect,flags"), None);
    }

    #[test]
    fn properties_of_version_5() {
        for (property, wanted) in [
            ("17", "100"),
            ("33", "5"),
            ("39", "0"),
            ("25", "1"),
            ("21", "am"),
            ("24", "9"),
            ("1", "1"),
            ("3", "ct"),
        ] {
            assert_eq!(value(CONNECT_5, &format!("1,{property}")).as_deref(), Some(wanted), "{property}");
        }
        assert_eq!(value(CONNECT_5, "1,22"), None);
        assert_eq!(value(CONNECT_311, "1,17"), None);
        for (field, wanted) in [
            ("flags", "0"),
            ("protocol_version", "5"),
            ("reason_code", "135"),
            ("17", "7"),
            ("18", "assigned"),
            ("19", "30"),
            ("31", "why"),
            ("42", "0"),
        ] {
            assert_eq!(value(CONNACK_5, &format!("connack,{field}")).as_deref(), Some(wanted), "{field}");
        }
        assert_eq!(value(CONNACK_4, "connack,protocol_version").unwrap(), "4");
        assert_eq!(value(CONNACK_4, "connack,17"), None);
    }

    #[test]
    fn unknown_fields_are_refused() {
        for bad in ["connect,reason_code", "2,protocol_name", "publish,topic", "1,18", "1,99"] {
            assert!(error(&format!("bin(00),mqtt_field_value({bad})")).contains("Unknown MQTT field name"));
        }
        assert!(error("bin(00),mqtt_field_value(nope,flags)").contains("Unknown MQTT packet type"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(mut bytes: Vec<u8>, kind in prop::sample::select(vec![0x10_u8, 0x20])) {
            bytes.splice(0..0, [kind, bytes.len() as u8 & 0x7f]);
            let _ = Packet::parse(&bytes);
        }
    }
}
