//! A store that requests are delivered to, as a collector does.

use serde_json::Value;
use treering_otlp::{Export, Signal};
use treering_read::{Bones, Prices};
use treering_redact::Rules;
use treering_seal::MasterKey;
use treering_store::{Batch, Handles, MasterSource, ProjectId, SpanEntry, StoreUrl};

use crate::Outcome;

pub(crate) struct Store {
    handles: Handles,
    project: ProjectId,
    rules: Rules,
    folder: tempfile::TempDir,
    size: Size,
}

/// What was sent, and what it takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    /// Bytes of the records, redacted.
    pub(crate) sent: u64,
    /// Each compressed by itself, with zstd at level 3.
    pub(crate) alone: u64,
    /// The files of the store, closed.
    pub(crate) kept: u64,
}

impl Size {
    pub(crate) fn part(&self) -> f64 {
        self.kept as f64 / self.alone as f64
    }
}

impl Store {
    pub(crate) async fn new() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let url = StoreUrl::Sqlite(folder.path().join("treering.db"));
        let handles = treering_store::open(&url, MasterSource::Key(MasterKey::generate()?)).await?;
        let project = handles.keeper.ensure_project("default").await?.id;
        Ok(Self { handles, project, rules: Rules::builtin(), folder, size: Size::default() })
    }

    pub(crate) async fn deliver(&mut self, request: &Value) -> Outcome<()> {
        let export = Export::from_json(Signal::Traces, request.to_string().as_bytes())?;
        let records = self.rules.redact_export(export)?.records();
        for record in &records {
            self.size.sent += record.body().len() as u64;
            self.size.alone += zstd::bulk::compress(record.body(), 3)?.len() as u64;
        }
        let entry = |record: treering_redact::Record| {
            let summary = treering_read::span_summary(&record)?;
            SpanEntry::new(record, summary)
        };
        let spans = records.into_iter().filter_map(entry).collect();
        let batch = Batch { project: self.project, day: 20_779, spans, logs: vec![], signs: vec![] };
        let touched = self.handles.writer.append(vec![batch]).await?;
        let prices = Prices::default();
        let add = move |bones: &mut Bones, step| bones.add(step, &prices);
        let finish = |bones: Bones, trace_id| bones.joined().execution(trace_id);
        let computed = self.handles.writer.compute(touched, add, finish).await?;
        self.handles.writer.put_executions(computed).await?;
        Ok(())
    }

    /// Closes the store and weighs its files.
    pub(crate) async fn close(self) -> Outcome<Size> {
        drop(self.handles);
        let mut size = self.size;
        for file in std::fs::read_dir(self.folder.path())? {
            size.kept += file?.metadata()?.len();
        }
        Ok(size)
    }
}
