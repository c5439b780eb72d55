//! Log lines, formats, targets, in-memory rings.

mod frontend;
mod level;
mod step;

pub use frontend::{BackendLog, FrontendLog};
pub use level::{Facility, Level};
pub use step::{Step, Steps};
