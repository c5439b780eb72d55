//! Idle server connections: who may touch one, and who counts it.
//!
//! A [`ServerPool`] has for each thread the connections of one server that wait for their next use, in two trees:
//! *idle* for those that have not been used again yet, *safe* for those that have. What a connection is at the moment
//! is a type ([`Used`], [`Private`], [`Held`], [`Doomed`]), and a transition consumes the one before. Each carries
//! the token that counts it, so that a figure cannot be forgotten or taken off twice.
//!
//! There are two ways out of a tree other than being used: [`ServerPool::detach`], for a while, by whoever looks
//! what happened on a connection, and for good ([`ServerPool::doom`], [`ServerPool::purge`], [`ServerPool::close`]).
//! What is doomed has no way back; a connection that is doomed while it is held does not get back either.
//!
//! The room knows neither sockets nor event loops, so that a model checker can run all of it: see `models.rs`.

mod connections;
mod ledger;
mod mutation;
mod reuse;
mod server;
mod session;
mod shard;
mod states;
mod sync;

pub use connections::Connections;
pub use ledger::{Figures, Tree};
pub use reuse::{Order, Reuse, Turn};
pub use server::{Descriptors, Refusal, Search, ServerPool, Settings};
pub use session::{Own, Pooled};
pub use shard::{Proven, Ticket};
pub use states::{Doomed, Held, Private, Seat, Used};

#[cfg(test)]
#[cfg(loom)]
mod models;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
