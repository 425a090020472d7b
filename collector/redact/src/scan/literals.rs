//! Hundreds of words looked for at once.
//!
//! Of each word three bytes are remembered that are rare in texts. A text is then asked at each byte for one bit, whether
//! the last three may be those of a word, and where they are, the word is compared.

use crate::block::{BLOCK, Block};
use std::borrow::Cow;
use std::ops::Range;

/// Three bytes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Gram {
    slot: u16,
    /// How many bytes of the word stand before the end of the three.
    back: u8,
    word: u16,
}

#[derive(Debug)]
pub(super) struct Literals {
    /// One where a slot has a gram, or else zero.
    filter: Box<[u8; SLOTS]>,
    /// Where the grams of a slot begin, by the upper bits of the slot.
    heads: Box<[u16; HEADS + 1]>,
    grams: Vec<Gram>,
    words: Vec<Cow<'static, str>>,
}

/// They fit into the nearest cache, and with hundreds of words one in a hundred is taken.
const SLOTS: usize = 1 << 15;
const HEADS: usize = 1 << 10;

/// The slot of three bytes, whatever their case. What else falls together is told apart when the word is compared.
#[inline(always)]
fn slot(bytes: [u8; 3]) -> u16 {
    let [first, second, third] = bytes.map(|byte| u16::from(byte | CASE));
    first
        .wrapping_mul(0x9e37)
        .wrapping_add(second.wrapping_mul(0x79b1))
        .wrapping_add(third.wrapping_mul(0x85eb))
        >> 1
}

/// The bit that tells letters from capitals.
const CASE: u8 = 0x20;

impl Literals {
    /// Of a word of two bytes, `follows` says what may stand behind it.
    pub(super) fn new(words: Vec<Cow<'static, str>>, follows: impl Fn(usize, u8) -> bool) -> Literals {
        let (mut grams, common): (Vec<Gram>, Common) = (Vec::new(), Common::new());
        for (number, word) in words.iter().enumerate() {
            let number = u16::try_from(number).expect("there are hundreds of words");
            match word.as_bytes() {
                &[first, second] => {
                    let third = (0..=u8::MAX).filter(|byte| follows(number.into(), *byte));
                    grams.extend(third.map(|third| gram(&[first, second, third], 0, number)));
                }
                bytes => grams.push(rarest(bytes, number, &common)),
            }
        }
        grams.sort_unstable();
        grams.dedup();
        let mut filter = Box::new([0; SLOTS]);
        grams.iter().for_each(|gram| filter[usize::from(gram.slot)] = 1);
        let heads = heads(&grams);
        Literals { filter, heads, grams, words }
    }

    /// A bit for each byte of the block, where the three bytes of a word may end; two bytes stand before it.
    #[inline(always)]
    pub(super) fn bits(&self, before: [u8; 2], block: &Block) -> u32 {
        let mut bytes = [0; BLOCK + 2];
        bytes[..2].copy_from_slice(&before);
        bytes[2..].copy_from_slice(block);
        let mut slots = [0; BLOCK];
        // All slots first: that is done with vectors.
        for place in 0..BLOCK {
            slots[place] = slot([bytes[place], bytes[place + 1], bytes[place + 2]]);
        }
        let ones = slots.iter().map(|slot| self.filter[usize::from(*slot) % SLOTS]);
        ones.fold(0, |bits, one| bits << 1 | u32::from(one)).reverse_bits()
    }

    /// The words, by number and place, of which the three bytes end with the byte at `last`.
    pub(super) fn at(&self, text: &[u8], last: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let three = last.checked_sub(2).and_then(|first| text.get(first..)?.first_chunk().copied());
        let slot = slot(three.unwrap_or_default());
        let head = usize::from(slot >> 5);
        let grams = &self.grams[usize::from(self.heads[head])..usize::from(self.heads[head + 1])];
        grams.iter().filter(move |gram| gram.slot == slot).filter_map(move |gram| {
            let word = self.words[usize::from(gram.word)].as_bytes();
            let start = (last + 1).checked_sub(gram.back.into())?;
            let place = start..start + word.len();
            let same = text.get(place.clone())?.eq_ignore_ascii_case(word);
            same.then_some((gram.word.into(), place))
        })
    }

    /// All words of a short text.
    pub(super) fn all(&self, text: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
        (0..text.len()).flat_map(move |last| self.at(text, last))
    }
}

fn heads(grams: &[Gram]) -> Box<[u16; HEADS + 1]> {
    let mut heads = Box::new([0; HEADS + 1]);
    for (head, first) in heads.iter_mut().enumerate() {
        let before = grams.partition_point(|gram| usize::from(gram.slot >> 5) < head);
        *first = u16::try_from(before).expect("there are hundreds of words");
    }
    heads
}

fn gram(bytes: &[u8], at: usize, word: u16) -> Gram {
    let three = [bytes[at], bytes[at + 1], bytes[at + 2]];
    Gram { slot: slot(three), back: u8::try_from(at + 3).expect("words are short"), word }
}

/// The three bytes of a word that are met least in texts.
fn rarest(word: &[u8], number: u16, common: &Common) -> Gram {
    assert!((3..250).contains(&word.len()), "a word that is looked for has two bytes or more");
    let grams = (0..word.len() - 2).map(|at| gram(word, at, number));
    let rank = |gram: &Gram| (common.grams[usize::from(gram.slot)], common.letters(word, gram));
    grams.min_by_key(rank).expect("a word of three bytes has three bytes")
}

/// How often bytes are met.
struct Common {
    /// By slot.
    grams: Box<[u8; SLOTS]>,
}

impl Common {
    fn new() -> Common {
        let mut grams = Box::new([0_u8; SLOTS]);
        for three in COMMON.as_bytes().windows(3) {
            let count = &mut grams[usize::from(slot([three[0], three[1], three[2]]))];
            *count = count.saturating_add(1);
        }
        // Where words meet, they meet in more ways than are listed here.
        let letters = b"abcdefghijklmnopqrstuvwxyz";
        for (first, last) in letters.iter().flat_map(|first| letters.iter().map(move |last| (*first, *last)))
        {
            let count = &mut grams[usize::from(slot([first, b' ', last]))];
            *count = count.saturating_add(2);
        }
        Common { grams }
    }

    /// Where no common word has the three bytes, common letters are worse.
    fn letters(&self, word: &[u8], gram: &Gram) -> usize {
        const RAREST_FIRST: &[u8] = b"qzjxkv_bywgp-fmucldhr/ion:sate ";
        let end = usize::from(gram.back);
        let rank = |byte: &u8| RAREST_FIRST.iter().position(|common| *common == byte.to_ascii_lowercase());
        word[end - 3..end].iter().map(|byte| rank(byte).map_or(0, |rank| rank + 4)).sum()
    }
}

/// Words that stand in every prompt, answer, program and log: what they have in common with a word that is looked for is
/// no sign of it.
const COMMON: &str = " the of and to a in is that for it with as was on be are by this from or an at not have has \
    you your can will would should which their there they them when what where who how all any each other more most \
    some such than then these those only into over under about after before between because through while \
    please answer question summary summarise message messages content context response request result results user \
    system assistant model tool tools function call calls arguments parameters type string number numbers object \
    text token tokens prompt_tokens completion_tokens max_tokens tokenize input output data value values name names \
    key keys code error errors warning info debug status date time timestamp created_at updated_at version release \
    access pass passed passes passage passing secret service server session account address application content-type \
    example information customer customers order orders number product price total amount payment invoice report \
    return import export const public private static class struct let mut match async await print true false null none \
    select from where group insert update delete table index column row count list item items file files path line \
    http https www com org net html json python rust node docker run install build test tests command github \
    id request_id span trace duration took_ms level thread worker agent step steps search query limit page offset \
    temperature stream description required properties enum array default options title language image \
    die der das und ist nicht ein eine mit auf von zu den im für sich werden wird nummer \
    le la les des et est une dans pour que qui sur avec pas plus el los las por con una del para como más que no \
    phone mail email company birthday born on text/html application/json - ** ## | --- ";

#[cfg(test)]
mod tests {
    use super::Literals;
    use crate::block::block;

    fn literals(words: &[&'static str]) -> Literals {
        Literals::new(words.iter().map(|word| std::borrow::Cow::Borrowed(*word)).collect(), |_, byte| {
            byte.is_ascii_digit()
        })
    }

    fn all(literals: &Literals, text: &str) -> Vec<(usize, usize)> {
        literals.all(text.as_bytes()).map(|(word, place)| (place.start, word)).collect()
    }

    #[test]
    fn words_are_found_in_any_case_even_in_each_other() {
        let literals = literals(&["access_token", "token", "密码", "://"]);
        let mut found = all(&literals, "ACCESS_Token 密码://tokken");
        found.sort_unstable();
        assert_eq!(found, [(0, 0), (7, 1), (13, 2), (19, 3)]);
    }

    #[test]
    fn a_word_of_two_bytes_is_found_before_what_may_follow_it() {
        assert_eq!(all(&literals(&["SK"]), "sk1 SKx S SK9"), [(0, 0), (10, 0)]);
    }

    #[test]
    fn a_block_says_where_a_look_is_worth_it() {
        let literals = literals(&["password"]);
        for at in 0..40 {
            let text = format!("{}password{}", " ".repeat(at), " ".repeat(40));
            let place = |last: usize| literals.at(text.as_bytes(), last).next();
            let last = (0..text.len()).find(|last| place(*last).is_some()).expect("the word is there");
            let base = last / 32 * 32;
            let before =
                [base.wrapping_sub(2), base.wrapping_sub(1)].map(|at| text.as_bytes().get(at).copied());
            let bits = literals.bits(before.map(Option::unwrap_or_default), &block(text.as_bytes(), base));
            assert_eq!(bits >> (last - base) & 1, 1, "at {at}");
        }
    }
}
