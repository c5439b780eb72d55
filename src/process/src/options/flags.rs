//! The table of options, which the parser and the usage read.

use std::fmt::Write as _;

use super::{
    ConfigurationListing, Ground, Mistake, Options, Override, Task, Verbosity, VersionForm, Warnings, Wish,
};

/// An option.
struct Flag {
    name: &'static str,
    takes: Takes,
    about: &'static str,
    set: fn(&mut Options, &str) -> Result<(), Mistake>,
}

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// The next argument.
    Next(&'static str),
    /// What follows its name in the same argument, perhaps nothing.
    Attached(&'static str),
}

use Takes::{Attached, Next, Nothing};

const fn flag(
    name: &'static str,
    takes: Takes,
    about: &'static str,
    set: fn(&mut Options, &str) -> Result<(), Mistake>,
) -> Flag {
    Flag { name, takes, about, set }
}

/// Speaks a keyword of `global`.
macro_rules! overriding {
    ($which:ident) => {
        |o, _| {
            o.overrides.push(Override::$which);
            Ok(())
        }
    };
}

/// Sets a field.
macro_rules! set {
    ($($field:ident).+ = $value:expr) => {
        |o, _| {
            o.$($field).+ = $value;
            Ok(())
        }
    };
}

/// Sets a field to the argument.
macro_rules! text {
    ($($field:ident).+) => {
        |o, text| {
            o.$($field).+ = Some(text.to_owned());
            Ok(())
        }
    };
}

static FLAGS: &[Flag] = &[
    flag("-v", Nothing, "prints the version", set!(task = Task::Version(VersionForm::Line))),
    flag("-vv", Nothing, "prints what was built in, too", set!(task = Task::Version(VersionForm::Details))),
    flag("-vq", Nothing, "prints the version's number only", set!(task = Task::Version(VersionForm::Full))),
    flag("-vqs", Nothing, "prints it without the build", set!(task = Task::Version(VersionForm::Short))),
    flag("-vqb", Nothing, "prints the branch only", set!(task = Task::Version(VersionForm::Branch))),
    flag("-f", Next("<file|dir>"), "reads this file, or the *.cfg files of this directory", |o, file| {
        o.files.push(file.to_owned());
        Ok(())
    }),
    flag("-C", Next("<dir>"), "goes to this directory before any file is read", text!(directory)),
    flag("-c", Nothing, "checks the configuration and ends", set!(task = Task::Check)),
    flag(
        "-cc",
        Next("<condition>"),
        "evaluates a condition and ends: 0 true, 1 false, 2 error",
        |o, text| {
            o.task = Task::Condition(text.to_owned());
            Ok(())
        },
    ),
    flag("-D", Nothing, "goes to the background", set!(ground = Ground::Background)),
    flag("-db", Nothing, "stays in the foreground", set!(ground = Ground::Foreground)),
    flag("-d", Nothing, "stays in the foreground and shows what happens", |o, _| {
        (o.ground, o.verbosity) = (Ground::Foreground, Verbosity::Verbose);
        o.showing = config::draft::Showing::Events;
        Ok(())
    }),
    flag("-q", Nothing, "says nothing", set!(verbosity = Verbosity::Quiet)),
    flag("-V", Nothing, "says more", set!(verbosity = Verbosity::Verbose)),
    flag("-W", Nothing, "master-worker mode (not available yet)", no_master),
    flag("-Ws", Nothing, "the same, telling systemd (not available yet)", no_master),
    flag("-S", Next("<bind>"), "the master's socket (not available yet)", no_master),
    flag("-n", Next("<limit>"), "limits the connections of the process", |o, text| {
        o.maxconn = number("-n", text)?;
        Ok(())
    }),
    flag("-N", Next("<limit>"), "limits the connections of a frontend that sets no limit", |o, text| {
        o.proxy_maxconn = number("-N", text)?;
        Ok(())
    }),
    flag("-m", Next("<megabytes>"), "limits the memory", |o, text| {
        o.memory = number("-m", text)?.map(|megabytes| megabytes.saturating_mul(1 << 20));
        Ok(())
    }),
    flag("-L", Next("<name>"), "the local peer's name, by default the host's", text!(local_peer)),
    flag("-p", Next("<file>"), "writes the process number there", text!(pidfile)),
    flag(
        "-x",
        Next("<socket>"),
        "takes listening sockets from the process behind this stats socket",
        |o, text| {
            o.inherit = (text != "/dev/null").then(|| text.to_owned());
            Ok(())
        },
    ),
    flag("-4", Nothing, "asks resolvers for IPv4 addresses only", |_, _| Ok(())),
    flag("-dA", Attached("[file]"), "packs the program and its libraries into a tar file", |o, file| {
        let file = if file.is_empty() { "haproxy-libs.tar" } else { file };
        o.listings.archive = Some(file.to_owned());
        Ok(())
    }),
    flag("-dC", Attached("[key][,line]"), "prints the configuration, names hidden by a key", configuration),
    flag("-dD", Nothing, "points out what looks suspicious", set!(advice = super::Advice::Given)),
    flag("-dF", Nothing, "does without fast forwarding", overriding!(NoSplice)),
    flag("-dG", Nothing, "does without getaddrinfo (no effect)", |_, _| Ok(())),
    flag("-dI", Nothing, "lets external programs start (no effect)", |_, _| Ok(())),
    flag("-dK", Attached("<class,...>"), "lists keywords; -dKhelp lists the classes", |o, classes| {
        o.listings.keywords = Some(if classes.is_empty() { "help" } else { classes }.to_owned());
        Ok(())
    }),
    flag("-dL", Nothing, "lists the loaded libraries", set!(listings.libraries = Wish::Yes)),
    flag("-dM", Attached("[byte][,option...]"), "debugs the memory (no effect)", |o, what| {
        if what == "help" {
            o.task = Task::MemoryHelp;
        }
        Ok(())
    }),
    flag("-dR", Nothing, "does without SO_REUSEPORT", overriding!(NoReusePort)),
    flag("-dS", Nothing, "does without splice(2)", overriding!(NoSplice)),
    flag("-dT", Nothing, "does without kernel TLS (no effect)", |_, _| Ok(())),
    flag("-dV", Nothing, "does not verify servers' certificates (not available)", |_, _| {
        Err(Mistake::Refused(
            "-dV : there is no TLS in this version, so there is nothing to verify".to_owned(),
        ))
    }),
    flag("-dW", Nothing, "refuses to start when there is a warning", set!(warnings = Warnings::Fatal)),
    flag("-dZ", Nothing, "does without zero-copy forwarding", overriding!(NoSplice)),
    flag(
        "-dc",
        Nothing,
        "lists the processors and the threads on them",
        set!(listings.processors = Wish::Yes),
    ),
    flag("-de", Nothing, "does without epoll (no effect)", |_, _| Ok(())),
    flag("-dk", Nothing, "does without kqueue (no effect)", |_, _| Ok(())),
    flag("-dp", Nothing, "does without poll (no effect)", |_, _| Ok(())),
    flag("-dr", Nothing, "starts though names of servers cannot be resolved", |o, _| {
        o.resolution = config::draft::Resolution::Optional;
        Ok(())
    }),
    flag("-dt", Attached("[source,...]"), "traces (not available)", |_, _| {
        Err(Mistake::Refused("-dt : traces are not available in this version".to_owned()))
    }),
    flag("-dv", Nothing, "does without event ports (no effect)", |_, _| Ok(())),
];

fn no_master(_: &mut Options, _: &str) -> Result<(), Mistake> {
    let text = "-W, -Ws, -S : master-worker mode is not available in this version; start without a master, with \
                -D or -db";
    Err(Mistake::Refused(text.to_owned()))
}

/// A limit; 0 is none.
fn number(option: &str, text: &str) -> Result<Option<u64>, Mistake> {
    match text.parse::<u64>() {
        Ok(value) => Ok((value > 0).then_some(value)),
        Err(_) => Err(Mistake::Invalid(format!("{option} option: '{text}' is not a number"))),
    }
}

fn configuration(options: &mut Options, text: &str) -> Result<(), Mistake> {
    let (key, rest) = text.split_once(',').unwrap_or((text, ""));
    let numbers = match rest {
        "" => Wish::No,
        "line" => Wish::Yes,
        other => return Err(Mistake::Invalid(format!("-dC option: '{other}' is not known, only 'line' is"))),
    };
    let key = if key.is_empty() { Some(0) } else { key.parse().ok() };
    let key = key.ok_or_else(|| Mistake::Invalid(format!("-dC option: the key '{text}' is not a number")))?;
    options.listings.configuration = Some(ConfigurationListing { key, numbers });
    Ok(())
}

/// Applies one argument, and the next where the option takes it.
pub(super) fn apply(
    options: &mut Options,
    argument: &str,
    rest: &mut impl Iterator<Item = String>,
) -> Result<(), Mistake> {
    let exact = FLAGS.iter().find(|flag| flag.name == argument);
    let attached = || FLAGS.iter().find(|f| matches!(f.takes, Attached(_)) && argument.starts_with(f.name));
    let flag =
        exact.or_else(attached).ok_or_else(|| Mistake::Unknown(format!("unknown option '{argument}'")))?;
    match flag.takes {
        Nothing => (flag.set)(options, ""),
        Attached(_) => (flag.set)(options, &argument[flag.name.len()..]),
        Next(what) => {
            let missing = || Mistake::Invalid(format!("option '{argument}' expects {what}"));
            (flag.set)(options, &rest.next().ok_or_else(missing)?)
        }
    }
}

/// The reminder of all options.
pub(crate) fn usage() -> String {
    let mut text = String::from("Usage : haproxy [option]* [-sf|-st <pid>*] [-- <file|dir>*]\n");
    for flag in FLAGS {
        let name = match flag.takes {
            Nothing => flag.name.to_owned(),
            Next(what) => format!("{} {what}", flag.name),
            Attached(what) => format!("{}{what}", flag.name),
        };
        let _ = writeln!(text, "        {name:<22} {}", flag.about);
    }
    text.push_str("        -sf <pid>*             lets these processes finish, once this one is ready\n");
    text.push_str("        -st <pid>*             ends these processes, once this one is ready\n");
    text.push_str("        -- <file|dir>*         reads these, too\n");
    text
}
