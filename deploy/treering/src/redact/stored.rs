//! New rules over what is stored. It was redacted before: what is looked for is what they would take beyond that.

use std::io::{self, Write};

use treering_redact::{Record, Rules};
use treering_store::{ExecutionFilter, ReadHandles, Reader, Scope};

use super::table::Table;
use crate::cli::Redact;
use crate::data::Data;
use crate::error::Error;
use crate::progress::Progress;
use crate::settings::File;

/// Executions that are listed at one time.
const PAGE: u32 = 100;

#[derive(Default)]
struct Looked {
    table: Table,
    executions: u32,
    records: u64,
    changed: u64,
}

/// True where anything more would be taken.
pub(super) async fn look(rules: &Rules, options: &Redact, file: &File) -> Result<bool, Error> {
    let data = Data::of(&options.place, file)?;
    data.must_exist()?;
    let ReadHandles { reader, .. } = treering_store::open_read_only(&data.store, data.master.clone()).await?;
    let project = reader.projects().await?.into_iter().find(|project| project.name == options.project);
    let project = project.ok_or_else(|| Error::NoProject(options.project.clone()))?.id;
    let looked = all(&reader, Scope::of(project), rules, options.last).await?;
    let mut out = io::stdout().lock();
    let Looked { table, executions, records, changed } = &looked;
    writeln!(
        out,
        "{executions} executions with {records} records were looked at; {changed} records would lose more"
    )?;
    table.write(&mut out)?;
    Ok(table.changes())
}

async fn all(reader: &Reader, scope: Scope, rules: &Rules, last: u32) -> Result<Looked, Error> {
    let (mut looked, mut progress) = (Looked::default(), Progress::default());
    let mut filter = ExecutionFilter { limit: PAGE.min(last), ..ExecutionFilter::default() };
    loop {
        let page = reader.executions(scope, filter.clone()).await?;
        for execution in page.executions {
            if looked.executions == last {
                break;
            }
            let records = reader.dated_records(scope, execution.trace_id).await?;
            records.iter().try_for_each(|(_, record)| looked.at(rules, record))?;
            looked.executions += 1;
            progress.tell(&format!("{} executions", looked.executions))?;
        }
        filter.cursor = page.next;
        if filter.cursor.is_none() || looked.executions == last {
            break;
        }
    }
    progress.end()?;
    Ok(looked)
}

impl Looked {
    fn at(&mut self, rules: &Rules, record: &Record) -> Result<(), Error> {
        let again = rules.redact_record(record)?;
        let again = again.records();
        self.records += 1;
        self.changed += u64::from(again.first().is_none_or(|again| again.body() != record.body()));
        record.redactions().iter().for_each(|(rule, count)| self.table.now(rule, *count));
        let then = again.iter().flat_map(Record::redactions);
        then.for_each(|(rule, count)| self.table.then(&rule, count));
        Ok(())
    }
}
