//! Bank accounts by country, length and the check of ISO 7064 (mod 97).

use super::bytes::{before, is_alphanumeric, is_word};
use super::{Detector, Trigger};
use std::ops::Range;

pub(super) const IBAN: Detector = Detector {
    rule: "IBAN",
    reason: "an account names its holder and can be debited",
    triggers: &[Trigger::DigitsBehindLetter(2..=usize::MAX, find)],
};

/// Countries in the registry, each with the length of its accounts.
const LENGTHS: &str = "\
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 \
    DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 \
    IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 \
    MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 \
    SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = at.start.checked_sub(2)?;
    let country = text.get(start..at.start)?;
    if is_word(before(text, start)) {
        return None;
    }
    let length = length_in(country)?;
    let (account, end) = read(text, start, length)?;
    (!is_alphanumeric(text.get(end).copied()) && remainder(&account) == 1).then_some(start..end)
}

fn length_in(country: &[u8]) -> Option<usize> {
    let &[first, second] = country else { return None };
    let letter =
        |byte: u8| byte.to_ascii_lowercase().checked_sub(b'a').map(usize::from).filter(|at| *at < 26);
    let length = BY_COUNTRY[letter(first)? * 26 + letter(second)?];
    (length > 0).then_some(length.into())
}

/// The same by the two letters, as ids in hexadecimal ask for it again and again.
const BY_COUNTRY: [u8; 26 * 26] = {
    let rows = LENGTHS.as_bytes();
    let mut lengths = [0; 26 * 26];
    let mut at = 0;
    while at + 4 <= rows.len() {
        let country = (rows[at] - b'A') as usize * 26 + (rows[at + 1] - b'A') as usize;
        lengths[country] = (rows[at + 2] - b'0') * 10 + (rows[at + 3] - b'0');
        at += 5;
    }
    lengths
};

/// Exactly `length` letters and digits, single spaces or hyphens between them passed over.
fn read(text: &[u8], start: usize, length: usize) -> Option<(Vec<u8>, usize)> {
    let mut account = Vec::with_capacity(length);
    let mut at = start;
    while account.len() < length {
        let byte = *text.get(at)?;
        let gap = matches!(byte, b' ' | b'-' | b'.') && is_alphanumeric(before(text, at));
        if byte.is_ascii_alphanumeric() {
            account.push(byte.to_ascii_uppercase());
        } else if !gap {
            return None;
        }
        at += 1;
    }
    Some((account, at))
}

/// The account as a number, its first four places moved to the end, modulo 97.
fn remainder(account: &[u8]) -> u32 {
    let (head, tail) = account.split_at(4);
    tail.iter().chain(head).fold(0, |rest, &byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_accounts_with_and_without_spaces() {
        found("IBAN: DE89 3704 0044 0532 0130 00.", "IBAN", &["DE89 3704 0044 0532 0130 00"]);
        found("to GB29NWBK60161331926819 now", "IBAN", &["GB29NWBK60161331926819"]);
        found("gb29nwbk60161331926819", "IBAN", &["gb29nwbk60161331926819"]);
    }

    #[test]
    fn leaves_what_fails_the_check() {
        nothing("DE88 3704 0044 0532 0130 00");
        nothing("GB29NWBK60161331926819X");
        nothing("ZZ29NWBK60161331926819");
    }
}
