//! What something costs.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;

/// A unit of the times that Linux tells of processes.
const TICK: Duration = Duration::from_millis(10);

/// The first process of a server, where there is one.
#[derive(Default)]
pub(crate) struct Processors(Option<u32>);

impl Processors {
    /// Those of the PostgreSQL that listens on the port of this URL.
    pub(crate) fn of_server(url: &str) -> Outcome<Self> {
        let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let wanted = format!("\0-p\0{port}\0");
        for process in fs::read_dir("/proc")?.flatten() {
            let command = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            if let Ok(id) = process.file_name().to_string_lossy().parse()
                && command.contains(&wanted)
                && command.split('\0').next().is_some_and(|program| program.ends_with("postgres"))
            {
                return Ok(Self(Some(id)));
            }
        }
        Err("the server is not among the processes".into())
    }

    /// What the server took so far, all that it started included.
    fn used(&self) -> Outcome<Duration> {
        let Some(first) = self.0 else { return Ok(Duration::ZERO) };
        let mut ticks = 0;
        let (mut own, mut others) = (BTreeSet::from([first]), all_processes()?);
        while let Some(at) = others.iter().position(|process| own.contains(&process.parent)) {
            let process = others.swap_remove(at);
            own.insert(process.id);
            ticks += process.ticks;
        }
        ticks += Process::read(&first.to_string()).map_or(0, |process| process.ticks + process.of_the_dead);
        Ok(TICK * ticks)
    }
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u32,
    of_the_dead: u32,
}

impl Process {
    fn read(name: &str) -> Option<Self> {
        let told = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        let fields: Vec<_> = told.rsplit(')').next()?.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
        Some(Self {
            id: name.parse().ok()?,
            parent: number(1)?,
            ticks: number(11)? + number(12)?,
            of_the_dead: number(13)? + number(14)?,
        })
    }
}

fn all_processes() -> Outcome<Vec<Process>> {
    let names = fs::read_dir("/proc")?.flatten().map(|process| process.file_name());
    Ok(names.filter_map(|name| Process::read(&name.to_string_lossy())).collect())
}

/// A moment, or what is between two.
pub(crate) struct Cost {
    at: Instant,
    pub(crate) wall: Duration,
    /// The processors of this process.
    pub(crate) own: Duration,
    pub(crate) server: Duration,
}

impl Cost {
    pub(crate) fn now(processors: &Processors) -> Outcome<Self> {
        let own = Process::read(&std::process::id().to_string()).map_or(0, |process| process.ticks);
        Ok(Self { at: Instant::now(), wall: Duration::ZERO, own: TICK * own, server: processors.used()? })
    }

    pub(crate) fn since(&self, began: &Self) -> Self {
        Self {
            at: self.at,
            wall: self.at - began.at,
            own: self.own - began.own,
            server: self.server.saturating_sub(began.server),
        }
    }
}
