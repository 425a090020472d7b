//! Whole lifecycles: steps that run are told of while they do, and that their process is alive; so that what never ends
//! is seen to be interrupted, and by what.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_sdk::logs::SdkLogRecord;

use super::exporter::{self, Exporter};
use super::logs::Signs;
use super::queue::Queue;
use crate::Settings;
use crate::finish::{Finished, Finisher};
use crate::following::Following;
use crate::record::End;

/// The longest time between two looks at what is open, while something is.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So many looks that see nothing open, and the next step has to call.
const LOOKS_IN_VAIN: u32 = 8;
/// After a failure, announcements wait this long.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Life {
    queue: Arc<Queue>,
    following: Arc<Following>,
    signs: Signs,
    /// How old a step is when it is told of; `None` where nothing is told.
    after: Option<Duration>,
    interval: Duration,
    look_at: Option<Instant>,
    looks_in_vain: u32,
    beat_at: Option<Instant>,
}

impl Life {
    pub(super) fn new(settings: &Settings, queue: Arc<Queue>, following: Arc<Following>) -> Self {
        Self {
            queue,
            following,
            signs: Signs::new(),
            after: settings.running_after,
            interval: settings.heartbeat,
            look_at: settings.running_after.map(|_| Instant::now()),
            looks_in_vain: 0,
            beat_at: None,
        }
    }

    /// When to look next; `None` where a step that begins will call, or where nobody listens.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Whether a step that begins has to call.
    pub(super) fn waits_for_a_step(&self) -> bool {
        self.after.is_some() && self.look_at.is_none()
    }

    /// Looks at what is open, and tells what is to be told.
    pub(super) async fn look(&mut self, finisher: &mut Finisher, exporter: &Exporter) {
        let Some(after) = self.after else { return };
        let now = Instant::now();
        if self.look_at.is_some_and(|at| at > now) {
            return;
        }
        self.look_at = Some(now + LOOK_EVERY.min(after.max(Duration::from_millis(10))));
        if self.queue.open.count() == 0 {
            return self.look_in_vain();
        }
        self.looks_in_vain = 0;
        let (due, mut signs) = self.announcements(after, finisher);
        let is_beat = !signs.is_empty() || self.queue.open.announced() > 0;
        if is_beat && self.beat_at.is_none_or(|at| at <= now) {
            signs.push(self.signs.heartbeat(self.milliseconds(), false));
            self.beat_at = Some(now + self.interval);
        }
        match self.tell(signs, exporter).await {
            Told::Heard => {}
            Told::Later => {
                self.queue.open.unannounce(&due);
                self.beat_at = None;
                self.look_at = Some(Instant::now() + PAUSE);
            }
            // Not every collector takes logs, or takes them with this key.
            Told::Never => (self.after, self.look_at) = (None, None),
        }
    }

    fn look_in_vain(&mut self) {
        self.looks_in_vain += 1;
        if self.looks_in_vain > LOOKS_IN_VAIN && self.queue.open.unwatch() {
            self.look_at = None;
        }
    }

    /// A step has begun while nobody looked.
    pub(super) fn called(&mut self) {
        if self.waits_for_a_step() {
            self.looks_in_vain = 0;
            self.look_at = Some(Instant::now());
        }
    }

    fn announcements(&self, after: Duration, finisher: &mut Finisher) -> (Vec<u64>, Vec<SdkLogRecord>) {
        let age = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        // In the beginning nothing is that old.
        let Some(before) = self.following.source.now().checked_sub(age) else { return Default::default() };
        let due: Vec<u64> = self.queue.open.announce(before).iter().map(|open| open.id).collect();
        let steps = due.iter().filter_map(|id| self.snapshot(*id, End::None, finisher));
        let signs = steps.map(|step| self.signs.running(step)).collect();
        (due, signs)
    }

    fn snapshot(&self, id: u64, end: End, finisher: &mut Finisher) -> Option<Finished> {
        let (head, written) = self.following.snapshot(id, end)?;
        Some(finisher.finish(&head, written.bytes(), written.callsites()))
    }

    /// The steps that are still open when the program ends. They are told no more.
    pub(super) fn incomplete(&self, finisher: &mut Finisher) -> Vec<Finished> {
        let open = self.queue.open.all();
        open.iter().filter_map(|open| self.snapshot(open.id, End::Incomplete, finisher)).collect()
    }

    /// Says that the process ends, where it was said that it lives.
    pub(super) async fn end(&mut self, exporter: &Exporter) {
        if self.beat_at.is_some() {
            let last = self.signs.heartbeat(self.milliseconds(), true);
            // What does not arrive is found out by the silence.
            self.tell(vec![last], exporter).await;
        }
    }

    fn milliseconds(&self) -> i64 {
        i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX)
    }

    async fn tell(&self, signs: Vec<SdkLogRecord>, exporter: &Exporter) -> Told {
        if signs.is_empty() {
            return Told::Heard;
        }
        let batch: Vec<_> = signs.iter().map(|record| (record, &self.signs.scope)).collect();
        match exporter.tell(&batch).await {
            Ok(()) => Told::Heard,
            Err(error) if exporter::is_final(&error) => Told::Never,
            Err(_) => Told::Later,
        }
    }
}

enum Told {
    Heard,
    Later,
    Never,
}
