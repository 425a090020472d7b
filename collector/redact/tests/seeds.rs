//! The seeds of the fuzzer are held against what it asserts of everything that grows out of them.

#[path = "../../fuzz/src/redact.rs"]
pub mod properties;
#[path = "../../fuzz/replay.rs"]
pub mod replay;

#[test]
fn what_holds_for_any_text_holds_for_the_seeds() {
    replay::each(env!("CARGO_MANIFEST_DIR"), "redact", properties::redact);
}
