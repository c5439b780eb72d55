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

    /// A text in which variables are named by `$NAME` or `${NAME}`, with their values; addresses are such texts, even
    /// where they are not quoted.
    pub fn fill<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if !text.contains(&b'$') {
            return Cow::Borrowed(text);
        }
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        while let Some(at) = rest.iter().position(|b| *b == b'$') {
            out.extend_from_slice(&rest[..at]);
            let behind = &rest[at + 1..];
            let (start, close) = if behind.first() == Some(&b'{') { (1, 1) } else { (0, 0) };
            let len = behind[start..].iter().take_while(|b| is_name(b)).count();
            let end = start + len + close;
            if len == 0 || (close == 1 && behind.get(end - 1) != Some(&b'}')) {
                out.push(b'$');
                rest = behind;
                continue;
            }
            let name = std::str::from_utf8(&behind[start..start + len]).unwrap_or_default();
            out.extend_from_slice(self.get(name).unwrap_or_default().as_bytes());
            rest = &behind[end..];
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
    fn names_of_variables_stand_for_their_values() {
        let mut e = Environment::default();
        e.set("HOST", "::1");
        e.set("N_1", "80");
        for (text, filled) in [
            ("${HOST}:$N_1", "::1:80"),
            ("fd@${N_1}x", "fd@80x"),
            ("$NONE:1", ":1"),
            ("a$", "a$"),
            ("${HOST", "${HOST"),
            ("$-${}", "$-${}"),
            ("plain:1", "plain:1"),
        ] {
            assert_eq!(e.fill(text.as_bytes()), filled.as_bytes(), "{text}");
        }
    }

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
}
