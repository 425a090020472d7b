//! `treering import`: requests in OTLP/JSON, one a line, taken in as if an exporter sent them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use treering_otlp::{Export, Signal};
use treering_step::Timestamp;
use treering_store::{Act, Action, ApiKey, Keeper, Project, Scopes, Terms};

use crate::Answer;
use crate::actor::actor;
use crate::cli;
use crate::data::Data;
use crate::error::Error;
use crate::owner::Owner;
use crate::progress::Progress;
use crate::sealed::{Head, Opened, Sealed};
use crate::sender::{Sender, Sent};
use crate::serve::log_to_stderr;
use crate::settings::File;

/// Bytes of a line: more than any server takes.
const LONGEST_LINE: usize = 512 << 20;
/// How long the key is good that the command makes for itself, should it not come to end it.
const KEY_FOR: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) async fn run(options: cli::Import, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.place, &file)?;
    let lines = Lines::open(options.input.as_deref())?;
    let owner = Owner::of(&data, &options.place, options.rules.clone(), &file).await?;
    let done = import(&owner, &data, &options.project, lines).await;
    owner.end().await;
    let done = done?;
    print(&done, options.json)?;
    Ok(if done.refused + done.rejected + done.erased == 0 && !done.cut_off {
        Answer::Yes
    } else {
        Answer::No
    })
}

async fn import(owner: &Owner, data: &Data, project: &str, lines: Lines) -> Result<Done, Error> {
    let address = owner.otlp_http().ok_or(Error::NoDoor)?;
    let project = owner.keeper().ensure_project(project).await?;
    let act = Act::new(Action::Import).within(project.id);
    let (key, id) = key(owner.keeper(), project).await?;
    let importing =
        Importing { data, sender: Sender::new(address, key), sealed: None, done: Done::default() };
    let done = importing.all(lines).await;
    owner.keeper().revoke_key(id).await?;
    let act = match &done {
        Ok(done) => act.detail(format!("{} records", done.records)),
        Err(_) => act.failed(),
    };
    owner.audit().append(&actor(), act).await?;
    done
}

/// The command sends as any exporter would, with a key of its own.
async fn key(keeper: &Keeper, project: Project) -> Result<(ApiKey, i64), Error> {
    let key = ApiKey::generate()?;
    let end = Timestamp::from(std::time::SystemTime::now() + KEY_FOR);
    let record = keeper
        .create_key(project, &key, Terms::from(Scopes { ingest: true, read: false }).until(Some(end)))
        .await?;
    Ok((key, record.id))
}

#[derive(Debug, Default)]
struct Done {
    requests: u64,
    records: u64,
    /// Records that were refused alone.
    rejected: u64,
    /// Lines that were refused as a whole.
    refused: u64,
    /// Sealed lines whose keys are gone.
    erased: u64,
    cut_off: bool,
}

fn print(done: &Done, json: bool) -> io::Result<()> {
    let Done { requests, records, rejected, refused, erased, cut_off } = done;
    let mut out = io::stdout().lock();
    if json {
        let done = json!({
            "requests": requests,
            "records": records,
            "rejected_records": rejected,
            "refused_lines": refused,
            "erased_lines": erased,
            "cut_off": cut_off,
        });
        return writeln!(out, "{done}");
    }
    writeln!(out, "{records} records in {requests} requests were taken in")?;
    for (count, what) in [
        (rejected, "records were refused alone"),
        (refused, "lines were refused, as told above"),
        (
            erased,
            "sealed lines cannot be opened: what they held was erased, or this is not where it was exported",
        ),
    ] {
        if *count > 0 {
            writeln!(out, "{count} {what}")?;
        }
    }
    if *cut_off { writeln!(out, "the file is cut off: its last lines are missing") } else { Ok(()) }
}

struct Importing<'a> {
    data: &'a Data,
    sender: Sender,
    sealed: Option<Sealed>,
    done: Done,
}

impl Importing<'_> {
    async fn all(mut self, mut lines: Lines) -> Result<Done, Error> {
        let mut progress = Progress::default();
        let mut number = 0;
        while let (rest, Some(line)) = lines.next().await? {
            lines = rest;
            number += 1;
            if number == 1 && self.is_head(&line).await? {
                self.done.cut_off = true;
                continue;
            }
            if let Some(text) = self.text(line)? {
                self.line(number, text, &progress).await?;
            }
            progress.tell(&format!("{} records in {number} lines", self.done.records))?;
        }
        progress.end()?;
        Ok(self.done)
    }

    /// True for the first line of a sealed file.
    async fn is_head(&mut self, line: &[u8]) -> Result<bool, Error> {
        let Some(head) = Head::of(line) else { return Ok(false) };
        let handles = treering_store::open_read_only(&self.data.store, self.data.master.clone()).await?;
        self.sealed = Some(Sealed::after(head, handles.vault));
        Ok(true)
    }

    fn text(&mut self, line: Vec<u8>) -> Result<Option<Bytes>, Error> {
        let Some(sealed) = &mut self.sealed else {
            let is_empty = line.iter().all(u8::is_ascii_whitespace);
            return Ok(Some(Bytes::from(line)).filter(|_| !is_empty));
        };
        match sealed.open(&line)? {
            Opened::Text(text) => return Ok(Some(text.into())),
            Opened::Erased => self.done.erased += 1,
            Opened::End(is_whole) => self.done.cut_off = !is_whole,
        }
        Ok(None)
    }

    async fn line(&mut self, number: usize, line: Bytes, progress: &Progress) -> Result<(), Error> {
        let signals = signals(&line);
        if signals.is_empty() {
            return self.refused(number, "it is no OTLP/JSON with resourceSpans or resourceLogs", progress);
        }
        for signal in signals {
            match self.sender.send(number, signal, &line).await? {
                Sent::Taken { rejected } => {
                    let sent =
                        Export::from_json(signal, &line).map_or(0, |export| export.records_count() as u64);
                    self.done.requests += 1;
                    self.done.records += sent;
                    self.done.rejected += rejected;
                }
                Sent::Refused(reason) => self.refused(number, &reason, progress)?,
            }
        }
        Ok(())
    }

    fn refused(&mut self, number: usize, reason: &str, progress: &Progress) -> Result<(), Error> {
        self.done.refused += 1;
        progress.end()?;
        Ok(progress.say(&format!("line {number} was refused: {reason}"))?)
    }
}

/// What a line holds: a request of one signal, or both as `/otlp` gives them.
fn signals(line: &[u8]) -> Vec<Signal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Groups {
        #[serde(alias = "resource_spans")]
        resource_spans: Option<IgnoredAny>,
        #[serde(alias = "resource_logs")]
        resource_logs: Option<IgnoredAny>,
    }
    let Ok(groups) = serde_json::from_slice::<Groups>(line) else { return Vec::new() };
    let of = |found: Option<IgnoredAny>, signal| found.map(|_| signal);
    let both = [of(groups.resource_spans, Signal::Traces), of(groups.resource_logs, Signal::Logs)];
    both.into_iter().flatten().collect()
}

/// Lines of a file or of standard input, read on threads that may block.
struct Lines {
    input: Box<dyn BufRead + Send>,
    read: usize,
}

impl Lines {
    fn open(path: Option<&Path>) -> Result<Self, Error> {
        let input: Box<dyn BufRead + Send> = match path {
            Some(path) => {
                let file = std::fs::File::open(path);
                Box::new(BufReader::new(
                    file.map_err(|source| Error::Read { path: path.to_owned(), source })?,
                ))
            }
            None => Box::new(BufReader::new(io::stdin())),
        };
        Ok(Self { input, read: 0 })
    }

    /// The next line, and the lines after it.
    async fn next(mut self) -> Result<(Self, Option<Vec<u8>>), Error> {
        let read = move || {
            let mut line = Vec::new();
            let most = LONGEST_LINE as u64;
            let length = (&mut self.input).take(most).read_until(b'\n', &mut line)?;
            self.read += 1;
            if length as u64 == most {
                return Err(Error::LongLine { line: self.read, most: LONGEST_LINE });
            }
            Ok((self, Some(line).filter(|_| length > 0)))
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| Error::Defect)?
    }
}
