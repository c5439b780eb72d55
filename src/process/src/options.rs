//! The command line (management manual, section 3).

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
    pub(crate) advice: config::draft::Advice,
    /// `-C`.
    pub(crate) directory: Option<String>,
    /// `-p`.
    pub(crate) pidfile: Option<String>,
    /// `-L`.
    pub(crate) local_peer: Option<String>,
    /// `-n`.
    pub(crate) maxconn: Option<u64>,
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
    /// `-h`, or a mistake.
    Usage,
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

/// An argument that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownOption(pub(crate) String);

impl Options {
    /// Reads the arguments behind the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, UnknownOption> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                options.files.extend(arguments);
                break;
            }
            options.one(&argument, &mut arguments)?;
        }
        Ok(options)
    }

    fn one(&mut self, argument: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), UnknownOption> {
        let mut value = || rest.next().ok_or_else(|| UnknownOption(argument.to_owned()));
        match argument {
            "-f" => self.files.push(value()?),
            "-c" => self.task = Task::Check,
            "-cc" => self.task = Task::Condition(value()?),
            "-v" => self.task = Task::Version(VersionForm::Line),
            "-vv" => self.task = Task::Version(VersionForm::Details),
            "-vq" => self.task = Task::Version(VersionForm::Full),
            "-vqs" => self.task = Task::Version(VersionForm::Short),
            "-vqb" => self.task = Task::Version(VersionForm::Branch),
            "-q" => self.verbosity = Verbosity::Quiet,
            "-V" => self.verbosity = Verbosity::Verbose,
            "-d" => {
                self.ground = Ground::Foreground;
                self.verbosity = Verbosity::Verbose;
            }
            "-db" => self.ground = Ground::Foreground,
            "-D" => self.ground = Ground::Background,
            "-dW" => self.warnings = Warnings::Fatal,
            "-dD" => self.advice = config::draft::Advice::Given,
            // Memory is never handed out uninitialised, and external programs are not forbidden to start.
            "-dI" => {}
            _ if argument.starts_with("-dM") => {}
            "-C" => self.directory = Some(value()?),
            "-p" => self.pidfile = Some(value()?),
            "-L" => self.local_peer = Some(value()?),
            "-n" => {
                let text = value()?;
                self.maxconn = Some(text.parse().map_err(|_| UnknownOption(format!("-n {text}")))?);
            }
            "-h" | "--help" => self.task = Task::Usage,
            other => return Err(UnknownOption(other.to_owned())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, UnknownOption> {
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
    fn an_unknown_option_is_named() {
        assert_eq!(parse("-z"), Err(UnknownOption("-z".into())));
        assert_eq!(parse("-f"), Err(UnknownOption("-f".into())));
    }
}
