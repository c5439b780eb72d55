//! Versions as predicates compare them.

/// A version of the program. The fields compare in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    numbers: [u32; 3],
    stage: Stage,
    step: u32,
    commits: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Development,
    Candidate,
    Release,
}

impl Version {
    /// Reads as much of `text` as is a version; what is missing is zero.
    pub(super) fn read(text: &str) -> Self {
        let mut rest = text;
        let mut numbers = [0; 3];
        for number in &mut numbers {
            *number = take_number(&mut rest);
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => break,
            }
        }
        rest = rest.strip_prefix('-').unwrap_or(rest);
        let mut stage = Stage::Release;
        let mut step = 0;
        for (name, value) in
            [("dev", Stage::Development), ("pre", Stage::Candidate), ("rc", Stage::Candidate)]
        {
            if let Some(after) = rest.strip_prefix(name) {
                rest = after;
                stage = value;
                step = take_number(&mut rest);
            }
        }
        // An id, which has a letter, may stand before the number of commits.
        let commits = rest.split('-').find_map(|part| part.parse().ok()).unwrap_or(0);
        Self { numbers, stage, step, commits }
    }
}

fn take_number(rest: &mut &str) -> u32 {
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u32::MAX) }
}

/// A version of OpenSSL: three numbers, of old also a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OpensslVersion {
    numbers: [u32; 3],
    /// Alpha and beta versions come before the release.
    released: Released,
    letter: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Released {
    NotYet,
    Yes,
}

impl OpensslVersion {
    /// Reads `text`, which needs all three numbers.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (major, minor, mut last) = (parts.next()?, parts.next()?, parts.next()?);
        let fix = take_number(&mut last);
        let letter = last.bytes().next().filter(u8::is_ascii_lowercase).unwrap_or(0);
        let released = if last.starts_with('-') { Released::NotYet } else { Released::Yes };
        Some(Self { numbers: [major.parse().ok()?, minor.parse().ok()?, fix], released, letter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_each_other() {
        let order = [
            "3",
            "3.4-dev99",
            "3.4",
            "3.4-5",
            "3.4.9",
            "3.5-dev4",
            "3.5-dev5",
            "3.5-dev5-1",
            "3.5-dev5-50872d-2",
            "3.5-dev6",
            "3.5-rc1",
            "3.5",
            "3.5.1",
            "3.10",
        ];
        for pair in order.windows(2) {
            assert!(Version::read(pair[0]) < Version::read(pair[1]), "{pair:?}");
        }
        assert_eq!(Version::read("3.5.0-dev05"), Version::read("3.5dev5"));
        assert_eq!(Version::read("abc"), Version::read(""));
    }

    #[test]
    fn openssl_versions_follow_each_other() {
        let order = ["1.0.2", "1.1.0", "1.1.1-beta1", "1.1.1", "1.1.1k", "3.0.0", "3.0.22"];
        for pair in order.windows(2) {
            assert!(
                OpensslVersion::read(pair[0]).unwrap() < OpensslVersion::read(pair[1]).unwrap(),
                "{pair:?}"
            );
        }
        assert_eq!(
            (OpensslVersion::read("9"), OpensslVersion::read(""), OpensslVersion::read("3.0")),
            (None, None, None)
        );
    }
}
