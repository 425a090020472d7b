//! Any text, redacted.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use treering_fuzz::{mutate, redact};

static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| mutate::words("../redact/src"));

fuzz_target!(|bytes: &[u8]| redact::redact(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    mutate::mutate(data, size, most, seed, |bytes, random| mutate::text(bytes, random, &WORDS))
});
