#![no_main]
//! Any text names a set of threads or is refused; what is taken can be asked for any thread.

use libfuzzer_sys::fuzz_target;
use net::{Shards, ThreadNumber, ThreadSet};

fuzz_target!(|input: (&str, u32, u32, u32)| {
    let (text, absolute, group, within) = input;
    if let Ok(set) = ThreadSet::parse(text) {
        let _ = set.contains(ThreadNumber { absolute, group, within });
    }
    if let Some(shards) = Shards::parse(text) {
        assert!(shards.sockets(absolute as usize, group as usize) <= (absolute as usize).max(1));
    }
});
