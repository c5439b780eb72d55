//! The command line (management manual, section 3).

mod flags;

use config::draft::Advice;

pub(crate) use flags::usage;

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `-f`, and what follows `--`.
    pub(crate) files: Vec<String>,
    /// What to do.
    pub(crate) task: Task,
    /// `-q`, `-V`.
    pub(crate) verbosity: Verbosity,
    /// `-D`, `-db`, `-d`.
    pub(crate) ground: Ground,
    /// `-dW`.
    pub(crate) warnings: Warnings,
    /// `-dD`.
    pub(crate) advice: Advice,
    /// `-C`.
    pub(crate) directory: Option<String>,
    /// `-p`.
    pub(crate) pidfile: Option<String>,
    /// `-L`.
    pub(crate) local_peer: Option<String>,
    /// `-n`.
    pub(crate) maxconn: Option<u64>,
    /// `-N`.
    pub(crate) proxy_maxconn: Option<u64>,
    /// `-m`, in bytes.
    pub(crate) memory: Option<u64>,
    /// `-sf`, `-st`.
    pub(crate) old: Old,
    /// `-x`.
    pub(crate) inherit: Option<String>,
    /// `-d`.
    pub(crate) showing: config::draft::Showing,
    /// `-dr`.
    pub(crate) resolution: config::draft::Resolution,
    /// What is printed once the configuration is read.
    pub(crate) listings: Listings,
    /// What is switched off, or on, as keywords of `global` do it.
    pub(crate) overrides: Vec<Override>,
}

/// What the program does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Task {
    /// Carries traffic.
    #[default]
    Run,
    /// `-c`: checks the configuration.
    Check,
    /// `-cc`: evaluates a condition.
    Condition(String),
    /// `-v` and its kin.
    Version(VersionForm),
    /// `-dMhelp`.
    MemoryHelp,
}

/// How much of the version is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionForm {
    Line,
    Details,
    Full,
    Short,
    Branch,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    #[default]
    Normal,
    Quiet,
    Verbose,
}

/// Whether the process stays with its terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ground {
    #[default]
    AsConfigured,
    Foreground,
    Background,
}

/// What a warning does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Warnings {
    #[default]
    Allowed,
    Fatal,
}

/// The processes that this one takes over from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Old {
    /// What they are told.
    pub(crate) farewell: Farewell,
    /// Their numbers.
    pub(crate) pids: Vec<i32>,
}

/// How an old process is sent away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// `-sf`: it finishes what it has begun.
    #[default]
    Finish,
    /// `-st`: it ends at once.
    Terminate,
}

/// What is printed once the configuration is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listings {
    /// `-dC`.
    pub(crate) configuration: Option<ConfigurationListing>,
    /// `-dK`, the classes.
    pub(crate) keywords: Option<String>,
    /// `-dL`.
    pub(crate) libraries: Wish,
    /// `-dA`, the file.
    pub(crate) archive: Option<String>,
    /// `-dc`.
    pub(crate) processors: Wish,
}

/// Whether something was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    #[default]
    No,
    Yes,
}

/// How `-dC` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfigurationListing {
    /// Names are hidden by this key, unless it is 0.
    pub(crate) key: u32,
    /// Whether lines are numbered.
    pub(crate) numbers: Wish,
}

/// A keyword of `global` that the command line speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Override {
    /// `-dR`: `noreuseport`.
    NoReusePort,
    /// `-dS`, `-dZ`, `-dF`: `nosplice` and what includes it.
    NoSplice,
}

/// Why the arguments are not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Nothing was asked for, or there is no such option: the usage is shown.
    Unknown(String),
    /// An option's argument is missing or wrong.
    Invalid(String),
    /// The option is known and cannot be had.
    Refused(String),
}

impl Options {
    /// Reads the arguments behind the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Mistake> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--" => options.files.extend(arguments.by_ref()),
                "-sf" | "-st" => {
                    options.old.farewell =
                        if argument == "-sf" { Farewell::Finish } else { Farewell::Terminate };
                    while let Some(pids) = arguments.next_if(|next| !next.starts_with('-')) {
                        options.old.pids.extend(pids_of(&argument, &pids)?);
                    }
                }
                _ => flags::apply(&mut options, &argument, &mut arguments)?,
            }
        }
        match options.task {
            Task::Run | Task::Check if options.files.is_empty() => {
                Err(Mistake::Unknown("no configuration file was given".to_owned()))
            }
            _ => Ok(options),
        }
    }
}

/// One argument of `-sf` or `-st`: a number, or several as a file of numbers gives them.
fn pids_of(option: &str, text: &str) -> Result<Vec<i32>, Mistake> {
    let number = |word: &str| {
        let pid = word.parse().ok().filter(|pid| *pid > 0);
        pid.ok_or_else(|| Mistake::Invalid(format!("{option} option: '{word}' is not a process number")))
    };
    text.split_whitespace().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Mistake> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn files_come_from_both_places() {
        assert_eq!(parse("-f a -c -- b -d").unwrap().files, ["a", "b", "-d"]);
        assert_eq!(parse("-f a -c").unwrap().task, Task::Check);
    }

    #[test]
    fn the_options_of_regression_tests_are_known() {
        let o = parse("-dM -dI -dW -d -f x").unwrap();
        assert_eq!((o.warnings, o.ground), (Warnings::Fatal, Ground::Foreground));
    }

    #[test]
    fn overrides_speak_keywords() {
        let o = parse("-f x -dR -dS -dZ").unwrap();
        assert_eq!(o.overrides, [Override::NoReusePort, Override::NoSplice, Override::NoSplice]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("-f x -z"), Err(Mistake::Unknown("unknown option '-z'".into())));
        assert!(matches!(parse("-f"), Err(Mistake::Invalid(text)) if text.contains("'-f'")));
        assert!(matches!(parse(""), Err(Mistake::Unknown(_))));
        assert!(matches!(parse("-f x stray"), Err(Mistake::Unknown(text)) if text.contains("stray")));
    }

    #[test]
    fn lists_of_processes_end_at_the_next_option() {
        let o = parse("-sf 1 2 -f x").unwrap();
        assert_eq!(o.old, Old { farewell: Farewell::Finish, pids: vec![1, 2] });
        assert_eq!(parse("-f x -st").unwrap().old, Old { farewell: Farewell::Terminate, pids: vec![] });
        let one_argument = ["-f", "x", "-sf", "1\n2\n"].map(str::to_owned);
        assert_eq!(Options::parse(one_argument).unwrap().old.pids, [1, 2]);
        for bad in ["-f x -sf abc", "-f x -sf 0", "-f x -st 1 x"] {
            assert!(matches!(parse(bad), Err(Mistake::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn a_master_is_refused_by_name() {
        for option in ["-W", "-Ws", "-S x"] {
            let refused = parse(&format!("-f x {option}"));
            assert!(
                matches!(&refused, Err(Mistake::Refused(t)) if t.contains("master-worker")),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn listings_take_what_is_attached() {
        let o = parse("-f x -c -dKcfg,smp -dC12,line -dL -dAx.tar -dc").unwrap();
        let listing = ConfigurationListing { key: 12, numbers: Wish::Yes };
        assert_eq!(o.listings.configuration, Some(listing));
        assert_eq!(o.listings.keywords.as_deref(), Some("cfg,smp"));
        assert_eq!((o.listings.libraries, o.listings.processors), (Wish::Yes, Wish::Yes));
        assert_eq!(o.listings.archive.as_deref(), Some("x.tar"));
        let plain = parse("-f x -dC").unwrap().listings.configuration;
        assert_eq!(plain, Some(ConfigurationListing::default()));
        let numbered = parse("-f x -dC,line").unwrap().listings.configuration;
        assert_eq!(numbered, Some(ConfigurationListing { key: 0, numbers: Wish::Yes }));
    }

    #[test]
    fn numbers_are_numbers() {
        let o = parse("-f x -n 10 -N 5 -m 2").unwrap();
        assert_eq!((o.maxconn, o.proxy_maxconn, o.memory), (Some(10), Some(5), Some(2 << 20)));
        assert_eq!(parse("-f x -n 0").unwrap().maxconn, None, "zero leaves the choice");
        for bad in ["-f x -n abc", "-f x -m -1", "-f x -dCkey"] {
            assert!(matches!(parse(bad), Err(Mistake::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn versions_need_no_file() {
        assert_eq!(parse("-vqb").unwrap().task, Task::Version(VersionForm::Branch));
        assert_eq!(parse("-cc streq(a,a)").unwrap().task, Task::Condition("streq(a,a)".into()));
    }

    #[test]
    fn the_usage_names_every_option() {
        let text = usage();
        for option in ["-vv", "-dK", "-sf", "-x", "-C", "-dr"] {
            assert!(text.contains(option), "{option}");
        }
    }

    proptest::proptest! {
        /// Whatever the arguments, they are read or refused.
        #[test]
        fn no_command_line_panics(
            line in proptest::collection::vec("-{0,2}[a-zA-Z0-9,]{0,6}|-(f|sf|st|x|n|cc|dC|dK) ?", 0..6),
        ) {
            let _ = Options::parse(line);
        }
    }
}
