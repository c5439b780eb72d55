//! Arithmetic, bitwise operations and tests of integers. Results saturate.

use super::{STR, check_number, number, plain, with};
use crate::arg::{Args, Signature};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const OPERAND: Signature = Signature::all(&[STR]);

macro_rules! operator {
    ($name:literal, $apply:expr) => {
        with(
            $name,
            OPERAND,
            Type::Int,
            Type::Int,
            |args| check_number(args, 0),
            |s, args, scene| apply(&s, args, scene, $apply),
        )
    };
}

macro_rules! test {
    ($name:literal, $holds:expr) => {
        plain($name, Type::Int, Type::Bool, |s, _, _| {
            let holds: fn(i64) -> bool = $holds;
            s.to_int().map(|i| Sample::Bool(holds(i)))
        })
    };
}

/// The converters of integers.
pub static CONVERTERS: &[Converter] = &[
    operator!("add", i64::saturating_add),
    operator!("and", |a, b| a & b),
    test!("bool", |i| i != 0),
    plain("cpl", Type::Int, Type::Int, |s, _, _| s.to_int().map(|i| Sample::Int(!i))),
    operator!("div", |a, b| if b == 0 { i64::MAX } else { a.saturating_div(b) }),
    test!("even", |i| i & 1 == 0),
    plain("htonl", Type::Int, Type::Bin, |s, _, _| {
        s.to_int().map(|i| Sample::Bin((i as u32).to_be_bytes().to_vec().into()))
    }),
    operator!("mod", |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) }),
    operator!("mul", i64::saturating_mul),
    plain("neg", Type::Int, Type::Int, |s, _, _| s.to_int().map(|i| Sample::Int(i.saturating_neg()))),
    test!("not", |i| i == 0),
    test!("odd", |i| i & 1 == 1),
    operator!("or", |a, b| a | b),
    operator!("sub", i64::saturating_sub),
    operator!("xor", |a, b| a ^ b),
];

fn apply(
    s: &Sample<'_>,
    args: &Args,
    scene: &Scene<'_>,
    apply: fn(i64, i64) -> i64,
) -> Option<Sample<'static>> {
    Some(Sample::Int(apply(s.to_int()?, number(args, 0, scene)?)))
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};

    #[test]
    fn results_saturate() {
        expect(&[
            ("int(9223372036854775807),add(1)", "9223372036854775807"),
            ("int(-9223372036854775807),add(-5)", "-9223372036854775808"),
            ("int(-9223372036854775807),sub(5)", "-9223372036854775808"),
            ("int(5),sub(-9223372036854775807)", "9223372036854775807"),
            ("int(9223372036854775807),mul(2)", "9223372036854775807"),
            ("int(-9223372036854775807),mul(2)", "-9223372036854775808"),
            ("int(-9223372036854775808),div(-1)", "9223372036854775807"),
            ("int(-9223372036854775808),mod(-1)", "0"),
            ("int(-9223372036854775808),neg", "9223372036854775807"),
        ]);
    }

    #[test]
    fn operands_are_numbers_or_variables() {
        expect(&[
            ("int(5),add(txn.i)", "12"),
            ("int(5),add(txn.s)", "5"),
            ("int(5),add", "5"),
            ("int(5),add()", "5"),
            ("str(4),add(1)", "5"),
            ("ipv4(1.2.3.4),add(1)", "16909061"),
        ]);
        expect_none(&["int(5),add(txn.none)", "int(7),div(txn.none)"]);
        for bad in ["int(5),add(0x10)", "int(5),add(abc)", "int(5),add(12abc)"] {
            assert!(error(bad).contains("expects an integer or a variable name"));
        }
    }

    #[test]
    fn division_by_zero_has_a_result() {
        expect(&[
            ("int(7),div(2)", "3"),
            ("int(-7),div(2)", "-3"),
            ("int(7),div(0)", "9223372036854775807"),
            ("int(-7),div(0)", "9223372036854775807"),
            ("int(7),mod(0)", "0"),
            ("int(-7),mod(3)", "-1"),
        ]);
    }

    #[test]
    fn bits_are_combined_and_tested() {
        expect(&[
            ("int(12),and(10)", "8"),
            ("int(12),or(3)", "15"),
            ("int(12),xor(10)", "6"),
            ("int(12),cpl", "-13"),
            ("int(12),neg", "-12"),
            ("int(3),odd", "1"),
            ("int(-3),odd", "1"),
            ("int(3),even", "0"),
            ("int(3),not", "0"),
            ("int(0),not", "1"),
            ("int(3),bool", "1"),
            ("int(4294967298),htonl,hex", "00000002"),
            ("int(-1),htonl,hex", "FFFFFFFF"),
        ]);
    }
}
