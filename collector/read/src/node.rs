use treering_step::{Kind, Source, SpanId, Summary, Timestamp};

/// A step as far as its place in the tree goes.
pub trait Node {
    fn span_id(&self) -> SpanId;
    fn parent_span_id(&self) -> Option<SpanId>;
    fn started_at(&self) -> Option<Timestamp>;
    fn ended_at(&self) -> Option<Timestamp>;
    fn kind(&self) -> Option<Kind>;
    /// True where only log records without a span tell of it.
    fn is_alone(&self) -> bool;
    /// Gives a step that stood alone its place among the others of its session.
    fn place(&mut self, parent: Option<SpanId>, start: Option<Timestamp>, end: Option<Timestamp>);
}

impl Node for Summary {
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
        matches!(self.source, Source::Alone(_))
    }

    fn place(&mut self, parent: Option<SpanId>, start: Option<Timestamp>, end: Option<Timestamp>) {
        (self.parent_span_id, self.started_at, self.ended_at) = (parent, start, end);
    }
}
