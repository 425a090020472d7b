//! An allocator that counts what each thread asks of it, for tests and benchmarks.
//!
//! ```
//! use treering_test_allocator::{Counting, counted};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let (text, asked) = counted(|| String::from("four"));
//! assert_eq!((text.len(), asked.allocations, asked.bytes), (4, 1, 4));
//! ```
//!
//! **In and out.** What a closure allocates on its own thread comes out as a number of allocations and of bytes. Threads
//! beside it do not disturb the count, so that it is the same each time.
//!
//! **May not touch.** Any other room, and any crate at all. The memory itself is the system allocator's. `unsafe` is
//! allowed here because an allocator cannot be written without; nothing but passing calls on is done with it.
//!
//! **How to test it.** `cargo test -p treering-test-allocator`.
#![deny(missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count; made the program's own by `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

/// What a thread asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// New blocks, and blocks that were made larger or smaller.
    pub allocations: u64,
    /// Bytes of the new blocks, and those by which blocks grew.
    pub bytes: u64,
}

thread_local! {
    // Without a destructor and with a constant beginning: reaching it allocates nothing, at any time of a thread's life.
    static ASKED: Cell<Asked> = const { Cell::new(Asked { allocations: 0, bytes: 0 }) };
}

/// What this thread asked for since it began.
pub fn asked() -> Asked {
    ASKED.get()
}

/// Runs `work`, and counts what it asks for on this thread.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Asked) {
    let before = asked();
    let result = work();
    (result, asked().since(before))
}

impl Asked {
    /// What came after `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self { allocations: self.allocations - before.allocations, bytes: self.bytes - before.bytes }
    }
}

fn note(bytes: usize) {
    let Asked { allocations, bytes: so_far } = ASKED.get();
    ASKED.set(Asked { allocations: allocations + 1, bytes: so_far + bytes as u64 });
}

#[expect(
    unsafe_code,
    reason = "the trait of allocators is unsafe; each call goes on to the system's as it came"
)]
// SAFETY: the system's allocator keeps the promises of the trait; counting allocates nothing and cannot panic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size.saturating_sub(layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    #[test]
    fn a_block_and_its_growth_are_two_allocations() {
        let (list, asked) = counted(|| {
            let mut list = Vec::<u8>::with_capacity(10);
            list.reserve_exact(30);
            list
        });
        assert_eq!(list.capacity(), 30);
        assert_eq!(asked, Asked { allocations: 2, bytes: 30 });
    }

    #[test]
    fn what_another_thread_asks_for_is_not_counted_here() {
        let (ask, asks) = std::sync::mpsc::sync_channel::<()>(0);
        let (done, is_done) = std::sync::mpsc::sync_channel(0);
        let other = std::thread::spawn(move || {
            asks.recv().expect("the test asks");
            let (_, asked) = counted(|| vec![1_u8; 4096]);
            done.send(asked).expect("the test waits");
        });
        let before = asked();
        ask.send(()).expect("the other thread lives");
        let there = is_done.recv().expect("the other thread lives");
        assert_eq!(there, Asked { allocations: 1, bytes: 4096 });
        assert!(asked().since(before).bytes < 4096);
        other.join().expect("the other thread did not panic");
    }
}
