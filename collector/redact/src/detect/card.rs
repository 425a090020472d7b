//! Payment cards: a known issuer, its length, and the check digit.

use super::bytes::{Grouped, before, grouped, is_alphanumeric, is_digit, luhn};
use super::{Detector, Trigger};
use std::ops::{Range, RangeInclusive};

pub(super) const CREDIT_CARD: Detector = Detector {
    rule: "CREDIT_CARD",
    reason: "whoever has the number can pay with it",
    triggers: &[
        Trigger::Groups(1..=1, spaced),
        Trigger::Groups(4..=4, find),
        Trigger::Groups(6..=6, find),
        Trigger::Digits(13..=19, find),
    ],
};

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if !matches!(text[at.start], b'2'..=b'6' | b'8') || inside_another_number(text, at.start) {
        return None;
    }
    let number = grouped(text, at.start, 19, b" -.");
    let end = number.place.end;
    let goes_on = is_alphanumeric(text.get(end).copied())
        || (matches!(text.get(end), Some(b'-' | b'.' | b'_')) && is_alphanumeric(text.get(end + 1).copied()));
    let an_id = number.groups.len() == 1 && is_long(&number.digits);
    (!goes_on && !an_id && well_grouped(&number) && is_card(&number.digits)).then_some(number.place)
}

/// Longer numbers without a gap are ids and constants; cards of that length have gaps, but those of China.
fn is_long(digits: &[u8]) -> bool {
    digits.len() > 16 && !digits.starts_with(b"62")
}

/// `4 1 1 1 1 1 1 1 …`: each digit by itself.
fn spaced(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let sign = text.get(at.end).filter(|sign| b" -".contains(sign))?;
    (text.get(at.end + 2) == Some(sign)).then(|| find(text, at))?
}

/// Whether bare digits, as they stand in JSON without quotes, are a card.
pub(crate) fn is_bare_card(digits: &[u8]) -> bool {
    digits.len() >= 13 && digits.iter().all(u8::is_ascii_digit) && !is_long(digits) && is_card(digits)
}

fn inside_another_number(text: &[u8], start: usize) -> bool {
    let previous = before(text, start);
    let joined = start.checked_sub(2).and_then(|at| text.get(at)).copied();
    is_alphanumeric(previous)
        || matches!(previous, Some(b'_' | b'+'))
        || (matches!(previous, Some(b'-' | b'.')) && is_alphanumeric(joined))
        || (previous == Some(b' ') && is_digit(joined) && runs_of_four(text, start - 1))
        || (previous == Some(b' ') && begins_an_account(text, start - 1))
}

/// `1234 4111 …`: a group of four before means that this is the middle of a longer number.
fn runs_of_four(text: &[u8], end: usize) -> bool {
    let start = super::bytes::run_back(text, end, 5, |byte| byte.is_ascii_digit());
    end - start == 4
}

/// `LT48 8253 …`: an account that fails its check is no card.
fn begins_an_account(text: &[u8], end: usize) -> bool {
    let head = end.checked_sub(4).map_or(&b""[..], |start| &text[start..end]);
    matches!(head, [first, second, third, fourth]
        if first.is_ascii_uppercase() && second.is_ascii_uppercase() && third.is_ascii_digit() && fourth.is_ascii_digit())
}

fn well_grouped(number: &Grouped) -> bool {
    let groups = number.groups.as_slice();
    let spaced = groups.len() >= 13 && groups.iter().all(|group| *group == 1);
    spaced || matches!(groups, [_] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 1..=3] | [6, 13])
}

fn is_card(digits: &[u8]) -> bool {
    issuer_accepts(digits) && luhn(digits) && digits.iter().any(|digit| *digit != digits[0])
}

/// Issuers by the first six digits, with the lengths that they give out. Cards of 13 digits were the first of their
/// kind and are gone; today such numbers are the codes of goods.
const ISSUERS: &[(RangeInclusive<u32>, RangeInclusive<usize>)] = &[
    (220_000..=220_499, 16..=19),
    (222_100..=272_099, 16..=16),
    (300_000..=308_999, 14..=19),
    (309_000..=309_999, 14..=19),
    (340_000..=349_999, 15..=15),
    (352_800..=358_999, 16..=19),
    (360_000..=369_999, 14..=19),
    (370_000..=379_999, 15..=15),
    (380_000..=399_999, 14..=19),
    (400_000..=499_999, 16..=16),
    (400_000..=499_999, 19..=19),
    (500_000..=509_999, 16..=19),
    (501_800..=501_899, 13..=19),
    (502_000..=502_099, 13..=19),
    (503_800..=503_899, 13..=19),
    (510_000..=559_999, 16..=16),
    (560_000..=589_999, 16..=19),
    (589_300..=589_399, 13..=19),
    (600_000..=609_999, 16..=16),
    (601_100..=601_199, 16..=19),
    (620_000..=629_999, 16..=19),
    (630_400..=630_499, 13..=19),
    (636_000..=639_999, 16..=19),
    (644_000..=659_999, 16..=19),
    (675_900..=675_999, 13..=19),
    (676_100..=676_399, 13..=19),
    (670_000..=679_999, 16..=19),
    (810_000..=829_999, 16..=19),
];

fn issuer_accepts(digits: &[u8]) -> bool {
    let Some(head) = digits.get(..6) else { return false };
    let head = head.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    ISSUERS.iter().any(|(range, lengths)| range.contains(&head) && lengths.contains(&digits.len()))
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_cards_however_they_are_grouped() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "3782 822463 10005",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        ] {
            found(&format!("card {card}, please"), "CREDIT_CARD", &[card]);
        }
        found("４１１１ 1111\u{a0}1111 1111", "CREDIT_CARD", &["４１１１ 1111\u{a0}1111 1111"]);
    }

    #[test]
    fn leaves_numbers_that_are_not_cards() {
        for text in [
            "4111 1111 1111 1112",
            "order 20240611-000123",
            "1763368826120696935",
            "1767224246250",
            "trace 41111111111111111111111111111111",
            "4111111111111111-aa11",
            "0.4111111111111111",
            "a4111111111111111",
            "0fd6b833-4111-1111-1111-111111111111",
            "1234 4111 1111 1111 1111",
            "4444444444444444x",
        ] {
            nothing(text);
        }
    }
}
