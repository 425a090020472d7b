//! Any bytes as a request in protobuf.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use treering_fuzz::{mutate, otlp};

fuzz_target!(|bytes: &[u8]| otlp::protobuf(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    mutate::mutate(data, size, most, seed, mutate::protobuf)
});
