//! Signed checkpoints of the audit log, in a file outside the store: a line says how many rows there were, and which the
//! last one was, so that nobody cuts rows off the end of the log unseen. Who writes the store should not be able to write
//! this file: `--audit-checkpoints` puts it elsewhere.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;
use treering_store::{Audit, Checkpoint};

use crate::cli::Common;
use crate::data::Data;
use crate::error::Error;
use crate::settings;

/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// How long a new row may be without a checkpoint behind it, and how many of them.
const LONGEST: Duration = Duration::from_secs(60);
const MOST: u64 = 1_000;

/// Where a folder keeps them unless told otherwise.
pub(crate) fn default_path(folder: &Path) -> PathBuf {
    folder.join("audit.checkpoints")
}

/// Those of a file, in the order of its lines.
pub(crate) fn read(path: &Path) -> Result<Vec<Checkpoint>, Error> {
    let text = settings::read_text(path)?;
    let parse = |(at, line): (usize, &str)| {
        line.parse().map_err(|()| Error::Checkpoint { path: path.to_owned(), line: at + 1 })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}

/// Writes checkpoints for as long as a server runs.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    path: PathBuf,
    audit: Audit,
    /// How many rows the last one tells of.
    count: u64,
    written: Option<Instant>,
    told: bool,
}

impl Checkpoints {
    /// Goes on where the file ends.
    pub(crate) fn of(
        data: &Data,
        flags: &Common,
        file: &settings::File,
        audit: Audit,
    ) -> Result<Self, Error> {
        let path = named(flags, file).unwrap_or_else(|| default_path(&data.folder));
        Self::at(path, audit)
    }

    /// Where it was said where to write them, and nowhere else.
    pub(crate) fn named(flags: &Common, file: &settings::File, audit: Audit) -> Result<Option<Self>, Error> {
        named(flags, file).map(|path| Self::at(path, audit)).transpose()
    }

    fn at(path: PathBuf, audit: Audit) -> Result<Self, Error> {
        let before = if path.exists() { read(&path)? } else { Vec::new() };
        let count = before.iter().map(|checkpoint| checkpoint.count).max().unwrap_or(0);
        Ok(Self { path, audit, count, written: None, told: false })
    }

    pub(crate) fn keep(self) {
        tokio::spawn(self.keep_on());
    }

    async fn keep_on(mut self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.look().await {
                let error = error.with_causes();
                tracing::error!(error, "a checkpoint of the audit log could not be written; trying again");
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let last = self.audit.last().await?.unsigned_abs();
        if last < self.count && !std::mem::replace(&mut self.told, true) {
            let (rows, told) = (last, self.count);
            tracing::error!(
                rows,
                told,
                "the audit log has fewer rows than its checkpoints tell of; run `treering audit verify`"
            );
        }
        let new = last.saturating_sub(self.count);
        let is_due = new >= MOST || self.written.is_none_or(|at| at.elapsed() >= LONGEST);
        if new == 0 || !is_due {
            return Ok(());
        }
        let Some(checkpoint) = self.audit.checkpoint().await? else { return Ok(()) };
        let (path, line) = (self.path.clone(), format!("{checkpoint}\n"));
        let written =
            tokio::task::spawn_blocking(move || append(&path, &line).map_err(|source| (path, source)));
        written.await.map_err(|_| Error::Defect)?.map_err(|(path, source)| Error::Write { path, source })?;
        (self.count, self.written) = (checkpoint.count, Some(Instant::now()));
        Ok(())
    }
}

fn named(flags: &Common, file: &settings::File) -> Option<PathBuf> {
    flags.audit_checkpoints.as_ref().or(file.audit_checkpoints.as_ref()).cloned()
}

/// One line at the end, on disk when this returns.
fn append(path: &Path, line: &str) -> io::Result<()> {
    crate::data::private(path)?;
    let mut file = File::options().append(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}
