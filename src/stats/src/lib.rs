//! Counters of every object and their exports.
