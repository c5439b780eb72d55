//! Log lines, formats, targets, in-memory rings.
