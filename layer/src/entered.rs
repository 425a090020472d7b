//! Which spans a thread is in: the registry knows as well, and has to look a span up to say so, which costs as much as all
//! else that an event does. Where this does not know, the registry is asked.

use std::cell::RefCell;

use tracing::span::Id;

thread_local! {
    static ENTERED: RefCell<Entered> = const { RefCell::new(Entered { layer: 0, spans: Vec::new() }) };
}

/// The spans of one layer, the innermost last. Where another one takes over, it begins with none.
struct Entered {
    layer: usize,
    spans: Vec<u64>,
}

fn with<T>(act: impl FnOnce(&mut Entered) -> T) -> Option<T> {
    // There is none where the thread ends.
    ENTERED.try_with(|entered| entered.try_borrow_mut().ok().map(|mut entered| act(&mut entered))).ok()?
}

pub(crate) fn enter(layer: usize, id: &Id) {
    with(|entered| {
        if entered.layer != layer {
            entered.layer = layer;
            entered.spans.clear();
        }
        entered.spans.push(id.into_u64());
    });
}

pub(crate) fn exit(layer: usize, id: &Id) {
    with(|entered| {
        let id = id.into_u64();
        if entered.layer == layer
            && let Some(at) = entered.spans.iter().rposition(|span| *span == id)
        {
            entered.spans.remove(at);
        }
    });
}

/// The innermost one, if it is known.
pub(crate) fn current(layer: usize) -> Option<Id> {
    with(|entered| entered.spans.last().filter(|_| entered.layer == layer).copied())
        .flatten()
        .map(Id::from_u64)
}
