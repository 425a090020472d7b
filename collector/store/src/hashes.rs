//! A set of 32-bit hashes in few bytes, in which one of them is looked for without reading the others.
//!
//! The code is that of Elias and Fano: of `n` hashes in order the low bits stand one after the other, as many as make
//! the rest about as many values as there are hashes; the rest stands as ones, each behind as many zeros as its value
//! has. That is 2 bits and the low ones a hash, some 3.3 bytes for a few hundred of them.

/// The code of these hashes, which are in order and differ.
pub(crate) fn encode(hashes: &[u32]) -> Vec<u8> {
    let width = low_width(hashes.len());
    let mut bytes = count_bytes(hashes.len());
    let start = bytes.len();
    bytes.resize(start + (hashes.len() * width).div_ceil(8), 0);
    for (at, hash) in hashes.iter().enumerate() {
        let low = u64::from(*hash) & mask(width);
        let (byte, shift) = (start + at * width / 8, at * width % 8);
        for (place, part) in bytes[byte..].iter_mut().zip((low << shift).to_le_bytes()) {
            *place |= part;
        }
    }
    let high_start = bytes.len();
    for (at, hash) in hashes.iter().enumerate() {
        let one = at + high(*hash, width);
        bytes.resize((high_start + one / 8 + 1).max(bytes.len()), 0);
        bytes[high_start + one / 8] |= 1 << (one % 8);
    }
    bytes
}

/// Hashes in this code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashes<'a> {
    count: usize,
    width: usize,
    low: &'a [u8],
    high: &'a [u8],
}

impl<'a> Hashes<'a> {
    /// `None` where the bytes are not what [`encode`] made.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = read_count(bytes)?;
        let width = low_width(count);
        let (low, high) = rest.split_at_checked(count.checked_mul(width)?.div_ceil(8))?;
        let ones: u32 = high.iter().map(|byte| byte.count_ones()).sum();
        (ones as usize == count).then_some(Self { count, width, low, high })
    }

    pub(crate) fn len(self) -> usize {
        self.count
    }

    pub(crate) fn contains(self, hash: u32) -> bool {
        let (bucket, low) = (high(hash, self.width), u64::from(hash) & mask(self.width));
        let Some(mut bit) = self.after_zeros(bucket) else { return false };
        while self.is_one(bit) {
            match self.low(bit - bucket).cmp(&low) {
                std::cmp::Ordering::Less => bit += 1,
                found => return found.is_eq(),
            }
        }
        false
    }

    /// In order.
    pub(crate) fn iter(self) -> impl Iterator<Item = u32> + 'a {
        let ones = (0..self.high.len() * 8).filter(move |bit| self.is_one(*bit));
        ones.enumerate().map(move |(at, bit)| {
            let hash = ((bit - at) as u64) << self.width | self.low(at);
            u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
        })
    }

    /// The place behind so many zeros.
    fn after_zeros(self, zeros: usize) -> Option<usize> {
        let mut left = zeros;
        let mut at = 0;
        while left > 0 {
            let word =
                self.high.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
            match word.map(|word| word.count_zeros() as usize).filter(|zeros| *zeros < left) {
                Some(zeros) => (left, at) = (left - zeros, at + 8),
                None => return self.after_zeros_from(at * 8, left),
            }
        }
        Some(at * 8)
    }

    fn after_zeros_from(self, from: usize, zeros: usize) -> Option<usize> {
        let mut bits = (from..self.high.len() * 8).filter(|bit| !self.is_one(*bit));
        bits.nth(zeros - 1).map(|bit| bit + 1)
    }

    fn is_one(self, bit: usize) -> bool {
        self.high.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }

    fn low(self, at: usize) -> u64 {
        let bit = at * self.width;
        let mut bytes = [0; 8];
        for (byte, found) in bytes.iter_mut().zip(&self.low[bit / 8..]) {
            *byte = *found;
        }
        u64::from_le_bytes(bytes) >> (bit % 8) & mask(self.width)
    }
}

/// Low bits of each of so many hashes.
fn low_width(count: usize) -> usize {
    let most = count.saturating_sub(1);
    32usize.saturating_sub((usize::BITS - most.leading_zeros()) as usize)
}

fn mask(width: usize) -> u64 {
    (1 << width) - 1
}

fn high(hash: u32, width: usize) -> usize {
    usize::try_from(u64::from(hash) >> width).unwrap_or(usize::MAX)
}

/// A number in groups of seven bits, the lowest first.
fn count_bytes(mut count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while count >= 0x80 {
        bytes.push((count & 0x7f | 0x80).to_le_bytes()[0]);
        count >>= 7;
    }
    bytes.push(count.to_le_bytes()[0]);
    bytes
}

fn read_count(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut count = 0;
    // There are 2^32 hashes: their number has five groups at the most.
    for (at, byte) in bytes.iter().take(5).enumerate() {
        count |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((count, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn hashes(most: usize) -> impl Strategy<Value = BTreeSet<u32>> {
        let hash = prop_oneof![any::<u32>(), 0..99u32, u32::MAX - 99..=u32::MAX];
        prop::collection::btree_set(hash, 0..most)
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found_and_nothing_else(set in hashes(400), others in hashes(99)) {
            let bytes = encode(&set.iter().copied().collect::<Vec<_>>());
            let coded = Hashes::of(&bytes).unwrap();
            prop_assert_eq!(coded.len(), set.len());
            prop_assert!(coded.iter().eq(set.iter().copied()));
            for hash in set.iter().chain(&others) {
                prop_assert_eq!(coded.contains(*hash), set.contains(hash), "{}", hash);
            }
        }

        #[test]
        fn bytes_of_any_kind_are_refused_or_read(bytes in any::<Vec<u8>>(), hash in any::<u32>()) {
            if let Some(coded) = Hashes::of(&bytes) {
                coded.contains(hash);
                prop_assert_eq!(coded.iter().count(), coded.len());
            }
        }
    }

    #[test]
    fn a_hash_takes_some_three_bytes() {
        for (count, most) in [(1, 6), (10, 42), (200, 670), (1_000, 3_100), (100_000, 225_000)] {
            let mut hashes: Vec<u32> = (0..count).map(|n: u32| n.wrapping_mul(2_654_435_761)).collect();
            hashes.sort_unstable();
            let bytes = encode(&hashes).len();
            assert!(bytes <= most, "{bytes} for {count}");
        }
    }
}
