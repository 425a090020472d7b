//! Bytes without a structure, cut by a rolling hash.

/// No part is shorter, but for the last one.
const LEAST: usize = 2048;
/// No part is longer.
pub(super) const MOST: usize = 8192;
/// One place of 2,048 is an end, on average.
const MASK: u64 = ((1 << 11) - 1) << 53;

/// A number for each byte, that has nothing to do with its neighbours'.
const GEAR: [u64; 256] = gear();

#[expect(clippy::cast_possible_truncation, reason = "the loop counts to 256")]
const fn gear() -> [u64; 256] {
    let mut numbers = [0; 256];
    let mut at = 0;
    while at < 256 {
        numbers[at as usize] = mixed(at);
        at += 1;
    }
    numbers
}

/// SplitMix64.
const fn mixed(seed: u64) -> u64 {
    let mut number = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Where the parts of these bytes end.
pub(super) fn ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        at += first(rest);
        Some(at)
    })
}

/// The length of the first part. The hash sees the last 64 bytes, so that it finds the same end again whatever
/// stood before.
fn first(bytes: &[u8]) -> usize {
    let most = bytes.len().min(MOST);
    let mut hash = 0u64;
    for (at, byte) in bytes[..most].iter().enumerate().skip(LEAST - 64) {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
        if at >= LEAST && hash & MASK == 0 {
            return at;
        }
    }
    most
}
