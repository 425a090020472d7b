//! `treering export`: what is stored, as OTLP/JSON, one request a line.

use std::fs::File as Disk;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;
use treering_otlp::{Assembly, Signal};
use treering_redact::Record;
use treering_step::TraceId;
use treering_store::{Act, Action, ExecutionFilter, ReadHandles, Reader, Scope};

use crate::Answer;
use crate::actor::actor;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::progress::Progress;
use crate::sealed::Sealed;
use crate::serve::log_to_stderr;
use crate::settings::File;

/// Bytes of records in a line, unless a single one is larger: far below what a server takes in a request.
const LINE_BYTES: usize = 1 << 20;
/// Executions that are listed at one time.
const PAGE: u32 = 1_000;

pub(crate) async fn run(options: cli::Export, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.place, &file)?;
    data.must_exist()?;
    let ReadHandles { reader, vault, .. } =
        treering_store::open_read_only(&data.store, data.master.clone()).await?;
    let project = reader.projects().await?.into_iter().find(|project| project.name == options.project);
    let id = project.ok_or_else(|| Error::NoProject(options.project.clone()))?.id;
    let sealed = match options.output.is_some() && !options.clear {
        true => Some(Sealed::begin(vault, id)?),
        false => None,
    };
    let out = Out::open(options.output.as_deref(), sealed)?;
    let exporting = Exporting { reader, scope: Scope::of(id), out, done: Done::default() };
    let (done, act) = (exporting.all(filter(&options)).await, Act::new(Action::Export).within(id));
    let act = match &done {
        Ok(Done { executions, .. }) => act.detail(format!("{executions} executions")),
        Err(_) => act.failed(),
    };
    data.control().await?.audit.append(&actor(), act).await?;
    let done = done?;
    tell(&done, &options)?;
    Ok(if done.executions == 0 { Answer::No } else { Answer::Yes })
}

fn filter(options: &cli::Export) -> ExecutionFilter {
    ExecutionFilter {
        text: options.execution.map(|trace_id| trace_id.to_string()),
        session: options.session.clone(),
        user: options.user.clone(),
        from: options.from,
        to: options.to,
        limit: PAGE,
        ..ExecutionFilter::default()
    }
}

fn tell(done: &Done, options: &cli::Export) -> io::Result<()> {
    let Done { executions, records, lines } = done;
    let mut out = io::stderr().lock();
    writeln!(out, "{executions} executions with {records} records were written in {lines} lines")?;
    match (&options.output, options.clear) {
        (Some(path), true) => writeln!(
            out,
            "{} is not sealed: what is erased later must be erased there as well",
            path.display()
        ),
        (Some(path), false) => {
            writeln!(
                out,
                "{} is sealed; `treering import` reads it with the keys of this folder",
                path.display()
            )
        }
        (None, _) => Ok(()),
    }
}

#[derive(Debug, Default)]
struct Done {
    executions: u64,
    records: u64,
    lines: u64,
}

struct Exporting {
    reader: Reader,
    scope: Scope,
    out: Out,
    done: Done,
}

impl Exporting {
    async fn all(mut self, mut filter: ExecutionFilter) -> Result<Done, Error> {
        let mut progress = Progress::default();
        loop {
            let page = self.reader.executions(self.scope, filter.clone()).await?;
            for execution in page.executions {
                self.execution(execution.trace_id).await?;
                progress.tell(&format!("{} executions", self.done.executions))?;
            }
            filter.cursor = page.next;
            if filter.cursor.is_none() {
                break;
            }
        }
        progress.end()?;
        self.out.end()?;
        Ok(self.done)
    }

    async fn execution(&mut self, trace_id: TraceId) -> Result<(), Error> {
        let records = self.reader.dated_records(self.scope, trace_id).await?;
        self.done.executions += 1;
        for line in lines(&records) {
            let (day, signal) = (line[0].0, line[0].1.signal());
            self.out.line(day, &request(signal, line))?;
            self.done.lines += 1;
            self.done.records += line.len() as u64;
        }
        Ok(())
    }
}

type Dated = (u32, Record);

/// Records of one day and signal, few enough for a line. Equal ones are never parted: what tells them apart is that they
/// come in one request.
fn lines(records: &[Dated]) -> impl Iterator<Item = &[Dated]> {
    let mut bytes = 0;
    records.chunk_by(move |(day, record), (next_day, next)| {
        bytes += record.body().len();
        let is_full = bytes >= LINE_BYTES && record != next;
        let goes_on = day == next_day && record.signal() == next.signal() && !is_full;
        if !goes_on {
            bytes = 0;
        }
        goes_on
    })
}

fn request(signal: Signal, records: &[Dated]) -> String {
    let mut assembly = Assembly::new(signal);
    records.iter().for_each(|(_, record)| assembly.add(record.context(), record.body()));
    let groups = match signal {
        Signal::Traces => "resourceSpans",
        Signal::Logs => "resourceLogs",
    };
    json!({groups: assembly.to_json()}).to_string()
}

/// Where lines go.
struct Out {
    file: Option<Disk>,
    lines: Box<dyn Write + Send>,
    sealed: Option<Sealed>,
}

impl Out {
    fn open(path: Option<&Path>, sealed: Option<Sealed>) -> Result<Self, Error> {
        let mut out = match path {
            Some(path) => {
                let file = create(path)?;
                let lines = file.try_clone()?;
                Self { file: Some(file), lines: Box::new(BufWriter::new(lines)), sealed }
            }
            None => Self { file: None, lines: Box::new(BufWriter::new(io::stdout())), sealed },
        };
        if let Some(sealed) = &out.sealed {
            writeln!(out.lines, "{}", sealed.head())?;
        }
        Ok(out)
    }

    fn line(&mut self, day: u32, text: &str) -> Result<(), Error> {
        match &mut self.sealed {
            Some(sealed) => writeln!(self.lines, "{}", sealed.seal(day, text.as_bytes())?)?,
            None => writeln!(self.lines, "{text}")?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        if let Some(sealed) = &self.sealed {
            writeln!(self.lines, "{}", sealed.end())?;
        }
        self.lines.flush()?;
        Ok(self.file.as_ref().map_or(Ok(()), Disk::sync_all)?)
    }
}

/// For its owner alone, and never over another file.
fn create(path: &Path) -> Result<Disk, Error> {
    let mut options = Disk::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::OutputExists(path.to_owned()),
        _ => Error::Write { path: path.to_owned(), source },
    })
}
