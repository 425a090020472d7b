//! `treering prune`: retention, now.

use std::io::{self, Write};

use serde_json::{Value, json};
use treering_collector::{Pruned, doubt, prune};
use treering_step::Timestamp;
use treering_store::{Act, Action, ClockNote, Handles};

use crate::Answer;
use crate::actor::actor;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::serve::log_to_stderr;
use crate::settings::File;

pub(crate) async fn run(options: cli::Prune, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.place, &file)?;
    data.must_exist()?;
    let Handles { writer, audit, .. } = treering_store::open(&data.store, data.master.clone()).await?;
    let now = Timestamp::now();
    if options.trust_clock {
        writer.note_clock(ClockNote { seen_at: now, doubted_since: None }).await?;
    } else if let Some(since) = doubt(&writer, now).await? {
        refuse(now, since)?;
        return Ok(Answer::No);
    }
    let pruned = prune(&writer, now, options.dry_run).await?;
    if !options.dry_run {
        for Pruned { project, forgotten, .. } in &pruned {
            let detail = format!("{} executions, {} records", forgotten.executions, forgotten.records);
            audit.append(&actor(), Act::new(Action::Prune).within(project.id).detail(detail)).await?;
        }
    }
    print(&pruned, &options)?;
    Ok(Answer::Yes)
}

fn refuse(now: Timestamp, since: Timestamp) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "the clock says {now} and has leapt to {since} since a server last looked at it; \
         if it is right, say so with --trust-clock"
    )
}

fn print(pruned: &[Pruned], options: &cli::Prune) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if options.json {
        return writeln!(out, "{}", pruned.iter().map(listed).collect::<Value>());
    }
    let verb = if options.dry_run { "would go" } else { "went" };
    for Pruned { project, forgotten, .. } in pruned {
        let (executions, records, bytes) = (forgotten.executions, forgotten.records, forgotten.bytes);
        writeln!(out, "{}: {executions} executions, {records} records, {bytes} bytes {verb}", project.name)?;
    }
    match pruned {
        [] => writeln!(out, "every project keeps everything for ever"),
        _ => Ok(()),
    }
}

fn listed(pruned: &Pruned) -> Value {
    json!({
        "project": pruned.project.name,
        "executions": pruned.forgotten.executions,
        "records": pruned.forgotten.records,
        "bytes": pruned.forgotten.bytes,
    })
}
