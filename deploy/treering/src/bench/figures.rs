//! What a process takes of its machine, by the word of Linux.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;

/// Up to one moment.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// On a processor, of all its threads that live.
    pub(super) processor: Duration,
    /// The same by the name of the thread.
    pub(super) threads: BTreeMap<String, Duration>,
    /// Bytes in memory now, and at the most so far.
    pub(super) resident: u64,
    pub(super) peak: u64,
}

impl Usage {
    pub(super) fn of(pid: u32) -> Result<Self, Error> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let status = read(&folder.join("status"))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            kilobytes.unwrap_or_default() * 1024
        };
        let mut threads: BTreeMap<String, Duration> = BTreeMap::new();
        let tasks = folder.join("task");
        let of = |source| Error::Read { path: tasks.clone(), source };
        for task in std::fs::read_dir(&tasks).map_err(of)?.flatten() {
            // A thread may end at any moment.
            let Some((name, time)) = thread(&task.path()) else { continue };
            *threads.entry(name).or_default() += time;
        }
        let processor = threads.values().sum();
        Ok(Self { processor, threads, resident: bytes("VmRSS:"), peak: bytes("VmHWM:") })
    }
}

fn thread(folder: &Path) -> Option<(String, Duration)> {
    let name = std::fs::read_to_string(folder.join("comm")).ok()?.trim().to_owned();
    let told = std::fs::read_to_string(folder.join("schedstat")).ok()?;
    let nanoseconds = told.split_whitespace().next()?.parse().ok()?;
    Some((name, Duration::from_nanos(nanoseconds)))
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}
