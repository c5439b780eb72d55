use keyword::command::Level;
use stream::Site;

use crate::api::Shared;
use crate::testing::{answers, shared};

const CONFIG: &str = "\
defaults
 mode http
 timeout client 1s
 timeout server 1s
 timeout connect 1s
frontend fe
 default_backend be
backend be
 server s1 127.0.0.1:8001 weight 10
 server s2 127.0.0.1:8002 backup maxconn 5 maxqueue 7
listen li
 mode tcp
 server x 127.0.0.1:8003 disabled
";

fn admin(shared: &Shared, input: &str) -> String {
    answers(shared, Level::Admin, &format!("{input}\n"))
}

/// The values of some columns of the line that begins so.
fn columns(stat: &str, line: &str, names: &[&str]) -> Vec<String> {
    let head: Vec<_> = stat.lines().next().unwrap().trim_start_matches("# ").split(',').collect();
    let row: Vec<_> = stat.lines().find(|l| l.starts_with(line)).unwrap_or_default().split(',').collect();
    names.iter().map(|n| row[head.iter().position(|h| h == n).unwrap()].to_owned()).collect()
}

#[test]
fn stat_lists_proxies_in_order() {
    let stat = admin(&shared(CONFIG), "show stat");
    let names: Vec<_> = stat
        .lines()
        .skip(1)
        .filter(|l| !l.is_empty())
        .map(|l| l.splitn(3, ',').take(2).collect::<Vec<_>>().join("/"))
        .collect();
    assert_eq!(names, ["fe/FRONTEND", "be/s1", "be/s2", "be/BACKEND", "li/FRONTEND", "li/x", "li/BACKEND"]);
    assert_eq!(
        columns(&stat, "fe,FRONTEND", &["iid", "status", "slim", "type", "h1sess"]),
        ["2", "OPEN", "1000", "0", "0"]
    );
    assert_eq!(
        columns(&stat, "be,s2", &["status", "slim", "qlimit", "act", "bck", "addr", "lastsess"]),
        ["no check", "5", "7", "0", "1", "127.0.0.1:8002", "-1"]
    );
    assert_eq!(
        columns(&stat, "be,BACKEND", &["status", "slim", "weight", "algo"]),
        ["UP", "100", "10", "unknown"]
    );
    assert_eq!(columns(&stat, "li,BACKEND", &["status", "act", "hrsp_2xx"]), ["DOWN", "0", ""]);
}

#[test]
fn stat_is_filtered() {
    let shared = shared(CONFIG);
    assert_eq!(admin(&shared, "show stat be 4 2").lines().filter(|l| !l.is_empty()).count(), 2);
    assert_eq!(admin(&shared, "show stat 2 1 -1").lines().filter(|l| !l.is_empty()).count(), 2);
    assert!(!admin(&shared, "show stat no-maint").contains("li,x"));
    assert!(admin(&shared, "show stat up").contains(",UP (2/2),"));
    assert_eq!(admin(&shared, "show stat nobody 1 -1"), "No such proxy.\n\n");
    assert_eq!(admin(&shared, "show stat domain x"), "Invalid statistics domain.\n\n");
    let user = answers(&shared, Level::User, "show stat\n");
    assert_eq!(columns(&user, "be,s2", &["addr"]), [""], "addresses are not for everybody");
}

#[test]
fn stat_has_other_forms() {
    let shared = shared(CONFIG);
    let typed = admin(&shared, "show stat typed");
    assert!(typed.contains("\nS.3.1.18.weight.1:MaPV:u32:10\n"), "{typed}");
    let json = admin(&shared, "show stat json");
    assert!(json.starts_with("[[{\"objType\":\"Frontend\",\"proxyId\":2,") && json.ends_with("}]]\n\n"));
}

#[test]
fn info_tells_every_figure_in_its_form() {
    let shared = shared(CONFIG);
    let plain = admin(&shared, "show info");
    assert_eq!(plain.lines().filter(|l| l.contains(": ")).count(), 79);
    assert!(plain.starts_with("Name: HAProxy\nVersion: 3.5.0-x\n") && plain.contains("\nNbthread: 2\n"));
    assert!(admin(&shared, "show info typed").contains("\n8.Uptime_sec.1:MDPV:u32:0\n"));
    assert!(admin(&shared, "show info float typed").contains("\n35.SslFrontendKeyRate.1:MRPV:flt:0\n"));
}

#[test]
fn weights_change_and_are_told() {
    let shared = shared(CONFIG);
    assert_eq!(admin(&shared, "set weight be/s1 50%;get weight be/s1"), "\n5 (initial 10)\n\n");
    assert_eq!(
        admin(&shared, "set weight be/s1 257"),
        "Absolute weight can only be between 0 and 256 inclusive.\n\n"
    );
    assert_eq!(
        admin(&shared, "get weight be;get weight x/y;get weight be/y"),
        "Require 'backend/server'.\n\nNo such backend.\n\nNo such server.\n\n"
    );
}

#[test]
fn servers_change_state() {
    let shared = shared(CONFIG);
    assert_eq!(
        admin(&shared, "disable server be/s1;set server be/s2 state drain;enable server li/x"),
        "\n\n\n"
    );
    let stat = admin(&shared, "show stat");
    let status = |line| columns(&stat, line, &["status"]).remove(0);
    assert_eq!(
        (status("be,s1"), status("be,s2"), status("li,x")),
        ("MAINT".into(), "DRAIN".into(), "no check".into())
    );
    assert_eq!(status("be,BACKEND"), "DOWN");
    let state = admin(&shared, "show servers state");
    assert!(state.starts_with("1\n# be_id be_name srv_id "), "{state}");
    assert!(
        state.contains("\n3 be 1 s1 127.0.0.1 0 1 10 10 0 1 0 0 0 0 0 0 - 8001 - 0 0 - - 0\n"),
        "{state}"
    );
    assert!(state.contains("\n3 be 2 s2 127.0.0.1 2 8 1 1 0 1 0 0 0 0 0 0 - 8002 - 0 0 - - 0\n"), "{state}");
    assert!(state.contains("\n4 li 1 x 127.0.0.1 2 4 1 1 0 1 0 0 0 0 0 0 - 8003 - 0 0 - - 0\n"), "{state}");
}

#[test]
fn servers_move() {
    let shared = shared(CONFIG);
    assert_eq!(
        admin(
            &shared,
            "set server be/s1 addr 1.2.3.4;set server be/s1 addr 1.2.3.4 port 80;set server be/s1 addr 1.2.3.4"
        ),
        "IP changed from '127.0.0.1' to '1.2.3.4' by 'stats socket command'\n\n\
         port changed from '8001' to '80' by 'stats socket command'\n\nnothing changed\n\n"
    );
    assert_eq!(admin(&shared, "set server be/s1 addr x"), "Invalid addr 'x'\n\n");
}

#[test]
fn connections_are_told_for_each_thread() {
    let shared = shared(CONFIG);
    let conn = admin(&shared, "show servers conn li");
    assert_eq!(
        conn,
        "# bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est idle_sess \
         unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]\n\
         li/x 4/1 127.0.0.1 8003 - 5000 0 0 0 0 0 0 0 -1 0 0 0\n\n"
    );
    assert_eq!(admin(&shared, "show servers conn x"), "Can't find backend.\n\n");
}

#[test]
fn frontends_open_and_close() {
    let shared = shared(CONFIG);
    assert_eq!(admin(&shared, "enable frontend fe"), "All sockets are already enabled.\n\n");
    assert_eq!(
        admin(&shared, "disable frontend fe;disable frontend fe"),
        "\nAll sockets are already disabled.\n\n"
    );
    assert_eq!(columns(&admin(&shared, "show stat"), "fe,", &["status"]), ["PAUSED"]);
    assert_eq!(
        admin(&shared, "shutdown frontend fe;enable frontend fe"),
        "\nFrontend was previously shut down, cannot enable.\n\n"
    );
    assert_eq!(columns(&admin(&shared, "show stat"), "fe,", &["status"]), ["STOP"]);
    assert_eq!(admin(&shared, "disable frontend x"), "No such frontend.\n\n");
}

#[test]
fn counters_are_cleared() {
    let shared = shared(CONFIG);
    let site = shared.world.get::<Site>().unwrap();
    let counters = &site.frontends[0].counters;
    counters.events.here().sessions.add(3);
    counters.current_max.raise(9);
    assert_eq!(admin(&shared, "clear counters"), "\n");
    assert_eq!((counters.events.sum(|e| e.sessions.get()), counters.current_max.get()), (3, 0));
    let operator = answers(&shared, Level::Operator, "clear counters;clear counters all\n");
    assert_eq!(operator, "\nPermission denied\n\n");
    assert_eq!(admin(&shared, "clear counters all"), "\n");
    assert_eq!(counters.events.sum(|e| e.sessions.get()), 0);
    assert_eq!(admin(&shared, "clear counters server be/s1"), "Server counters cleared.\n\n");
}

#[test]
fn removal_is_waited_for() {
    let shared = shared(CONFIG);
    assert_eq!(
        admin(&shared, "wait 1s srv-removable be/s1"),
        "Failed. Only servers in maintenance mode can be deleted.\n\n"
    );
    assert_eq!(admin(&shared, "wait 1s srv-removable be/y"), "Failed. No such server.\n\n");
    assert_eq!(admin(&shared, "wait 1s srv-removable li/x"), "Done.\n\n");
}

#[test]
fn checks_are_told() {
    let config = "backend be\n timeout connect 1s\n timeout server 1s\n server s 127.0.0.1:1 check\n";
    let shared = shared(config);
    let site = shared.world.get::<Site>().unwrap();
    let core = &site.backends[0].core;
    let server = core.servers.load()[0].clone();
    server.health.configure(2, 3, backend::InitState::Up);
    let names = ["status", "check_status", "check_code", "check_health", "last_chk", "chkfail"];
    let told = || columns(&admin(&shared, "show stat"), "be,s", &names).join("|");
    assert_eq!(told(), "UP 1/3|INI||2||0");
    let result = backend::CheckResult {
        status: backend::CheckStatus::L7Status,
        code: Some(503),
        millis: 4,
        info: "Gone".into(),
    };
    server.health.observe(result, site.clock.now());
    core.set_status(&server, backend::Status::Down, site.clock.now());
    assert_eq!(told(), "DOWN|L7STS|503|0|Gone|0");
    let state = admin(&shared, "show servers state");
    assert!(state.contains("\n2 be 1 s 127.0.0.1 0 0 1 1 0 17 2 0 6 0 0 0 - 1 - 0 0 - - 0\n"), "{state}");
}

#[test]
fn limits_change_within_bounds() {
    let shared = shared(CONFIG);
    assert_eq!(
        admin(&shared, "set maxconn frontend fh;set maxconn frontend fe;set maxconn frontend fe -1"),
        "No such frontend.\n\nInteger value expected.\n\nValue out of range.\n\n"
    );
    assert_eq!(admin(&shared, "set maxconn frontend fe 10;set maxconn global 100"), "\n\n");
    let stat = admin(&shared, "show stat");
    assert_eq!(columns(&stat, "fe,", &["slim"]), ["10"]);
    assert_eq!(columns(&stat, "li,FRONTEND", &["slim"]), ["100"]);
    assert_eq!(admin(&shared, "set maxconn global 1001"), "Value out of range.\n\n");
    assert_eq!(admin(&shared, "set maxconn global 0"), "\n");
    assert!(admin(&shared, "show info").contains("\nMaxconn: 1000\nHard_maxconn: 1000\n"));
    assert_eq!(
        admin(&shared, "set rate-limit connections global 7;set rate-limit sessions global 8"),
        "\n\n"
    );
    let info = admin(&shared, "show info");
    assert!(info.contains("\nConnRateLimit: 7\n") && info.contains("\nSessRateLimit: 8\n"), "{info}");
    assert!(admin(&shared, "set rate-limit x global 7").starts_with("'set rate-limit' only supports :"));
}

#[test]
fn rings_are_listed_and_read() {
    let shared = shared(CONFIG);
    let ring = std::sync::Arc::new(log::Ring::new("r", 1000));
    ring.push(b"one");
    ring.push(b"two");
    let sink = log::Sink { name: "r".into(), description: "d".into(), kind: log::SinkKind::Ring(ring) };
    let mut shared = shared;
    shared.world.put(std::sync::Arc::new(super::Sinks(vec![sink])));
    assert!(admin(&shared, "show events").ends_with("\n    r          : type=buffer, 0 dropped, d\n\n"));
    assert_eq!(admin(&shared, "show events r"), "one\ntwo\n\n");
    assert_eq!(admin(&shared, "show events r -0"), "one\0two\0\n");
    assert_eq!(admin(&shared, "show events r -n"), "\n");
    assert_eq!(admin(&shared, "show events r -x;show events x"), "unknown option\n\nNo such event sink\n\n");
    // Whatever is said ends the waiting.
    assert_eq!(admin(&shared, "show events r -w\nstop"), "one\ntwo\n\n");
}

#[test]
fn streams_are_asked_of_the_threads() {
    let mut shared = shared(CONFIG);
    assert_eq!(admin(&shared, "show sess"), "This process carries no traffic.\n\n");
    shared.world.put(std::sync::Arc::new(stream::Crew::default()));
    assert_eq!(admin(&shared, "show sess;show sess all;show sess older 1m backend be"), "\n\n\n");
    assert_eq!(
        admin(&shared, "show sess 0x1;show sess x;show sess older;show sess older y;show sess server be/z"),
        "Session not found.\n\nUnsupported option 'x', try 'help' for more info.\n\n\
         Expects a minimum age (in seconds by default).\n\nInvalid age.\n\nNo such server.\n\n"
    );
    assert_eq!(
        admin(&shared, "shutdown session;shutdown session 0x1;shutdown sessions server be/s1"),
        "Session pointer expected (use 'show sess').\n\nNo such session (use 'show sess').\n\n\n"
    );
    assert!(admin(&shared, "show sess help").starts_with("Usage: show sess "));
}

#[test]
fn nothing_invalid_is_told_as_such() {
    let shared = shared(CONFIG);
    let answer = admin(&shared, "show errors");
    assert!(answer.starts_with("Total events captured on [") && answer.ends_with("] : 0\n\n"), "{answer}");
    assert_eq!(admin(&shared, "show errors nobody"), "No such proxy.\n\n");
}

#[test]
fn health_is_forced_and_down_times_are_told() {
    let shared = shared(CONFIG);
    let state = |line, names: &[&str]| columns(&admin(&shared, "show stat"), line, names).join("|");
    let after = |seconds| shared.clock.advance(std::time::Duration::from_secs(seconds));
    assert_eq!(admin(&shared, "set server be/s1 health stopping"), "\n");
    assert_eq!(state("be,s1", &["status", "lastchg"]), "NOLB|0");
    assert_eq!(admin(&shared, "set server be/s2 state maint;set server be/s1 health down"), "\n\n");
    after(5);
    assert_eq!(state("be,BACKEND", &["status", "downtime", "lastchg", "chkdown"]), "DOWN|5|5|1");
    assert_eq!(admin(&shared, "set server be/s1 health up"), "\n");
    after(3);
    assert_eq!(state("be,BACKEND", &["status", "downtime", "lastchg"]), "UP|5|3");
    assert_eq!(
        admin(&shared, "set server be/s1 health x;set server be/s1 fqdn a;set server be/s1 agent up"),
        "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n\n\
         set server <b>/<s> fqdn failed because no resolution is configured.\n\n\
         agent checks are not enabled on this server.\n\n"
    );
}

#[test]
fn variables_of_the_process_are_set_and_told() {
    let shared = shared("frontend f\n bind 127.0.0.1:1\n timeout client 1s\n");
    let say = |line: &str| answers(&shared, Level::Admin, &format!("{line}\n"));
    assert!(say("set var proc.x int(5)").contains("experimental"));
    let say = |line: &str| answers(&shared, Level::Admin, &format!("experimental-mode on; {line}\n"));
    assert!(say("set var proc.x int(5); get var proc.x").contains("proc.x: type=sint value=<5>\n"));
    assert!(say("set var proc.y expr str(a); get var proc.y").contains("proc.y: type=str value=<a>\n"));
    assert!(say("set var proc.z fmt <%[var(proc.x)]>; get var proc.z").contains("value=<<5>>\n"));
    for (line, error) in [
        ("get var proc.none", "Variable not found."),
        ("get var txn.x", "Variable not found."),
        ("get var", "Missing process-wide variable identifier."),
        ("set var txn.x int(1)", "only scope 'proc' is permitted here."),
        ("set var proc.x path", "sample fetch <path>"),
        ("set var proc.x nope", "unknown fetch method 'nope'"),
        ("set var proc.x nbsrv(f)", "nothing can be named in arg 1"),
    ] {
        assert!(say(line).contains(error), "{line}: {}", say(line));
    }
}
