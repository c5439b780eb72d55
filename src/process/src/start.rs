//! From the command line to a checked configuration.

use std::path::Path;
use std::process::ExitCode;

use base::clock::Clock;
use base::registry::Registry;
use config::draft::{Readings, Showing, Speech};
use config::global::DefaultPath;
use config::{Draft, Environment, Reader};
use keyword::Tables;
use stream::Site;
use stream::settings::Limits;

use crate::facts::ProgramFacts;
use crate::files::Source;
use crate::options::{Mistake, Options, Override, Task, Verbosity, VersionForm, Warnings, Wish, usage};
use crate::plan::{Machine, Plan};
use crate::report::Reporter;
use crate::settings::{Life, Resources, Sockets, Threads};
use crate::{files, listing, run, version};

/// The whole program, over the tables of its rooms.
pub fn main(rooms: &[Tables]) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(mistake) => return explain(&mistake),
    };
    match &options.task {
        Task::Version(form) => print_version(*form),
        Task::Condition(text) => condition(text),
        Task::MemoryHelp => {
            println!("Memory is never handed out uninitialised: -dM and its options have no effect.");
            ExitCode::SUCCESS
        }
        // It holds all lists of patterns. To take them apart when the process ends would take as long as reading them.
        Task::Check | Task::Run => start(Box::leak(Box::new(keyword::registry(rooms))), &options),
    }
}

fn explain(mistake: &Mistake) -> ExitCode {
    match mistake {
        Mistake::Refused(text) | Mistake::Invalid(text) => Reporter::default().alert(text),
        Mistake::Unknown(text) => {
            println!("{}", version::line());
            eprintln!("{text}\n\n{}", usage());
        }
    }
    ExitCode::FAILURE
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

/// `-cc`: 0 when the condition holds, 1 when not, 2 when it cannot be read.
fn condition(text: &str) -> ExitCode {
    let place = grammar::line::Place::default();
    let words = match grammar::line::split(text.as_bytes(), place, &ProcessEnvironment) {
        Ok(words) => words,
        Err(e) => {
            Reporter::default().alert(format!("Syntax Error in condition: {e}."));
            return ExitCode::from(2);
        }
    };
    let joined = words.iter().map(grammar::line::Word::bytes).collect::<Vec<_>>().join(&b' ');
    match grammar::conditional::parse(&joined).and_then(|e| e.evaluate(&ProgramFacts)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            Reporter::default().alert(format!("Failed to evaluate condition: {e}"));
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

fn start(registry: &Registry, options: &Options) -> ExitCode {
    let mut reporter = Reporter::new(options.verbosity, options.advice);
    match prepare(registry, options, &mut reporter) {
        Err(Stop) => ExitCode::FAILURE,
        Ok(prepared) if options.task == Task::Check => check(&prepared, options, &reporter),
        Ok(prepared) => run::run(prepared, registry, options, reporter),
    }
}

/// The start cannot go on; the reason has been printed.
struct Stop;

/// A configuration that is ready to be put to work.
pub(crate) struct Prepared {
    pub(crate) draft: Draft,
    pub(crate) plan: Plan,
    pub(crate) clock: Clock,
}

fn prepare(registry: &Registry, options: &Options, reporter: &mut Reporter) -> Result<Prepared, Stop> {
    let clock = Clock::system();
    let mut draft = read(registry, options, reporter)?;
    let life: Life = draft.global();
    if life.quiet.is_on() && options.verbosity != Verbosity::Verbose {
        reporter.hush(Verbosity::Quiet);
    }
    if reporter.verbosity() == Verbosity::Quiet {
        draft.readings.speech = Speech::Silent;
        draft.readings.showing = Showing::Nothing;
    }
    let machine = Machine::detect();
    let plan = Plan::new(&draft.global::<Threads>(), &machine).map_err(|problem| {
        reporter.alert(problem);
        Stop
    })?;
    for text in &plan.warnings {
        reporter.warn(text);
    }
    reporter.advise(format!("Created {} threads split into {} groups", plan.threads.len(), plan.groups));
    print_listings(registry, options, &machine, &plan);
    if options.task == Task::Check {
        resolve(&draft, &plan, &clock, reporter)?;
    }
    let fatal = options.warnings == Warnings::Fatal || life.zero_warning.is_on();
    if reporter.warnings() > 0 && fatal {
        reporter.alert("Some warnings were found and 'zero-warning' is set. Aborting.");
        return Err(Stop);
    }
    Ok(Prepared { draft, plan, clock })
}

/// What a check looks at beyond the files: whether all names lead somewhere.
fn resolve(draft: &Draft, plan: &Plan, clock: &Clock, reporter: &mut Reporter) -> Result<(), Stop> {
    let facts = lang::facts::ProcessFacts::default();
    match Site::build(draft, facts, clock.clone(), plan.threads.len()) {
        Ok(_) => Ok(()),
        Err(errors) => {
            for e in &errors {
                reporter.alert(run::at(&e.place, &e.message));
            }
            reporter.alert("config : Fatal errors found in configuration.");
            Err(Stop)
        }
    }
}

fn check(prepared: &Prepared, options: &Options, reporter: &Reporter) -> ExitCode {
    let verbosity = reporter.verbosity();
    if reporter.warnings() > 0 && verbosity != Verbosity::Quiet {
        println!("Warnings were found.");
    }
    if options.verbosity == Verbosity::Verbose {
        println!("Configuration file is valid");
    }
    debug_assert!(!prepared.plan.threads.is_empty(), "a plan has threads");
    ExitCode::SUCCESS
}

/// What was asked to be listed, on standard output.
fn print_listings(registry: &Registry, options: &Options, machine: &Machine, plan: &Plan) {
    let listings = &options.listings;
    if let Some(classes) = &listings.keywords {
        print!("{}", keyword::listing::list(registry, classes));
    }
    let complain = |e: std::io::Error| eprintln!("cannot list the libraries ({})", sys::reason(&e));
    if listings.libraries == Wish::Yes {
        match listing::loaded(options.verbosity) {
            Ok(text) => print!("{text}"),
            Err(e) => complain(e),
        }
    }
    if let Some(file) = &listings.archive {
        listing::archive(Path::new(file)).unwrap_or_else(complain);
    }
    if listings.processors == Wish::Yes {
        print!("{}", listing::processors(machine, plan));
    }
}

/// Reads all files, and prints what is wrong with them.
fn read(registry: &Registry, options: &Options, reporter: &mut Reporter) -> Result<Draft, Stop> {
    let mut fail = |text: String| {
        reporter.alert(text);
        Stop
    };
    if let Some(directory) = &options.directory
        && let Err(e) = std::env::set_current_dir(directory)
    {
        return Err(fail(format!("Could not change to directory {directory} : {}", sys::reason(&e))));
    }
    let sources = files::load(&options.files).map_err(&mut fail)?;
    let start = std::env::current_dir().unwrap_or_default();
    let readings = Readings {
        advice: options.advice,
        start,
        resolution: options.resolution,
        showing: options.showing,
        ..Readings::default()
    };
    let mut draft = Draft::new(environment(&sources, options), readings);
    apply_early(&mut draft, options);
    let facts = ProgramFacts;
    let mut reader = Reader::new(registry, &facts, draft);
    if let Some(listed) = options.listings.configuration {
        reader.watch(Box::new(move |line| print!("{}", listing::line(listed, registry, line))));
    }
    let bad = read_sources(&mut reader, &sources, reporter)?;
    for name in &bad {
        reporter.alert(format!("config : Error(s) found in configuration file : {name}"));
    }
    if bad.is_empty() {
        let (mut draft, diagnostics) = reader.finish();
        for message in diagnostics.messages() {
            reporter.print(message);
        }
        if reporter.alerts() == 0 {
            apply_late(&mut draft, options);
            return Ok(draft);
        }
    }
    reporter.alert("config : Fatal errors found in configuration.");
    Err(Stop)
}

/// Reads one file after the other; returns the names of those with errors.
fn read_sources<'s>(
    reader: &mut Reader<'_>,
    sources: &'s [Source],
    reporter: &mut Reporter,
) -> Result<Vec<&'s str>, Stop> {
    let mut bad = Vec::new();
    for source in sources {
        let alerts = reporter.alerts();
        let start = reader.draft().readings.start.clone();
        let entered = reader.draft().global::<DefaultPath>().enter(&start, &source.name);
        reader.read(&source.name, &source.content);
        for message in reader.diagnostics().take() {
            reporter.print(&message);
        }
        let back = entered.and_then(|()| std::env::set_current_dir(&start));
        if let Err(e) = back {
            reporter.alert(format!(
                "config : cannot follow 'default-path' for {} ({})",
                source.name,
                sys::reason(&e)
            ));
            return Err(Stop);
        }
        if reporter.alerts() > alerts {
            bad.push(source.name.as_str());
        }
    }
    Ok(bad)
}

/// The environment that configurations see.
fn environment(sources: &[Source], options: &Options) -> Environment {
    let mut environment = Environment::of_process();
    let names: Vec<_> = sources.iter().map(|s| s.name.as_str()).collect();
    environment.set("HAPROXY_CFGFILES", &names.join(";"));
    environment.set("HAPROXY_BRANCH", version::BRANCH);
    environment.set("HAPROXY_STARTUP_VERSION", &version::full());
    let host = sys::process::host_name().unwrap_or_default();
    environment.set("HAPROXY_LOCALPEER", options.local_peer.as_deref().unwrap_or(&host));
    for (name, format) in log::formats::VARIABLES {
        environment.set(name, format);
    }
    environment
}

/// What the command line sets before the files are read, and they do not change.
fn apply_early(draft: &mut Draft, options: &Options) {
    if let Some(name) = &options.local_peer {
        draft.global.get_mut::<Life>().local_peer = Some(name.as_str().into());
    }
}

/// What the command line sets whatever the files say.
fn apply_late(draft: &mut Draft, options: &Options) {
    for over in &options.overrides {
        match over {
            Override::NoReusePort => {
                draft.global.get_mut::<Sockets>().reuse_port = config::directive::Switch::Off;
            }
            Override::NoSplice => {
                draft.global.get_mut::<Resources>().splicing = config::directive::Switch::Off;
            }
        }
    }
    if let Some(limit) = options.proxy_maxconn {
        for proxy in draft.proxies.iter_mut().filter(|p| p.kind.has_frontend()) {
            proxy.slots.get_mut::<Limits>().maxconn.get_or_insert(limit);
        }
    }
}
