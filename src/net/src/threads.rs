//! Which threads a listener is for, and how many sockets they share.

/// How many sockets a listener is spread over (`shards`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shards {
    /// So many.
    Count(usize),
    /// One for each thread.
    ByThread,
    /// One for each group of threads.
    ByGroup,
}

impl Shards {
    const MAX: usize = 1024;

    /// Reads the argument of `shards`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "by-thread" => Some(Self::ByThread),
            "by-group" => Some(Self::ByGroup),
            _ => text.parse().ok().filter(|n| (1..=Self::MAX).contains(n)).map(Self::Count),
        }
    }

    /// How many sockets that makes for so many threads of so many groups.
    pub fn sockets(self, threads: usize, groups: usize) -> usize {
        let wanted = match self {
            Self::Count(n) => n,
            Self::ByThread => threads,
            Self::ByGroup => groups,
        };
        wanted.clamp(1, threads.max(1))
    }
}

/// A thread as rules on threads number it, all from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadNumber {
    /// Its number in the process.
    pub absolute: u32,
    /// Its group.
    pub group: u32,
    /// Its number in the group.
    pub within: u32,
}

/// The threads that a listener is for (`thread`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadSet(Vec<Part>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// Numbers are those within this group, instead of those of the process.
    group: Option<u32>,
    which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Odd,
    Even,
    Range(u32, u32),
}

/// The most groups, threads of a process and threads of a group that can be numbered.
const MAX_GROUPS: u32 = 16;
const MAX_THREADS: u32 = 1024;
const MAX_IN_GROUP: u32 = 64;

impl ThreadSet {
    /// Reads the argument of `thread`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<Part> = text.split(',').map(Part::parse).collect::<Result<_, _>>()?;
        let relative = parts.iter().filter(|part| part.group.is_some()).count();
        if relative > 0 && relative < parts.len() {
            return Err(format!("mixes numbers of the process with numbers of groups in '{text}'"));
        }
        Ok(Self(parts))
    }

    /// Adds those of another set.
    pub fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether a thread is one of them.
    pub fn contains(&self, thread: ThreadNumber) -> bool {
        self.0.iter().any(|part| part.contains(thread))
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        let (group, set) = match text.split_once('/') {
            None => (None, text),
            Some((group, set)) => {
                let number = group.parse().ok().filter(|n| (1..=MAX_GROUPS).contains(n));
                let refused =
                    || format!("invalid thread group '{group}', permitted range is 1..{MAX_GROUPS}");
                (Some(number.ok_or_else(refused)?), set)
            }
        };
        let max = if group.is_some() { MAX_IN_GROUP } else { MAX_THREADS };
        let which = match set {
            "all" => Which::All,
            "odd" => Which::Odd,
            "even" => Which::Even,
            _ => range(set, max)?,
        };
        Ok(Self { group, which })
    }

    fn contains(self, thread: ThreadNumber) -> bool {
        let number = match self.group {
            None => thread.absolute,
            Some(group) if group == thread.group => thread.within,
            Some(_) => return false,
        };
        match self.which {
            Which::All => true,
            Which::Odd => number % 2 == 1,
            Which::Even => number.is_multiple_of(2),
            Which::Range(low, high) => (low..=high).contains(&number),
        }
    }
}

fn range(text: &str, max: u32) -> Result<Which, String> {
    let number = |text: &str, end: &str, absent: u32| {
        if text.is_empty() {
            return Ok(absent);
        }
        text.parse().ok().filter(|n| (1..=max).contains(n)).ok_or_else(|| {
            format!(
                "invalid {end} thread number '{text}', permitted range is 1..{max}, or 'all', 'odd', 'even'"
            )
        })
    };
    match text.split_once('-') {
        None => {
            let only = if text.is_empty() {
                Err("lacks a thread number".to_owned())
            } else {
                number(text, "first", 1)
            }?;
            Ok(Which::Range(only, only))
        }
        Some((low, high)) => {
            let (low, high) = (number(low, "first", 1)?, number(high, "last", max)?);
            // Written backwards it means the same.
            Ok(Which::Range(low.min(high), low.max(high)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(text: &str, threads: u32) -> Vec<u32> {
        let set = ThreadSet::parse(text).unwrap();
        let number = |n| ThreadNumber { absolute: n, group: 1 + (n - 1) / 4, within: 1 + (n - 1) % 4 };
        (1..=threads).filter(|n| set.contains(number(*n))).collect()
    }

    #[test]
    fn sets_name_threads_of_the_process_or_of_a_group() {
        assert_eq!(members("all", 4), [1, 2, 3, 4]);
        assert_eq!(members("odd", 5), [1, 3, 5]);
        assert_eq!(members("1-2,4", 5), [1, 2, 4]);
        assert_eq!(members("3-", 5), [3, 4, 5]);
        assert_eq!(members("-2", 5), [1, 2]);
        assert_eq!(members("3-2", 5), [2, 3]);
        assert_eq!(members("2/all", 8), [5, 6, 7, 8]);
        assert_eq!(members("1/even,2/1", 8), [2, 4, 5]);
    }

    #[test]
    fn what_names_no_thread_is_refused() {
        for text in ["", "x", "0", "1025", "1/65", "17/all", "/1", "1/2,3", "1,", "1--2", "5000"] {
            assert!(ThreadSet::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shards_are_no_more_than_threads() {
        assert_eq!(Shards::parse("by-thread").map(|s| s.sockets(8, 2)), Some(8));
        assert_eq!(Shards::parse("by-group").map(|s| s.sockets(8, 2)), Some(2));
        assert_eq!(Shards::parse("20").map(|s| s.sockets(8, 2)), Some(8));
        for text in ["0", "1025", "by-foo", ""] {
            assert_eq!(Shards::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "[0-9a-z,/-]{0,20}") {
            let _ = ThreadSet::parse(&text);
        }
    }
}
