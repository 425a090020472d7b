//! The seeds of a target, for the tests of the rooms.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Holds each seed of the target against the property. `room` is the folder of a room of the collector.
pub fn each(room: &str, target: &str, property: impl Fn(&[u8])) {
    let folder = Path::new(room).join("../fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).expect("the seeds stand beside the room") {
        let path = entry.expect("the folder can be read").path();
        let bytes = std::fs::read(&path).expect("a seed can be read");
        let held = catch_unwind(AssertUnwindSafe(|| property(&bytes)));
        assert!(held.is_ok(), "{} does not hold", path.display());
        seeds += 1;
    }
    assert!(seeds > 0, "{} holds the seeds", folder.display());
}
