//! Mutations that keep the form of what they change, so that the fuzzer gets behind the parsers. Every second
//! mutation is libFuzzer's own, which keeps no form at all.

use std::path::{Path, PathBuf};

mod json;
mod protobuf;
mod text;

pub use json::json;
pub use protobuf::protobuf;
pub use text::text;

/// Mutates `data[..size]` in place, to no more than `most` bytes, and says how many they are now.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    most: usize,
    seed: u32,
    formed: impl Fn(&[u8], &mut Random) -> Option<Vec<u8>>,
) -> usize {
    let mut random = Random::new(seed);
    if random.below(2) == 0
        && let Some(bytes) = formed(&data[..size], &mut random).filter(|bytes| bytes.len() <= most)
    {
        data[..bytes.len()].copy_from_slice(&bytes);
        return bytes.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, most)
}

/// Random numbers of one seed, the same ones every time (xorshift).
pub struct Random(u64);

impl Random {
    fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 32 | 0x9e37_79b9)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below this one, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    pub(crate) fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Every word in quotes that the code of a folder knows: the names that its readers look for are asked of the
/// readers themselves, so that no list has to be kept.
pub fn words(folder: &str) -> Vec<String> {
    let mut words = Vec::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
        let code = std::fs::read_to_string(&file).expect("the code stands beside its fuzzer");
        let quoted = code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(quoted);
        words.extend(quoted.map(str::to_owned));
    }
    words.sort();
    words.dedup();
    assert!(!words.is_empty(), "{folder} holds the code whose words are used");
    words
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2).filter(|word| (2..=64).contains(&word.len()))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the code stands beside its fuzzer");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let within = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    let code = paths.into_iter().flat_map(within);
    code.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}
