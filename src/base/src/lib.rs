//! The ground of the house: clock, rates, counters, addresses, terminations, pools of buffers.

pub mod addr;
pub mod buffer;
pub mod clock;
pub mod counter;
pub mod fold;
pub mod rate;
pub mod ration;
pub mod reference;
pub mod registry;
pub mod termination;
pub mod text;
pub mod worker;
pub mod world;
