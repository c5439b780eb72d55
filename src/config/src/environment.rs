//! The environment that a configuration sees and changes (configuration manual, sections 2.3 and 3.1).

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
}
