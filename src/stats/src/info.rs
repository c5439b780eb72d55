//! The figures of `show info`.

use std::fmt::Write as _;

use crate::declare::declare;
use crate::field::{Descriptions, Field, Form, Tags, Value, describe, write_json_members, write_typed};

declare! {
    /// A figure of the process.
    Figure, FIGURES:
    Name = "Name", b"POSV", "name of the product";
    Version = "Version", b"POSV", "its version";
    ReleaseDate = "Release_date", b"POSV", "date of the version";
    Nbthread = "Nbthread", b"CGSV", "threads that carry traffic";
    Nbproc = "Nbproc", b"CGSV", "processes, always 1";
    ProcessNum = "Process_num", b"KGPV", "number of this process, always 1";
    Pid = "Pid", b"SGPV", "the system's number of this process";
    Uptime = "Uptime", b"MDPV", "time since the start, for people";
    UptimeSec = "Uptime_sec", b"MDPV", "seconds since the start";
    MemmaxMb = "Memmax_MB", b"CLPV", "limit of memory in MB (-m)";
    PoolAllocMb = "PoolAlloc_MB", b"MGPV", "memory held in pools, in MB";
    PoolUsedMb = "PoolUsed_MB", b"MGPV", "memory of pools in use, in MB";
    PoolFailed = "PoolFailed", b"MCPV", "allocations that pools refused";
    UlimitN = "Ulimit-n", b"CLPV", "limit of file descriptors";
    Maxsock = "Maxsock", b"CLPV", "limit of sockets";
    Maxconn = "Maxconn", b"CLPV", "limit of connections";
    HardMaxconn = "Hard_maxconn", b"CLPV", "limit of connections that the system's limits allow";
    CurrConns = "CurrConns", b"MGPV", "client connections now";
    CumConns = "CumConns", b"MCPV", "client connections so far";
    CumReq = "CumReq", b"MCPV", "requests so far";
    MaxSslConns = "MaxSslConns", b"MMPV", "limit of TLS connections, 0 for none";
    CurrSslConns = "CurrSslConns", b"MGPV", "TLS connections now";
    CumSslConns = "CumSslConns", b"MCPV", "TLS connections so far";
    Maxpipes = "Maxpipes", b"CLPV", "limit of pipes, 0 for none";
    PipesUsed = "PipesUsed", b"MGPV", "pipes in use";
    PipesFree = "PipesFree", b"MGPV", "pipes kept for later";
    ConnRate = "ConnRate", b"MRPV", "client connections over the last second";
    ConnRateLimit = "ConnRateLimit", b"CLPV", "limit of connections a second (maxconnrate)";
    MaxConnRate = "MaxConnRate", b"MMPV", "most connections in a second";
    SessRate = "SessRate", b"MRPV", "sessions over the last second";
    SessRateLimit = "SessRateLimit", b"CLPV", "limit of sessions a second (maxsessrate)";
    MaxSessRate = "MaxSessRate", b"MRPV", "most sessions in a second";
    SslRate = "SslRate", b"MRPV", "TLS connections over the last second";
    SslRateLimit = "SslRateLimit", b"CLPV", "limit of TLS connections a second (maxsslrate)";
    MaxSslRate = "MaxSslRate", b"MMPV", "most TLS connections in a second";
    SslFrontendKeyRate = "SslFrontendKeyRate", b"MGPV", "TLS keys computed for clients over the last second";
    SslFrontendMaxKeyRate = "SslFrontendMaxKeyRate", b"MMPV", "most TLS keys computed for clients in a second";
    SslFrontendSessionReuse = "SslFrontendSessionReuse_pct", b"MGPV", "share of clients' TLS connections without a new key, in percent";
    SslBackendKeyRate = "SslBackendKeyRate", b"MRPV", "TLS keys computed for servers over the last second";
    SslBackendMaxKeyRate = "SslBackendMaxKeyRate", b"MMPV", "most TLS keys computed for servers in a second";
    SslCacheLookups = "SslCacheLookups", b"MCPV", "TLS sessions looked up";
    SslCacheMisses = "SslCacheMisses", b"MCPV", "TLS sessions looked up in vain";
    CompressBpsIn = "CompressBpsIn", b"MRPV", "bytes given to the compressor over the last second";
    CompressBpsOut = "CompressBpsOut", b"MRPV", "bytes that the compressor gave over the last second";
    CompressBpsRateLim = "CompressBpsRateLim", b"CLPV", "limit of what the compressor gives a second";
    ZlibMemUsage = "ZlibMemUsage", b"MGPV", "memory of the compressor";
    MaxZlibMemUsage = "MaxZlibMemUsage", b"CLPV", "limit of the compressor's memory";
    Tasks = "Tasks", b"MGPV", "tasks now";
    RunQueue = "Run_queue", b"MGPV", "tasks that could run now";
    IdlePct = "Idle_pct", b"MaPV", "share of the last second without work, in percent";
    Node = "node", b"COSV", "name of this node";
    Description = "description", b"COSV", "description of this node";
    Stopping = "Stopping", b"MGPV", "1 while the process is leaving";
    Jobs = "Jobs", b"MGPV", "client connections and listeners that keep the process here";
    UnstoppableJobs = "Unstoppable Jobs", b"MGPV", "those of them that a soft stop does not wait for";
    Listeners = "Listeners", b"MGPV", "listening sockets";
    ActivePeers = "ActivePeers", b"MGPV", "peers that are connected and verified";
    ConnectedPeers = "ConnectedPeers", b"MGPV", "peers that are connected";
    DroppedLogs = "DroppedLogs", b"MGPV", "log lines that were lost";
    BusyPolling = "BusyPolling", b"MGPV", "1 when threads poll without pause";
    FailedResolutions = "FailedResolutions", b"MGPV", "names that could not be resolved";
    TotalBytesOut = "TotalBytesOut", b"MGPV", "bytes sent so far";
    TotalSplicedBytesOut = "TotalSplicedBytesOut", b"MGPV", "bytes sent through pipes so far";
    BytesOutRate = "BytesOutRate", b"MRPV", "bytes sent over the last second";
    DebugCommandsIssued = "DebugCommandsIssued", b"MGPV", "debugging commands given so far";
    CumRecvLogs = "CumRecvLogs", b"MCPV", "log lines received so far";
    BuildInfo = "Build info", b"POSV", "what the program was built from";
    MemmaxBytes = "Memmax_bytes", b"CLPV", "limit of memory in bytes (-m)";
    PoolAllocBytes = "PoolAlloc_bytes", b"MGPV", "memory held in pools, in bytes";
    PoolUsedBytes = "PoolUsed_bytes", b"MGPV", "memory of pools in use, in bytes";
    StartTimeSec = "Start_time_sec", b"MDPV", "date of the start, in seconds";
    Tainted = "Tainted", b"SGPV", "what unusual was done with the process, in hexadecimal bits";
    TotalWarnings = "TotalWarnings", b"MCPV", "warnings given so far";
    MaxconnReached = "MaxconnReached", b"MCPV", "times that the limit of connections was reached";
    BootTimeMs = "BootTime_ms", b"MDPV", "milliseconds that starting took";
    NicedTasks = "Niced_tasks", b"MGPV", "tasks of other than the usual priority that could run now";
    CurrStreams = "CurrStreams", b"MGPV", "streams now";
    CumStreams = "CumStreams", b"MGPV", "streams so far";
    BlockedTrafficWarnings = "BlockedTrafficWarnings", b"MGPV", "warnings given about tasks that held up traffic";
    PatternsAdded = "PatternsAdded", b"MGPV", "patterns added to ACLs and maps";
    PatternsFreed = "PatternsFreed", b"MGPV", "patterns removed from ACLs and maps";
    NbThreadGroups = "NbThreadGroups", b"CGSV", "groups of threads";
}

impl Figure {
    /// Its declaration.
    pub fn field(self) -> &'static Field {
        &FIGURES[self as usize]
    }

    /// Its marks; a few differ when fractions are shown.
    fn tags(self, value: &Value) -> Tags {
        match (self, value) {
            (Self::SslFrontendKeyRate | Self::SslFrontendSessionReuse, Value::Float(_)) => Tags(*b"MRPV"),
            _ => FIGURES[self as usize].tags,
        }
    }
}

/// The figures of the process, in order. Those that are left out do not apply.
#[derive(Clone, Debug, Default)]
pub struct Info(Vec<(Figure, Value)>);

impl Info {
    /// Adds a figure; they come in the order of their declaration.
    pub fn put(&mut self, figure: Figure, value: Value) {
        debug_assert!(
            self.0.last().is_none_or(|(last, _)| (*last as usize) < figure as usize),
            "figures come in order"
        );
        self.0.push((figure, value));
    }

    /// A figure.
    pub fn get(&self, figure: Figure) -> Option<&Value> {
        self.0.iter().find(|(f, _)| *f == figure).map(|(_, value)| value)
    }

    /// All of it as text.
    pub fn render(&self, form: Form, descriptions: Descriptions) -> String {
        let mut out = String::with_capacity(4096);
        if form == Form::Json {
            out.push('[');
        }
        for (i, (figure, value)) in self.0.iter().enumerate() {
            let (position, field) = (*figure as usize, &FIGURES[*figure as usize]);
            match form {
                Form::Plain => {
                    let _ = write!(out, "{}: ", field.name);
                    value.write_plain(&mut out);
                }
                Form::Typed => {
                    let _ = write!(out, "{position}.");
                    write_typed(field, figure.tags(value), value, &mut out);
                }
                Form::Json => {
                    out.push_str(if i == 0 { "{" } else { ",{" });
                    write_json_members(position, field, figure.tags(value), value, &mut out);
                    out.push('}');
                    continue;
                }
            }
            describe(field, descriptions, &mut out);
            out.push('\n');
        }
        if form == Form::Json {
            out.push_str("]\n");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Info {
        let mut info = Info::default();
        info.put(Figure::Name, Value::word("HAProxy"));
        info.put(Figure::Pid, Value::U32(7));
        info.put(Figure::NbThreadGroups, Value::U32(1));
        info
    }

    #[test]
    fn every_form_has_its_layout() {
        let info = sample();
        assert_eq!(
            info.render(Form::Plain, Descriptions::Omitted),
            "Name: HAProxy\nPid: 7\nNbThreadGroups: 1\n"
        );
        assert_eq!(
            info.render(Form::Typed, Descriptions::Omitted),
            "0.Name.1:POSV:str:HAProxy\n6.Pid.1:SGPV:u32:7\n81.NbThreadGroups.1:CGSV:u32:1\n"
        );
        let json = info.render(Form::Json, Descriptions::Added);
        assert!(json.starts_with(
            r#"[{"field":{"pos":0,"name":"Name"},"processNum":1,"tags":{"origin":"Product","nature":"Output","scope":"Service"},"value":{"type":"str","value":"HAProxy"}},{"#
        ));
        assert!(json.ends_with("}]\n"));
    }

    #[test]
    fn descriptions_follow_in_quotes() {
        let text = sample().render(Form::Plain, Descriptions::Added);
        assert!(text.starts_with("Name: HAProxy:\"name of the product\"\n"), "{text}");
    }
}
