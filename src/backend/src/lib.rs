//! Servers, balancing, queues.
