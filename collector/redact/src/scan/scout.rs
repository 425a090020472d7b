//! The one pass over all bytes: where a look may be worth it.

use super::literals::Literals;
use crate::block::{BLOCK, Block, bits_of_pairs, block};

/// So many bytes may be triggers by themselves.
pub(super) const MOST_TRIGGERS: usize = 8;

/// What is worth a look, and where.
pub(super) enum Sight {
    /// The rare bytes of a word may end here.
    Word(usize),
    /// A run of digits begins here, or a byte is a trigger by itself.
    Sign(usize),
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
        let signs = signs(&block, before[1], triggers) & inside;
        before = [block[BLOCK - 2], block[BLOCK - 1]];
        let goes_on = each(signs, |place| visit(Sight::Sign(base + place)))
            && each(words, |place| visit(Sight::Word(base + place)));
        if !goes_on {
            return;
        }
    }
}

/// The places of the bits, until it is told to stop.
fn each(mut bits: u32, mut visit: impl FnMut(usize) -> bool) -> bool {
    while bits != 0 {
        if !visit(bits.trailing_zeros() as usize) {
            return false;
        }
        bits &= bits - 1;
    }
    true
}

/// Where a run of digits begins, and where a trigger is. `last` stands before the block.
#[inline(always)]
fn signs(block: &Block, last: u8, triggers: &[u8; MOST_TRIGGERS]) -> u32 {
    let mut before = [last; BLOCK];
    before[1..].copy_from_slice(&block[..BLOCK - 1]);
    let digit = |byte: u8| u8::from(byte.wrapping_sub(b'0') < 10);
    bits_of_pairs(block, &before, |byte, before| {
        let trigger = triggers.iter().fold(0, |any, trigger| any | u8::from(byte == *trigger));
        trigger | digit(byte) & (digit(before) ^ 1)
    })
}
