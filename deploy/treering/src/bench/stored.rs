//! What was acknowledged, held against what is stored.

use std::time::{Duration, Instant};

use treering_otlp::sample::{Sample, Shape};
use treering_step::TraceId;
use treering_store::{ReadHandles, Reader, Scope};

use super::load::Sent;
use crate::data::Data;
use crate::error::Error;

/// What was found.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) acknowledged: u64,
    /// Spans that were acknowledged and are not there.
    pub(super) missing: u64,
    /// Spans that are there more often than they were sent.
    pub(super) doubled: u64,
    /// How long after the last answer the last one was there.
    pub(super) after: Duration,
}

/// A server that brings nothing into its store for so long brings no more.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn compare(data: &Data, project: &str, shape: &Shape, sent: &Sent) -> Result<Stored, Error> {
    let ReadHandles { reader, .. } = treering_store::open_read_only(&data.store, data.master.clone()).await?;
    let projects = reader.projects().await?;
    let known = projects.into_iter().find(|known| known.name == project);
    let scope = Scope::of(known.ok_or_else(|| Error::NoProject(project.to_owned()))?.id);
    let sample = Sample::new(*shape, 0);
    let mut owed: Vec<_> = sent.taken.iter().flat_map(|number| sample.executions(*number)).collect();
    let acknowledged = owed.iter().map(|(_, count)| *count as u64).sum();
    let (start, mut news, mut doubled) = (Instant::now(), Instant::now(), 0);
    while !owed.is_empty() && news.elapsed() < PATIENCE {
        let before = owed.len();
        owed = still_owed(&reader, scope, owed, &mut doubled).await?;
        if owed.len() < before {
            news = Instant::now();
        }
        if !owed.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }
    let missing = missing(&reader, scope, owed).await?;
    Ok(Stored { acknowledged, missing, doubled, after: news.duration_since(start) })
}

type Owed = ([u8; 16], usize);

/// In the order in which they were sent: behind the first that is not there the others are not either, as a rule.
async fn still_owed(
    reader: &Reader,
    scope: Scope,
    mut owed: Vec<Owed>,
    doubled: &mut u64,
) -> Result<Vec<Owed>, Error> {
    let mut there = 0;
    for (id, count) in &owed {
        let steps = steps(reader, scope, id).await?;
        if steps < *count as u64 {
            break;
        }
        *doubled += steps - *count as u64;
        there += 1;
    }
    owed.drain(..there);
    Ok(owed)
}

async fn missing(reader: &Reader, scope: Scope, owed: Vec<Owed>) -> Result<u64, Error> {
    let mut missing = 0;
    for (id, count) in owed {
        missing += (count as u64).saturating_sub(steps(reader, scope, &id).await?);
    }
    Ok(missing)
}

async fn steps(reader: &Reader, scope: Scope, id: &[u8]) -> Result<u64, Error> {
    let Some(id) = TraceId::from_bytes(id) else { return Ok(0) };
    Ok(reader.execution(scope, id).await?.map_or(0, |execution| execution.steps))
}
