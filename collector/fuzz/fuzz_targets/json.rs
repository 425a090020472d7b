//! Any bytes as a request in OTLP/JSON.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use treering_fuzz::{mutate, otlp};

static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| mutate::words("../otlp/src"));

fuzz_target!(|bytes: &[u8]| otlp::json(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    mutate::mutate(data, size, most, seed, |bytes, random| mutate::json(bytes, random, &WORDS))
});
