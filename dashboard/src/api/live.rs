//! What arrives, as it arrives: server-sent events.
//!
//! Nothing pushes: the dashboard may be another process than the collector, on another machine. The version of what was
//! written last is asked for a few times a second, once for all streams; only where it grew is anything else asked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use treering_read::merge;
use treering_step::{Step, Summary, TraceId};
use treering_store::ExecutionFilter;

use super::executions::ExecutionJson;
use crate::App;
use crate::access::{Chosen, Sight, Viewer, execution_read};
use crate::error::Error;
use crate::pages::Asked;
use crate::view::execution::outline;
use crate::view::filter::{given, parsed, word};

/// Streams at once; each asks the store a little.
const STREAMS: usize = 256;
/// How often the version is asked for.
const PULSE: Duration = Duration::from_millis(150);
/// How often it is asked whether somebody may still look: revoking a key is in force everywhere within two seconds.
const RIGHTS: Duration = Duration::from_secs(1);
/// How long after a change rows are still looked at: an execution is computed after its steps are written.
const AFTERWARDS: Duration = Duration::from_secs(3);
/// A stream ends after this, and its client comes again.
const LONGEST: Duration = Duration::from_secs(600);
/// Executions that are looked at: the newest ones.
const EXECUTIONS: u32 = 50;
/// Steps of one execution that are told at once; of more, the row of the execution alone tells.
const STEPS: u32 = 1_000;
/// Of an execution of more steps than this only its row is told: looking for the new ones takes as long as it is large.
const SMALL: u64 = 20_000;

/// What all streams share.
#[derive(Debug)]
pub(crate) struct Live {
    streams: Arc<Semaphore>,
    pulse: Mutex<Weak<watch::Receiver<u64>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { streams: Arc::new(Semaphore::new(STREAMS)), pulse: Mutex::default() }
    }
}

impl Live {
    /// The version, as it grows. It is asked for while anybody listens.
    fn pulse(&self, sight: &Sight, now: u64) -> Arc<watch::Receiver<u64>> {
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(beating) = pulse.upgrade().filter(|beating| beating.has_changed().is_ok()) {
            return beating;
        }
        let (sender, receiver) = watch::channel(now);
        tokio::spawn(beat(sender, sight.clone()));
        let receiver = Arc::new(receiver);
        *pulse = Arc::downgrade(&receiver);
        receiver
    }
}

async fn beat(sender: watch::Sender<u64>, sight: Sight) {
    while !sender.is_closed() {
        tokio::time::sleep(PULSE).await;
        // A store that does not answer ends the streams, whose clients come again.
        let Ok(version) = sight.last_version().await else { return };
        sender.send_if_modified(|last| std::mem::replace(last, version) != version);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Look {
    project: Option<String>,
    /// One execution alone.
    execution: Option<String>,
    /// The version that is known already.
    since: Option<String>,
    /// 0 for who wants to hear of executions alone.
    steps: Option<String>,
}

/// A step that arrived.
#[derive(Debug, Serialize)]
struct StepJson {
    trace_id: TraceId,
    #[serde(flatten)]
    step: Step,
}

/// The stream of a client.
struct Following {
    app: Arc<App>,
    headers: HeaderMap,
    look: Look,
    trace: Option<TraceId>,
    tells_steps: bool,
    /// The executions of which it is written down that steps of them are told.
    witnessed: HashSet<TraceId>,
    pulse: watch::Receiver<u64>,
    /// Keeps the pulse going.
    _beating: Arc<watch::Receiver<u64>>,
    _place: OwnedSemaphorePermit,
    chosen: Chosen,
    began: Instant,
    asked_at: Instant,
    changed_at: Instant,
    version: u64,
    /// What was told of each execution last.
    told: HashMap<TraceId, blake3::Hash>,
    waiting: VecDeque<Event>,
}

pub(super) async fn live(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    headers: HeaderMap,
    Asked(look): Asked<Look>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let trace = word(&look.execution, parsed, "`execution` is the id of one")?;
    let since: Option<u64> = word(&look.since, parsed, "`since` is the id of an event before")?;
    let truth = |text: &str| match text {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    };
    let tells_steps = word(&look.steps, truth, "`steps` is 1 or 0")?.unwrap_or(true);
    let place = app.live.streams.clone().try_acquire_owned().map_err(|_| Error::TooManyStreams)?;
    let chosen = viewer.choose(&app.source, given(&look.project)).await?;
    let sight = chosen.sight()?;
    let now = sight.last_version().await?;
    let beating = app.live.pulse(sight, now);
    // What a client knows already is not told again; one that knows nothing is told what comes from now on.
    let told = match since.is_none_or(|since| since >= now) {
        true => rows(&chosen, trace).await?.into_iter().map(|(id, row)| (id, row.1)).collect(),
        false => HashMap::new(),
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let following = Following {
        version: last.or(since).unwrap_or(now).min(now),
        pulse: (*beating).clone(),
        _beating: beating,
        _place: place,
        app,
        headers,
        look,
        trace,
        tells_steps,
        witnessed: HashSet::new(),
        chosen,
        began: Instant::now(),
        asked_at: Instant::now(),
        changed_at: Instant::now(),
        told,
        waiting: VecDeque::new(),
    };
    let events = unfold(following, async |mut following| {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// An execution as it is told, and what tells it from what it was.
type Row = (String, blake3::Hash, u64);

async fn rows(chosen: &Chosen, trace: Option<TraceId>) -> Result<Vec<(TraceId, Row)>, Error> {
    let filter = ExecutionFilter {
        text: trace.map(|trace| trace.to_string()),
        limit: EXECUTIONS,
        ..ExecutionFilter::default()
    };
    let page = chosen.sight()?.executions(filter).await?;
    let row = |execution: treering_step::Execution| {
        let (id, steps) = (execution.trace_id, execution.steps);
        let json = serde_json::to_string(&ExecutionJson::new(execution, &chosen.project.name))?;
        let hash = blake3::hash(json.as_bytes());
        Ok((id, (json, hash, steps)))
    };
    page.executions.into_iter().map(row).collect()
}

impl Following {
    /// Nothing where it is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.began.elapsed() > LONGEST {
                return None;
            }
            let waited = tokio::time::timeout(self.patience(), self.pulse.changed()).await;
            if self.asked_at.elapsed() >= RIGHTS {
                self.ask_again().await.ok()?;
            }
            match waited {
                Ok(Err(_)) => return None,
                Ok(Ok(())) => self.changed_at = Instant::now(),
                Err(_) if self.changed_at.elapsed() > AFTERWARDS => continue,
                Err(_) => {}
            }
            self.look().await.ok()?;
        }
    }

    fn patience(&self) -> Duration {
        if self.changed_at.elapsed() > AFTERWARDS { RIGHTS } else { PULSE }
    }

    /// Whoever may no longer look hears nothing more.
    async fn ask_again(&mut self) -> Result<(), Error> {
        self.asked_at = Instant::now();
        let viewer = Viewer::still(&self.app, &self.headers).await?;
        self.chosen = viewer.choose(&self.app.source, given(&self.look.project)).await?;
        self.chosen.sight().map(drop)
    }

    async fn look(&mut self) -> Result<(), Error> {
        let version = *self.pulse.borrow_and_update();
        let rows = rows(&self.chosen, self.trace).await?;
        let changed: Vec<_> =
            rows.into_iter().filter(|(id, row)| self.told.get(id) != Some(&row.1)).collect();
        if self.tells_steps {
            let small = changed.iter().filter(|(_, row)| row.2 <= SMALL).map(|(id, _)| *id).collect();
            self.tell_steps(small).await?;
        }
        // The oldest first, as everything else.
        for (id, (json, hash, _)) in changed.into_iter().rev() {
            self.waiting.push_back(Event::default().event("execution").id(version.to_string()).data(json));
            self.told.insert(id, hash);
        }
        self.version = version;
        Ok(())
    }

    /// Once it is written down that somebody reads these executions, as for any page of theirs.
    async fn tell_steps(&mut self, of: Vec<TraceId>) -> Result<(), Error> {
        let new: Vec<_> = of.iter().filter(|id| !self.witnessed.contains(id)).copied().collect();
        let acts: Vec<_> = new.iter().map(|id| execution_read(&self.chosen.project, *id)).collect();
        if !acts.is_empty() {
            self.chosen.saw(&self.app, acts).await?;
            self.witnessed.extend(new);
        }
        for (trace_id, step) in self.chosen.sight()?.since(of, self.version, STEPS).await? {
            self.waiting.extend(self.step(trace_id, step)?);
        }
        Ok(())
    }

    fn step(&self, trace_id: TraceId, told: Summary) -> Result<Option<Event>, Error> {
        let Some(summary) = merge(vec![told], &self.app.prices).pop() else { return Ok(None) };
        let json = serde_json::to_string(&StepJson { trace_id, step: outline(&summary, 0) })?;
        Ok(Some(Event::default().event("step").data(json)))
    }
}
