//! Servers, and the choice among them.

pub mod balance;
pub mod connection;
pub mod cookie;
pub mod dial;
mod dial_options;
mod directives;
pub mod health;
pub mod retry;
pub mod server;
pub mod settings;
mod uptime;

pub use balance::{Balancer, Choice};
pub use cookie::{COOKIE_DIRECTIVES, COOKIE_OPTIONS, CookieMode, CookieSettings};
pub use dial::DialSettings;
pub use dial_options::DIAL_OPTIONS;
pub use directives::{CHECKS, DIRECTIVES, SERVER_OPTIONS};
pub use health::{Activity, CheckResult, CheckStatus, Health, InitState, Level, News, Trend};
pub use retry::RetryOn;
pub use server::{Admin, Backend, Probes, Server, ServerQueue, Status, Waiting};
pub use settings::{BackendSettings, ServerDraft, ServerDrafts, ServerSettings};
pub use uptime::{Running, Uptime};
