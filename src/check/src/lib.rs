//! Health checks of servers.
