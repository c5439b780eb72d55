//! Which commands somebody may have meant.

use keyword::command::Session;
use keyword::{Answer, Command};

use crate::api::Shared;
use crate::builtin::{BUILTIN, list_line, visible};

/// The most commands that are suggested.
const MOST: usize = 5;

/// The answer to a command that does not exist.
pub(crate) fn unknown(words: &[Box<[u8]>], shared: &Shared, session: &Session) -> Answer {
    let first = words.first().map(|w| String::from_utf8_lossy(w)).unwrap_or_default();
    let alike = alike(words, shared, session);
    let mut text = if alike.is_empty() {
        format!("Unknown command: '{first}'. Please enter one of the following commands only:\n")
    } else {
        format!("Unknown command: '{first}', but maybe one of the following ones is a better match:\n")
    };
    if alike.is_empty() {
        for c in visible(shared, session) {
            list_line(&mut text, c.usage, c.about);
        }
    } else {
        for c in alike {
            list_line(&mut text, c.usage, c.about);
        }
    }
    for (usage, about) in BUILTIN {
        list_line(&mut text, usage, about);
    }
    Answer::info(text)
}

/// The commands that are most like these words: those that begin with them, else of those that begin
/// with most of them the ones with the fewest letters to change; in the order of their names.
pub(crate) fn alike(words: &[Box<[u8]>], shared: &Shared, session: &Session) -> Vec<&'static Command> {
    let said: Vec<String> = words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    let exact = leading(&said, shared, session);
    if !exact.is_empty() {
        return exact;
    }
    let begins_like = |c: &Command| c.name.split(' ').zip(&said).take_while(|(own, w)| own == w).count();
    let most = visible(shared, session).map(begins_like).max().unwrap_or(0);
    let nearest = visible(shared, session).filter(|c| begins_like(c) == most);
    let mut scored: Vec<_> = nearest.map(|c| (distance(&said, c.name), c)).collect();
    scored.sort_by_key(|(d, c)| (*d, c.name));
    scored.truncate(MOST);
    let mut chosen: Vec<_> = scored.into_iter().map(|(_, c)| c).collect();
    chosen.sort_by_key(|c| c.name);
    chosen
}

/// The commands that begin with all the words, the last one perhaps unfinished, or that hold the one word.
fn leading(said: &[String], shared: &Shared, session: &Session) -> Vec<&'static Command> {
    let Some((last, before)) = said.split_last() else { return Vec::new() };
    let fits = |c: &&Command| {
        let mut own = c.name.split(' ');
        before.iter().all(|w| own.next() == Some(w)) && own.next().is_some_and(|w| w.starts_with(last))
    };
    let begun: Vec<_> = visible(shared, session).filter(fits).collect();
    if begun.is_empty() && before.is_empty() {
        return visible(shared, session).filter(|c| c.name.split(' ').any(|w| w == last)).collect();
    }
    begun
}

/// How little the words are like those of a command: the sum over its words of the best match's
/// distance, and something for words that are missing or too many.
fn distance(said: &[String], name: &str) -> usize {
    let own: Vec<&str> = name.split(' ').collect();
    let mut total = 0;
    for (i, word) in said.iter().enumerate() {
        total += match own.get(i) {
            Some(o) => unlike(word, o) * 4,
            None => 8,
        };
    }
    total + own.len().saturating_sub(said.len()) * 2
}

/// Letters that have to be changed to make one word the other.
fn unlike(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            row.push((last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1));
        }
        last = row;
    }
    last[b.len()]
}
