//! Idle server connections.
