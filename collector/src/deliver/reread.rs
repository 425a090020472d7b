//! What is stored is read again, by a reader that got better.

use std::collections::BTreeSet;
use std::sync::Arc;

use treering_read::Prices;
use treering_redact::Record;
use treering_step::Summary;
use treering_store::{Error, Touched, Writer};

use super::compute::Computing;

/// Executions between two notes of how far it came.
const AT_ONCE: usize = 64;

/// Reads everything again that a store keeps. A server may write to it meanwhile.
#[derive(Debug)]
pub struct Rereading {
    writer: Writer,
    computing: Computing,
    reader: String,
    at: Option<Touched>,
    changed: BTreeSet<Touched>,
    done: Reread,
}

/// How much was read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reread {
    pub executions: usize,
    pub records: usize,
    /// Executions that show something else now.
    pub changed: usize,
    /// Executions on which the reader failed, which is a defect of it; they are as they were.
    pub failed: usize,
}

impl Rereading {
    /// Begins with the first execution. The reader's name tells it from others.
    pub fn from_start(writer: Writer, prices: Arc<Prices>, reader: &str) -> Self {
        let (changed, done) = (BTreeSet::new(), Reread::default());
        let computing = Computing::new(writer.clone(), prices);
        Self { writer, computing, reader: reader.to_owned(), at: None, changed, done }
    }

    /// Goes on where a reader of this name was interrupted, if it was.
    pub async fn resume(&mut self) -> Result<bool, Error> {
        self.at = self.writer.reread_until(self.reader.clone()).await?;
        Ok(self.at.is_some())
    }

    /// How many executions the store has, more or less.
    pub async fn all(&self) -> Result<u64, Error> {
        self.writer.execution_count().await
    }

    /// What was done so far.
    pub fn done(&self) -> Reread {
        Reread { changed: self.changed.len(), ..self.done }
    }

    /// Reads a few executions again; false where there are none left.
    pub async fn go_on(&mut self) -> Result<bool, Error> {
        let mut touched = BTreeSet::new();
        for _ in 0..AT_ONCE {
            let Some(next) = self.writer.next_execution(self.at).await? else { break };
            self.at = Some(next);
            touched.extend(self.reread(next).await?);
        }
        self.compute(touched.into_iter().collect()).await?;
        let is_end = self.at.is_none() || self.writer.next_execution(self.at).await?.is_none();
        self.writer.set_reread_until(self.reader.clone(), self.at.filter(|_| !is_end)).await?;
        Ok(!is_end)
    }

    async fn reread(&mut self, of: Touched) -> Result<Vec<Touched>, Error> {
        self.done.executions += 1;
        match self.writer.reread(of, summary).await {
            Ok(reread) => {
                self.done.records += reread.records;
                self.changed.extend(Some(of).filter(|_| reread.changed > 0));
                Ok(reread.touched)
            }
            Err(Error::Gone(_)) => {
                self.done.failed += 1;
                tracing::error!(trace = %of.trace_id, "an execution could not be read again; this is a defect");
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// Of all, since the way from summaries to executions may have got better too.
    async fn compute(&mut self, touched: Vec<Touched>) -> Result<(), Error> {
        let before = self.writer.executions(touched.clone()).await?;
        self.computing.now(&touched).await?;
        let after = self.writer.executions(touched.clone()).await?;
        let differ = touched.into_iter().zip(before.into_iter().zip(after));
        self.changed.extend(differ.filter(|(_, (before, after))| before != after).map(|(of, _)| of));
        Ok(())
    }
}

/// What a record says today; a heartbeat says nothing of a step.
fn summary(record: &Record) -> Option<Summary> {
    if treering_read::heartbeat(record).is_some() {
        return None;
    }
    treering_read::span_summary(record).or_else(|| treering_read::log_summary(record, record.identity()))
}
