//! Servers, and the choice among them.

pub mod balance;
pub mod connection;
pub mod cookie;
pub mod dial;
mod dial_options;
mod directives;
pub mod hashing;
pub mod health;
pub mod retry;
mod ring;
pub mod server;
pub mod settings;
mod turns;
mod uptime;

pub use balance::{Balancer, Choice, Wish};
pub use cookie::{COOKIE_DIRECTIVES, COOKIE_OPTIONS, CookieMode, CookieSettings};
pub use dial::DialSettings;
pub use dial_options::DIAL_OPTIONS;
pub use directives::{CHECKS, DIRECTIVES, SERVER_OPTIONS};
pub use hashing::{HASH_CHECKS, HASH_DIRECTIVES};
pub use health::{Activity, CheckResult, CheckStatus, Health, InitState, Level, News, Trend};
pub use retry::RetryOn;
pub use server::{Admin, Backend, Probes, Server, ServerQueue, Status, Waiting};
pub use settings::{BackendSettings, ServerDraft, ServerDrafts, ServerSettings};
pub use uptime::{Running, Uptime};
