use proptest::prelude::*;

use super::*;

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    headers.extend(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    headers
}

fn list(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    headers.iter().map(|field| (text(field.name), text(field.value))).collect()
}

#[test]
fn order_is_kept_and_lookup_ignores_case() {
    let headers = headers(&[("Host", "a"), ("X-One", "1"), ("x-one", "2")]);
    assert_eq!(list(&headers)[1], ("x-one".into(), "1".into()));
    assert_eq!(headers.find(b"x-ONE"), Some(&b"1"[..]));
    assert_eq!(headers.find(b"x-on"), None);
    assert_eq!(headers.find_all(b"x-one").count(), 2);
    assert_eq!(headers.position_from(b"x-one", 2), Some(2));
    assert_eq!(headers.position_from(b"x-one", 9), None);
}

#[test]
fn occurrences_count_from_both_ends() {
    let headers = headers(&[("a", "1,2"), ("b", "x"), ("A", "3")]);
    assert_eq!(headers.nth(b"a", 1), Some(&b"1,2"[..]));
    assert_eq!(headers.nth(b"a", -1), Some(&b"3"[..]));
    assert_eq!(headers.nth(b"a", -3), None);
    assert_eq!(headers.nth(b"a", 0), None);
    assert_eq!(headers.nth_value(b"a", 2), Some(&b"2"[..]));
    assert_eq!(headers.nth_value(b"a", -2), Some(&b"2"[..]));
    assert_eq!(headers.nth_value(b"a", -4), None);
    assert_eq!(headers.nth_value(b"a", i32::MIN), None);
    assert_eq!(headers.nth_value(b"a", 0), None);
}

#[test]
fn words_are_found_in_lists() {
    let headers = headers(&[("Connection", "keep-alive, Upgrade")]);
    assert!(headers.has_value(b"connection", b"upgrade"));
    assert!(!headers.has_value(b"connection", b"close"));
}

#[test]
fn removing_keeps_the_others_in_order() {
    let mut headers = headers(&[("a", "1"), ("b", "2"), ("A", "3"), ("c", "4")]);
    assert_eq!(headers.remove(b"a"), 2);
    headers.remove_at(0);
    assert_eq!(list(&headers), [("c".into(), "4".into())]);
    assert_eq!(headers.size(), 2);
}

#[test]
fn setting_replaces_all_and_goes_last() {
    let mut headers = headers(&[("a", "1"), ("b", "2"), ("A", "3")]);
    headers.set(b"a", b"new");
    assert_eq!(list(&headers), [("b".into(), "2".into()), ("a".into(), "new".into())]);
}

#[test]
fn values_and_names_are_replaced_in_their_place() {
    let mut headers = headers(&[("a", "1"), ("b", "2")]);
    headers.replace_value(0, b"longer");
    headers.replace_value(1, b"");
    headers.rename(1, b"bb");
    headers.insert_at(0, b"first", b"0");
    assert_eq!(
        list(&headers),
        [("first".into(), "0".into()), ("a".into(), "longer".into()), ("bb".into(), String::new())]
    );
    assert_eq!(headers.wire_size(), "first: 0\r\na: longer\r\nbb: \r\n".len());
}

#[test]
fn elements_are_removed_with_their_comma() {
    for (value, element, left) in [
        ("a, b, c", 0..1, Some("b, c")),
        ("a, b, c", 3..4, Some("a, c")),
        ("a, b, c", 6..7, Some("a, b")),
        ("a", 0..1, None),
    ] {
        let mut headers = headers(&[("x", value)]);
        headers.remove_element(0, &element);
        assert_eq!(headers.find(b"x"), left.map(str::as_bytes), "{value} {element:?}");
    }
}

#[test]
fn a_block_is_declared_by_ranges() {
    let mut headers = headers(&[("first", "x")]);
    let block = headers.append_block(b"Host: a\r\nB: c\r\n");
    headers.block_mut(block)[6] = b'z';
    assert_eq!(headers.push_in_block(block, (0, 4), (6, 1)), b"host");
    headers.push_in_block(block, (9, 1), (12, 1));
    assert_eq!(headers.find(b"host"), Some(&b"z"[..]));
    assert_eq!(headers.get(1).unwrap().name, b"host");
    assert_eq!(headers.size(), "firstxhostaBc".len());
}

#[test]
#[should_panic(expected = "beyond its block")]
fn a_field_stays_in_its_block() {
    let mut headers = Headers::new();
    let block = headers.append_block(b"a:b");
    headers.push_in_block(block, (0, 1), (2, 2));
}

/// The lines as they would be written: those with a text in runs, the others by hand.
fn written(headers: &Headers) -> (Vec<u8>, usize) {
    let (mut out, mut runs, mut last) = (Vec::new(), 0, usize::MAX);
    for line in headers.lines() {
        match line.text {
            Some(range) => {
                runs += usize::from(range.start != last);
                last = range.end;
                out.extend_from_slice(headers.text(range));
            }
            None => out.extend_from_slice(&[line.field.name, b": ", line.field.value, b"\r\n"].concat()),
        }
    }
    (out, runs)
}

#[test]
fn untouched_lines_form_runs() {
    let mut headers = headers(&[("a", "1"), ("b", ""), ("c", "3")]);
    assert_eq!(written(&headers), (b"a: 1\r\nb: \r\nc: 3\r\n".to_vec(), 1));
    headers.replace_value(1, b"22");
    assert_eq!(written(&headers), (b"a: 1\r\nb: 22\r\nc: 3\r\n".to_vec(), 3));
    headers.rename(0, b"AA");
    assert_eq!(written(&headers).0, b"aa: 1\r\nb: 22\r\nc: 3\r\n");
}

#[test]
fn lines_of_a_block_form_runs_where_they_look_like_it() {
    let mut headers = Headers::new();
    let block = headers.append_block(b"A: b\r\nC:d\r\nE: f\n");
    headers.push_in_block(block, (0, 1), (3, 1));
    headers.push_in_block(block, (6, 1), (8, 1));
    headers.push_in_block(block, (11, 1), (14, 1));
    let texts: Vec<_> = headers.lines().map(|line| line.text).collect();
    assert_eq!(texts, [Some(0..6), None, None]);
}

#[test]
fn lower_case_by_words() {
    for byte in 0..=255_u8 {
        for place in 0..11 {
            let mut bytes = *b"ABCxyz@[`{Q";
            bytes[place] = byte;
            let expected = bytes.to_ascii_lowercase();
            make_lower_case(&mut bytes);
            assert_eq!(bytes.to_vec(), expected);
        }
    }
}

#[test]
fn rewriting_for_ever_does_not_grow() {
    let mut headers = headers(&[("a", ""), ("keep", "this")]);
    for round in 0..10_000_u32 {
        headers.set(b"a", format!("{round:0100}").as_bytes());
    }
    assert!(headers.arena.len() < 2 * COMPACT_ABOVE + 400);
    assert_eq!(headers.find(b"keep"), Some(&b"this"[..]));
}

#[test]
fn clearing_keeps_the_memory() {
    let mut headers = headers(&[("a", "1")]);
    let capacity = headers.arena.capacity();
    headers.clear();
    assert!(headers.is_empty());
    assert_eq!((headers.size(), headers.arena.capacity()), (0, capacity));
}

#[test]
fn fixed_fields_are_like_others() {
    let (mut fixed, mut plain) = (headers(&[("x-a", "1"), ("b", "2")]), headers(&[("x-a", "1"), ("b", "2")]));
    for (name, value) in [("X-A", "new"), ("c", ""), ("D", "4")] {
        let field = FixedField::new(name.as_bytes(), value.as_bytes());
        assert_eq!(field.name(), name.to_ascii_lowercase().as_bytes());
        fixed.set_fixed(&field);
        plain.set(name.as_bytes(), value.as_bytes());
        fixed.push_fixed(&field);
        plain.push(name.as_bytes(), value.as_bytes());
    }
    assert_eq!((fixed.size(), &fixed), (plain.size(), &plain));
    assert_eq!(written(&fixed), written(&plain));
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8, Vec<u8>),
    Set(u8, Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(u8),
    RemoveAt(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let value = || proptest::collection::vec(any::<u8>(), 0..600);
    prop_oneof![
        (0_u8..6, value()).prop_map(|(name, value)| Step::Push(name, value)),
        (0_u8..6, value()).prop_map(|(name, value)| Step::Set(name, value)),
        (0_usize..8, value()).prop_map(|(at, value)| Step::Replace(at, value)),
        (0_u8..6).prop_map(Step::Remove),
        (0_usize..8).prop_map(Step::RemoveAt),
    ]
}

proptest! {
    /// The arena behaves like a plain list of pairs, whatever is done to it.
    #[test]
    fn like_a_list_of_pairs(steps in proptest::collection::vec(step(), 0..60)) {
        let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut headers = Headers::new();
        for step in steps {
            let name = |n: u8| vec![b'a' + n; usize::from(n) % 3 + 1];
            match step {
                Step::Push(n, value) => {
                    headers.push(&name(n), &value);
                    model.push((name(n), value));
                }
                Step::Set(n, value) => {
                    headers.set(&name(n).to_ascii_uppercase(), &value);
                    model.retain(|(other, _)| !other.eq_ignore_ascii_case(&name(n)));
                    model.push((name(n), value));
                }
                Step::Replace(at, value) if at < model.len() => {
                    headers.replace_value(at, &value);
                    model[at].1 = value;
                }
                Step::Remove(n) => {
                    headers.remove(&name(n));
                    model.retain(|(other, _)| !other.eq_ignore_ascii_case(&name(n)));
                }
                Step::RemoveAt(at) if at < model.len() => {
                    headers.remove_at(at);
                    model.remove(at);
                }
                Step::Replace(..) | Step::RemoveAt(_) => {}
            }
        }
        let found: Vec<_> = headers.iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
        prop_assert_eq!(headers.size(), model.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>());
        prop_assert_eq!(&found, &model);
        let lines: Vec<u8> = model.iter().flat_map(|(n, v)| [&n[..], b": ", v, b"\r\n"].concat()).collect();
        prop_assert_eq!(headers.wire_size(), lines.len());
        prop_assert_eq!(written(&headers).0, lines);
    }
}
