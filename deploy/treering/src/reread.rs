//! `treering reread`: what is stored, as today's readers have it.

use std::io::{self, Write};

use serde_json::json;
use treering_collector::{Reread, Rereading};

use crate::Answer;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::progress::Progress;
use crate::serve::log_to_stderr;
use crate::settings::{File, prices};

pub(crate) async fn run(options: cli::Reread, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.place, &file)?;
    data.must_exist()?;
    let prices = prices(options.prices.as_deref().or(file.prices.as_deref()))?;
    let writer = treering_store::open(&data.store, data.master.clone()).await?.writer;
    let mut rereading = Rereading::from_start(writer, prices, env!("CARGO_PKG_VERSION"));
    let (mut progress, all) = (Progress::default(), rereading.all().await?);
    if !options.from_start && rereading.resume().await? {
        progress.say("going on where the last one was interrupted; --from-start begins anew")?;
    }
    while rereading.go_on().await? {
        let Reread { executions, changed, .. } = rereading.done();
        progress.tell(&format!("{executions} of about {all} executions, {changed} changed"))?;
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
