//! The list of rooms: the tables that make up the program. The tests of the keyword lists read it too.

use keyword::Tables;

/// The rooms, in the order in which their checks run.
pub(crate) const ROOMS: &[Tables] = &[
    Tables { fetches: lang::fetches::FETCHES, ..Tables::NONE },
    Tables { converters: lang::converters::address::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::aes::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::base64::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::dates::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::encodings::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::fix::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::forwarded::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::hashes::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::json::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::jwt::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::lists::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::mqtt::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::numbers::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::packets::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::protobuf::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::state::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::variables::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::x509::CONVERTERS, ..Tables::NONE },
    Tables { converters: lang::converters::texts::CONVERTERS, ..Tables::NONE },
    Tables { fetches: lang::fetches::auth::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::chance::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::conditions::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::connection::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::content::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::cookies::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::dump::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::headers::CURRENT_FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::headers::REQUEST_FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::headers::RESPONSE_FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::internal::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::limits::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::protocols::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::sides::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::state::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::transaction::FETCHES, ..Tables::NONE },
    Tables { fetches: lang::fetches::uri::FETCHES, ..Tables::NONE },
    Tables { converters: pattern::CONVERTERS, finishes: pattern::FINISHES, ..Tables::NONE },
    Tables { directives: config::DIRECTIVES, checks: config::CHECKS, ..Tables::NONE },
    Tables { directives: config::global::DIRECTIVES, checks: config::global::CHECKS, ..Tables::NONE },
    Tables {
        acl_keywords: rule::ACL_KEYWORDS,
        predefined_acls: rule::PREDEFINED_ACLS,
        actions: rule::ACTIONS,
        directives: rule::DIRECTIVES,
        checks: rule::CHECKS,
        lookups: rule::LOOKUPS,
        ..Tables::NONE
    },
    Tables {
        aliases: log::ALIASES,
        converters: log::CONVERTERS,
        directives: log::DIRECTIVES,
        sections: log::SECTIONS,
        checks: log::CHECKS,
        ..Tables::NONE
    },
    Tables {
        directives: net::DIRECTIVES,
        bind_options: net::BIND_OPTIONS,
        fetches: net::FETCHES,
        ..Tables::NONE
    },
    Tables {
        directives: tls::DIRECTIVES,
        bind_options: tls::BIND_OPTIONS,
        server_options: tls::SERVER_OPTIONS,
        list_options: tls::LIST_OPTIONS,
        fetches: tls::FETCHES,
        checks: tls::CHECKS,
        ..Tables::NONE
    },
    Tables { directives: tls::FRONTEND_DIRECTIVES, ..Tables::NONE },
    Tables { directives: tls::UPDATE_DIRECTIVES, ..Tables::NONE },
    Tables { directives: tls::STORE_DIRECTIVES, sections: tls::SECTIONS, ..Tables::NONE },
    Tables { fetches: tls::CLIENT_FETCHES, ..Tables::NONE },
    Tables { fetches: tls::ROOT_FETCHES, ..Tables::NONE },
    Tables { fetches: tls::SECRET_FETCHES, ..Tables::NONE },
    Tables { fetches: tls::OWN_FETCHES, ..Tables::NONE },
    Tables { fetches: tls::SERVER_FETCHES, ..Tables::NONE },
    Tables {
        directives: backend::DIRECTIVES,
        server_options: backend::SERVER_OPTIONS,
        checks: backend::CHECKS,
        ..Tables::NONE
    },
    Tables { actions: rule::VAR_ACTIONS, directives: rule::VAR_DIRECTIVES, ..Tables::NONE },
    Tables { actions: rule::LIST_ACTIONS, ..Tables::NONE },
    Tables { actions: rule::REWRITES, ..Tables::NONE },
    Tables { actions: rule::ANSWERS, ..Tables::NONE },
    Tables { actions: rule::COURSE, ..Tables::NONE },
    Tables { actions: rule::HEADER_LISTS, ..Tables::NONE },
    Tables { actions: rule::NORMALIZE, ..Tables::NONE },
    Tables {
        fetches: lang::fetches::captures::FETCHES,
        converters: lang::fetches::captures::CONVERTERS,
        actions: rule::CAPTURE,
        directives: rule::CAPTURE_DIRECTIVES,
        checks: rule::CAPTURE_CHECKS,
        ..Tables::NONE
    },
    Tables {
        directives: rule::PAGE_DIRECTIVES,
        sections: rule::PAGE_SECTIONS,
        checks: rule::PAGE_CHECKS,
        ..Tables::NONE
    },
    Tables { actions: rule::REDIRECT, directives: rule::REDIRECT_DIRECTIVES, ..Tables::NONE },
    Tables {
        fetches: lang::users::FETCHES,
        directives: rule::USER_DIRECTIVES,
        sections: rule::USER_SECTIONS,
        checks: rule::USER_CHECKS,
        ..Tables::NONE
    },
    Tables { directives: stream::MESSAGE_DIRECTIVES, ..Tables::NONE },
    Tables { directives: stream::FORWARDED_DIRECTIVES, ..Tables::NONE },
    Tables { directives: stream::SWITCHING_DIRECTIVES, ..Tables::NONE },
    Tables { actions: rule::STREAM_ACTIONS, ..Tables::NONE },
    Tables { directives: check::DIRECTIVES, server_options: check::SERVER_OPTIONS, ..Tables::NONE },
    Tables { directives: client::DIRECTIVES, checks: client::CHECKS, ..Tables::NONE },
    Tables { directives: renew::DIRECTIVES, ..Tables::NONE },
    Tables { server_options: backend::DIAL_OPTIONS, ..Tables::NONE },
    Tables {
        directives: backend::COOKIE_DIRECTIVES,
        server_options: backend::COOKIE_OPTIONS,
        ..Tables::NONE
    },
    Tables {
        directives: stream::DIRECTIVES,
        actions: stream::ACTIONS,
        checks: stream::CHECKS,
        ..Tables::NONE
    },
    Tables {
        directives: cli::DIRECTIVES,
        bind_options: cli::BIND_OPTIONS,
        commands: cli::COMMANDS,
        ..Tables::NONE
    },
    Tables { commands: cli::AUTHORITY_COMMANDS, ..Tables::NONE },
    Tables { directives: process::DIRECTIVES, ..Tables::NONE },
];
