//! The flags between the criterion of an ACL and its values (configuration manual, section 7.1).

use pattern::{Case, Columns, FromFile, HostNames, Method};

use super::AclError;

/// Flags, and where the values begin.
pub(super) struct Flags<'w> {
    pub(super) method: Option<Method>,
    pub(super) case: Case,
    pub(super) names: HostNames,
    pub(super) number: Option<u32>,
    pub(super) files: Vec<FromFile<'w>>,
    columns: Columns,
    pub(super) end: usize,
}

impl<'w> Flags<'w> {
    pub(super) fn parse(words: &[&'w [u8]]) -> Result<Self, AclError> {
        let mut flags = Self {
            method: None,
            case: Case::Sensitive,
            names: HostNames::Resolved,
            number: None,
            files: Vec::new(),
            columns: Columns::Key,
            end: 1,
        };
        while let Some(word) = words.get(flags.end).filter(|w| w.first() == Some(&b'-')) {
            let at = flags.end;
            flags.end += 1;
            match *word {
                b"-i" => flags.case = Case::Insensitive,
                b"-n" => flags.names = HostNames::Refused,
                b"-M" => flags.columns = Columns::KeyAndValue,
                b"--" => break,
                b"-m" => flags.method(words, at)?,
                b"-u" => {
                    let number = flags.value(words, "the argument of -u must be an integer")?;
                    flags.number = Some(
                        number
                            .parse()
                            .map_err(|_| AclError::at(at + 1, "the argument of -u must be an integer"))?,
                    );
                }
                b"-f" => {
                    let name = flags.value(words, "failed to open pattern file <>")?;
                    let (case, columns) = (flags.case, flags.columns);
                    flags.files.push(FromFile { word: at + 1, name, columns, case });
                }
                other => {
                    let text = format!(
                        "'{}' is no flag of an ACL: put '--' before patterns that begin with '-'",
                        other.escape_ascii()
                    );
                    return Err(AclError::at(at, text));
                }
            }
        }
        Ok(flags)
    }

    fn method(&mut self, words: &[&'w [u8]], at: usize) -> Result<(), AclError> {
        if !self.files.is_empty() {
            return Err(AclError::at(at, "'-m' must come before patterns and files"));
        }
        if self.method.is_some() {
            return Err(AclError::at(at, "only one matching method can be chosen with '-m'"));
        }
        let name = self.value(words, "unknown matching method '' when parsing ACL expression")?;
        let unknown = || format!("unknown matching method '{name}' when parsing ACL expression");
        self.method = Some(Method::find(name).ok_or_else(|| AclError::at(at + 1, unknown()))?);
        Ok(())
    }

    fn value(&mut self, words: &[&'w [u8]], missing: &str) -> Result<&'w str, AclError> {
        let at = self.end;
        let value = words.get(at).ok_or_else(|| AclError::at(at - 1, missing))?;
        self.end += 1;
        std::str::from_utf8(value).map_err(|_| AclError::at(at, "is no text"))
    }
}
