use std::collections::HashMap;

use proptest::prelude::*;

use super::lexer::{split_any, split_plain};
use super::*;

#[derive(Default)]
struct Variables(HashMap<&'static str, &'static [u8]>);

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.get(name).map(|value| Cow::Borrowed(*value))
    }

    fn section(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(b"front")
    }
}

fn variables() -> Variables {
    let values: [(&str, &[u8]); 6] = [
        ("LIST", b"v1  v2"),
        ("EMPTY", b""),
        ("WIDE", b" s1  s2 "),
        ("GAPS", b"   "),
        ("_U", b"under"),
        ("RAW", b"\"q\" \\n #"),
    ];
    Variables(values.into())
}

fn words(line: &[u8]) -> Result<Vec<Word<'_>>, SyntaxError> {
    split(line, Place { file: "a.cfg", line: 7 }, &variables())
}

/// The words of a line between bars, or its error.
fn read(line: &str) -> String {
    match words(line.as_bytes()) {
        Ok(words) => words.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"),
        Err(error) => format!("{} @{}", error.message, error.position()),
    }
}

#[test]
fn words_are_told_apart_by_gaps() {
    for (line, expected) in [
        ("bind  :80\tname\u{b}x", "bind|:80|name|x"),
        ("  mode http   # or tcp", "mode|http"),
        ("daemon#daemonize", "daemon"),
        ("mode http\r", "mode|http"),
        ("mode\r http", "mode"),
        ("\r mode \r\rhttp \r", "mode|http"),
        (r"a\#b\ #c", "a#b "),
        ("", ""),
        (" # only a comment", ""),
        (r"a\", r"a\"),
        (r"a \ b", "a| b"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn escapes_stand_for_characters() {
    for (line, expected) in [
        (r"\\ \' \x41\x4a\x4B", r"\|'|AJK"),
        (r#"\"a\""#, r#""a""#),
        (r"a\nb\rc\td", "a\nb\rc\td"),
        (r"\q\$\(\,\;", r"\q\$\(\,\;"),
        (r#""\$\#\ \'\q\x41""#, r"$# '\qA"),
        (r"'a\n\\$X'", r"a\n\\$X"),
        ("a\\\tb", "a\\|b"),
        (r"a\x00b c", "a|c"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn quotes_join_and_keep_empty_words() {
    for (line, expected) in [
        (r#"a"b c"d e"#, "ab cd|e"),
        (r#""" a '' b"#, "|a||b"),
        (r#""it's" 'a "b"'"#, "it's|a \"b\""),
        ("\"#\" '#'", "#|#"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn variables_are_read_between_double_quotes_only() {
    for (line, expected) in [
        (r"$LIST ${LIST} '$LIST'", "$LIST|${LIST}|$LIST"),
        (r#""$LIST.x" "${_U}y" "$_U-""#, "v1  v2.x|undery|under-"),
        (r#""$NONE" "${NONE}" "${EMPTY}""#, "||"),
        (r#""${NONE-d e,f}" "${NONE-}" "${EMPTY-d}""#, "d e,f||"),
        (r#""${NONE-a"b\n}""#, r#"a"b\n"#),
        (r#""${RAW}""#, r#""q" \n #"#),
        (r#""${.FILE}:$.LINE:${.SECTION}:${.LINE-x}""#, "a.cfg:7:front:7"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn lists_spread_over_words() {
    for (line, expected) in [
        (r#"x "${LIST[*]}" y"#, "x|v1|v2|y"),
        (r#"x "a${LIST[*]}b"c y"#, "x|av1|v2bc|y"),
        (r#"x "${EMPTY[*]}" y"#, "x|y"),
        (r#"x "${NONE[*]}"z y"#, "x|z|y"),
        (r#"x "${EMPTY[*]}""" y"#, "x||y"),
        (r#"x """${EMPTY[*]}" y"#, "x||y"),
        (r#"x "${EMPTY}${EMPTY[*]}" y"#, "x|y"),
        (r#"x "a${WIDE[*]}b" y"#, "x|a|s1|s2|b|y"),
        (r#"x "a${GAPS[*]}${GAPS[*]}b" y"#, "x|a|b|y"),
        (r#"x "${WIDE[*]}""" y"#, "x|s1|s2||y"),
        (r#"x "${NONE[*]-d e}" y"#, "x|d|e|y"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn errors_show_their_place() {
    for (line, expected) in [
        ("x \"abc", "unmatched quote @3"),
        ("x 'abc", "unmatched quote @3"),
        (r#"x "a\""#, "unmatched quote @3"),
        ("x \"a\rb\" c", "unmatched quote @3"),
        ("x 'a\rb' c", "unmatched quote @3"),
        (r"x \x4g", "truncated or invalid hexadecimal sequence @3"),
        (r#"x "\x""#, "truncated or invalid hexadecimal sequence @4"),
        ("x \"$1\"", "forbidden first char in environment variable name @5"),
        ("x \"${1}\"", "forbidden first char in environment variable name @6"),
        ("x \"$.NONE\"", "forbidden first char in environment variable name @5"),
        ("x \"${LIST\"", "unmatched brace in environment variable name @5"),
        ("x \"${LIST:-a}\"", "unmatched brace in environment variable name @5"),
        ("x \"${LIST[0]}\"", "truncated or invalid word expansion sequence @10"),
        ("x \"${LIST[*]\"", "unmatched brace in environment variable name @5"),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
}

#[test]
fn a_line_has_a_limit_of_words() {
    let line = vec!["x"; MAX_WORDS].join(" ");
    assert_eq!(words(line.as_bytes()).unwrap().len(), MAX_WORDS);
    assert_eq!(read(&format!("{line} y")), "too many words, a line may have 64 @129");
}

#[test]
fn parts_of_a_word_lead_back_to_the_line() {
    let line = br#"x a\x41"b$_U"c '' yz"#;
    let words = words(line).unwrap();
    let word = &words[1];
    assert_eq!((word.bytes(), word.span()), (&b"aAbunderc"[..], Span::new(2, 14)));
    for (part, source) in
        [(0..1, "a"), (1..2, "\\x41"), (2..3, "b"), (4..5, "$_U"), (8..9, "c"), (2..9, "b$_U\"c")]
    {
        let found = word.source(Span::new(part.start, part.end));
        assert_eq!(found.of(line), source.as_bytes(), "{part:?}");
    }
    assert_eq!(words[2].source(Span::at(0)), Span::at(16));
    assert_eq!(words[3].source(Span::new(1, 2)), Span::new(19, 20));
    assert_eq!(words[3].source(Span::at(2)), Span::at(20));
}

fn lines(text: &[u8]) -> Vec<String> {
    let mut reader = Reader::new("a.cfg", text);
    std::iter::from_fn(|| reader.next_line(&NoEnvironment))
        .map(|line| match line {
            Ok(line) => format!("{}:{}", line.number, line.words.len()),
            Err(error) => error.to_string(),
        })
        .collect()
}

#[test]
fn an_error_hides_no_other_line() {
    assert_eq!(
        lines(b"\nglobal\n x \"a\n # c\n y z\n b\0c\n\n  "),
        [
            "2:1",
            "line 3: unmatched quote at position 4",
            "5:2",
            "line 6: stray NUL character at position 3",
            "line 8: missing LF on last line, file might have been truncated at position 3"
        ]
    );
    assert_eq!(lines(b""), Vec::<String>::new());
    assert_eq!(
        lines(b"global"),
        ["line 1: missing LF on last line, file might have been truncated at position 7"]
    );
}

#[test]
fn a_backslash_continues_no_line() {
    assert_eq!(lines(b"a \\\nb c\n"), ["1:2", "2:2"]);
}

#[test]
fn lines_are_found_by_number() {
    let source = Reader::new("a.cfg", b"a\n\nb c\n").source();
    assert_eq!((source.line(3), source.line(0), source.line(9)), (Some(&b"b c"[..]), None, None));
}

#[test]
fn the_first_empty_argument_is_found() {
    let mut reader = Reader::new("a.cfg", b"\"\" a \"\" b\nx y\n");
    let line = reader.next_line(&NoEnvironment).unwrap().unwrap();
    assert_eq!(line.empty_argument().map(|(at, word)| (at, word.source(Span::at(0)).start)), Some((2, 6)));
    assert!(reader.next_line(&NoEnvironment).unwrap().unwrap().empty_argument().is_none());
}

proptest! {
    #[test]
    fn a_quoted_text_is_one_word(text in proptest::collection::vec(1u8.., 0..40)) {
        let line = quote(&text);
        let words = words(&line).unwrap();
        prop_assert_eq!(words.len(), 1);
        prop_assert_eq!(words[0].bytes(), &text[..]);
    }

    #[test]
    fn the_quick_way_gives_what_the_grammar_gives(line in r"[a-z$#{}:%\[\]é \t\r\x0b\x0c]{0,60}") {
        let line = line.as_bytes();
        prop_assert_eq!(split_plain(line), split_any(line, Place::default(), &NoEnvironment).ok());
    }

    #[test]
    fn quick_and_grammar_agree_on_any_bytes(line in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(words) = split_plain(&line) {
            prop_assert_eq!(Ok(words), split_any(&line, Place::default(), &NoEnvironment));
        }
    }

    #[test]
    fn spans_stay_in_the_line(line in r#"[a-z$"'\\{}\[\]*_ -]{0,60}"#) {
        if let Ok(words) = words(line.as_bytes()) {
            for word in &words {
                prop_assert!(word.span().range().end <= line.len());
                let whole = word.source(Span::new(0, word.len()));
                prop_assert!(whole.start >= word.span().start && whole.end <= word.span().end);
            }
        }
    }

    #[test]
    fn any_file_is_read_to_its_end(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let feeds = memchr::memchr_iter(b'\n', &text).count();
        prop_assert!(lines(&text).len() <= feeds + 1);
    }
}
