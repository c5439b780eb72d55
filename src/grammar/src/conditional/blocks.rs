//! Which lines of a file count: `.if`, `.elif`, `.else`, `.endif`, and the directives that report.

use super::{Facts, parse};
use crate::line::{Line, Word};
use crate::span::{Span, SyntaxError};
use crate::text::Text;

/// The blocks that are open at a line of a file.
#[derive(Debug, Default)]
pub struct Blocks {
    open: Vec<Block>,
}

/// What to do with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is configuration.
    Content,
    /// It stands in a branch that is not taken.
    Skipped,
    /// It opened, changed or closed a block.
    Directive,
    /// It reports something.
    Report(Level, Text),
}

/// The weight of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Only in diagnostic mode.
    Diagnostic,
    /// For information.
    Notice,
    /// A warning.
    Warning,
    /// A fatal error.
    Alert,
}

#[derive(Debug)]
struct Block {
    branch: Branch,
    part: Part,
    /// Where it was opened.
    line: u32,
}

/// What the lines of the current branch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// Configuration.
    Taken,
    /// Skipped, a later branch may be taken.
    Waiting,
    /// Skipped, a branch before was taken.
    Over,
    /// Skipped with the block around it, whose branch is not taken.
    Unreached,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Conditional,
    Else,
}

impl Blocks {
    /// Nothing open: the state at the start of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line.
    pub fn next(&mut self, line: &Line<'_>, facts: &dyn Facts) -> Result<Step, SyntaxError> {
        let Some(keyword) = line.words.first() else { return Ok(Step::Skipped) };
        if !keyword.starts_with(b".") {
            return Ok(if self.taken() { Step::Content } else { Step::Skipped });
        }
        match keyword.bytes() {
            b".if" => self.open(line, facts)?,
            b".elif" => self.alternative(line, facts)?,
            b".else" => self.otherwise(line)?,
            b".endif" => self.close(line)?,
            _ if !self.taken() => return Ok(Step::Skipped),
            b".diag" => return report(Level::Diagnostic, line),
            b".notice" => return report(Level::Notice, line),
            b".warning" => return report(Level::Warning, line),
            b".alert" => return report(Level::Alert, line),
            _ => return Err(SyntaxError::new(keyword.span(), format!("unknown directive '{keyword}'"))),
        }
        Ok(Step::Directive)
    }

    /// The end of the file; the error is that of a block left open, with the number of the line that opened it.
    pub fn finish(self) -> Result<(), (u32, SyntaxError)> {
        match self.open.last() {
            None => Ok(()),
            Some(block) => Err((block.line, SyntaxError::new(Span::at(0), "non-terminated '.if' block"))),
        }
    }

    fn taken(&self) -> bool {
        self.open.last().is_none_or(|block| block.branch == Branch::Taken)
    }

    fn open(&mut self, line: &Line<'_>, facts: &dyn Facts) -> Result<(), SyntaxError> {
        let branch = if self.taken() { evaluate(line, facts) } else { Ok(Branch::Unreached) };
        // A block whose condition is wrong is still a block, none of whose lines count.
        let kept = branch.as_ref().map_or(Branch::Unreached, |branch| *branch);
        self.open.push(Block { branch: kept, part: Part::Conditional, line: line.number });
        branch.map(|_| ())
    }

    fn alternative(&mut self, line: &Line<'_>, facts: &dyn Facts) -> Result<(), SyntaxError> {
        let block = self.innermost(line)?;
        if block.branch == Branch::Taken {
            block.branch = Branch::Over;
        }
        if block.branch == Branch::Waiting {
            block.branch = Branch::Over;
            block.branch = evaluate(line, facts)?;
        }
        Ok(())
    }

    fn otherwise(&mut self, line: &Line<'_>) -> Result<(), SyntaxError> {
        let block = self.innermost(line)?;
        block.part = Part::Else;
        block.branch = match block.branch {
            Branch::Taken | Branch::Over => Branch::Over,
            Branch::Waiting => Branch::Taken,
            Branch::Unreached => Branch::Unreached,
        };
        no_arguments(line)
    }

    fn close(&mut self, line: &Line<'_>) -> Result<(), SyntaxError> {
        if self.open.pop().is_none() {
            return Err(lone(&line.words[0]));
        }
        no_arguments(line)
    }

    /// The block that `.elif` and `.else` go on with.
    fn innermost(&mut self, line: &Line<'_>) -> Result<&mut Block, SyntaxError> {
        let keyword = &line.words[0];
        let block = self.open.last_mut().ok_or_else(|| lone(keyword))?;
        match block.part {
            Part::Conditional => Ok(block),
            Part::Else => {
                Err(SyntaxError::new(keyword.span(), format!("'{keyword}' after '.else' is not permitted")))
            }
        }
    }
}

fn lone(keyword: &Word<'_>) -> SyntaxError {
    SyntaxError::new(keyword.span(), format!("lone '{keyword}' with no matching '.if'"))
}

fn no_arguments(line: &Line<'_>) -> Result<(), SyntaxError> {
    match line.words.as_slice() {
        [keyword, extra, ..] => {
            Err(SyntaxError::new(extra.span(), format!("Unexpected argument '{extra}' for '{keyword}'")))
        }
        _ => Ok(()),
    }
}

fn report(level: Level, line: &Line<'_>) -> Result<Step, SyntaxError> {
    match line.words.as_slice() {
        [keyword, _, extra, ..] => {
            let message = format!("Unexpected argument '{extra}' for '{keyword}'");
            Err(SyntaxError::new(extra.span(), message).with_hint("a message with spaces needs quotes"))
        }
        words => Ok(Step::Report(level, words.get(1).map(Word::to_text).unwrap_or_default())),
    }
}

/// Evaluates the condition, which is made of the words after the first with a space between them.
fn evaluate(line: &Line<'_>, facts: &dyn Facts) -> Result<Branch, SyntaxError> {
    let words = &line.words[1..];
    let text = words.iter().map(Word::bytes).collect::<Vec<_>>().join(&b' ');
    let value = parse(&text).and_then(|expression| expression.evaluate(facts));
    match value {
        Ok(true) => Ok(Branch::Taken),
        Ok(false) => Ok(Branch::Waiting),
        Err(error) => Err(SyntaxError { span: source(words, error.span), ..error }),
    }
}

/// Where a span of the joined words stands in the line.
fn source(words: &[Word<'_>], span: Span) -> Span {
    let place = |at: u32| {
        let mut start = 0;
        for word in words {
            let end = start + word.len() as u32;
            if at <= end {
                return word.source(Span { start: at - start, end: at - start }).start;
            }
            start = end + 1;
        }
        words.last().map_or(0, |word| word.span().end)
    };
    let start = place(span.start);
    Span { start, end: place(span.end).max(start) }
}
