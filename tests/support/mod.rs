//! What tests over the running program share.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Nobody waits for longer: whatever takes so long hangs.
pub(crate) const HANG: Duration = Duration::from_secs(10);

/// A running proxy.
pub(crate) struct Proxy {
    child: Child,
    /// The port of its frontend.
    pub(crate) port: u16,
    api: PathBuf,
    directory: PathBuf,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Proxy {
    /// Starts the program, or the one that `HAPROXY_PROGRAM` names. The configuration is made for the frontend's
    /// port; it goes on from within the `global` section.
    pub(crate) fn start(name: &str, configuration: impl FnOnce(u16) -> String) -> Self {
        let directory = std::env::temp_dir().join(format!("haproxy-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let api = directory.join("api");
        let port = free_port();
        let file = directory.join("cfg");
        let text = format!("global\n stats socket {} level admin\n{}", api.display(), configuration(port));
        std::fs::write(&file, text).unwrap();
        let program = std::env::var_os("HAPROXY_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_haproxy").into());
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(file).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let proxy = Self { child, port, api, directory };
        wait_for("the proxy to start", || UnixStream::connect(&proxy.api).is_ok());
        proxy
    }

    /// What the runtime API answers.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut socket = UnixStream::connect(&self.api).unwrap();
        writeln!(socket, "{command}").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The figures of a column of `show stat`, by the number of the column.
    pub(crate) fn column(&self, column: usize) -> Vec<u64> {
        let stat = self.ask("show stat");
        let rows = stat.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        rows.map(|row| row.split(',').nth(column).and_then(|n| n.parse().ok()).unwrap_or(0)).collect()
    }

    /// What is under way anywhere: sessions and those who wait.
    pub(crate) fn busy(&self) -> u64 {
        self.column(2).iter().sum::<u64>() + self.column(4).iter().sum::<u64>()
    }

    /// How many sockets and pipes it has open. What else there is belongs to the threads, the last of which may begin
    /// after the first answers.
    pub(crate) fn descriptors(&self) -> usize {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        // What is gone meanwhile does not count.
        let targets = all.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        let is_counted = |target: &PathBuf| {
            ["socket:", "pipe:"].iter().any(|kind| target.to_string_lossy().starts_with(kind))
        };
        targets.filter(is_counted).count()
    }

    /// The memory that it has in use, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }
}

/// The ports that this process has asked for.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// A port that nobody has. Those that the system gives to clients are left alone: other tests have thousands. Tests that
/// run at once, in one process or in several, do not look at the same ones.
fn free_port() -> u16 {
    let start = (std::process::id() * 16 + ASKED.fetch_add(1, Ordering::Relaxed)) % 15_000;
    let ports = (start..start + 1000).map(|n| 15_000 + u16::try_from(n).unwrap());
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().unwrap()
}

/// Waits for something that will be, unless something hangs.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        thread::sleep(HANG / 1000);
    }
    panic!("waited in vain for {what}");
}
