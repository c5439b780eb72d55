//! The one internal message: start line, ordered headers, body pieces, URI, cookies.
//!
//! Every protocol (HTTP/1, HTTP/2, HTTP/3, `FastCGI`) and every built-in service exchanges the same three
//! things: a [`RequestHead`] or a [`ResponseHead`], a flow of [`Piece`]s, and a [`BodyLength`] that tells how
//! the flow will end. Heads are made to be reused: `clear` keeps their memory.

mod body;
mod cookie;
mod cookie_edit;
mod date;
mod head;
mod headers;
mod list;
mod method;
pub mod normalize;
mod status;
pub mod token;
pub mod uri;
mod version;

pub use body::{BodyLength, Piece};
pub use bytes::Bytes;
pub use cookie::{Cookie, CookieSide, Cookies, request_cookies, response_cookies};
pub use cookie_edit::{Change, Place, SetCookie, change_request_cookies};
pub use date::{civil_from_days, days_from_civil, imf_fixdate, parse_http_date, push_imf_fixdate};
pub use head::{RequestHead, ResponseHead, TargetSource};
pub use headers::{Block, FixedField, HeaderField, HeaderLine, Headers, Iter};
pub use list::{Values, element_ranges, values};
pub use method::{Method, OtherMethod};
pub use status::{Status, StatusClass};
pub use version::{OtherVersion, Version};
