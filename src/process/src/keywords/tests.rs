use base::registry::Registry;
use config::directive::Switch;
use config::draft::Readings;
use config::global::{CloseSpread, Demand, EventLoop, Exposure, ProcessLimits, SocketBuffers, Waiting};
use config::{Draft, Environment, Reader, Severity};
use net::Shards;
use proptest::prelude::*;
use sys::cpu::CpuSet;

use super::DIRECTIVES;
use crate::facts::ProgramFacts;
use crate::settings::{
    Affinity, CpuMap, Identity, Jail, Level, Life, PerCore, Permission, Policy, Resources, Selection,
    Sockets, Spread, Threads,
};

fn read_under(text: &str, readings: Readings) -> (Draft, Vec<(Severity, String)>) {
    let mut registry = Registry::default();
    registry.add(config::DIRECTIVES);
    registry.add(config::global::DIRECTIVES);
    registry.add(config::global::CHECKS);
    registry.add(DIRECTIVES);
    let facts = ProgramFacts;
    let mut reader = Reader::new(&registry, &facts, Draft::new(Environment::default(), readings));
    reader.read("t.cfg", format!("global\n{text}\n").as_bytes());
    let (draft, diagnostics) = reader.finish();
    let messages = diagnostics.messages().iter().map(|m| (m.severity, m.text.clone())).collect();
    (draft, messages)
}

fn read(text: &str) -> (Draft, Vec<(Severity, String)>) {
    read_under(text, Readings { start: std::env::current_dir().unwrap(), ..Readings::default() })
}

/// What is set; nothing must be said.
fn set<T: config::Setting>(text: &str) -> T {
    let (draft, messages) = read(text);
    assert_eq!(messages, [], "{text}");
    draft.global()
}

fn refused(text: &str) -> String {
    let (_, messages) = read(text);
    let alert = messages.iter().find(|(severity, _)| *severity == Severity::Alert);
    alert.unwrap_or_else(|| panic!("{text} is accepted")).1.clone()
}

#[test]
fn identities_are_set_once() {
    let identity: Identity =
        set("uid 99\ngid 98\nchroot /var/empty\nset-dumpable\nsetcap cap_net_raw,cap_net_admin");
    assert_eq!((identity.user, identity.group), (Some(99), Some(98)));
    assert_eq!(identity.jail, Some(Jail::Directory("/var/empty".into())));
    assert_eq!((identity.core_dumps, identity.capabilities.len()), (Switch::On, 2));
    assert_eq!(set::<Identity>("chroot auto").jail, Some(Jail::Nameless));
    assert_eq!(set::<Identity>("set-dumpable\nno set-dumpable").core_dumps, Switch::Off);
    assert_eq!(set::<Identity>("insecure-setuid-wanted").setuid_programs, Permission::Given);
    let (draft, messages) = read("uid 99\nuser root");
    assert_eq!(draft.global::<Identity>().user, Some(99), "the first stays");
    assert_eq!(messages, [(Severity::Notice, "'user/uid' already specified. Continuing.".into())]);
    assert_eq!(
        refused("setcap cap_x").split('.').next().unwrap(),
        "'setcap' : unsupported capability 'cap_x'"
    );
    assert!(refused("user no-such-user").contains("cannot find user id for 'no-such-user'"));
    assert!(refused("gid x").contains("'group' keyword"));
}

#[test]
fn the_life_of_the_process_is_described() {
    let life: Life =
        set("daemon\npidfile /a\nquiet\nzero-warning\ngrace 2s\nhard-stop-after 30s\nlocalpeer me");
    assert!(life.daemon.is_on() && life.quiet.is_on() && life.zero_warning.is_on());
    assert_eq!((life.grace.as_secs(), life.hard_stop_after.unwrap().as_secs()), (2, 30));
    assert_eq!((life.pidfile.as_deref(), life.local_peer.as_deref()), (Some("/a"), Some("me")));
    assert_eq!(set::<CloseSpread>("close-spread-time infinite"), CloseSpread::Never);
    assert_eq!(
        set::<CloseSpread>("close-spread-time 5"),
        CloseSpread::Over(std::time::Duration::from_millis(5))
    );
    let (draft, _) = read("localpeer me");
    assert_eq!(draft.environment.get("HAPROXY_LOCALPEER"), Some("me"));
    assert!(refused("master-worker").contains("Use -W or -Ws"));
    assert!(refused("nbproc 2").contains("nbproc"));
    assert!(refused("no daemon").contains("negation is not supported"));
}

#[test]
fn limits_are_numbers() {
    let resources: Resources =
        set("ulimit-n 100\nfd-hard-limit 200\nno strict-limits\nmaxpipes 3\ntune.pipesize 64k\nnosplice");
    assert_eq!((resources.open_files, resources.hard_limit), (Some(100), Some(200)));
    assert_eq!((resources.pipes, resources.pipe_size), (Some(3), 65536));
    assert_eq!((resources.strict, resources.splicing), (Switch::Off, Switch::Off));
    assert_eq!(set::<ProcessLimits>("maxconn 10").maxconn, 10);
    assert_eq!(set::<ProcessLimits>("maxconn -1").maxconn, 0, "the computed value");
    assert_eq!(read("maxconn 10\nmaxconn 11").0.global::<ProcessLimits>().maxconn, 10);
    for bad in ["maxconn", "maxconn a", "maxconn 10k", "ulimit-n a", "ulimit-n", "maxpipes x"] {
        refused(bad);
    }
}

#[test]
fn sockets_are_described() {
    let sockets: Sockets = set(
        "noreuseport\ntune.listener.default-shards by-thread\nunix-bind prefix /run mode 600 user root gid 5",
    );
    assert_eq!((sockets.reuse_port, sockets.shards), (Switch::Off, Shards::ByThread));
    assert_eq!(sockets.unix_prefix.as_deref(), Some("/run"));
    assert_eq!((sockets.unix.mode, sockets.unix.uid, sockets.unix.gid), (Some(0o600), Some(0), Some(5)));
    let buffers: SocketBuffers =
        set("tune.rcvbuf.client 4k\ntune.sndbuf.server 5000\ntune.notsent-lowat.client 0");
    assert_eq!((buffers.client.receive, buffers.server.send), (Some(4096), Some(5000)));
    assert_eq!(buffers.client.notsent_lowat, None);
    assert!(refused("unix-bind user nosuchuser").contains("unknown user"));
    assert!(refused("unix-bind foo bar").contains("only supports"));
    assert!(refused("unix-bind mode").contains("expects an argument"));
    assert!(refused("tune.listener.default-shards on").contains("but got 'on'"));
}

#[test]
fn threads_are_counted() {
    let threads: Threads =
        set("nbthread 4\nthread-groups 2\nthread-group 1 1-3\nthread-group 1 1-2 3\nthread-hard-limit 8");
    assert_eq!((threads.count, threads.groups, threads.hard_limit), (Some(4), Some(2), Some(8)));
    assert_eq!(threads.assigned, [(1, vec![1..=2, 3..=3])], "the last line of a group counts");
    assert_eq!(refused("nbthread 0"), "'nbthread' value must be between 1 and 1024 (was 0)");
    assert_eq!(refused("nbthread 1025"), "'nbthread' value must be between 1 and 1024 (was 1025)");
    assert_eq!(refused("nbthread a"), "'nbthread' passed a missing or unparsable integer value in 'a'");
    assert_eq!(refused("thread-groups 33"), "'thread-groups' value must be between 1 and 32 (was 33)");
    assert!(refused("thread-group 1 0").contains("invalid thread number '0'"));
    refused("thread-group");
}

#[test]
fn processors_are_mapped() {
    let map = |text: &str| set::<Threads>(text).map;
    let whole = map("cpu-map 1 0-3").remove(0);
    assert_eq!((whole.groups, whole.threads.len(), whole.cpus), (vec![1], 64, CpuSet::from([0, 1, 2, 3])));
    let each = CpuMap { groups: vec![1], threads: vec![1, 2], cpus: [2, 3].into(), spread: Spread::OneEach };
    assert_eq!(map("cpu-map auto:1/1-2 3,2"), [each]);
    assert_eq!(map("cpu-map 1/1- 0-")[0].cpus.len(), 64);
    assert_eq!(map("cpu-map auto:odd 0-31")[0].groups.len(), 32);
    assert_eq!(map("cpu-map auto:1/even 0-31")[0].threads[..2], [2, 4]);
    for bad in [
        "cpu-map",
        "cpu-map 1",
        "cpu-map a 0",
        "cpu-map 1 z",
        "cpu-map 65 0",
        "cpu-map 1/65 0",
        "cpu-map 0 0",
        "cpu-map 1 9999",
        "cpu-map auto:1/1 0-3",
    ] {
        refused(bad);
    }
}

#[test]
fn policies_and_sets_are_words() {
    let threads: Threads = set(
        "cpu-policy group-by-2-ccx threads-per-core 1\ncpu-affinity per-group loose\ncpu-set reset drop-cpu 0,2-3 only-node 1\nno numa-cpu-mapping",
    );
    assert_eq!((threads.policy, threads.per_core), (Policy::ByCache(2), PerCore::One));
    assert_eq!((threads.affinity, threads.numa), (Affinity::PerGroupLoose, Switch::Off));
    let chosen = [
        Selection::Reset,
        Selection::Drop(Level::Cpu, [0, 2, 3].into()),
        Selection::Only(Level::Node, [1].into()),
    ];
    assert_eq!(threads.selection, chosen);
    for bad in [
        "cpu-policy",
        "cpu-policy foo",
        "cpu-policy none foo",
        "cpu-policy none threads-per-core 2",
        "cpu-affinity",
        "cpu-affinity per-group foo",
        "cpu-set",
        "cpu-set foo",
        "cpu-set drop-cpu",
        "cpu-set drop-cpu x",
    ] {
        refused(bad);
    }
}

#[test]
fn the_event_loop_is_tuned() {
    let turns: EventLoop = set("tune.maxpollevents 50\ntune.runqueue-depth 20\nbusy-polling");
    assert_eq!((turns.max_events, turns.run_depth, turns.waiting), (Some(50), Some(20), Waiting::Busy));
    assert_eq!(set::<EventLoop>("busy-polling\nno busy-polling").waiting, Waiting::Asleep);
    assert!(refused("tune.maxpollevents 1000001").contains("1000000"));
}

#[test]
fn words_without_effect_are_still_checked() {
    for good in [
        "noepoll",
        "nopoll",
        "noktls",
        "tune.sched.low-latency on",
        "tune.idletimer 100",
        "profiling.tasks auto lock",
        "tune.epoll.mask-events err,hup",
        "stress-level 3",
    ] {
        set::<Life>(good);
    }
    for bad in [
        "noepoll x",
        "tune.sched.low-latency",
        "tune.sched.low-latency maybe",
        "profiling.tasks foo",
        "tune.epoll.mask-events in",
        "stress-level 10",
        "tune.chksize 1",
    ] {
        refused(bad);
    }
}

#[test]
fn experimental_words_must_be_exposed() {
    assert!(refused("tune.fd.edge-triggered on").contains("expose-experimental-directives"));
    let exposed: Exposure = set("expose-experimental-directives\ntune.fd.edge-triggered on");
    assert_eq!(exposed.experimental, Demand::Used);
    let (_, messages) = read("expose-experimental-directives");
    assert_eq!(messages[0].0, Severity::Warning, "what is not needed any more is pointed out");
}

#[test]
fn variables_are_set_and_removed() {
    let (draft, messages) = read("setenv A 1\npresetenv A 2\npresetenv B 3\nsetenv C \"${A}\"\nunsetenv B");
    assert_eq!(messages, []);
    assert_eq!(draft.environment.sorted(), [("A", "1"), ("C", "1")]);
    assert_eq!(refused("setenv"), "'setenv' expects environment variable name.");
    assert_eq!(refused("setenv A"), "'setenv' expects environment variable value for 'A'.");
    refused("setenv A 1 2");
    refused("unsetenv");
}

proptest! {
    /// Whatever stands behind a keyword, it is read or refused.
    #[test]
    fn no_argument_panics(keyword in 0..DIRECTIVES.len(), args in "[ -~]{0,40}") {
        let name = DIRECTIVES[keyword].name;
        // These two act on the process that runs the tests.
        prop_assume!(name != "tune.renice.startup");
        read(&format!("{name} {args}"));
    }

    /// A map ties only threads and processors that can be.
    #[test]
    fn maps_stay_in_their_range(line in "(auto:)?([0-9]{1,2}|all|odd)(/[0-9]{0,2}-?[0-9]{0,2})? [0-9,-]{1,12}") {
        let (draft, _) = read(&format!("cpu-map {line}"));
        for map in draft.global::<Threads>().map {
            prop_assert!(map.threads.iter().chain(&map.groups).all(|n| (1..=64).contains(n)));
            prop_assert!(map.cpus.iter().all(|cpu| *cpu <= 1023));
        }
    }
}
