use super::*;
use proptest::prelude::*;

fn list(columns: Columns, entries: &[(&str, Option<&str>)]) -> Reference {
    let items = entries.iter().enumerate().map(|(i, (key, value))| {
        Item::new(i as u64 + 1, i as u32 + 1, key.as_bytes(), value.map(str::as_bytes))
    });
    Reference::new("virt@x", Origin::File("virt@x".into()), columns, items.collect())
}

fn map(entries: &[(&str, &str)]) -> Reference {
    let entries: Vec<_> = entries.iter().map(|(k, v)| (*k, Some(*v))).collect();
    list(Columns::KeyAndValue, &entries)
}

fn users(reference: &Reference, method: Method, values: Values) -> Arc<Expression> {
    reference.expression(method, Case::Sensitive, values, HostNames::Refused).unwrap()
}

fn value(expression: &Expression, method: Method, text: &str) -> Option<String> {
    let subject = Subject::written(method, text.as_bytes())?;
    expression
        .find(method, &subject, |item| String::from_utf8_lossy(item.value().unwrap_or_default()).into_owned())
}

fn shown(reference: &Reference, version: Option<u32>) -> Vec<String> {
    let items = reference.entries(version).take(100);
    items.iter().map(|item| format!("{item:?}")).collect()
}

#[test]
fn changes_are_seen_at_once_by_all_users() {
    let map = map(&[("a", "1")]);
    let exact = users(&map, Method::Str, Values::Texts);
    let begins = users(&map, Method::Beg, Values::Texts);
    map.add(None, b"ab", Some(b"2")).unwrap();
    assert_eq!(value(&exact, Method::Str, "ab").as_deref(), Some("2"));
    assert_eq!(value(&begins, Method::Beg, "abc").as_deref(), Some("2"));
    map.set(b"ab", b"3").unwrap();
    assert_eq!(value(&begins, Method::Beg, "abc").as_deref(), Some("3"));
    map.remove(b"ab").unwrap();
    assert_eq!(value(&begins, Method::Beg, "abc").as_deref(), Some("1"));
    assert_eq!(map.remove(b"ab"), Err(Refused::NotFound));
    assert_eq!(map.set(b"ab", b"3"), Err(Refused::NotFound));
}

#[test]
fn users_share_what_is_kept_the_same_way() {
    let map = map(&[("a", "1")]);
    let all = [Method::Sub, Method::End, Method::Dom].map(|m| users(&map, m, Values::Texts));
    assert!(Arc::ptr_eq(&all[0], &all[1]) && Arc::ptr_eq(&all[0], &all[2]));
    assert!(!Arc::ptr_eq(&all[0], &users(&map, Method::Sub, Values::Ignored)));
    assert_eq!(map.figures(), (0, 0, 2));
}

#[test]
fn an_entry_must_suit_everybody() {
    let map = map(&[("1", "5")]);
    users(&map, Method::Int, Values::Integers);
    assert_eq!(map.add(None, b"x", Some(b"1")), Err(Refused::Entry("'x' is not a number".into())));
    assert_eq!(map.add(None, b"2", Some(b"1x")), Err(Refused::Entry("unable to parse '1x'".into())));
    assert_eq!(map.set(b"1", b"y"), Err(Refused::Entry("unable to parse 'y'".into())));
    assert_eq!(shown(&map, None), ["#1 1 5"]);
    let refused = map.expression(Method::Ip, Case::Sensitive, Values::Texts, HostNames::Refused);
    assert_eq!(refused.err(), Some((1, "'1' is not a valid IPv4 or IPv6 address".into())));
}

#[test]
fn all_entries_of_a_key_are_set_and_removed_or_just_one() {
    let map = map(&[("a", "1"), ("b", "2"), ("a", "3")]);
    users(&map, Method::Str, Values::Texts);
    map.set(b"a", b"9").unwrap();
    assert_eq!(shown(&map, None), ["#1 a 9", "#2 b 2", "#3 a 9"]);
    map.set_entry(3, b"8").unwrap();
    map.remove_entry(1).unwrap();
    assert_eq!(shown(&map, None), ["#2 b 2", "#3 a 8"]);
    map.put(b"b", b"7").unwrap();
    map.put(b"c", b"6").unwrap();
    map.include(b"c").unwrap();
    assert_eq!(shown(&map, None), ["#2 b 7", "#3 a 8", "#4 c 6"]);
}

#[test]
fn a_version_is_seen_once_it_is_committed() {
    let map = map(&[("a", "1")]);
    let exact = users(&map, Method::Str, Values::Texts);
    assert_eq!((map.prepare(), map.prepare()), (1, 2));
    map.add(Some(1), b"n", Some(b"one")).unwrap();
    map.add(Some(2), b"n", Some(b"two")).unwrap();
    assert_eq!(map.add(Some(3), b"n", Some(b"three")), Err(Refused::FutureVersion));
    assert_eq!(value(&exact, Method::Str, "n"), None);
    assert_eq!(map.figures(), (0, 2, 3));
    for out_of_range in [0, 3, u32::MAX] {
        assert_eq!(map.commit(out_of_range), Err(Refused::VersionOutOfRange));
    }
    map.commit(2).unwrap();
    assert_eq!(value(&exact, Method::Str, "n").as_deref(), Some("two"));
    assert_eq!(value(&exact, Method::Str, "a"), None);
    assert!(shown(&map, Some(1)).is_empty() && shown(&map, Some(0)).is_empty());
    assert_eq!(map.prepare(), 3);
    map.commit(3).unwrap();
    assert_eq!(map.figures(), (3, 3, 0));
}

#[test]
fn versions_are_cleared_apart() {
    let map = map(&[("a", "1")]);
    let exact = users(&map, Method::Str, Values::Texts);
    let version = map.prepare();
    map.add(Some(version), b"n", Some(b"one")).unwrap();
    map.clear(Some(version));
    assert!(shown(&map, Some(version)).is_empty());
    assert_eq!(shown(&map, None), ["#1 a 1"]);
    map.clear(None);
    assert_eq!(value(&exact, Method::Str, "a"), None);
}

#[test]
fn entries_are_given_out_as_they_were() {
    let map = map(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut entries = map.entries(None);
    assert_eq!(entries.take(2).len(), 2);
    map.clear(None);
    assert_eq!(entries.take(2).iter().map(|i| i.key().to_vec()).collect::<Vec<_>>(), [b"c"]);
    assert!(entries.take(2).is_empty());
}

#[test]
fn a_look_up_tells_of_each_user() {
    let map = map(&[("10.0.0.0/8", "5")]);
    users(&map, Method::Ip, Values::Ignored);
    users(&map, Method::Ip, Values::Integers);
    let found = map.look_up(b"10.1.1.1");
    let kinds: Vec<_> = found.iter().map(|f| f.hit.as_ref().unwrap().kind).collect();
    assert_eq!(kinds, [None, Some("sint")]);
    assert!(map.look_up(b"nonsense").iter().all(|f| f.hit.is_none()));
}

#[test]
fn a_long_list_forgets_what_it_held() {
    let keys: Vec<String> = (0..100).map(|i| format!("k{i}.")).collect();
    let entries: Vec<_> = keys.iter().map(|k| (k.as_str(), "v")).collect();
    let map = map(&entries);
    let parts = users(&map, Method::Sub, Values::Texts);
    for _ in 0..2 {
        assert_eq!(value(&parts, Method::Sub, "x k7. y").as_deref(), Some("v"));
        assert_eq!(value(&parts, Method::End, "x k7. y"), None);
    }
    map.set(b"k7.", b"w").unwrap();
    assert_eq!(value(&parts, Method::Sub, "x k7. y").as_deref(), Some("w"));
    map.remove(b"k7.").unwrap();
    assert_eq!(value(&parts, Method::Sub, "x k7. y"), None);
}

#[test]
fn values_become_samples() {
    assert_eq!(Values::Integers.sample(b"12"), Some(Sample::Int(12)));
    assert_eq!(Values::Integers.sample(b"99999999999999999999"), Some(Sample::Int(i64::MAX)));
    let ip = |t: &str| Sample::ip(t.parse().unwrap());
    assert_eq!(Values::Addresses.sample(b"1.2.3.0/24"), Some(ip("1.2.3.0")));
    assert_eq!(Values::Addresses.sample(b"::1"), Some(ip("::1")));
}

#[derive(Clone, Debug)]
enum Step {
    Add(String, u8),
    Set(String, u8),
    Remove(String),
    RemoveNth(usize),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || "[ab]{0,2}";
    prop::collection::vec(
        prop_oneof![
            4 => (key(), any::<u8>()).prop_map(|(k, v)| Step::Add(k, v)),
            2 => (key(), any::<u8>()).prop_map(|(k, v)| Step::Set(k, v)),
            1 => key().prop_map(Step::Remove),
            1 => (0..40usize).prop_map(Step::RemoveNth),
            1 => Just(Step::Clear),
        ],
        0..60,
    )
}

proptest! {
    #[test]
    fn any_changes_leave_what_a_plain_list_holds(steps in steps(), text in "[ab]{0,3}") {
        let map = map(&[]);
        let exact = users(&map, Method::Str, Values::Texts);
        let begins = users(&map, Method::Beg, Values::Texts);
        let mut model: Vec<(u64, String, String)> = Vec::new();
        let mut last = 0;
        for step in steps {
            match step {
                Step::Add(k, v) => {
                    map.add(None, k.as_bytes(), Some(v.to_string().as_bytes())).unwrap();
                    last += 1;
                    model.push((last, k, v.to_string()));
                }
                Step::Set(k, v) => {
                    let set = map.set(k.as_bytes(), v.to_string().as_bytes()).is_ok();
                    let old = model.iter_mut().filter(|(_, key, _)| *key == k);
                    prop_assert_eq!(old.map(|entry| entry.2 = v.to_string()).count() > 0, set);
                }
                Step::Remove(k) => {
                    let _ = map.remove(k.as_bytes());
                    model.retain(|(_, key, _)| *key != k);
                }
                Step::RemoveNth(n) if n < model.len() => {
                    let (id, ..) = model.remove(n);
                    map.remove_entry(id).unwrap();
                }
                Step::RemoveNth(_) => {}
                Step::Clear => {
                    map.clear(None);
                    model.clear();
                }
            }
        }
        let equal = model.iter().find(|(_, k, _)| *k == text).map(|e| e.2.clone());
        prop_assert_eq!(value(&exact, Method::Str, &text), equal);
        let prefixes = model.iter().filter(|(_, k, _)| text.starts_with(k.as_str()));
        let longest = prefixes.max_by_key(|(id, k, _)| (k.len(), std::cmp::Reverse(*id))).map(|e| e.2.clone());
        prop_assert_eq!(value(&begins, Method::Beg, &text), longest);
    }
}
