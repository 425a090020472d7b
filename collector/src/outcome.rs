use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use treering_store::{OutcomeCount, ProjectId};

macro_rules! outcomes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What can become of a span, a log record or a request. The names are stable: alerts are built on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Outcome {
            $($(#[$doc])* $variant,)*
        }

        impl Outcome {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

outcomes! {
    /// Records that are in the journal, and were answered with success.
    Accepted = "accepted.records",
    /// Records that reached the store.
    Delivered = "delivered.records",
    /// Records that are in the store and are not found by their words: reading these failed by a defect of ours.
    NotIndexed = "failed.not_indexed",
    /// Records that were refused alone, the client being told so.
    RejectedRecords = "rejected.records",
    /// Requests without a key.
    NoKey = "refused.no_key",
    /// Requests with a key that is unknown, revoked, expired or mistyped.
    UnknownKey = "refused.unknown_key",
    /// Requests with a key that may not do this.
    WrongScope = "refused.wrong_scope",
    /// Requests without the signature or certificate that their project asks for.
    Unsigned = "refused.unsigned",
    /// Requests whose signature is not theirs, not understood, or not of now.
    BadSignature = "refused.bad_signature",
    /// Requests whose signature came before.
    Replayed = "refused.replayed",
    /// Requests with a certificate of one project and a key of another.
    ForeignCertificate = "refused.foreign_certificate",
    /// Records beyond what their key may send in a second; the client was told when to send them again.
    KeyRate = "limited.key_rate",
    /// Records beyond what their project takes in a second; the client was told when to send them again.
    ProjectRate = "limited.project_rate",
    /// Records beyond what their project takes in a day; the client was told when to send them again.
    Quota = "limited.quota",
    /// Requests during which keys could not be looked up.
    KeysUnavailable = "refused.keys_unavailable",
    /// Records of a project whose redaction rules are not understood here; the client was asked to send them again.
    RulesUnreadable = "refused.rules_unreadable",
    /// Requests that are larger than the limit, before or after decompression.
    TooLarge = "refused.too_large",
    /// Requests whose body did not arrive in time.
    TooSlow = "refused.too_slow",
    /// Requests that are no OTLP.
    Malformed = "refused.malformed",
    /// Requests in a form or compression that is not read here.
    Unsupported = "refused.unsupported",
    /// Requests to a path or with a method that OTLP does not have.
    Misdirected = "refused.misdirected",
    /// Requests that memory had no room for; the client was asked to send them again.
    Busy = "refused.busy",
    /// Records that the journal had no room for; the client was asked to send them again.
    JournalFull = "refused.journal_full",
    /// Records that the journal could not write; the client was asked to send them again.
    JournalFailed = "refused.journal_failed",
    /// Records that could not be sealed, since no key could be had; the client was asked to send them again.
    Unsealed = "refused.unsealed",
    /// Records that are in the journal, and that the store did not take in time where the answer waits for it; the
    /// client was asked to send them again.
    Unconfirmed = "refused.unconfirmed",
    /// Requests that came while the collector was closing; the client was asked to send them again.
    Closing = "refused.closing",
    /// Requests that failed by a defect of ours.
    Defect = "refused.defect",
    /// Requests of signals that are thrown away on purpose: metrics and profiles.
    Discarded = "discarded.requests",
    /// The data points of metrics in them.
    DiscardedDataPoints = "discarded.data_points",
    /// The profiles in them.
    DiscardedProfiles = "discarded.profiles",
    /// Records that the store will not have; they are set aside in the journal's file, and tried again after the
    /// next start.
    SetAside = "lost.set_aside",
    /// Records, or where nobody can count them places, that were damaged on the journal's disk.
    DamagedJournal = "lost.damaged_journal",
    /// Records that were read out of a damaged store, and are in the new one.
    Salvaged = "salvaged.records",
    /// Records that were in a damaged store, as far as that shows, and are not whole any more.
    DamagedStore = "lost.damaged_store",
    /// Stores that were not there any more, although they had been: nobody knows what was in them.
    MissingStore = "lost.missing_store",
    /// Records that were erased before they were delivered.
    Erased = "erased.records",
    /// Receipts of requests that the store did not take in time, or that could have no id. What they told of is kept
    /// or refused as the client was answered.
    DroppedReceipts = "dropped.receipts",
    /// Records that vanished without anybody saying why. There are none, or there is a defect.
    Unnamed = "lost.unnamed",
    /// Steps that an exporter dropped before they reached us, by its own word.
    DroppedByExporter = "lost.dropped_by_exporter",
}

/// Counts of this process, to be written to the store now and then. One short lock a request is all that it costs.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: Mutex<HashMap<(Option<ProjectId>, Outcome), u64>>,
}

/// The ledger of one project, or of what came before the project was known.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    ledger: Arc<Ledger>,
    project: Option<ProjectId>,
}

impl Account {
    pub(crate) fn count(&self, outcome: Outcome, times: usize) {
        self.ledger.add(self.project, outcome, times as u64);
    }
}

impl Ledger {
    /// Counts what happened before a project was known.
    pub(crate) fn count(&self, outcome: Outcome, times: usize) {
        self.add(None, outcome, times as u64);
    }

    /// Counts a request, whether or not its project was known.
    pub(crate) fn count_request(&self, project: Option<ProjectId>, outcome: Outcome) {
        self.add(project, outcome, 1);
    }

    pub(crate) fn of(self: &Arc<Self>, project: ProjectId) -> Account {
        Account { ledger: self.clone(), project: Some(project) }
    }

    /// Everything counted since the last call.
    pub(crate) fn take(&self) -> Vec<OutcomeCount> {
        let taken = std::mem::take(&mut *self.lock());
        let count = |((project, outcome), count): ((_, Outcome), _)| OutcomeCount {
            project,
            name: outcome.name().to_owned(),
            count,
        };
        taken.into_iter().map(count).collect()
    }

    /// Gives back what could not be written.
    pub(crate) fn give_back(&self, counts: &[OutcomeCount]) {
        for OutcomeCount { project, name, count } in counts {
            if let Some(outcome) = Outcome::ALL.iter().find(|outcome| outcome.name() == name) {
                self.add(*project, *outcome, *count);
            }
        }
    }

    fn add(&self, project: Option<ProjectId>, outcome: Outcome, times: u64) {
        if times > 0 {
            *self.lock().entry((project, outcome)).or_default() += times;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Option<ProjectId>, Outcome), u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
