//! Which process runs a step, and whether it is alive.

use std::time::Duration;

use treering_otlp::{Attributes, Value};
use treering_redact::{Record, hash};
use treering_step::ProcessId;
use treering_step::attributes::{TREERING_HEARTBEAT, TREERING_HEARTBEAT_INTERVAL, TREERING_PROCESS_ENDED};

use crate::evidence::Happening;

/// How often a process speaks that does not say how often.
const USUAL_INTERVAL: Duration = Duration::from_secs(10);

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    pub process: ProcessId,
    /// When the next one will come.
    pub interval: Duration,
    /// True for the last one.
    pub ended: bool,
}

/// What a log record says of the life of its process; `None` for all but heartbeats of a process with a name.
pub fn heartbeat(record: &Record) -> Option<Heartbeat> {
    let log = record.log()?;
    let happening = Happening::of_log(&log);
    if happening.name != TREERING_HEARTBEAT {
        return None;
    }
    let interval = happening.fields.int(&[TREERING_HEARTBEAT_INTERVAL]).map(Duration::from_millis);
    let ended =
        happening.fields.get(TREERING_PROCESS_ENDED).is_some_and(|ended| matches!(ended, Value::Bool(true)));
    Some(Heartbeat {
        process: of_resource(log.scope.resource)?,
        interval: interval.filter(|interval| !interval.is_zero()).unwrap_or(USUAL_INTERVAL),
        ended,
    })
}

/// The process that a record came from, where its resource names one.
pub fn process(record: &Record) -> Option<ProcessId> {
    let resource = record.span().map(|span| span.scope.resource);
    of_resource(resource.or_else(|| record.log().map(|log| log.scope.resource))?)
}

/// `service.instance.id` is made to be unique; a number of a process is so only on its host.
pub(crate) fn of_resource(resource: Attributes<'_>) -> Option<ProcessId> {
    let text = |key: &str| resource.get(key).and_then(crate::decode::as_text);
    let instance = || Some(ProcessId(hash(&[b"instance", text("service.instance.id")?.as_bytes()])));
    let number = || {
        let (host, number) = (text("host.id").or_else(|| text("host.name"))?, text("process.pid")?);
        Some(ProcessId(hash(&[b"process", host.as_bytes(), number.as_bytes()])))
    };
    instance().or_else(number)
}
