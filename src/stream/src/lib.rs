//! The story of one session, told by phase.
