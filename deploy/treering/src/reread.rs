//! `treering reread`: what is stored, as today's readers have it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::json;
use treering_collector::{Reread, Rereading};

use crate::Answer;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::serve::log_to_stderr;
use crate::settings::{File, prices};

/// How often a line tells how far it came, where nobody sees a line change.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: cli::Reread, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.place, &file)?;
    data.must_exist()?;
    let prices = prices(options.prices.as_deref().or(file.prices.as_deref()))?;
    let writer = treering_store::open(&data.store, data.master.clone()).await?.writer;
    let mut rereading = Rereading::from_start(writer, prices, env!("CARGO_PKG_VERSION"));
    let mut progress = Progress::new(rereading.all().await?);
    if !options.from_start && rereading.resume().await? {
        progress.say("going on where the last one was interrupted; --from-start begins anew")?;
    }
    while rereading.go_on().await? {
        progress.tell(rereading.done())?;
    }
    progress.end()?;
    print(rereading.done(), options.json)?;
    Ok(if rereading.done().failed == 0 { Answer::Yes } else { Answer::No })
}

fn print(done: Reread, json: bool) -> io::Result<()> {
    let Reread { executions, records, changed, failed } = done;
    let mut out = io::stdout().lock();
    if json {
        let done =
            json!({"executions": executions, "records": records, "changed": changed, "failed": failed});
        return writeln!(out, "{done}");
    }
    writeln!(out, "{executions} executions with {records} records were read again; {changed} changed")?;
    match failed {
        0 => Ok(()),
        _ => writeln!(out, "{failed} could not be read, which is a defect; they are as they were"),
    }
}

/// How far it came: a line that changes on a terminal, else a line now and then.
struct Progress {
    all: u64,
    is_terminal: bool,
    told_at: Instant,
}

impl Progress {
    fn new(all: u64) -> Self {
        Self { all, is_terminal: io::stderr().is_terminal(), told_at: Instant::now() }
    }

    fn say(&self, line: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{line}")
    }

    fn tell(&mut self, done: Reread) -> io::Result<()> {
        let line = format!("{} of about {} executions, {} changed", done.executions, self.all, done.changed);
        if self.is_terminal {
            write!(io::stderr(), "\r\x1b[K{line}")
        } else if self.told_at.elapsed() >= BETWEEN_LINES {
            self.told_at = Instant::now();
            self.say(&line)
        } else {
            Ok(())
        }
    }

    /// Leaves the line of a terminal to what comes.
    fn end(&self) -> io::Result<()> {
        if self.is_terminal { write!(io::stderr(), "\r\x1b[K") } else { Ok(()) }
    }
}
