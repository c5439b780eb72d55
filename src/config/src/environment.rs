//! The environment that a configuration sees and changes (configuration manual, sections 2.3 and 3.1).

use std::borrow::Cow;
use std::collections::HashMap;

/// Variables by name; it starts as a copy of the process's and becomes the one of its children.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
}

impl Environment {
    /// A copy of the process's environment.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A text with the values of the variables that it names: `$NAME`, or `${NAME}`. Those that are not set are empty.
    pub fn expand<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if !text.contains(&b'$') {
            return Cow::Borrowed(text);
        }
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(at) = rest.iter().position(|b| *b == b'$') {
            out.extend_from_slice(&rest[..at]);
            let braced = rest.get(at + 1) == Some(&b'{');
            let begin = at + 1 + usize::from(braced);
            let named = rest[begin..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
            let name = String::from_utf8_lossy(&rest[begin..begin + named]);
            out.extend_from_slice(self.get(&name).unwrap_or_default().as_bytes());
            rest = &rest[begin + named..];
            if braced {
                rest = rest.strip_prefix(b"}").unwrap_or(rest);
            }
        }
        out.extend_from_slice(rest);
        Cow::Owned(out)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Removes all but these.
    pub fn keep_only(&mut self, names: &[&str]) {
        self.variables.retain(|k, _| names.contains(&k.as_str()));
    }

    /// All variables, sorted by name.
    pub fn sorted(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = self.variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_set_removed_and_kept() {
        let mut e = Environment::default();
        e.set("A", "1");
        e.set("B", "2");
        e.set("C", "3");
        e.unset("B");
        assert_eq!((e.get("A"), e.get("B")), (Some("1"), None));
        e.keep_only(&["C"]);
        assert_eq!(e.sorted(), [("C", "3")]);
    }

    #[test]
    fn variables_are_put_in_their_places() {
        let mut environment = Environment::default();
        environment.set("A_1", "one");
        for (text, expanded) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("$A_1:${A_1}", "one:one"),
            ("${NONE}:$NONE", ":"),
            ("a$A_1-${A_1", "aone-one"),
            ("$", ""),
            ("${}x", "x"),
        ] {
            assert_eq!(environment.expand(text.as_bytes()), expanded.as_bytes(), "{text}");
        }
    }
}
