//! Header fields: ordered, with names in lower case, without an allocation of their own.
//!
//! All bytes live in one arena; a field is two ranges of it. Replaced and removed bytes stay behind until `clear`
//! or until they make up most of the arena, at which point it is compacted.
//!
//! Fields are laid out as HTTP/1 writes them, `name: value` and the end of the line, and those that a parser found
//! in this form stay in it. A run of untouched fields is thereby copied to the wire at once.

use std::fmt;
use std::ops::Range;

use base::fold::{is_in_any_case, make_lower_case};

/// The header fields of a message, in the order of the wire.
///
/// Names are kept in lower case, as every version of HTTP sends them, and compared without regard to case.
#[derive(Clone, Default)]
pub struct Headers {
    arena: Vec<u8>,
    fields: Vec<Field>,
    /// The bytes of all names and values.
    live: usize,
}

#[derive(Clone, Copy)]
struct Field {
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
}

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// The name, in lower case.
    pub name: &'a [u8],
    /// The value, without blanks around it.
    pub value: &'a [u8],
}

/// One header field, and where it stands as a whole line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLine<'a> {
    /// The field.
    pub field: HeaderField<'a>,
    /// The range of `name: value` with the end of the line, for [`Headers::text`]; `None` when the field is not laid
    /// out like this. Ranges that touch can be taken together.
    pub text: Option<Range<usize>>,
}

/// A field that is always the same, ready to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedField {
    /// `name: value` and the end of the line.
    line: Box<[u8]>,
    name_len: u32,
}

impl FixedField {
    /// The field; its name is put in lower case.
    pub fn new(name: &[u8], value: &[u8]) -> Self {
        let line = [&name.to_ascii_lowercase(), b": ".as_slice(), value, b"\r\n"].concat();
        Self { line: line.into(), name_len: name.len() as u32 }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.line[..self.name_len as usize]
    }

    /// The bytes of its name and value.
    pub fn size(&self) -> usize {
        self.line.len() - b": \r\n".len()
    }
}

/// A run of bytes copied into the arena at once by [`Headers::append_block`]; fields are then declared as ranges
/// of it.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    base: u32,
}

/// Below this the arena is not worth compacting.
const COMPACT_ABOVE: usize = 4096;

impl Field {
    #[inline]
    fn name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.name as usize..][..self.name_len as usize]
    }

    #[inline]
    fn value<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.value as usize..][..self.value_len as usize]
    }

    #[inline]
    fn is_named(&self, arena: &[u8], name: &[u8]) -> bool {
        // Most differ in their lengths.
        self.name_len as usize == name.len() && is_in_any_case(self.name(arena), name)
    }

    #[inline]
    fn size(&self) -> usize {
        self.name_len as usize + self.value_len as usize
    }

    /// The range of the whole line, where the bytes around name and value are as on the wire.
    #[inline]
    fn line(&self, arena: &[u8]) -> Option<Range<usize>> {
        let (start, value) = (self.name as usize, self.value as usize);
        let end = value + self.value_len as usize;
        let laid_out = start + self.name_len as usize + 2 == value
            && arena.get(value - 2..value) == Some(b": ")
            && arena.get(end..end + 2) == Some(b"\r\n");
        laid_out.then_some(start..end + 2)
    }
}

impl Headers {
    /// No fields, no memory.
    pub const fn new() -> Self {
        Self { arena: Vec::new(), fields: Vec::new(), live: 0 }
    }

    /// No fields, with room for some.
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        let (arena, fields) = (Vec::with_capacity(bytes), Vec::with_capacity(fields));
        Self { arena, fields, live: 0 }
    }

    /// Removes all fields and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.arena.clear();
        self.fields.clear();
        self.live = 0;
    }

    /// The number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The bytes of all names and values.
    pub fn size(&self) -> usize {
        self.live
    }

    /// The bytes the fields take in HTTP/1: `name: value` and the end of the line for each.
    pub fn wire_size(&self) -> usize {
        self.size() + 4 * self.fields.len()
    }

    /// Adds a field at the end.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let field = self.store(name, value);
        self.fields.push(field);
    }

    /// Adds a field at the end that is ready to be copied.
    pub fn push_fixed(&mut self, field: &FixedField) {
        let name = self.arena.len() as u32;
        self.arena.extend_from_slice(&field.line);
        let value_len = field.line.len() as u32 - field.name_len - 4;
        self.live += (field.name_len + value_len) as usize;
        let value = name + field.name_len + 2;
        self.fields.push(Field { name, name_len: field.name_len, value, value_len });
    }

    /// Adds a field at this place, before the one that was there.
    pub fn insert_at(&mut self, at: usize, name: &[u8], value: &[u8]) {
        let field = self.store(name, value);
        self.fields.insert(at.min(self.fields.len()), field);
    }

    fn store(&mut self, name: &[u8], value: &[u8]) -> Field {
        let name_at = self.arena.len();
        self.arena.reserve(name.len() + value.len() + 4);
        self.arena.extend_from_slice(name);
        make_lower_case(&mut self.arena[name_at..]);
        self.arena.extend_from_slice(b": ");
        self.arena.extend_from_slice(value);
        self.arena.extend_from_slice(b"\r\n");
        self.live += name.len() + value.len();
        Field {
            name: name_at as u32,
            name_len: name.len() as u32,
            value: (name_at + name.len() + 2) as u32,
            value_len: value.len() as u32,
        }
    }

    /// Copies a whole head at once, for parsers: its fields are then declared with [`Headers::push_in_block`].
    #[inline]
    pub fn append_block(&mut self, bytes: &[u8]) -> Block {
        let base = self.arena.len() as u32;
        self.arena.extend_from_slice(bytes);
        Block { base }
    }

    /// The bytes of a block, for parsers that rewrite in place.
    #[inline]
    pub fn block_mut(&mut self, block: Block) -> &mut [u8] {
        &mut self.arena[block.base as usize..]
    }

    /// Declares a field whose name and value are the given ranges `(start, length)` of a block, puts the name in
    /// lower case and returns it.
    ///
    /// # Panics
    /// When a range reaches beyond the block.
    #[inline]
    pub fn push_in_block(&mut self, block: Block, name: (usize, usize), value: (usize, usize)) -> &[u8] {
        let field = Field {
            name: block.base + name.0 as u32,
            name_len: name.1 as u32,
            value: block.base + value.0 as u32,
            value_len: value.1 as u32,
        };
        assert!(field.value as usize + value.1 <= self.arena.len(), "a field reaches beyond its block");
        self.live += field.size();
        self.fields.push(field);
        let text = &mut self.arena[field.name as usize..][..name.1];
        make_lower_case(text);
        text
    }

    /// All fields in order, and where each stands as a line.
    #[inline]
    pub fn lines(&self) -> impl Iterator<Item = HeaderLine<'_>> {
        let arena = &self.arena[..];
        self.fields.iter().map(move |field| HeaderLine {
            field: HeaderField { name: field.name(arena), value: field.value(arena) },
            text: field.line(arena),
        })
    }

    /// The text of one or more lines.
    #[inline]
    pub fn text(&self, range: Range<usize>) -> &[u8] {
        &self.arena[range]
    }

    /// All fields in order.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { arena: &self.arena, fields: self.fields.iter() }
    }

    /// The field at this place.
    #[inline]
    pub fn get(&self, at: usize) -> Option<HeaderField<'_>> {
        self.fields
            .get(at)
            .map(|field| HeaderField { name: field.name(&self.arena), value: field.value(&self.arena) })
    }

    /// The value of the first field of this name.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&[u8]> {
        self.position(name).map(|at| self.fields[at].value(&self.arena))
    }

    /// Whether there is a field of this name.
    #[inline]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.position(name).is_some()
    }

    /// The place of the first field of this name.
    #[inline]
    pub fn position(&self, name: &[u8]) -> Option<usize> {
        self.position_from(name, 0)
    }

    /// The place of the first field of this name at `start` or after it.
    #[inline]
    pub fn position_from(&self, name: &[u8], start: usize) -> Option<usize> {
        let rest = self.fields.get(start..)?;
        rest.iter().position(|field| field.is_named(&self.arena, name)).map(|at| at + start)
    }

    /// The values of all fields of this name, whole.
    pub fn find_all<'a, 'n>(
        &'a self,
        name: &'n [u8],
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a, 'n> {
        let named = self.fields.iter().filter(move |field| field.is_named(&self.arena, name));
        named.map(|field| field.value(&self.arena))
    }

    /// The list elements of all fields of this name, as [`crate::values`] splits them.
    pub fn find_values<'a, 'n>(&'a self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.find_all(name).flat_map(crate::values)
    }

    /// Whether a list element of a field of this name is this word, in any case.
    pub fn has_value(&self, name: &[u8], word: &[u8]) -> bool {
        self.find_values(name).any(|value| value.eq_ignore_ascii_case(word))
    }

    /// The whole value of the `nth` field of this name: 1 is the first, -1 the last.
    pub fn nth(&self, name: &[u8], nth: i32) -> Option<&[u8]> {
        nth_of(self.find_all(name), nth)
    }

    /// The `nth` list element among all fields of this name: 1 is the first, -1 the last.
    pub fn nth_value(&self, name: &[u8], nth: i32) -> Option<&[u8]> {
        match nth {
            1.. => self.find_values(name).nth(nth as usize - 1),
            0 => None,
            _ => {
                let back = nth.unsigned_abs() as usize;
                let count = self.find_values(name).count();
                self.find_values(name).nth(count.checked_sub(back)?)
            }
        }
    }

    /// Removes all fields of this name and says how many there were.
    pub fn remove(&mut self, name: &[u8]) -> usize {
        let (mut at, mut removed) = (0, 0);
        while let Some(found) = self.position_from(name, at) {
            self.remove_at(found);
            (at, removed) = (found, removed + 1);
        }
        removed
    }

    /// Removes the field at this place; the later ones move up.
    pub fn remove_at(&mut self, at: usize) {
        let field = self.fields.remove(at);
        self.live -= field.size();
    }

    /// Keeps the fields for which the function says so, and says how many are gone.
    pub fn retain(&mut self, mut keep: impl FnMut(HeaderField<'_>) -> bool) -> usize {
        let (arena, live, before) = (&self.arena, &mut self.live, self.fields.len());
        self.fields.retain(|field| {
            let kept = keep(HeaderField { name: field.name(arena), value: field.value(arena) });
            if !kept {
                *live -= field.size();
            }
            kept
        });
        before - self.fields.len()
    }

    /// Removes all fields of this name and adds one at the end.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.push(name, value);
        self.compact_if_wasteful();
    }

    /// Removes all fields of this name and adds one at the end that is ready to be copied.
    pub fn set_fixed(&mut self, field: &FixedField) {
        self.remove(field.name());
        self.push_fixed(field);
        self.compact_if_wasteful();
    }

    /// Gives the field at this place another value.
    pub fn replace_value(&mut self, at: usize, value: &[u8]) {
        let field = &mut self.fields[at];
        self.live = self.live - field.value_len as usize + value.len();
        if value.len() == field.value_len as usize {
            self.arena[field.value as usize..][..value.len()].copy_from_slice(value);
            return;
        }
        let name = field.name as usize..(field.name + field.name_len) as usize;
        field.name = self.arena.len() as u32;
        self.arena.extend_from_within(name);
        self.arena.extend_from_slice(b": ");
        field.value = self.arena.len() as u32;
        field.value_len = value.len() as u32;
        self.arena.extend_from_slice(value);
        self.arena.extend_from_slice(b"\r\n");
        self.compact_if_wasteful();
    }

    /// Gives the field at this place another name.
    pub fn rename(&mut self, at: usize, name: &[u8]) {
        let field = &mut self.fields[at];
        self.live = self.live - field.name_len as usize + name.len();
        let value = field.value as usize..(field.value + field.value_len) as usize;
        field.name = self.arena.len() as u32;
        field.name_len = name.len() as u32;
        self.arena.extend_from_slice(name);
        make_lower_case(&mut self.arena[field.name as usize..]);
        self.arena.extend_from_slice(b": ");
        field.value = self.arena.len() as u32;
        self.arena.extend_from_within(value);
        self.arena.extend_from_slice(b"\r\n");
        self.compact_if_wasteful();
    }

    /// Removes one list element, found as a part of the value at this place: the byte range `start..end` of the
    /// value and the comma that separated it. The field goes when nothing is left.
    pub fn remove_element(&mut self, at: usize, element: &std::ops::Range<usize>) {
        let field = &mut self.fields[at];
        let value = field.value(&self.arena);
        let (head, tail) = (crate::token::trim(&value[..element.start]), &value[element.end..]);
        let kept = match memchr::memchr(b',', tail) {
            // The comma before the element separates it from the next one.
            Some(comma) if !head.is_empty() => {
                [head.strip_suffix(b",").unwrap_or(head), &tail[comma..]].concat()
            }
            Some(comma) => crate::token::trim(&tail[comma + 1..]).to_vec(),
            None => crate::token::trim(head.strip_suffix(b",").unwrap_or(head)).to_vec(),
        };
        if kept.is_empty() {
            self.remove_at(at);
        } else {
            self.replace_value(at, &kept);
        }
    }

    #[inline]
    fn compact_if_wasteful(&mut self) {
        if self.arena.len() >= COMPACT_ABOVE {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let waste = self.arena.len().saturating_sub(self.wire_size());
        if waste < COMPACT_ABOVE || waste < self.arena.len() / 2 {
            return;
        }
        let mut compact = Self::with_capacity(self.fields.len(), self.wire_size());
        compact.extend(self.iter().map(|field| (field.name, field.value)));
        *self = compact;
    }
}

fn nth_of<'a>(mut values: impl DoubleEndedIterator<Item = &'a [u8]>, nth: i32) -> Option<&'a [u8]> {
    match nth {
        1.. => values.nth(nth as usize - 1),
        0 => None,
        _ => values.nth_back(nth.unsigned_abs() as usize - 1),
    }
}

/// Iterator over the fields of [`Headers`].
#[derive(Clone)]
pub struct Iter<'a> {
    arena: &'a [u8],
    fields: std::slice::Iter<'a, Field>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = HeaderField<'a>;

    #[inline]
    fn next(&mut self) -> Option<HeaderField<'a>> {
        let field = self.fields.next()?;
        Some(HeaderField { name: field.name(self.arena), value: field.value(self.arena) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.fields.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let field = self.fields.next_back()?;
        Some(HeaderField { name: field.name(self.arena), value: field.value(self.arena) })
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Headers {
    type Item = HeaderField<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> Extend<(&'a [u8], &'a [u8])> for Headers {
    fn extend<T: IntoIterator<Item = (&'a [u8], &'a [u8])>>(&mut self, fields: T) {
        for (name, value) in fields {
            self.push(name, value);
        }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields =
            self.iter().map(|field| format!("{}: {}", field.name.escape_ascii(), field.value.escape_ascii()));
        f.debug_list().entries(fields).finish()
    }
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
