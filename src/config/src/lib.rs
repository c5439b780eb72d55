//! Sections, inheritance of defaults, draft and checked configuration, diagnostics.
