//! Fields of Protocol Buffers messages, plain or in gRPC frames.

use super::{STR, bytes, check_choice, with};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::Converter;
use crate::sample::{Sample, Type};

const FIELD: Signature = Signature::some(1, &[ArgKind::FieldPath, STR]);

/// The converters of Protocol Buffers.
pub static CONVERTERS: &[Converter] = &[
    with("protobuf", FIELD, Type::Bin, Type::Bin, check_type, |s, args, _| {
        value(find(&bytes(s)?, &field_path(args.str(0))?)?, args)
    }),
    with("ungrpc", FIELD, Type::Bin, Type::Bin, check_type, |s, args, _| {
        let stream = bytes(s)?;
        let path = field_path(args.str(0))?;
        value(frames(&stream).find_map(|message| find(message, &path))?, args)
    }),
];

/// The numbers of a field's way, each from 0 to the greatest number of a field.
pub(crate) fn field_path(text: &[u8]) -> Option<Vec<u64>> {
    const GREATEST: u64 = (1 << 29) - 1;
    let text = std::str::from_utf8(text).ok()?;
    let number = |word: &str| word.parse().ok().filter(|number| *number <= GREATEST);
    text.split('.').map(number).collect()
}

/// The types that a field can be read as.
const TYPES: [&str; 14] = [
    "int32", "uint32", "sint32", "int64", "uint64", "sint64", "bool", "enum", "fixed64", "sfixed64",
    "double", "fixed32", "sfixed32", "float",
];

fn check_type(args: &mut Args) -> Result<(), String> {
    check_choice(args, 1, &TYPES, |word| format!("Wrong protocol buffer type '{word}'"))
}

/// A field as it stands in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field<'m> {
    /// A number in groups of seven bits, with its bytes.
    Varint(u64, &'m [u8]),
    Fixed64(&'m [u8; 8]),
    Delimited(&'m [u8]),
    Fixed32(&'m [u8; 4]),
}

/// What a field is, read as the type that was asked for; without one, its bytes.
fn value(field: Field<'_>, args: &Args) -> Option<Sample<'static>> {
    let Some(kind) = args.choice(1) else {
        let raw = match field {
            Field::Varint(_, raw) | Field::Delimited(raw) => raw,
            Field::Fixed64(raw) => &raw[..],
            Field::Fixed32(raw) => &raw[..],
        };
        return Some(Sample::Bin(raw.to_vec().into()));
    };
    let zigzag = |n: u64| (n >> 1) as i64 ^ -((n & 1) as i64);
    Some(Sample::Int(match (TYPES[kind], field) {
        ("int32" | "uint32" | "int64" | "uint64" | "bool" | "enum", Field::Varint(number, _)) => {
            number as i64
        }
        ("sint32", Field::Varint(number, _)) => i64::from(zigzag(u64::from(number as u32)) as i32),
        ("sint64", Field::Varint(number, _)) => zigzag(number),
        ("fixed64" | "sfixed64", Field::Fixed64(raw)) => i64::from_le_bytes(*raw),
        ("double", Field::Fixed64(raw)) => f64::from_le_bytes(*raw) as i64,
        ("fixed32", Field::Fixed32(raw)) => i64::from(u32::from_le_bytes(*raw)),
        ("sfixed32", Field::Fixed32(raw)) => i64::from(i32::from_le_bytes(*raw)),
        ("float", Field::Fixed32(raw)) => f32::from_le_bytes(*raw) as i64,
        _ => return None,
    }))
}

/// The first field at the end of a way through messages within messages.
fn find<'m>(mut message: &'m [u8], path: &[u64]) -> Option<Field<'m>> {
    let (wanted, deeper) = path.split_first()?;
    while !message.is_empty() {
        let (number, field, rest) = next(message)?;
        message = rest;
        if number == *wanted {
            return match (deeper, field) {
                ([], field) => Some(field),
                (deeper, Field::Delimited(inner)) => find(inner, deeper),
                _ => None,
            };
        }
    }
    None
}

/// The first field of a message with its number, and what follows it.
fn next(message: &[u8]) -> Option<(u64, Field<'_>, &[u8])> {
    let (key, rest) = varint(message)?;
    let (field, rest) = match key & 7 {
        0 => {
            let (number, after) = varint(rest)?;
            (Field::Varint(number, &rest[..rest.len() - after.len()]), after)
        }
        1 => rest.split_first_chunk().map(|(raw, after)| (Field::Fixed64(raw), after))?,
        2 => {
            let (len, rest) = varint(rest)?;
            let (inner, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            (Field::Delimited(inner), after)
        }
        5 => rest.split_first_chunk().map(|(raw, after)| (Field::Fixed32(raw), after))?,
        _ => return None,
    };
    Some((key >> 3, field, rest))
}

/// A number of ten bytes at most.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[i + 1..]));
        }
    }
    None
}

/// The messages of a gRPC body: each behind a flag and its length of four bytes.
fn frames(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = stream.split_first_chunk::<5>()?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let (message, rest) = rest.split_at_checked(len as usize)?;
        stream = rest;
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_their_types() {
        expect(&[
            ("bin(080a),protobuf(1,int32)", "10"),
            ("bin(08ffffffffffffffffff01),protobuf(1,int32)", "-1"),
            ("bin(08ffffffffffffffffff01),protobuf(1,uint64)", "-1"),
            ("bin(0803),protobuf(1,sint32)", "-2"),
            ("bin(0803),protobuf(1,sint64)", "-2"),
            ("bin(0803),protobuf(1,bool)", "3"),
            ("bin(08ffffffff0f),protobuf(1,enum)", "4294967295"),
            ("bin(08ffffffff0f),protobuf(1,sint32)", "-2147483648"),
            ("bin(09ffffffffffffffff),protobuf(1,fixed64)", "-1"),
            ("bin(090000000000000440),protobuf(1,double)", "2"),
            ("bin(0dffffffff),protobuf(1,fixed32)", "4294967295"),
            ("bin(0dffffffff),protobuf(1,sfixed32)", "-1"),
            ("bin(0d00002040),protobuf(1,float)", "2"),
        ]);
    }

    #[test]
    fn fields_are_found_on_their_way() {
        expect(&[
            ("bin(1203616263),protobuf(2)", "abc"),
            ("bin(1a02080a),protobuf(3.1,int32)", "10"),
            ("bin(1a02080a),protobuf(3),hex", "080A"),
            ("bin(1a041a02080a),protobuf(3.3.1,int32)", "10"),
            ("bin(0d00002040),protobuf(1),hex", "00002040"),
            ("bin(08010802),protobuf(1,int32)", "1"),
            ("bin(080a),protobuf(1),hex", "0A"),
        ]);
        expect_none(&[
            "bin(0801),protobuf(2,int32)",
            "bin(1205616263),protobuf(2)",
            "bin(1203616263),protobuf(2,int32)",
            "bin(0d00002040),protobuf(1,int32)",
            "bin(0801),protobuf(0,int32)",
            "bin(0b08011001),protobuf(2,int32)",
            "bin(1a02080a1a02100b),protobuf(3.2,int32)",
            "bin(08),protobuf(1,int32)",
        ]);
    }

    #[test]
    fn frames_of_grpc_are_passed() {
        expect(&[
            ("bin(00000000020801),ungrpc(1,int32)", "1"),
            ("bin(000000000208010000000002100a),ungrpc(2,int32)", "10"),
        ]);
        expect_none(&["bin(00000000040801),ungrpc(1,int32)", "bin(0000000002),ungrpc(1,int32)"]);
    }

    #[test]
    fn what_is_no_way_or_type_is_refused() {
        for bad in ["protobuf(a,int32)", "protobuf(1.,int32)", "protobuf()"] {
            assert!(error(&format!("bin(00),{bad}")).contains("Protocol buffers field number"), "{bad}");
        }
        assert!(error("bin(00),protobuf(1,string)").contains("Wrong protocol buffer type 'string'"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes: Vec<u8>, path in prop::collection::vec(0..8_u64, 1..4)) {
            find(&bytes, &path);
            frames(&bytes).for_each(|message| { find(message, &path); });
        }

        #[test]
        fn numbers_of_all_sizes_are_read(number: u64) {
            let mut written = Vec::new();
            let mut left = number;
            while left > 0x7f {
                written.push(left as u8 | 0x80);
                left >>= 7;
            }
            written.push(left as u8);
            prop_assert_eq!(varint(&written), Some((number, &[][..])));
        }
    }
}
