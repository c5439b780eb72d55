//! What the program tells of itself: the rows of its statistics, and the services that export them.

mod exporter;
mod figures;
mod listener;
mod load;
mod page;
mod program;
mod rows;
mod server;
mod survey;
mod traffic;

pub use exporter::EXPORTER;
pub use figures::{Numbers, figures};
pub use load::Load;
pub use page::{PAGE_CHECKS, PAGE_DIRECTIVES};
pub use program::Program;
pub use rows::{Detail, Found, Query, Servers, Side, sides};
pub use server::is_checked;
pub use survey::Survey;
pub use traffic::{Door, Traffic};
