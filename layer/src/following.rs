//! What the export thread shares with those who write: times, and the way back to steps that are open.

use std::sync::{Mutex, PoisonError};

use tracing::Dispatch;
use tracing::dispatcher::WeakDispatch;
use tracing::span::Id;

use crate::record::{End, Head, Record};
use crate::source::Source;
use crate::written::{Own, Written};

pub(crate) type Reach = fn(&Dispatch, &Id, &mut dyn FnMut(&mut Record));

#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) source: Source,
    /// The subscriber that the layer sits on, and how to find a span's step there.
    way: Mutex<Option<(WeakDispatch, Reach)>>,
}

impl Following {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, way: Mutex::default() }
    }

    pub(crate) fn follow(&self, subscriber: &Dispatch, reach: Reach) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = Some((subscriber.downgrade(), reach));
    }

    fn way(&self) -> Option<(WeakDispatch, Reach)> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Acts on the record of the innermost step around the span `id`.
    pub(crate) fn reach(&self, dispatch: &Dispatch, id: &Id, act: &mut dyn FnMut(&mut Record)) {
        if let Some((_, reach)) = self.way() {
            reach(dispatch, id, act);
        }
    }

    /// An open step as it is now. One that is told as incomplete is told no more.
    pub(crate) fn snapshot(&self, id: u64, end: End) -> Option<(Head, Written)> {
        let (dispatch, reach) = self.way()?;
        let dispatch = dispatch.upgrade()?;
        let now = self.source.now();
        let mut seen = None;
        reach(&dispatch, &Id::from_non_zero_u64(id.try_into().ok()?), &mut |record| {
            let mut written = record.written.clone();
            for (own, name) in [(Own::Session, &record.identity.session), (Own::User, &record.identity.user)]
            {
                if let Some(name) = name {
                    written.own(own, name, record.limit, record.metadata);
                }
            }
            record.is_told |= end == End::Incomplete;
            seen = Some((record.head(now, end), written));
        });
        seen
    }
}
