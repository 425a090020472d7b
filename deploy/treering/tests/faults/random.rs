//! Chance that can be repeated: SplitMix64.

/// The seed of every test here, unless `TREERING_FAULT_SEED` names another one.
const SEED: u64 = 20_260_101;

#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Each test has a sequence of its own.
    pub(crate) fn of(test: u64) -> Self {
        let seed = from_environment("TREERING_FAULT_SEED").unwrap_or(SEED);
        Self(seed ^ test.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A number that the user set.
pub(crate) fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} should be a number, and is `{text}`")))
}
