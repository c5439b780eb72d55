//! Sockets, listeners and connections.
