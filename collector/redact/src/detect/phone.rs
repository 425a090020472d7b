//! Telephone numbers that show what they are: with a country code, or in the form of North America.

use super::bytes::{before, grouped, is_alphanumeric, is_digit, is_word};
use super::{Detector, Trigger};
use std::ops::Range;

pub(super) const PHONE: Detector = Detector {
    rule: "PHONE",
    reason: "a number reaches a person",
    triggers: &[
        Trigger::Byte(b'+', international),
        Trigger::Digits(4..=5, zeros),
        Trigger::Digits(3..=3, north_american),
    ],
};

fn international(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if is_word(before(text, at.start)) || before(text, at.start) == Some(b'+') {
        return None;
    }
    let (digits, end) = read(text, at.end)?;
    plausible(&digits).then_some(at.start..end)
}

/// `0049 179 517937`: two zeros for the plus, and a gap after the country, or every id would be one.
fn zeros(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let spaced =
        (4..=5).contains(&at.len()) && text[at.start..].starts_with(b"00") && text.get(at.end) == Some(&b' ');
    let in_groups = before(text, at.start) == Some(b' ') && is_digit(before(text, at.start - 1));
    if !spaced
        || in_groups
        || is_word(before(text, at.start))
        || matches!(before(text, at.start), Some(b'.' | b'-' | b','))
    {
        return None;
    }
    let (digits, end) = read(text, at.start + 2)?;
    plausible(&digits).then_some(at.start..end)
}

/// Digits with single separators and one pair of parentheses between them.
fn read(text: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut digits = Vec::with_capacity(16);
    let (mut at, mut end) = (start, start);
    while let Some(&byte) = text.get(at).filter(|_| digits.len() <= 15) {
        match byte {
            b'0'..=b'9' => {
                digits.push(byte);
                end = at + 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if at - end < 2 => {}
            _ => break,
        }
        at += 1;
    }
    let goes_on = is_alphanumeric(text.get(end).copied());
    let fraction = text.get(end) == Some(&b'.') && is_digit(text.get(end + 1).copied());
    (!goes_on && !fraction).then_some((digits, end))
}

/// The lengths of E.164 for countries that were given a code.
fn plausible(digits: &[u8]) -> bool {
    let assigned = match *digits {
        [b'1', area, _, _, exchange, ..] => return digits.len() == 11 && area >= b'2' && exchange >= b'2',
        [b'7', ..] => digits.len() == 11,
        [b'2', b'0' | b'7', ..] | [b'3', b'0'..=b'4' | b'6' | b'9', ..] => true,
        [b'4', b'0' | b'1' | b'3'..=b'9', ..] | [b'5', b'1'..=b'8', ..] | [b'6', b'0'..=b'6', ..] => true,
        [b'8', b'1' | b'2' | b'4' | b'6', ..] | [b'9', b'0'..=b'5' | b'8', ..] => true,
        [b'2', b'1'..=b'6' | b'9', ..] | [b'3', b'5' | b'7' | b'8', ..] | [b'4', b'2', ..] => {
            digits.len() > 9
        }
        [b'5', b'0' | b'9', ..] | [b'6', b'7'..=b'9', ..] | [b'8', b'0' | b'5' | b'7' | b'8', ..] => {
            digits.len() > 9
        }
        [b'9', b'6' | b'7' | b'9', ..] => digits.len() > 9,
        _ => false,
    };
    assigned && (9..=15).contains(&digits.len())
}

fn north_american(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if at.len() != 3 || text[at.start] < b'2' {
        return None;
    }
    let open = before(text, at.start) == Some(b'(');
    let start = if open { at.start - 1 } else { at.start };
    let previous = before(text, start);
    if is_word(previous) || matches!(previous, Some(b'-' | b'.' | b'+')) {
        return None;
    }
    let rest = if open { after_parenthesis(text, at.end)? } else { at.end + 1 };
    let separators: &[u8] =
        if open { b"-. " } else { text.get(at.end..rest).filter(|one| b"-.".contains(&one[0]))? };
    let number = grouped(text, rest, 7, separators);
    let end = number.place.end;
    let joined = matches!(text.get(end), Some(b'-' | b'.')) && is_digit(text.get(end + 1).copied());
    let fits = number.groups == [3, 4] && number.digits[0] >= b'2';
    (fits && !joined && !is_word(text.get(end).copied())).then_some(start..end)
}

fn after_parenthesis(text: &[u8], at: usize) -> Option<usize> {
    (text.get(at) == Some(&b')')).then_some(if text.get(at + 1) == Some(&b' ') { at + 2 } else { at + 1 })
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_numbers_with_a_country_code() {
        for phone in
            ["+1 (415) 555-0132", "+44 20 7946 0958", "+55-84-285-1606", "+49722097706", "0049 179 517937"]
        {
            found(&format!("call {phone} after five"), "PHONE", &[phone]);
        }
        found("n=%2B34-27-822-6667&", "PHONE", &["%2B34-27-822-6667"]);
    }

    #[test]
    fn finds_north_american_numbers() {
        for phone in ["(388) 778-0347", "209.545.9021", "415-555-0132"] {
            found(&format!("call {phone}."), "PHONE", &[phone]);
        }
    }

    #[test]
    fn leaves_sums_dates_and_counters() {
        for text in [
            "+3.5%",
            "+1768108844065",
            "1-2-3",
            "555-timeout",
            "3/4/2026 build 1182",
            "+02:00",
            "a+4915112345678",
            "1.5.24-rc.9+8da915",
            "100.200.3000.1",
            "0049179517937",
            "+0 12 345 678 90",
        ] {
            nothing(text);
        }
    }
}
