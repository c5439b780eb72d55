//! What the address of a page says about how it is shown.

use std::fmt::Write as _;

use crate::rows::Servers;

/// What comes of a request to change servers, as the page that follows tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Nothing,
    Partial,
    Invalid,
    TooLong,
    Denied,
    Unknown,
}

impl Outcome {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Done, "DONE"),
        (Self::Nothing, "NONE"),
        (Self::Partial, "PART"),
        (Self::Invalid, "ERRP"),
        (Self::TooLong, "EXCD"),
        (Self::Denied, "DENY"),
        (Self::Unknown, "UNKN"),
    ];

    /// Its code in addresses.
    pub(super) fn code(self) -> &'static str {
        Self::ALL.iter().find(|(outcome, _)| *outcome == self).map_or("UNKN", |(_, code)| code)
    }

    fn by_code(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == code).map(|(outcome, _)| *outcome)
    }
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Html,
    Csv,
    Typed,
    Json,
    Schema,
}

/// Whether browsers are told to ask again after a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Refreshing {
    #[default]
    AsConfigured,
    Off,
}

/// How a page is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub(super) form: Form,
    pub(super) servers: Servers,
    pub(super) refreshing: Refreshing,
    pub(super) outcome: Option<Outcome>,
    /// What the names of proxies have to contain.
    pub(super) scope: String,
}

/// The longest scope that is looked for.
const LONGEST_SCOPE: usize = 20;

impl View {
    /// Reads what follows the page's address in the target of a request.
    pub(super) fn parse(rest: &str) -> Self {
        let mut view = Self::default();
        for word in rest.split([';', '&', '?']) {
            match word {
                "up" => view.servers = Servers::Up,
                "no-maint" if view.servers == Servers::All => view.servers = Servers::Wanted,
                "norefresh" => view.refreshing = Refreshing::Off,
                "csv" => view.form = Form::Csv,
                "typed" => view.form = Form::Typed,
                "json-schema" => view.form = Form::Schema,
                other if other.starts_with("json") => view.form = Form::Json,
                other => {
                    if let Some(code) = other.strip_prefix("st=") {
                        view.outcome = Outcome::by_code(code);
                    }
                }
            }
        }
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let scope = query.split([';', '&', '?']).find_map(|word| word.strip_prefix("scope="));
        view.scope = scope.unwrap_or_default().chars().take(LONGEST_SCOPE).collect();
        view
    }

    /// The words of an address that shows a page of these servers, this way.
    pub(super) fn words(servers: Servers, refreshing: Refreshing) -> &'static str {
        match (servers, refreshing) {
            (Servers::All, Refreshing::AsConfigured) => "",
            (Servers::All, Refreshing::Off) => ";norefresh",
            (Servers::Up, Refreshing::AsConfigured) => ";up",
            (Servers::Up, Refreshing::Off) => ";up;norefresh",
            (Servers::Wanted, Refreshing::AsConfigured) => ";no-maint",
            (Servers::Wanted, Refreshing::Off) => ";no-maint;norefresh",
        }
    }

    /// The end of an address that keeps the scope.
    pub(super) fn scope_end(&self) -> String {
        let mut end = String::new();
        if !self.scope.is_empty() {
            // What it was read from held none of the characters that would end it.
            let _ = write!(end, "?scope={}", self.scope);
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let view = View::parse(";csv;norefresh");
        assert_eq!((view.form, view.refreshing), (Form::Csv, Refreshing::Off));
        assert_eq!(View::parse("?;json;up").form, Form::Json);
        assert_eq!(View::parse("?x&up").servers, Servers::Up);
        assert_eq!(View::parse(";up;no-maint").servers, Servers::Up);
        assert_eq!(View::parse(";json-schema").form, Form::Schema);
        assert_eq!(View::parse(";no-maint;st=PART").outcome, Some(Outcome::Partial));
        assert_eq!(View::parse(";st=HUH;csvx").outcome, None);
        assert_eq!(View::parse("/other"), View::default());
    }

    #[test]
    fn a_scope_stands_in_the_query() {
        assert_eq!(View::parse("?;csv;scope=b1").scope, "b1");
        assert_eq!(View::parse(";csv;scope=b1").scope, "");
        assert_eq!(
            View::parse("?scope=be;csv"),
            View { scope: "be".into(), form: Form::Csv, ..View::default() }
        );
        assert_eq!(View::parse(&format!("?scope={}", "x".repeat(50))).scope.len(), LONGEST_SCOPE);
    }

    proptest! {
        #[test]
        fn what_a_page_links_to_is_shown_the_same_way(rest in "[;?&a-z=-]{0,40}") {
            let view = View::parse(&rest);
            let link = format!("{}{}", View::words(view.servers, view.refreshing), view.scope_end());
            let again = View::parse(&link);
            prop_assert_eq!((again.servers, again.refreshing), (view.servers, view.refreshing));
            prop_assert_eq!(again.scope, view.scope);
        }
    }

    #[test]
    fn addresses_keep_what_is_shown() {
        for servers in [Servers::All, Servers::Up, Servers::Wanted] {
            for refreshing in [Refreshing::AsConfigured, Refreshing::Off] {
                let view = View::parse(View::words(servers, refreshing));
                assert_eq!((view.servers, view.refreshing), (servers, refreshing));
            }
        }
        assert_eq!(View::parse("?scope=a").scope_end(), "?scope=a");
        for (outcome, code) in Outcome::ALL {
            assert_eq!(View::parse(&format!(";st={code}")).outcome, Some(outcome));
            assert_eq!(outcome.code(), code);
        }
    }
}
