//! An execution without what is only wanted of single steps: what its tree, its sums and its row are made of.

use treering_step::{Execution, Kind, SpanId, Status, Summary, Timestamp, TraceId, Usage};

use crate::merge::join;
use crate::node::Node;
use crate::tree::{Forest, Placed};
use crate::word::{Word, Words};
use crate::{Prices, execution, session};

/// A skeleton that steps are still added to.
#[derive(Debug, Default)]
pub struct Bones {
    bones: Vec<Bone>,
    words: Words,
}

impl Bones {
    /// Adds a step: all that its span and its log records say of it, in any order. Each step is added once, and all
    /// of them may come in any order.
    pub fn add(&mut self, partials: Vec<Summary>, prices: &Prices) {
        if let Some(step) = join(partials, prices) {
            self.push(step);
        }
    }

    pub(crate) fn push(&mut self, step: Summary) {
        let bone = Bone::of(step, &mut self.words);
        self.bones.push(bone);
    }

    /// The whole, once every step was added: steps of which log records alone tell find their place.
    pub fn joined(mut self) -> Skeleton {
        session::nest(&mut self.bones);
        Skeleton { bones: self.bones, words: self.words }
    }
}

/// The steps of an execution, each a fraction of its summary.
#[derive(Debug)]
pub struct Skeleton {
    pub(crate) bones: Vec<Bone>,
    pub(crate) words: Words,
}

impl Skeleton {
    /// In the order in which they were added.
    pub fn bones(&self) -> &[Bone] {
        &self.bones
    }

    /// The tree of its steps.
    pub fn tree(&self) -> Vec<Placed> {
        Forest::of(&self.bones).placed()
    }

    /// The row of the execution in a list. It is made anew whenever a step changes, since leaf-most sums and
    /// duplicates cannot be added up.
    pub fn execution(&self, trace_id: TraceId) -> Execution {
        execution::of(trace_id, self)
    }
}

/// A step, without what is only wanted where it is shown.
#[derive(Debug, Clone)]
pub struct Bone {
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    pub remote_parent: bool,
    pub kind: Option<Kind>,
    pub status: Option<Status>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub tokens: Usage,
    pub cost_usd: Option<f64>,
    /// The provider's answer; equal ones are the same, within one skeleton.
    pub answer: Option<Word>,
    pub(crate) name: Option<Word>,
    pub(crate) agent: Option<Word>,
    pub(crate) model: Option<Word>,
    pub(crate) dialect: Option<Word>,
    pub(crate) session: Option<Word>,
    pub(crate) user: Option<Word>,
    pub(crate) redactions: u64,
    alone: bool,
}

impl Bone {
    fn of(step: Summary, words: &mut Words) -> Self {
        let alone = step.is_alone();
        let mut word = |text: Option<String>| text.map(|text| words.of(text));
        Self {
            span_id: step.span_id,
            parent_span_id: step.parent_span_id,
            remote_parent: step.remote_parent,
            kind: step.kind,
            status: step.status,
            started_at: step.started_at,
            ended_at: step.ended_at,
            tokens: step.tokens,
            cost_usd: step.cost_usd,
            answer: word(step.response_id),
            name: word(step.name),
            agent: word(step.agent),
            model: word(step.model),
            dialect: word(step.dialect),
            session: word(step.session_id),
            user: word(step.user_id),
            redactions: step.redactions.values().sum(),
            alone,
        }
    }
}

impl Node for Bone {
    fn span_id(&self) -> SpanId {
        self.span_id
    }

    fn parent_span_id(&self) -> Option<SpanId> {
        self.parent_span_id
    }

    fn started_at(&self) -> Option<Timestamp> {
        self.started_at
    }

    fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    fn kind(&self) -> Option<Kind> {
        self.kind
    }

    fn is_alone(&self) -> bool {
        self.alone
    }

    fn place(&mut self, parent: Option<SpanId>, start: Option<Timestamp>, end: Option<Timestamp>) {
        (self.parent_span_id, self.started_at, self.ended_at) = (parent, start, end);
    }
}
