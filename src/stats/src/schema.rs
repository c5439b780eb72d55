//! The JSON schema of the JSON forms (`show schema json`), made from the tables that write them.

use std::fmt::Write as _;

use crate::columns::{COLUMNS, Object};
use crate::field::{Field, Tags, write_json_string};
use crate::info::FIGURES;

/// The types of values, by name, with what a value of each is.
const TYPES: &[(&str, &str)] = &[
    ("s32", r#""type":"integer","minimum":-2147483648,"maximum":2147483647"#),
    ("s64", r#""type":"integer","minimum":-9007199254740991,"maximum":9007199254740991"#),
    ("u32", r#""type":"integer","minimum":0,"maximum":4294967295"#),
    ("u64", r#""type":"integer","minimum":0,"maximum":9007199254740991"#),
    ("flt", r#""type":"number""#),
    ("str", r#""type":"string""#),
];

/// The schema, in one line.
pub fn schema() -> String {
    let mut out = concat!(
        r#"{"$schema":"http://json-schema.org/draft-04/schema#","#,
        r#""title":"What the runtime API answers in JSON","oneOf":["#
    )
    .to_owned();
    list("Info", "The figures of the process, one after the other", FIGURES, "", &mut out);
    out.push_str(
        r#",{"title":"Stat","description":"The objects with their figures","type":"array","items":"#,
    );
    let objects = concat!(
        r##""objType":{"$ref":"#/definitions/objType"},"proxyId":{"type":"integer","minimum":0},"##,
        r#""id":{"type":"integer","minimum":0},"#
    );
    list("Object", "The figures of one object", COLUMNS, objects, &mut out);
    out.push_str(concat!(
        r#"},{"title":"Error","description":"Nothing could be told","type":"object","#,
        r#""properties":{"errorStr":{"type":"string"}},"required":["errorStr"]}],"definitions":{"#
    ));
    definitions(&mut out);
    out.push_str("}}\n");
    out
}

/// A list of figures from a table, with the members that each has besides.
fn list(title: &str, description: &str, fields: &[Field], members: &str, out: &mut String) {
    let _ = write!(
        out,
        r#"{{"title":"{title}","description":"{description}","type":"array","items":{{"type":"object","properties":{{{members}"#
    );
    let _ = write!(
        out,
        r#""field":{{"type":"object","properties":{{"pos":{{"type":"integer","minimum":0,"maximum":{}}},"name":"#,
        fields.len() - 1
    );
    one_of(fields.iter().map(|f| f.name), out);
    out.push_str(r#"},"required":["pos","name"]}"#);
    out.push_str(concat!(
        r##","processNum":{"$ref":"#/definitions/processNum"},"tags":{"$ref":"#/definitions/tags"},"##,
        r##""value":{"$ref":"#/definitions/typedValue"}},"required":["##
    ));
    if !members.is_empty() {
        out.push_str(r#""objType","proxyId","id","#);
    }
    out.push_str(r#""field","processNum","tags","value"]}}"#);
}

/// One of these words.
fn one_of<'w>(words: impl Iterator<Item = &'w str>, out: &mut String) {
    out.push_str(r#"{"type":"string","enum":["#);
    for (i, word) in words.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_json_string(word, out);
    }
    out.push_str("]}");
}

fn definitions(out: &mut String) {
    out.push_str(r#""objType":"#);
    one_of(Object::ALL.iter().map(|o| o.name()), out);
    out.push_str(
        r#","processNum":{"type":"integer","minimum":1},"tags":{"type":"object","properties":{"origin":"#,
    );
    one_of(Tags::ORIGINS.iter().map(|(_, name)| *name), out);
    out.push_str(r#","nature":"#);
    one_of(Tags::NATURES.iter().map(|(_, name)| *name), out);
    out.push_str(r#","scope":"#);
    one_of(Tags::SCOPES.iter().map(|(_, name)| *name), out);
    out.push_str(r#"},"required":["origin","nature","scope"]},"typedValue":{"type":"object","oneOf":["#);
    for (i, (name, value)) in TYPES.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(
            out,
            r#"{comma}{{"properties":{{"type":{{"type":"string","enum":["{name}"]}},"value":{{{value}}}}},"required":["type","value"]}}"#
        );
    }
    out.push_str("]}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn brackets_and_quotes_match() {
        let schema = schema();
        let (mut open, mut quoted) = (Vec::new(), false);
        for c in schema.trim_end().chars() {
            match c {
                '"' => quoted = !quoted,
                '{' | '[' if !quoted => open.push(c),
                '}' if !quoted => assert_eq!(open.pop(), Some('{')),
                ']' if !quoted => assert_eq!(open.pop(), Some('[')),
                _ => {}
            }
        }
        assert!(open.is_empty() && !quoted);
        assert_eq!(schema.matches('\n').count(), 1);
    }

    #[test]
    fn it_knows_what_is_written() {
        let schema = schema();
        for name in ["cache_hint_hits", "NbThreadGroups", "Listener", "Cluster", "Duration", "Key"] {
            assert!(schema.contains(&format!("\"{name}\"")), "{name}");
        }
        for value in [Value::U32(1), Value::S32(1), Value::U64(1), Value::Float(1.0), Value::word("")] {
            assert!(TYPES.iter().any(|(name, _)| *name == value.type_name()), "{value:?}");
        }
    }
}
