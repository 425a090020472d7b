//! What becomes of each request, under the id that it is answered with.
//!
//! Receipts hold counts and stable names, and wait in memory for the loop that writes the ledger down, about a second. Who kills the process loses those
//! of the last second, and none of the data that they tell of.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use treering_otlp::{Rejected, Signal, Unkept};
use treering_step::Timestamp;
use treering_store::{ProjectId, Receipt, RequestId, Transport, Writer};

use crate::body::Purpose;
use crate::deliver::causes;
use crate::outcome::{Ledger, Outcome};
use crate::refusal::Refusal;
use crate::way::{Kept, Taken};

/// The header, and the metadata of gRPC, that says under which id a request was answered.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("treering-request-id");

/// Receipts that wait for a store that does not take them: some 300 bytes each.
const MOST_PENDING: usize = 20_000;
/// The type of the marks that stand for a whole payload.
const WITHHELD: &str = "WITHHELD";

/// A request that is on its way, as far as is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft {
    /// Absent where the system gave no random numbers.
    id: Option<RequestId>,
    transport: Transport,
    /// Known from its key; without one there is no receipt.
    pub(crate) project: Option<ProjectId>,
    pub(crate) purpose: Purpose,
    /// Of its body, as it came.
    pub(crate) bytes: usize,
}

impl Draft {
    /// Of a request that came this way at this moment.
    pub(crate) fn new(transport: Transport) -> Self {
        let id = RequestId::generate(Timestamp::now())
            .inspect_err(|error| tracing::error!(error = causes(error), "a request has no id"))
            .ok();
        Self { id, transport, project: None, purpose: Purpose::Any, bytes: 0 }
    }

    /// Tells the client under which id it was answered.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let value = self.id.and_then(|id| HeaderValue::try_from(id.to_string()).ok());
        headers.extend(value.map(|value| (REQUEST_ID, value)));
    }

    fn finish(self, id: RequestId, project: ProjectId, answer: &Result<Taken, Refusal>) -> Receipt {
        let receipt = Receipt {
            id,
            project,
            transport: self.transport,
            signal: signal(self.purpose).map(Cow::Borrowed),
            outcome: Cow::Borrowed(Outcome::Accepted.name()),
            reason: None,
            bytes: self.bytes as u64,
            accepted: 0,
            rejected: 0,
            redactions: BTreeMap::new(),
            withheld: 0,
        };
        match answer {
            Ok(Taken::Kept(kept)) => of_kept(receipt, kept),
            Ok(Taken::Discarded(_, count)) => Receipt {
                outcome: Cow::Borrowed(Outcome::Discarded.name()),
                rejected: *count as u64,
                ..receipt
            },
            Err(refusal) => Receipt {
                outcome: Cow::Borrowed(refusal.outcome().name()),
                reason: Some(Cow::Owned(refusal.to_string())),
                ..receipt
            },
        }
    }
}

fn of_kept(receipt: Receipt, kept: &Kept) -> Receipt {
    let Rejected { count, reason } = kept.rejected;
    let mut redactions = kept.redactions.clone();
    Receipt {
        signal: signal(Purpose::Signal(kept.signal)).map(Cow::Borrowed),
        reason: reason.map(|reason| Cow::Owned(reason.to_string())),
        accepted: kept.accepted as u64,
        rejected: count as u64,
        withheld: redactions.remove(WITHHELD).unwrap_or(0),
        redactions,
        ..receipt
    }
}

fn signal(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Any => None,
        Purpose::Signal(Signal::Traces) => Some("traces"),
        Purpose::Signal(Signal::Logs) => Some("logs"),
        Purpose::Discard(Unkept::Metrics) => Some("metrics"),
        Purpose::Discard(Unkept::Profiles) => Some("profiles"),
    }
}

/// Receipts of this process, to be written to the store now and then.
#[derive(Debug)]
pub(crate) struct Receipts {
    ledger: Arc<Ledger>,
    pending: Mutex<VecDeque<Receipt>>,
}

impl Receipts {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, pending: Mutex::default() }
    }

    /// Notes what a request was answered, where it is known whose it was.
    pub(crate) fn note(&self, draft: Draft, answer: &Result<Taken, Refusal>) {
        let Some(project) = draft.project else { return };
        match draft.id {
            Some(id) => self.keep([draft.finish(id, project, answer)], VecDeque::push_back),
            None => self.ledger.of(project).count(Outcome::DroppedReceipts, 1),
        }
    }

    /// Writes down what was noted since the last time; false where the store does not take it.
    pub(crate) async fn write(&self, writer: &Writer) -> bool {
        let taken: Vec<_> = std::mem::take(&mut *self.lock()).into();
        if taken.is_empty() {
            return true;
        }
        let Err(error) = writer.keep_receipts(taken.clone()).await else { return true };
        let error = causes(&error);
        tracing::warn!(%error, "receipts could not be written; they are kept for the next time");
        self.keep(taken.into_iter().rev(), VecDeque::push_front);
        false
    }

    /// The oldest make room for others, and are counted.
    fn keep(&self, receipts: impl IntoIterator<Item = Receipt>, put: fn(&mut VecDeque<Receipt>, Receipt)) {
        let mut pending = self.lock();
        receipts.into_iter().for_each(|receipt| put(&mut pending, receipt));
        let surplus = pending.len().saturating_sub(MOST_PENDING);
        for dropped in pending.drain(..surplus) {
            self.ledger.of(dropped.project).count(Outcome::DroppedReceipts, 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Receipt>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft { project: Some(ProjectId::from_i64(7)), ..Draft::new(Transport::Http) }
    }

    fn receipts() -> (Receipts, Arc<Ledger>) {
        let ledger = Arc::new(Ledger::default());
        (Receipts::new(ledger.clone()), ledger)
    }

    fn refused() -> Result<Taken, Refusal> {
        Err(Refusal::Busy)
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let (receipts, ledger) = receipts();
        let all: Vec<_> = (0..MOST_PENDING + 3).map(|_| draft()).collect();
        all.iter().for_each(|draft| receipts.note(*draft, &refused()));
        let left = receipts.lock();
        assert_eq!((left.len(), left.front().map(|first| first.id)), (MOST_PENDING, all[3].id));
        let counted: Vec<_> = ledger.take().into_iter().map(|count| (count.name, count.count)).collect();
        assert_eq!(counted, [("dropped.receipts".to_owned(), 3)]);
    }

    #[test]
    fn what_is_given_back_stands_before_what_came_since() {
        let (receipts, _) = receipts();
        let [first, second, third] = [draft(), draft(), draft()];
        [first, second].iter().for_each(|draft| receipts.note(*draft, &refused()));
        let taken = std::mem::take(&mut *receipts.lock());
        receipts.note(third, &refused());
        receipts.keep(taken.into_iter().rev(), VecDeque::push_front);
        let ids: Vec<_> = receipts.lock().iter().map(|receipt| Some(receipt.id)).collect();
        assert_eq!(ids, [first.id, second.id, third.id]);
    }

    #[test]
    fn a_request_of_no_project_has_an_id_and_no_receipt() {
        let (receipts, ledger) = receipts();
        let draft = Draft { project: None, ..draft() };
        receipts.note(draft, &refused());
        let mut headers = HeaderMap::new();
        draft.tell(&mut headers);
        assert_eq!(headers[REQUEST_ID].to_str().unwrap().parse().ok(), draft.id);
        assert!(receipts.lock().is_empty() && ledger.take().is_empty());
    }

    #[test]
    fn a_request_without_an_id_is_counted() {
        let (receipts, ledger) = receipts();
        let draft = Draft { id: None, ..draft() };
        receipts.note(draft, &refused());
        let mut headers = HeaderMap::new();
        draft.tell(&mut headers);
        assert!(headers.is_empty() && receipts.lock().is_empty());
        assert_eq!(ledger.take()[0].name, "dropped.receipts");
    }

    #[test]
    fn what_was_withheld_is_no_redaction() {
        let kept = Kept {
            signal: Signal::Logs,
            accepted: 3,
            rejected: Rejected::default(),
            redactions: [("EMAIL".to_owned(), 2), (WITHHELD.to_owned(), 1)].into(),
        };
        let (receipts, _) = receipts();
        receipts.note(draft(), &Ok(Taken::Kept(kept)));
        let noted = receipts.lock().pop_front().unwrap();
        assert_eq!((noted.withheld, noted.redactions), (1, [("EMAIL".to_owned(), 2)].into()));
        assert_eq!(
            (noted.accepted, noted.signal.as_deref(), &*noted.outcome),
            (3, Some("logs"), "accepted.records")
        );
    }
}
