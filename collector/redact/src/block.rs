//! Questions to 32 bytes at a time, which the compiler answers with vectors.

pub(crate) const BLOCK: usize = 32;

pub(crate) type Block = [u8; BLOCK];

/// A bit for each byte of the block, the first one lowest. `is` says one or zero, without a branch.
#[inline(always)]
pub(crate) fn bits(block: &Block, is: impl Fn(u8) -> u8) -> u32 {
    bits_of_three(block, block, block, |_, byte, _| is(byte))
}

/// The same for what a block says together with those of the bytes before and behind its own.
#[inline(always)]
pub(crate) fn bits_of_three(
    before: &Block,
    block: &Block,
    behind: &Block,
    is: impl Fn(u8, u8, u8) -> u8,
) -> u32 {
    let mut ones = [0; BLOCK];
    // As plain as it is: of other forms of this loop the compiler made no vectors.
    for place in 0..BLOCK {
        ones[place] = is(before[place], block[place], behind[place]);
    }
    let (words, _) = ones.as_chunks();
    if words.iter().fold(0, |any, word| any | u64::from_le_bytes(*word)) == 0 {
        return 0;
    }
    words.iter().rev().fold(0, |bits, word| bits << 8 | gathered(u64::from_le_bytes(*word)))
}

/// The lowest bits of eight bytes, next to each other.
fn gathered(ones: u64) -> u32 {
    (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

/// The block of the text from `at` on; behind the end of the text stand zeros.
#[inline(always)]
pub(crate) fn block(text: &[u8], at: usize) -> Block {
    let rest = text.get(at..).unwrap_or_default();
    rest.first_chunk().copied().unwrap_or_else(|| {
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        last
    })
}

/// The places of the bytes of a kind, asked for from left to right.
pub(crate) struct Places<'a, Is> {
    text: &'a [u8],
    is: Is,
    /// Behind the block that the bits are of.
    next: usize,
    bits: u32,
}

impl<'a, Is: Fn(u8) -> u8 + Copy> Places<'a, Is> {
    pub(crate) fn of(text: &'a [u8], is: Is) -> Self {
        Places { text, is, next: 0, bits: 0 }
    }

    /// The first at or behind `from`, which never goes back.
    pub(crate) fn from(&mut self, from: usize) -> Option<usize> {
        if from < self.next {
            self.bits &= u32::MAX << (from + BLOCK).saturating_sub(self.next);
        } else {
            (self.next, self.bits) = (from, 0);
        }
        while self.bits == 0 {
            if self.next >= self.text.len() {
                return None;
            }
            let inside = u32::MAX >> BLOCK.saturating_sub(self.text.len() - self.next);
            self.bits = bits(&block(self.text, self.next), self.is) & inside;
            self.next += BLOCK;
        }
        Some(self.next - BLOCK + self.bits.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn every_place_is_found_once_in_order() {
        let text: Vec<u8> = (0..200_u8).map(|at| if at % 7 == 3 || at > 190 { b'x' } else { b'-' }).collect();
        let expected: Vec<usize> = (0..200).filter(|at| text[*at] == b'x').collect();
        let mut places = Places::of(&text, |byte| u8::from(byte == b'x'));
        let mut next = places.from(0);
        let mut found = Vec::new();
        while let Some(at) = next {
            found.push(at);
            next = places.from(at + 1);
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn places_are_asked_for_behind_any_byte() {
        let text = "a.".repeat(100);
        for from in [0, 1, 30, 31, 32, 33, 63, 64, 150, 199, 200, 999] {
            let expected = (from..200).find(|at| at % 2 == 1);
            assert_eq!(Places::of(text.as_bytes(), |byte| u8::from(byte == b'.')).from(from), expected);
        }
        assert_eq!(Places::of(b"", |_| 1).from(0), None);
        assert_eq!(Places::of(b"a", |byte| u8::from(byte == 0)).from(0), None, "no byte behind the end");
    }
}
