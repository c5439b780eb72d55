//! From the command line to running workers.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::clock::Clock;
use base::registry::Registry;
use config::diagnostic::Message;
use config::{Draft, Environment, Reader, Severity};
use keyword::Tables;

use crate::facts::ProgramFacts;
use crate::options::{Options, Task, Verbosity, VersionForm, Warnings};
use crate::{version, workers};

/// The whole program, over the tables of its rooms.
pub fn main(rooms: &[Tables]) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(unknown) => {
            eprintln!("{}\nunknown option '{}', or its argument is missing.", version::line(), unknown.0);
            usage();
            return ExitCode::FAILURE;
        }
    };
    match &options.task {
        Task::Version(form) => print_version(*form),
        Task::Usage => {
            println!("{}", version::line());
            usage();
            ExitCode::SUCCESS
        }
        Task::Condition(text) => condition(text),
        Task::Check | Task::Run => start(&keyword::registry(rooms), &options),
    }
}

fn print_version(form: VersionForm) -> ExitCode {
    match form {
        VersionForm::Line => println!("{}", version::line()),
        VersionForm::Details => print!("{}\n{}", version::line(), version::details()),
        VersionForm::Full => println!("{}", version::full()),
        VersionForm::Short => println!("{}", version::VERSION),
        VersionForm::Branch => println!("{}", version::BRANCH),
    }
    ExitCode::SUCCESS
}

fn usage() {
    eprintln!(
        "Usage : haproxy [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -p <pidfile> ] [ -C <dir> ] [-- <cfgfile>*]"
    );
}

/// `-cc`: 0 when the condition holds, 1 when not, 2 when it cannot be read.
fn condition(text: &str) -> ExitCode {
    let place = grammar::line::Place::default();
    let words = match grammar::line::split(text.as_bytes(), place, &ProcessEnvironment) {
        Ok(words) => words,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::from(2);
        }
    };
    let joined = words.iter().map(|w| w.bytes()).collect::<Vec<_>>().join(&b' ');
    match grammar::conditional::parse(&joined).and_then(|e| e.evaluate(&ProgramFacts)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}

/// The process's own variables.
struct ProcessEnvironment;

impl grammar::line::Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<std::borrow::Cow<'_, [u8]>> {
        std::env::var_os(name).map(|v| std::borrow::Cow::Owned(v.into_encoded_bytes()))
    }
}

/// Prints messages to standard error as they come, the two introductory notices before the first.
struct Printer {
    pid: u32,
    verbosity: Verbosity,
    introduced: bool,
    warnings: usize,
    alerts: usize,
}

impl Printer {
    fn print(&mut self, message: &Message) {
        match message.severity {
            Severity::Warning => self.warnings += 1,
            Severity::Alert => self.alerts += 1,
            Severity::Diag | Severity::Notice => {}
        }
        if self.verbosity == Verbosity::Quiet && message.severity != Severity::Alert {
            return;
        }
        let mut text = String::new();
        if !std::mem::replace(&mut self.introduced, true) {
            for line in [
                format!("haproxy version is {}", version::full()),
                format!("path to executable is {}", executable().display()),
            ] {
                let notice = Message { severity: Severity::Notice, place: None, text: line, excerpt: None };
                text.push_str(&notice.render(self.pid));
            }
        }
        text.push_str(&message.render(self.pid));
        // With standard error gone there is nobody to tell.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn alert(&mut self, text: impl Into<String>) {
        self.print(&Message { severity: Severity::Alert, place: None, text: text.into(), excerpt: None });
    }
}

fn executable() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("haproxy"))
}

fn start(registry: &Registry, options: &Options) -> ExitCode {
    let mut printer = Printer {
        pid: std::process::id(),
        verbosity: options.verbosity,
        introduced: false,
        warnings: 0,
        alerts: 0,
    };
    if let Some(directory) = &options.directory
        && let Err(e) = std::env::set_current_dir(directory)
    {
        printer.alert(format!("config : could not change to directory {directory} : {e}"));
        return ExitCode::FAILURE;
    }
    let Some(draft) = read(registry, options, &mut printer) else { return ExitCode::FAILURE };
    if printer.warnings > 0 && options.warnings == Warnings::Fatal {
        printer.alert("Some warnings were found and 'zero-warning' is set. Aborting.");
        return ExitCode::FAILURE;
    }
    if options.task == Task::Check {
        if printer.warnings > 0 && options.verbosity != Verbosity::Quiet {
            println!("Warnings were found.");
        }
        if options.verbosity == Verbosity::Verbose {
            println!("Configuration file is valid");
        }
        return ExitCode::SUCCESS;
    }
    match workers::run(&draft, registry, options, &Clock::system()) {
        Ok(code) => code,
        Err(problems) => {
            for problem in problems {
                printer.alert(problem);
            }
            ExitCode::FAILURE
        }
    }
}

/// Reads all files; `None` after printing what is wrong with them.
fn read(registry: &Registry, options: &Options, printer: &mut Printer) -> Option<Draft> {
    if options.files.is_empty() {
        usage();
        return None;
    }
    let mut files = Vec::new();
    for file in &options.files {
        match expand(Path::new(file)) {
            Ok(found) => files.extend(found),
            Err(e) => {
                let reason = sys::reason(&e);
                printer.alert(format!("config : Cannot open configuration file/directory {file} : {reason}"));
                return None;
            }
        }
    }
    let readings = config::Readings { advice: options.advice };
    let draft = Draft::new(Environment::of_process(), readings);
    let facts = ProgramFacts;
    let mut reader = Reader::new(registry, &facts, draft);
    let mut bad_files = Vec::new();
    for file in &files {
        let alerts = printer.alerts;
        match std::fs::read(file) {
            Ok(content) => reader.read(&file.to_string_lossy(), &content),
            Err(e) => {
                let reason = sys::reason(&e);
                printer.alert(format!(
                    "config : Could not open configuration file {} : {reason}",
                    file.display()
                ));
            }
        }
        for message in reader.diagnostics().take() {
            printer.print(&message);
        }
        if printer.alerts > alerts {
            bad_files.push(file);
        }
    }
    for file in &bad_files {
        printer.alert(format!("config : Error(s) found in configuration file : {}", file.display()));
    }
    if bad_files.is_empty() {
        let (draft, diagnostics) = reader.finish();
        for message in diagnostics.messages() {
            printer.print(message);
        }
        if printer.alerts == 0 {
            return Some(draft);
        }
    }
    printer.alert("config : Fatal errors found in configuration.");
    None
}

/// A directory stands for its files that end in `.cfg`, in the order of their names.
fn expand(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|n| n.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|e| e == "cfg") && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
