//! Social security numbers of the United States, in their written form.

use super::bytes::{before, grouped, is_alphanumeric};
use super::{Detector, Trigger};
use std::ops::Range;

pub(super) const US_SSN: Detector = Detector {
    rule: "US_SSN",
    reason: "a number for life that opens accounts",
    triggers: &[Trigger::Groups(3..=3, find)],
};

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if at.len() != 3 || is_alphanumeric(before(text, at.start)) || joined(before(text, at.start)) {
        return None;
    }
    let number = grouped(text, at.start, 9, b"-");
    let next = text.get(number.place.end).copied();
    let goes_on = joined(next) && is_alphanumeric(text.get(number.place.end + 1).copied());
    let whole = !goes_on && !is_alphanumeric(next);
    (whole && number.groups == [3, 2, 4] && was_issued(&number.digits)).then_some(number.place)
}

fn joined(byte: Option<u8>) -> bool {
    matches!(byte, Some(b'-' | b'.' | b'_'))
}

fn was_issued(digits: &[u8]) -> bool {
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    area != b"000" && area != b"666" && area[0] != b'9' && group != b"00" && serial != b"0000"
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_the_written_form() {
        found("SSN 078-05-1120, ok", "US_SSN", &["078-05-1120"]);
        found("225\u{2011}98\u{2011}7406", "US_SSN", &["225\u{2011}98\u{2011}7406"]);
    }

    #[test]
    fn leaves_numbers_never_issued_and_parts_of_others() {
        for text in [
            "000-12-3456",
            "666-12-3456",
            "912-12-3456",
            "123-00-4567",
            "123-45-0000",
            "1-123-45-6789",
            "123-45-67890",
        ] {
            nothing(text);
        }
    }
}
