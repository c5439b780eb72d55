//! Samples, types and casts, typed arguments, fetch and converter expressions, log-format.
