//! The one pass over all bytes: where a look may be worth it.

use super::literals::Literals;
use crate::block::{BLOCK, Block, bits_of_three, block};

/// So many bytes may be triggers by themselves.
pub(super) const MOST_TRIGGERS: usize = 5;

/// What is worth a look, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sight {
    /// The rare bytes of a word may end here.
    Word(usize),
    /// A run of digits begins here, or a byte is a trigger by itself.
    Sign(usize),
}

impl Sight {
    pub(crate) fn at(self) -> usize {
        let (Self::Word(at) | Self::Sign(at)) = self;
        at
    }

    /// The same in another place.
    pub(crate) fn moved(self, to: impl FnOnce(usize) -> Option<usize>) -> Option<Self> {
        Some(match self {
            Self::Word(at) => Self::Word(to(at)?),
            Self::Sign(at) => Self::Sign(to(at)?),
        })
    }
}

/// Calls `visit` with all that is worth a look, block by block; stops where `visit` says `false`.
pub(super) fn scout(
    text: &[u8],
    literals: &Literals,
    triggers: &[u8; MOST_TRIGGERS],
    mut visit: impl FnMut(Sight) -> bool,
) {
    let mut before = [0; 2];
    for base in (0..text.len()).step_by(BLOCK) {
        let block = block(text, base);
        let inside = u32::MAX >> BLOCK.saturating_sub(text.len() - base);
        let words = literals.bits(before, &block) & inside;
        let signs = signs(&block, before[1], text.get(base + BLOCK).copied(), triggers) & inside;
        before = [block[BLOCK - 2], block[BLOCK - 1]];
        let goes_on = each(signs, |place| visit(Sight::Sign(base + place)))
            && each(words, |place| visit(Sight::Word(base + place)));
        if !goes_on {
            return;
        }
    }
}

/// The places of the bits, until it is told to stop.
pub(super) fn each(mut bits: u32, mut visit: impl FnMut(usize) -> bool) -> bool {
    while bits != 0 {
        if !visit(bits.trailing_zeros() as usize) {
            return false;
        }
        bits &= bits - 1;
    }
    true
}

/// Where a run of digits begins, and where a trigger is. A single digit begins one only where a sign follows it, and no
/// letter stands before it: the others are most of the digits of an id. `last` stands before the block, `next` behind it.
#[inline(always)]
fn signs(block: &Block, last: u8, next: Option<u8>, triggers: &[u8; MOST_TRIGGERS]) -> u32 {
    let (mut before, mut behind) = ([last; BLOCK], [next.unwrap_or_default(); BLOCK]);
    before[1..].copy_from_slice(&block[..BLOCK - 1]);
    behind[..BLOCK - 1].copy_from_slice(&block[1..]);
    let digit = |byte: u8| u8::from(byte.wrapping_sub(b'0') < 10);
    let letter = |byte: u8| u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
    // The space, the parentheses, and `-`, `.` and `/`, which stand in a row.
    let sign = |byte: u8| {
        u8::from(byte == b' ') | u8::from(byte & 0xfe == b'(') | u8::from(byte.wrapping_sub(b'-') < 3)
    };
    bits_of_three(&before, block, &behind, |before, byte, behind| {
        let trigger = triggers.iter().fold(0, |any, trigger| any | u8::from(byte == *trigger));
        let begins = digit(byte) & (digit(before) ^ 1);
        trigger | begins & (digit(behind) | sign(behind) & (letter(before) ^ 1))
    })
}
