//! A step between its beginning and its end.

use std::sync::Arc;
use std::thread;

use tracing::Metadata;
use treering_step::{SpanId, TraceId};

use crate::Value;
use crate::open::Seat;
use crate::source::{self, Tick};
use crate::written::{LeftOut, Own, Written};

/// A step while it is open, used again for another one when it has ended.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<Parent>,
    pub(crate) began: Tick,
    /// From ticks to the wall clock.
    pub(crate) offset: i64,
    pub(crate) written: Written,
    pub(crate) identity: Identity,
    pub(crate) seat: Option<Seat>,
    pub(crate) panicked: bool,
    /// Began while its thread was already unwinding: then a panic says nothing of this step.
    pub(crate) began_in_panic: bool,
    /// How long a text may be.
    pub(crate) limit: usize,
    /// It was sent while it was open, when the program ended; its own end is not sent.
    pub(crate) is_told: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Parent {
    pub(crate) span_id: SpanId,
    pub(crate) remote: bool,
}

/// For whom a step runs; its descendants inherit it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) session: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
}

/// What of a step is no text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<Parent>,
    /// Nanoseconds since 1970.
    pub(crate) began_at: u64,
    /// Nanoseconds.
    pub(crate) duration: u64,
    /// From ticks to the wall clock.
    pub(crate) offset: i64,
    pub(crate) end: End,
    pub(crate) left_out: LeftOut,
}

/// How a step ended, as far as the thread that ran it can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It runs.
    None,
    /// The program ended before it.
    Incomplete,
    Finished,
    Panicked,
}

impl Record {
    pub(crate) fn new(metadata: &'static Metadata<'static>, span_id: SpanId) -> Self {
        Self {
            metadata,
            // Until it has its place in the tree.
            trace_id: TraceId::from_bytes(&[1; 16]).expect("sixteen ones are an id"),
            span_id,
            parent: None,
            began: 0,
            offset: 0,
            written: Written::default(),
            identity: Identity::default(),
            seat: None,
            panicked: false,
            began_in_panic: thread::panicking(),
            limit: usize::MAX,
            is_told: false,
        }
    }

    /// Begins anew in the place of a step that has ended, whose buffer it goes on using.
    pub(crate) fn renew(&mut self, metadata: &'static Metadata<'static>, span_id: SpanId) {
        let written = std::mem::take(&mut self.written);
        *self = Self { written, ..Self::new(metadata, span_id) };
    }

    /// Sets a field; a session or a user among them holds for the descendants that begin from now on.
    pub(crate) fn put(&mut self, name: &str, value: &Value) {
        if let Some(text) = value.as_text() {
            self.identity.learn(name, text);
        } else {
            self.identity.learn(name, &value.to_json().to_string());
        }
        self.written.named(name, value, self.limit, self.metadata);
    }

    pub(crate) fn tell(&mut self, own: Own, text: &str) {
        self.written.own(own, text, self.limit, self.metadata);
    }

    /// Notes a panic that goes through it.
    pub(crate) fn pass(&mut self) {
        self.panicked |= thread::panicking() && !self.began_in_panic;
    }

    /// Its head, were it to end now.
    pub(crate) fn head(&self, now: Tick, end: End) -> Head {
        Head {
            metadata: self.metadata,
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent: self.parent,
            began_at: source::wall(self.began, self.offset),
            duration: now.saturating_sub(self.began),
            offset: self.offset,
            end: if self.panicked { End::Panicked } else { end },
            left_out: self.written.left_out(),
        }
    }

    /// Writes down for whom it ran; before it is handed on.
    pub(crate) fn sign(&mut self) {
        let Identity { session, user } = std::mem::take(&mut self.identity);
        for (own, name) in [(Own::Session, session), (Own::User, user)] {
            if let Some(name) = name {
                self.tell(own, &name);
            }
        }
    }
}

impl Identity {
    pub(crate) fn learn(&mut self, name: &str, text: &str) {
        match name {
            "session.id" | "session_id" | "gen_ai.conversation.id" => self.session = Some(text.into()),
            "user.id" | "user_id" | "enduser.id" => self.user = Some(text.into()),
            _ => {}
        }
    }

    pub(crate) fn inherit(&mut self, parent: &Self) {
        if self.session.is_none() {
            self.session.clone_from(&parent.session);
        }
        if self.user.is_none() {
            self.user.clone_from(&parent.user);
        }
    }
}
