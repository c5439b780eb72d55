//! The commands of this room.

mod authorities;
mod certificates;
mod descriptors;
mod errors;
mod events;
mod find;
mod httpclient;
mod human;
mod info;
mod limits;
mod lists;
mod proxy;
mod responses;
mod server;
mod sess;
mod session;
mod stat;
#[cfg(test)]
mod tests;
mod threads;
pub(crate) mod vars;

pub use authorities::AUTHORITY_COMMANDS;
pub use events::Sinks;
use keyword::Command;
use keyword::command::Level::{Admin, Operator, User};
use pattern::Role::{Acl, Map};

/// The commands of this room.
pub static COMMANDS: &[Command] = &[
    Command::new(
        "abort ssl cert",
        "abort ssl cert <certfile>",
        "forget what a certificate was to become",
        Admin,
        certificates::abort,
    ),
    Command::new(
        "add acl",
        "add acl [@<ver>] <acl> <pattern>",
        "add a pattern to an ACL",
        Admin,
        lists::add_acl,
    ),
    Command::new(
        "add map",
        "add map [@<ver>] <map> <key> <val>",
        "add an entry to a map, or those of a payload",
        Admin,
        lists::add_map,
    ),
    Command::new(
        "add ssl crt-list",
        "add ssl crt-list <list> <cert> [opts]*",
        "add a line to a crt-list, or a certificate to a directory",
        Admin,
        certificates::add_line,
    ),
    Command::new("clear acl", "clear acl [@<ver>] <acl>", "remove all patterns of an ACL", Admin, |cx| {
        lists::clear(cx, Acl)
    }),
    Command::new(
        "clear counters",
        "clear counters [all|server <bk>/<srv> [force]]",
        "start the maxima anew, or all counters",
        Operator,
        stat::clear_counters,
    ),
    Command::new("clear map", "clear map [@<ver>] <map>", "remove all entries of a map", Admin, |cx| {
        lists::clear(cx, Map)
    }),
    Command::new("commit acl", "commit acl @<ver> <acl>", "let a version of an ACL match", Admin, |cx| {
        lists::commit(cx, Acl)
    }),
    Command::new(
        "commit map",
        "commit map @<ver> <map>",
        "let a version of a map be looked up",
        Admin,
        |cx| lists::commit(cx, Map),
    ),
    Command::new(
        "commit ssl cert",
        "commit ssl cert <certfile>",
        "put a certificate that was set in service",
        Admin,
        certificates::commit,
    ),
    Command::new("del acl", "del acl <acl> [<key>|#<ref>]", "remove patterns of an ACL", Admin, |cx| {
        lists::del(cx, Acl)
    }),
    Command::new("del map", "del map <map> [<key>|#<ref>]", "remove entries of a map", Admin, |cx| {
        lists::del(cx, Map)
    }),
    Command::new(
        "del ssl cert",
        "del ssl cert <certfile>",
        "forget a certificate that nobody uses",
        Admin,
        certificates::delete,
    ),
    Command::new(
        "del ssl crt-list",
        "del ssl crt-list <list> <cert[:line]>",
        "delete a line of a crt-list",
        Admin,
        certificates::delete_line,
    ),
    Command::new(
        "disable agent",
        "disable agent <bk>/<srv>",
        "do not ask the agent of a server any more",
        Admin,
        server::disable_agent,
    ),
    Command::new(
        "disable dynamic-cookie backend",
        "disable dynamic-cookie backend <bk>",
        "compute no cookies for servers of a backend",
        Admin,
        proxy::disable_cookies,
    ),
    Command::new(
        "disable frontend",
        "disable frontend <frontend>",
        "accept no connections for a while",
        Admin,
        proxy::disable_frontend,
    ),
    Command::new(
        "disable health",
        "disable health <bk>/<srv>",
        "make no more checks of a server",
        Admin,
        server::disable_health,
    ),
    Command::new(
        "disable server",
        "disable server <bk>/<srv>",
        "older form of 'set server ... state maint'",
        Admin,
        server::disable,
    ),
    Command::new(
        "dump ssl cert",
        "dump ssl cert <certfile>",
        "show a certificate and its key as PEM",
        Admin,
        certificates::dump,
    ),
    Command::new("echo", "echo <text>", "say this", User, session::echo).everywhere(),
    Command::new(
        "enable agent",
        "enable agent <bk>/<srv>",
        "ask the agent of a server again",
        Admin,
        server::enable_agent,
    ),
    Command::new(
        "enable dynamic-cookie backend",
        "enable dynamic-cookie backend <bk>",
        "compute cookies for servers of a backend",
        Admin,
        proxy::enable_cookies,
    ),
    Command::new(
        "enable frontend",
        "enable frontend <frontend>",
        "accept connections again",
        Admin,
        proxy::enable_frontend,
    ),
    Command::new(
        "enable health",
        "enable health <bk>/<srv>",
        "make checks of a server again",
        Admin,
        server::enable_health,
    ),
    Command::new(
        "enable server",
        "enable server <bk>/<srv>",
        "older form of 'set server ... state ready'",
        Admin,
        server::enable,
    ),
    Command::new("experimental-mode", "", "", Admin, session::experimental_mode).everywhere(),
    Command::new("expert-mode", "", "", Admin, session::expert_mode).everywhere(),
    Command::new(
        "get acl",
        "get acl <acl> <value>",
        "tell which patterns of an ACL match this",
        Admin,
        |cx| lists::get(cx, Acl),
    ),
    Command::new("get map", "get map <map> <value>", "tell what a map holds for this", Admin, |cx| {
        lists::get(cx, Map)
    }),
    Command::new(
        "get var",
        "get var <name>",
        "tell the value of a variable of the process",
        Operator,
        vars::get,
    ),
    Command::new(
        "get weight",
        "get weight <bk>/<srv>",
        "tell a server's weight, now and at first",
        User,
        server::get_weight,
    ),
    Command::new(
        "httpclient",
        "httpclient <method> <URI>",
        "make a request, and show what comes back",
        Admin,
        httpclient::run,
    )
    .of_maturity(keyword::command::Maturity::Expert),
    Command::new(
        "new ssl cert",
        "new ssl cert <certfile>",
        "add a name for a certificate that is set later",
        Admin,
        certificates::new,
    ),
    Command::new("operator", "operator", "give up being an admin", Operator, session::operator).everywhere(),
    Command::new("prepare acl", "prepare acl <acl>", "make a new version of an ACL", Admin, |cx| {
        lists::prepare(cx, Acl)
    }),
    Command::new("prepare map", "prepare map <map>", "make a new version of a map", Admin, |cx| {
        lists::prepare(cx, Map)
    }),
    Command::new(
        "publish backend",
        "publish backend <backend>",
        "let frontends choose a backend",
        Operator,
        proxy::publish_backend,
    ),
    Command::new(
        "set dynamic-cookie-key backend",
        "set dynamic-cookie-key backend <bk> <k>",
        "change the key of computed cookies",
        Admin,
        proxy::set_cookie_key,
    ),
    Command::new(
        "set map",
        "set map <map> [<key>|#<ref>] <value>",
        "change the value of entries of a map",
        Admin,
        lists::set_map,
    ),
    Command::new(
        "set maxconn frontend",
        "set maxconn frontend <frontend> <value>",
        "limit a frontend's connections",
        Admin,
        limits::maxconn_frontend,
    ),
    Command::new(
        "set maxconn global",
        "set maxconn global <value>",
        "limit the connections of the process",
        Admin,
        limits::maxconn_global,
    ),
    Command::new(
        "set maxconn server",
        "set maxconn server <bk>/<srv> <value>",
        "limit a server's connections",
        Admin,
        server::set_maxconn,
    ),
    Command::new(
        "set rate-limit",
        "set rate-limit <setting> <value>",
        "limit what comes in a second",
        Admin,
        limits::rate,
    ),
    Command::new(
        "set server",
        "set server <bk>/<srv> [opts]",
        "change a server's state, weight, or address",
        Admin,
        server::set_server,
    ),
    Command::new(
        "set severity-output",
        "set severity-output [none|number|string]",
        "mark messages with how serious they are",
        User,
        session::severity_output,
    ),
    Command::new(
        "set ssl cert",
        "set ssl cert <certfile> <payload>",
        "say what a certificate is to become once it is committed",
        Admin,
        certificates::set,
    ),
    Command::new(
        "set ssl ocsp-response",
        "set ssl ocsp-response <resp|payload>",
        "take an authority's response on a certificate",
        Admin,
        responses::set,
    ),
    Command::new(
        "set ssl tls-key",
        "set ssl tls-key [id|file] <key>",
        "put another ticket key behind those of a file",
        Admin,
        certificates::set_ticket_key,
    ),
    Command::new(
        "set timeout",
        "set timeout [cli] <delay>",
        "change how long this session may be silent",
        User,
        session::timeout,
    ),
    Command::new(
        "set var",
        "set var <name> [fmt|expr] {<fmt>|<expr>}",
        "set a variable of the process",
        Operator,
        vars::set,
    )
    .of_maturity(keyword::command::Maturity::Experimental),
    Command::new(
        "set weight",
        "set weight <bk>/<srv> <weight>",
        "older form of 'set server ... weight'",
        Admin,
        server::set_weight,
    ),
    Command::new(
        "show acl",
        "show acl [@<ver>] <acl>",
        "list the ACLs, or the patterns of one",
        Admin,
        |cx| lists::show(cx, Acl),
    ),
    Command::new(
        "show activity",
        "show activity [-1|0|thread_num]",
        "what the worker threads have done",
        Operator,
        threads::show_activity,
    ),
    Command::new("show backend", "show backend", "list the backends", User, proxy::backends),
    Command::new("show cli level", "show cli level", "tell what this session may do", User, session::level)
        .everywhere(),
    Command::new(
        "show cli sockets",
        "show cli sockets",
        "list the sockets of the runtime API",
        User,
        session::sockets,
    )
    .everywhere(),
    Command::new("show env", "show env [var]", "list the environment, or one variable", Operator, info::env)
        .everywhere(),
    Command::new(
        "show errors",
        "show errors [<px>] [request|response]",
        "the last invalid messages of each proxy",
        Operator,
        errors::show,
    ),
    Command::new(
        "show events",
        "show events [<sink>] [-w] [-n] [-0]",
        "list the rings, or what one holds",
        Operator,
        events::show,
    )
    .everywhere(),
    Command::new(
        "show fd",
        "show fd [num]",
        "list the open descriptors, or one",
        Operator,
        descriptors::show_fd,
    ),
    Command::new(
        "show info",
        "show info [desc|json|typed|float]*",
        "figures of the process",
        User,
        info::info,
    ),
    Command::new(
        "show libs",
        "show libs",
        "list the program's parts in memory",
        Operator,
        descriptors::show_libs,
    )
    .everywhere(),
    Command::new(
        "show map",
        "show map [@<ver>] [map]",
        "list the maps, or the entries of one",
        Admin,
        |cx| lists::show(cx, Map),
    ),
    Command::new("show schema json", "show schema json", "the schema of the JSON forms", User, stat::schema),
    Command::new(
        "show servers conn",
        "show servers conn [<backend>]",
        "connections of servers",
        User,
        proxy::servers_conn,
    ),
    Command::new(
        "show servers state",
        "show servers state [<backend>]",
        "states of servers, as the next process can load them",
        User,
        proxy::servers_state,
    ),
    Command::new(
        "show sess",
        "show sess [help|<id>|all] [opts...]",
        "list the streams that live now",
        Operator,
        sess::show,
    ),
    Command::new(
        "show ssl cert",
        "show ssl cert [<certfile>]",
        "show the names of the certificates, or one of them",
        Operator,
        certificates::show,
    ),
    Command::new(
        "show ssl crt-list",
        "show ssl crt-list [-n] [<list>]",
        "show the names of the crt-lists, or the lines of one",
        Admin,
        certificates::show_list,
    ),
    Command::new(
        "show ssl ocsp-response",
        "show ssl ocsp-response [[text|base64] id]",
        "list the responses on certificates, or show one",
        Admin,
        responses::show,
    ),
    Command::new(
        "show ssl ocsp-updates",
        "show ssl ocsp-updates",
        "list the responses that are kept up to date",
        Admin,
        responses::updates,
    ),
    Command::new(
        "show ssl sni",
        "show ssl sni [-f <frontend>] [-A]",
        "show which names are served with which certificates",
        User,
        certificates::show_sni,
    ),
    Command::new(
        "show startup-logs",
        "show startup-logs",
        "what was said while starting",
        Operator,
        info::startup_logs,
    )
    .everywhere(),
    Command::new(
        "show stat",
        "show stat [desc|json|no-maint|typed|up]*",
        "counters of proxies and servers",
        User,
        stat::show_stat,
    ),
    Command::new(
        "show threads",
        "show threads",
        "what the worker threads do now",
        Operator,
        threads::show_threads,
    ),
    Command::new(
        "show tls-keys",
        "show tls-keys [id|*]",
        "show the files of ticket keys, or the keys of one",
        Admin,
        certificates::show_ticket_keys,
    ),
    Command::new("show version", "show version", "the program's version", User, info::version).everywhere(),
    Command::new(
        "shutdown frontend",
        "shutdown frontend <frontend>",
        "stop a frontend for good",
        Admin,
        proxy::shutdown_frontend,
    ),
    Command::new("shutdown session", "shutdown session [id]", "end a stream", Admin, sess::shutdown_one),
    Command::new(
        "shutdown sessions server",
        "shutdown sessions server <bk>/<srv>",
        "end all streams of a server",
        Admin,
        sess::shutdown_of_server,
    ),
    Command::new(
        "unpublish backend",
        "unpublish backend <backend>",
        "keep frontends from choosing a backend",
        Operator,
        proxy::unpublish_backend,
    ),
    Command::new(
        "update ssl ocsp-response",
        "update ssl ocsp-response <certfile>",
        "fetch the response on a certificate now",
        Admin,
        responses::update,
    ),
    Command::new("user", "user", "give up everything but looking", User, session::user).everywhere(),
    Command::new(
        "wait",
        "wait {-h|<delay_ms>} cond [args...]",
        "wait so long, or for something",
        Operator,
        session::wait,
    ),
];
