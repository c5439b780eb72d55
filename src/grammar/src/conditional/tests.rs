use proptest::prelude::*;

use super::*;
use crate::line::{NoEnvironment, Reader};

struct Known;

impl Facts for Known {
    fn is_defined(&self, name: &str) -> bool {
        name == "A"
    }
    fn has_feature(&self, name: &str) -> bool {
        name == "OPENSSL"
    }
    fn is_enabled(&self, name: &str) -> bool {
        name == "POLL"
    }
    fn version(&self) -> &'static str {
        "3.5-dev5-50872d-2"
    }
    fn tls_library(&self) -> Option<&str> {
        Some("AWS-LC 1.50")
    }
    fn openssl_version(&self) -> Option<&str> {
        Some("1.1.1")
    }
    fn awslc_api(&self) -> Option<u32> {
        Some(30)
    }
    fn is_fips(&self) -> bool {
        false
    }
}

fn value(text: &str) -> String {
    match parse(text.as_bytes()).and_then(|expression| expression.evaluate(&Known)) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn true_expressions() {
    for text in [
        "1",
        "-1",
        "+1",
        "007",
        "0x1",
        " 1 ",
        "99999999999999999999999",
        "!0",
        "!!1",
        "(1)",
        "( 1 )",
        "1&&1",
        "0 || 1",
        "1||0&&0",
        "0&&0||1",
        "defined(A)",
        "defined(\"A\")",
        "feature(OPENSSL)",
        "enabled(POLL)",
        "streq(a,a)",
        "streq(,)",
        "strneq(a,b)",
        "strstr(abc,b)",
        "strstr(abc,)",
        "streq(\"a,)\",'a,)')",
        "version_atleast(2.4)",
        "version_atleast(3.5-dev5)",
        "version_before(3.5)",
        "openssl_version_atleast(1.1.1)",
        "openssl_version_before(3.0.0)",
        "ssllib_name_startswith(AWS)",
        "awslc_api_atleast(30)",
        "awslc_api_before(31)",
        "streq(a,a) && (streq(b,b) || 0) && !(0)",
        "1 || awslc_api_before(x)",
        "!fips_mode()",
    ] {
        assert_eq!(value(text), "true", "{text}");
    }
}

#[test]
fn false_expressions() {
    for text in [
        "",
        " ",
        "0",
        "00",
        "0x0",
        "!1",
        "! 1",
        "! ! 0",
        "1&&0",
        "(1||0)&&0",
        "((1)&&(0))",
        "defined(B)",
        "defined()",
        "defined",
        "defined( A )",
        "feature(openssl)",
        "enabled(FOO)",
        "streq(a,b)",
        "streq( a,a)",
        "strstr(b,abc)",
        "version_atleast(3.5)",
        "version_before(x)",
        "openssl_version_atleast(3.0.0)",
        "ssllib_name_startswith(Open)",
        "awslc_api_atleast(31)",
        "fips_mode",
    ] {
        assert_eq!(value(text), "false", "{text}");
    }
}

#[test]
fn wrong_expressions() {
    let end = "at the end of conditional expression";
    for (text, expected) in [
        ("foo", "unparsable conditional expression 'foo' at position 1".to_owned()),
        ("1 && foo(a) ", "unparsable conditional expression 'foo(a)' at position 6".to_owned()),
        ("!", "unparsable conditional expression '!' at position 1".to_owned()),
        ("()", "unparsable conditional expression ')' at position 2".to_owned()),
        ("1 &&& 1", "unparsable conditional expression '& 1' at position 5".to_owned()),
        ("1a", format!("unexpected character 'a' {end} '1a' at position 2")),
        ("08", format!("unexpected character '8' {end} '08' at position 2")),
        ("1 1 ", format!("unexpected character '1' {end} '1 1' at position 3")),
        ("1 & 1", format!("unexpected character '&' {end} '1 & 1' at position 3")),
        ("defined (A)", format!("unexpected character '(' {end} 'defined (A)' at position 9")),
        ("(1 && (0)", "expected ')' after conditional expression '(1 && (0)' at position 1".to_owned()),
        ("defined(A", "expected ')' in the arguments of predicate 'defined' at position 8".to_owned()),
        ("streq(a)", "missing arguments (got 1/2) in the arguments of predicate 'streq' at position 1".to_owned()),
        ("streq(a,b,c)", "expected ')' before 'c)' in the arguments of predicate 'streq' at position 11".to_owned()),
        ("fips_mode(x)", "expected ')' before 'x)' in the arguments of predicate 'fips_mode' at position 11".to_owned()),
        (
            "openssl_version_atleast(9)",
            "invalid argument to conditional expression predicate 'openssl_version_atleast': '9' at position 25"
                .to_owned(),
        ),
        (&"(".repeat(1000), "too many nested parentheses at position 65".to_owned()),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

/// The lines that count, the reports and the errors of a file.
fn run(text: &str) -> Vec<String> {
    let mut reader = Reader::new("a.cfg", text.as_bytes());
    let mut blocks = Blocks::new();
    let mut seen = Vec::new();
    while let Some(line) = reader.next_line(&NoEnvironment) {
        let line = line.unwrap();
        match blocks.next(&line, &Known) {
            Ok(Step::Content) => seen.push(line.words[0].to_string()),
            Ok(Step::Report(level, text)) => seen.push(format!("{level:?} {text}")),
            Ok(_) => {}
            Err(error) => seen.push(format!("{}: {error}", line.number)),
        }
    }
    if let Err((line, error)) = blocks.finish() {
        seen.push(format!("{line}: {}", error.message));
    }
    seen
}

#[test]
fn one_branch_of_a_block_counts() {
    assert_eq!(run(".if 0\na\n.elif 1\nb\n.elif 1\nc\n.else\nd\n.endif\ne\n"), ["b", "e"]);
    assert_eq!(run(".if\na\n.elif\nb\n.else\nc\n.endif\n"), ["c"]);
    assert_eq!(run(".if 1\na\n.elif wrong(\nb\n.endif\n"), ["a"]);
}

#[test]
fn blocks_nest() {
    assert_eq!(run(".if 0\n.if 1\na\n.else\nb\n.endif\n.else\n.if 1\nc\n.endif\nd\n.endif\n"), ["c", "d"]);
    assert_eq!(
        run(".if 0\n.if wrong(\n.elif wrong(\n.else\na\n.endif\n.foo\n.notice a b\n.endif\n"),
        [""; 0]
    );
}

#[test]
fn directives_report() {
    assert_eq!(
        run(".notice\n.diag a\n.warning 'a b'\n.alert \"c\"\n.if 0\n.alert d\n.endif\n"),
        ["Notice ", "Diagnostic a", "Warning a b", "Alert c"]
    );
}

#[test]
fn misplaced_directives_are_errors() {
    assert_eq!(
        run(".else\n.elif 1\n.endif\n.Notice a\n.notice a b\n"),
        [
            "1: lone '.else' with no matching '.if' at position 1",
            "2: lone '.elif' with no matching '.if' at position 1",
            "3: lone '.endif' with no matching '.if' at position 1",
            "4: unknown directive '.Notice' at position 1",
            "5: Unexpected argument 'b' for '.notice' at position 11 (a message with spaces needs quotes)"
        ]
    );
    assert_eq!(
        run(".if 0\n.else x\na\n.else\n.elif 1\n.endif x\n.if 1\n"),
        [
            "2: Unexpected argument 'x' for '.else' at position 7",
            "a",
            "4: '.else' after '.else' is not permitted at position 1",
            "5: '.elif' after '.else' is not permitted at position 1",
            "6: Unexpected argument 'x' for '.endif' at position 8",
            "7: non-terminated '.if' block"
        ]
    );
}

#[test]
fn a_wrong_condition_is_shown_in_its_line() {
    assert_eq!(
        run(" .if 1 &&   'foo' 1\na\n.endif\n"),
        ["1: unparsable conditional expression 'foo 1' at position 14"]
    );
}

proptest! {
    #[test]
    fn any_expression_is_taken_or_refused(text in r#"(\(|\)|!|&&|\|\||1|0|streq|defined|,|a|"| |\\){0,200}"#) {
        let _ = value(&text);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse(&text);
    }
}
