//! Addresses of wallets, by their checks.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::bytes::{before, is_word, run};
use super::label::Bond;
use super::{Detector, Label, Trigger};

pub(super) const WALLET: Detector = Detector {
    rule: "WALLET",
    reason: "every payment of its owner can be followed by it",
    triggers: &[
        Trigger::Literal(&["bc1", "ltc1"], segregated),
        Trigger::Literal(&["0x"], ether),
        // Most of these begin with one digit and a letter, as half of all words in a program do: they need a word before.
        Trigger::Label(&Label {
            words: &[
                "wallet",
                "wallets",
                "address",
                "addr",
                "bitcoin",
                "btc",
                "litecoin",
                "ltc",
                "tron",
                "trx",
                "usdt",
                "dogecoin",
                "payout",
                "deposit",
                "send to",
                "pay to",
                "pay",
                "portfel",
                "portefeuille",
                "cartera",
                "carteira",
                "geldbörse",
                "кошелёк",
                "кошелек",
                "гаманець",
                "钱包",
                "ウォレット",
                "지갑",
            ],
            loose: true,
            accept: accept_wallet,
        }),
    ],
};

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Bitcoin and Litecoin since 2017 (BIP 173 and 350): a polynomial over the letters.
fn segregated(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let end = run(text, at.end, 90, |byte| BECH32.contains(&byte.to_ascii_lowercase()));
    let length = end - at.start;
    let whole = !is_word(before(text, at.start)) && !is_word(text.get(end).copied());
    if !whole || !(14..=90).contains(&length) {
        return None;
    }
    let lower = text[at.start..end].to_ascii_lowercase();
    let (human, data) = lower.split_at(at.len() - 1);
    let high = human.iter().map(|byte| u32::from(byte >> 5));
    let low = human.iter().map(|byte| u32::from(byte & 31));
    let letters = data[1..].iter().filter_map(|byte| BECH32.iter().position(|letter| letter == byte));
    let letters = letters.filter_map(|letter| u32::try_from(letter).ok());
    let check = high.chain([0]).chain(low).chain(letters).fold(1, polynomial);
    matches!(check, 1 | 0x2bc8_30a3).then_some(at.start..end)
}

fn polynomial(check: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = check >> 25;
    let next = (check & 0x1ff_ffff) << 5 ^ value;
    GENERATOR
        .iter()
        .enumerate()
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(next, |next, (_, term)| next ^ term)
}

/// `0x` and forty digits; a transaction has sixty-four.
fn ether(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let end = run(text, at.end, 41, |byte| byte.is_ascii_hexdigit());
    let distinct = text[at.end..end].iter().collect::<std::collections::BTreeSet<_>>().len();
    let whole = !is_word(before(text, at.start)) && !is_word(text.get(end).copied());
    (end - at.end == 40 && whole && distinct > 6 && is_address(text, &(at.end..end))).then_some(at.start..end)
}

/// Its letters change their case to be its check (EIP-55), or a word before says what it is.
fn is_address(text: &[u8], digits: &Range<usize>) -> bool {
    let has = |kind: fn(&u8) -> bool| text[digits.clone()].iter().any(kind);
    let around = text[digits.start.saturating_sub(40)..digits.start].to_ascii_lowercase();
    let is_said = [&b"wallet"[..], b"address", b"eth", b"account", b"pay"]
        .iter()
        .any(|word| memchr::memmem::find(&around, word).is_some());
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) || is_said
}

/// Either form that needs a word before.
fn accept_wallet(text: &[u8], bond: Bond) -> Option<usize> {
    let ether = || {
        let end = run(text, 2, 41, |byte| byte.is_ascii_hexdigit());
        let fits = text.starts_with(b"0x") && end == 42 && !is_word(text.get(end).copied());
        (fits && text[2..end].iter().any(|byte| *byte != text[2])).then_some(end)
    };
    accept_base58(text, bond).or_else(ether)
}

/// Bitcoin's first form and those that follow it, with a checksum of four bytes.
fn accept_base58(text: &[u8], _: Bond) -> Option<usize> {
    let end = run(text, 0, 36, |byte| byte.is_ascii_alphanumeric() && !b"0OIl".contains(&byte));
    let whole = !is_word(text.get(end).copied());
    (whole && (26..=35).contains(&end) && has_checksum(&text[..end])?).then_some(end)
}

fn has_checksum(address: &[u8]) -> Option<bool> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0_u8; 25];
    for letter in address {
        let mut carry = ALPHABET.iter().position(|known| known == letter)?;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        if carry > 0 {
            return Some(false);
        }
    }
    let (payload, check) = bytes.split_at(21);
    Some(Sha256::digest(Sha256::digest(payload)).starts_with(check))
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    /// From the documents that define their forms.
    #[test]
    fn finds_wallets_that_pass_their_check() {
        for wallet in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ] {
            found(&format!("pay {wallet}, please"), "WALLET", &[wallet]);
        }
    }

    #[test]
    fn leaves_what_fails_the_check() {
        for text in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
            "0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe6a713944b",
            "0x0000000000000000000000000000000000000000",
            "3d printing and 1st place",
        ] {
            nothing(&format!("pay {text}, please"));
        }
    }
}
