//! The way of a request, from its bytes to the answer.

use std::sync::Arc;

use treering_otlp::{Export, Rejected, Signal};
use treering_queue::Journal;
use treering_redact::{Redacted, Rules};
use treering_store::ProjectId;

use crate::admit::{Keyring, Pass};
use crate::body::Body;
use crate::connections::ConnectionLimits;
use crate::held::Held;
use crate::outcome::{Ledger, Outcome};
use crate::refusal::Refusal;

/// What the door lets in at the most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request, before and after decompression. 64 MiB, as OTLP 1.11 recommends.
    pub max_request_bytes: usize,
    /// Requests that are decompressed, decoded and redacted at one time: each may need twice the bytes above.
    pub max_decoding: usize,
    /// What each of the two listeners grants.
    pub connections: ConnectionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_request_bytes: 64 << 20, max_decoding: 4, connections: ConnectionLimits::default() }
    }
}

/// What every request on the way needs.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) limits: Limits,
    pub(crate) keyring: Keyring,
    pub(crate) rules: Rules,
    pub(crate) journal: Journal,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) decoding: tokio::sync::Semaphore,
}

/// A request that a key let in, and the project that the key belongs to.
#[derive(Debug)]
pub(crate) struct Admitted {
    export: Export,
    project: ProjectId,
}

/// A request that may be written down.
#[derive(Debug)]
pub(crate) struct Clean {
    request: Redacted,
    project: ProjectId,
}

impl Way {
    /// The whole way: each stage takes what the one before it made, so that none can be left out, come too
    /// early, or come twice. What follows the answer stands in `deliver.rs`.
    pub(crate) async fn travel(
        self: Arc<Self>,
        pass: Pass,
        signal: Signal,
        body: Body,
    ) -> Result<Rejected, Refusal> {
        let place = self.decoding.acquire().await.expect("the semaphore is never closed");
        let way = self.clone();
        let prepare = move || {
            let export = way.decode(signal, body)?; //    bytes → Export
            let admitted = way.admit(pass, export); //    Export → Held<Admitted>
            way.redact(admitted) //                       Held<Admitted> → Held<Clean>
        };
        let clean =
            tokio::task::spawn_blocking(prepare).await.map_err(|_| self.refused(Refusal::Defect))??;
        drop(place);
        self.keep(clean).await //                         Held<Clean> → on disk, fsynced
    }

    /// Where not one record is good, the request is bad, and OTLP wants to hear so; else the bad ones go alone.
    fn decode(&self, signal: Signal, body: Body) -> Result<Export, Refusal> {
        let decoded = body.decode(signal, self.limits.max_request_bytes).and_then(|export| {
            match export.rejected().reason.filter(|_| export.records_count() == 0) {
                Some(reason) => Err(Refusal::Malformed(reason)),
                None => Ok(export),
            }
        });
        decoded.map_err(|refusal| self.refused(refusal))
    }

    /// Counts a request that was refused before its records were known.
    pub(crate) fn refused(&self, refusal: Refusal) -> Refusal {
        self.ledger.count(refusal.outcome(), 1);
        refusal
    }

    fn admit(&self, pass: Pass, export: Export) -> Held<Admitted> {
        self.ledger.count(Outcome::RejectedRecords, export.rejected().count);
        let records = export.records_count();
        Held::new(Admitted { export, project: pass.project }, records, self.ledger.clone())
    }

    fn redact(&self, admitted: Held<Admitted>) -> Result<Held<Clean>, Refusal> {
        admitted.try_map(
            |Admitted { export, project }| Ok(Clean { request: self.rules.redact_export(export)?, project }),
            |_: &Refusal| Outcome::Malformed,
        )
    }

    async fn keep(&self, clean: Held<Clean>) -> Result<Rejected, Refusal> {
        let (Clean { request, project }, debt) = clean.take();
        let rejected = request.rejected();
        if request.records_count() == 0 {
            // An empty request is a success that leaves nothing to keep.
            debt.settle(Outcome::Accepted);
            return Ok(rejected);
        }
        let form = crate::deliver::form(request.signal());
        match self.journal.append(project.as_i64(), form, request).await {
            Ok(_) => {
                debt.settle(Outcome::Accepted);
                Ok(rejected)
            }
            Err(error) => {
                let refusal = Refusal::from(error);
                debt.settle(refusal.outcome());
                Err(refusal)
            }
        }
    }
}
