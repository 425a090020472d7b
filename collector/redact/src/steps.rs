//! What a look costs, in bytes that were read: tests hold it against the length of the text, as no clock can.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Says that so many bytes were read.
#[inline(always)]
pub(crate) fn read(bytes: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + bytes);
    let _unread = bytes;
}

/// How many bytes were read on the way.
#[cfg(test)]
pub(crate) fn of(look: impl FnOnce()) -> usize {
    let before = STEPS.get();
    look();
    STEPS.get() - before
}
