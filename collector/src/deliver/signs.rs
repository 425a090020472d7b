//! Signs of life in a batch.

use std::collections::{BTreeMap, HashSet};

use treering_redact::Record;
use treering_step::{ProcessId, Timestamp};
use treering_store::Sign;

/// The signs that these records give, one a process, seen when they were accepted; and how many of the records are
/// heartbeats, which say nothing else and are taken away.
pub(super) fn take(records: &mut Vec<Record>, accepted_at: u64) -> (Vec<Sign>, usize) {
    let seen_at = Timestamp::from_nanos(accepted_at.saturating_mul(1_000_000));
    let mut signs = Signs {
        seen_at: seen_at.unwrap_or_else(Timestamp::now),
        contexts: HashSet::new(),
        of_processes: BTreeMap::new(),
    };
    let before = records.len();
    records.retain(|record| !signs.hear(record));
    (signs.of_processes.into_values().collect(), before - records.len())
}

struct Signs {
    seen_at: Timestamp,
    /// The contexts whose process is known to be here.
    contexts: HashSet<[u8; 16]>,
    of_processes: BTreeMap<ProcessId, Sign>,
}

impl Signs {
    /// True for a heartbeat.
    fn hear(&mut self, record: &Record) -> bool {
        if let Some(heartbeat) = treering_read::heartbeat(record) {
            let sign = self.sign(heartbeat.process);
            sign.interval = sign.interval.max(Some(heartbeat.interval));
            sign.ended |= heartbeat.ended;
            return true;
        }
        if self.contexts.insert(record.context().hash())
            && let Some(process) = treering_read::process(record)
        {
            self.sign(process);
        }
        false
    }

    fn sign(&mut self, process: ProcessId) -> &mut Sign {
        let seen_at = self.seen_at;
        self.of_processes.entry(process).or_insert(Sign { process, seen_at, interval: None, ended: false })
    }
}
