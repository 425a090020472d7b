//! The seeds of the fuzzer are held against what it asserts of everything that grows out of them.

#[path = "../../fuzz/src/read.rs"]
pub mod properties;
#[path = "../../fuzz/replay.rs"]
pub mod replay;

#[test]
fn what_holds_for_any_records_holds_for_the_seeds() {
    replay::each(env!("CARGO_MANIFEST_DIR"), "read", properties::read);
}
