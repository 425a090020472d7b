//! Numbers of papers that show by themselves what they are: a form, and a check that an ordinary number fails.

use std::ops::Range;

use super::bytes::{before, is_alphanumeric, is_digit, is_word, luhn};
use super::{Detector, Trigger};

pub(super) const PAPER: Detector =
    Detector { rule: "NATIONAL_ID", reason: "a state knows a person by it for life", triggers: TRIGGERS };

const TRIGGERS: &[Trigger] = &[
    Trigger::Groups(1..=8, grouped),
    Trigger::Digits(11..=11, compact),
    Trigger::Digits(15..=15, compact),
    Trigger::Digits(17..=18, chinese),
    Trigger::Digits(8..=8, spanish),
    Trigger::Digits(6..=6, finnish),
    Trigger::Groups(2..=2, british_in_groups),
    Trigger::DigitsBehindLetter(2..=2, italian),
    Trigger::DigitsBehindLetter(4..=4, indian_tax),
    Trigger::DigitsBehindLetter(6..=6, british_or_mexican),
    Trigger::DigitsBehindLetter(7..=7, letter_and_seven),
    Trigger::DigitsBehindLetter(9..=9, taiwanese),
];

/// How a number is written: how many digits stand between which signs, and what they must satisfy.
struct Form {
    groups: &'static [usize],
    signs: &'static [u8],
    holds: fn(&[u8]) -> bool,
}

const FORMS: &[Form] = &[
    // Brazil: people, companies.
    Form { groups: &[3, 3, 3, 2], signs: b"..-", holds: cpf },
    Form { groups: &[2, 3, 3, 4, 2], signs: b"../-", holds: cnpj },
    // Switzerland.
    Form { groups: &[3, 4, 4, 2], signs: b"...", holds: ahv },
    // Belgium.
    Form { groups: &[2, 2, 2, 3, 2], signs: b"..-.", holds: belgian },
    // Russia.
    Form { groups: &[3, 3, 3, 2], signs: b"-- ", holds: snils },
    // Sweden, with two or four digits of the year.
    Form { groups: &[6, 4], signs: b"-", holds: swedish },
    Form { groups: &[8, 4], signs: b"-", holds: swedish_in_full },
    // Czechia and Slovakia.
    Form { groups: &[6, 4], signs: b"/", holds: czech },
    // Korea.
    Form { groups: &[6, 7], signs: b"-", holds: korean },
    // Thailand.
    Form { groups: &[1, 4, 5, 2, 1], signs: b"----", holds: thai },
    // Malaysia.
    Form { groups: &[6, 2, 4], signs: b"--", holds: malaysian },
    // Argentina.
    Form { groups: &[2, 8, 1], signs: b"--", holds: cuit },
    // France.
    Form { groups: &[1, 2, 2, 2, 3, 3, 2], signs: b"      ", holds: french },
    // India.
    Form { groups: &[4, 4, 4], signs: b"  ", holds: verhoeff },
    Form { groups: &[4, 4, 4], signs: b"--", holds: verhoeff },
    // The United Arab Emirates.
    Form { groups: &[3, 4, 7, 1], signs: b"---", holds: emirati },
    // Norway.
    Form { groups: &[6, 5], signs: b" ", holds: norwegian },
];

fn grouped(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if joined(before(text, at.start)) {
        return None;
    }
    let sign = *text.get(at.end)?;
    let in_a_row =
        before(text, at.start) == Some(b' ') && at.start > 1 && is_digit(before(text, at.start - 1));
    if sign == b' ' && in_a_row {
        return None;
    }
    let forms = FORMS.iter().filter(|form| form.groups[0] == at.len() && form.signs[0] == sign);
    forms
        .filter_map(|form| form.end(text, &at))
        .next()
        .or_else(|| chilean(text, &at))
        .map(|end| at.start..end)
}

impl Form {
    fn end(&self, text: &[u8], first: &Range<usize>) -> Option<usize> {
        let mut at = first.end;
        for (length, sign) in self.groups[1..].iter().zip(self.signs) {
            let group = text.get(at + 1..at + 1 + length)?;
            if text[at] != *sign || !group.iter().all(u8::is_ascii_digit) {
                return None;
            }
            at += 1 + length;
        }
        let digits = || text[first.start..at].iter().copied().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
        (!goes_on(text, at) && (self.holds)(&digits())).then_some(at)
    }
}

/// `12.345.678-5`, `12.345.678-K`.
fn chilean(text: &[u8], first: &Range<usize>) -> Option<usize> {
    let rest = text.get(first.end..first.end + 10)?;
    let is_form = first.len() <= 2 && rest[0] == b'.' && rest[4] == b'.' && rest[8] == b'-';
    if !is_form || goes_on(text, first.end + 10) {
        return None;
    }
    let digits: Vec<u8> = text[first.clone()].iter().chain(&rest[1..4]).chain(&rest[5..8]).copied().collect();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let weighted = digits.iter().rev().zip([2, 3, 4, 5, 6, 7].iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| value(*digit) * weight).sum();
    let check = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        other => b'0' + u8::try_from(other).ok()?,
    };
    (rest[9].to_ascii_uppercase() == check).then_some(first.end + 10)
}

/// Norway's and France's without spaces: two checks and a day, or one by 97 and a month.
fn compact(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let digits = &text[at.clone()];
    let holds = if digits.len() == 11 { norwegian(digits) } else { french(digits) };
    (holds && !joined(before(text, at.start)) && !goes_on(text, at.end)).then_some(at)
}

fn chinese(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let digits = text.get(at.start..at.start + 17)?;
    let check = text.get(at.start + 17)?.to_ascii_uppercase();
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| value(*digit) * weight).sum();
    let expected = b"10X98765432"[usize::try_from(sum % 11).ok()?];
    let century = matches!(&digits[6..8], b"19" | b"20");
    let place = at.start..at.start + 18;
    let whole = !joined(before(text, place.start)) && !goes_on(text, place.end);
    (whole && century && check == expected && is_day(&digits[10..12], &digits[12..14])).then_some(place)
}

const SPANISH: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

fn spanish(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let dash = usize::from(text.get(at.end) == Some(&b'-'));
    let letter = *text.get(at.end + dash)?;
    let number = number(&text[at.clone()])?;
    let place = at.start..at.end + dash + 1;
    let whole = !joined(before(text, at.start)) && !goes_on(text, place.end);
    (whole && letter == SPANISH[usize::try_from(number % 23).ok()?]).then_some(place)
}

/// `X1234567L` of foreigners in Spain, and `S1234567D` of Singapore.
fn letter_and_seven(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let (start, letter) = (at.start.checked_sub(1)?, *text.get(at.end)?);
    let (digits, place) = (&text[at.clone()], start..at.end + 1);
    let holds = match text[start] {
        first @ (b'X' | b'Y' | b'Z') => {
            let whole = number(digits)? + u64::from(first - b'X') * 10_000_000;
            letter == SPANISH[usize::try_from(whole % 23).ok()?]
        }
        first @ (b'S' | b'T' | b'F' | b'G' | b'M') => singaporean(first, digits, letter),
        _ => false,
    };
    (holds && !joined(before(text, start)) && !goes_on(text, place.end)).then_some(place)
}

fn singaporean(first: u8, digits: &[u8], letter: u8) -> bool {
    let sum: u32 =
        digits.iter().zip([2, 7, 6, 5, 4, 3, 2]).map(|(digit, weight)| value(*digit) * weight).sum();
    let (offset, letters): (u32, &[u8; 11]) = match first {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => (3, b"XWUTRQPNJLK"),
    };
    usize::try_from((sum + offset) % 11).is_ok_and(|at| letters[at] == letter)
}

/// `131052-308T`: day, century, number, and a letter by 31.
fn finnish(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let rest = text.get(at.end..at.end + 5)?;
    let century = matches!(rest[0], b'-' | b'+' | b'A'..=b'F' | b'U'..=b'Y');
    let (day, serial) = (&text[at.clone()], &rest[1..4]);
    if !century || !serial.iter().all(u8::is_ascii_digit) || joined(before(text, at.start)) {
        return None;
    }
    let whole: Vec<u8> = [day, serial].concat();
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[usize::try_from(number(&whole)? % 31).ok()?];
    (rest[4] == check && is_day(&day[2..4], &day[..2]) && !goes_on(text, at.end + 5))
        .then_some(at.start..at.end + 5)
}

/// `QQ 12 34 56 C`.
fn british_in_groups(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = at.start.checked_sub(3)?;
    let written = text.get(start..start + 13)?;
    let spaces = [2, 5, 8, 11].iter().all(|space| written[*space] == b' ');
    let digits = [3, 4, 6, 7, 9, 10].iter().all(|digit| written[*digit].is_ascii_digit());
    let place = start..start + 13;
    (spaces && digits && is_nino(&written[..2], written[12]) && alone(text, &place)).then_some(place)
}

fn is_nino(prefix: &[u8], suffix: u8) -> bool {
    let good = |letter: u8, never: &[u8]| letter.is_ascii_uppercase() && !never.contains(&letter);
    let given_out = !matches!(prefix, b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ");
    good(prefix[0], b"DFIQUV") && good(prefix[1], b"DFIQUVO") && given_out && matches!(suffix, b'A'..=b'D')
}

/// `QQ123456C` of Britain, `HEGG560427MVZRRL04` of Mexico.
fn british_or_mexican(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let nino = || {
        let place = at.start.checked_sub(2)?..at.end + 1;
        let written = text.get(place.clone())?;
        (is_nino(&written[..2], written[8]) && alone(text, &place)).then_some(place)
    };
    let curp = || {
        let place = at.start.checked_sub(4)?..at.end + 8;
        let written = text.get(place.clone())?;
        let letters = written[..4].iter().all(u8::is_ascii_uppercase);
        let rest = &written[10..];
        let tail = matches!(rest[0], b'H' | b'M')
            && rest[1..6].iter().all(u8::is_ascii_uppercase)
            && rest[7].is_ascii_digit();
        (letters && tail && is_day(&written[6..8], &written[8..10]) && alone(text, &place)).then_some(place)
    };
    nino().or_else(curp)
}

/// `RSSMRA85T10A562S`: the letters of a name, a day, a place, and a letter that checks them.
fn italian(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let place = at.start.checked_sub(6)?..at.start + 10;
    let written = text.get(place.clone())?;
    let letters = [0, 1, 2, 3, 4, 5, 8, 11, 15].iter().all(|letter| written[*letter].is_ascii_uppercase());
    let digits = [6, 7, 9, 10, 12, 13, 14].iter().all(|digit| written[*digit].is_ascii_digit());
    if !letters || !digits || !alone(text, &place) {
        return None;
    }
    let ordinal = |byte: u8| usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let sum: usize = written[..15]
        .iter()
        .enumerate()
        .map(|(index, byte)| if index % 2 == 0 { ODD[ordinal(*byte)] as usize } else { ordinal(*byte) })
        .sum();
    (sum % 26 == ordinal(written[15])).then_some(place)
}

/// `ABCPE1234F`: the fourth letter says who pays.
fn indian_tax(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let place = at.start.checked_sub(5)?..at.end + 1;
    let written = text.get(place.clone())?;
    let letters = written[..5].iter().all(u8::is_ascii_uppercase) && written[9].is_ascii_uppercase();
    (letters && b"ABCFGHJLPT".contains(&written[3]) && alone(text, &place)).then_some(place)
}

fn taiwanese(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let place = at.start.checked_sub(1)?..at.end;
    let digits = &text[at];
    let code = 10 + u32::try_from(LETTERS.iter().position(|letter| *letter == text[place.start])?).ok()?;
    let weighted = digits.iter().zip([8, 7, 6, 5, 4, 3, 2, 1, 1]);
    let sum = code / 10 + code % 10 * 9 + weighted.map(|(digit, weight)| value(*digit) * weight).sum::<u32>();
    (matches!(digits[0], b'1' | b'2') && sum.is_multiple_of(10) && alone(text, &place)).then_some(place)
}

fn alone(text: &[u8], place: &Range<usize>) -> bool {
    !joined(before(text, place.start)) && !goes_on(text, place.end)
}

fn joined(previous: Option<u8>) -> bool {
    is_word(previous) || matches!(previous, Some(b'-' | b'.' | b'/' | b'+'))
}

fn goes_on(text: &[u8], end: usize) -> bool {
    let next = text.get(end).copied();
    is_word(next)
        || matches!(next, Some(b'-' | b'.' | b'/')) && is_alphanumeric(text.get(end + 1).copied())
        || next == Some(b' ') && is_digit(text.get(end + 1).copied()) && is_digit(text.get(end + 4).copied())
}

fn value(digit: u8) -> u32 {
    u32::from(digit.wrapping_sub(b'0'))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn is_day(month: &[u8], day: &[u8]) -> bool {
    matches!(number(month), Some(1..=12)) && matches!(number(day), Some(1..=31))
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum()
}

/// The check of Brazil: what is left by 11, where 10 counts as 0.
fn brazilian(digits: &[u8], weights: &[u32], check: u8) -> bool {
    weighted(digits, weights) * 10 % 11 % 10 == value(check)
}

fn cpf(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    !same(digits)
        && brazilian(&digits[..9], &WEIGHTS[1..], digits[9])
        && brazilian(&digits[..10], &WEIGHTS, digits[10])
}

fn cnpj(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    !same(digits)
        && brazilian(&digits[..12], &WEIGHTS[1..], digits[12])
        && brazilian(&digits[..13], &WEIGHTS, digits[13])
}

fn same(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == digits[0])
}

fn ahv(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    digits.starts_with(b"756") && sum.is_multiple_of(10)
}

fn belgian(digits: &[u8]) -> bool {
    let check = number(&digits[9..]).unwrap_or_default();
    let holds = |born: u64| 97 - (born + number(&digits[..9]).unwrap_or_default()) % 97 == check;
    holds(0) || holds(2_000_000_000)
}

fn snils(digits: &[u8]) -> bool {
    let sum = weighted(&digits[..9], &[9, 8, 7, 6, 5, 4, 3, 2, 1]);
    Some(u64::from(sum % 101 % 100)) == number(&digits[9..])
}

fn swedish(digits: &[u8]) -> bool {
    // Who has no personal number yet has the day plus sixty.
    let day = number(&digits[4..6]).unwrap_or_default();
    matches!(number(&digits[2..4]), Some(1..=12)) && matches!(day, 1..=31 | 61..=91) && luhn(digits)
}

fn swedish_in_full(digits: &[u8]) -> bool {
    matches!(&digits[..2], b"19" | b"20") && swedish(&digits[2..])
}

fn czech(digits: &[u8]) -> bool {
    let month = number(&digits[2..4]).unwrap_or_default() % 50;
    let day = number(&digits[4..6]).unwrap_or_default();
    matches!(month, 1..=12 | 21..=32)
        && matches!(day, 1..=31)
        && number(digits).is_some_and(|whole| whole % 11 == 0)
}

fn korean(digits: &[u8]) -> bool {
    is_day(&digits[2..4], &digits[4..6]) && matches!(digits[6], b'1'..=b'8')
}

fn thai(digits: &[u8]) -> bool {
    let sum = weighted(&digits[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (11 - sum % 11) % 10 == value(digits[12])
}

fn malaysian(digits: &[u8]) -> bool {
    is_day(&digits[2..4], &digits[4..6])
}

fn emirati(digits: &[u8]) -> bool {
    digits.starts_with(b"784") && matches!(&digits[3..5], b"19" | b"20") && luhn(digits)
}

fn cuit(digits: &[u8]) -> bool {
    let sum = weighted(&digits[..10], &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = (11 - sum % 11) % 11;
    matches!(&digits[..2], b"20" | b"23" | b"24" | b"27" | b"30" | b"33" | b"34")
        && check % 10 == value(digits[10])
}

/// Sex, year, month, where, which, and the rest by 97.
fn french(digits: &[u8]) -> bool {
    let (Some(head), Some(check)) = (number(&digits[..13]), number(&digits[13..])) else { return false };
    let month = matches!(number(&digits[3..5]), Some(1..=12 | 20..=42 | 50..=99));
    matches!(digits[0], b'1' | b'2') && month && 97 - head % 97 == check
}

fn norwegian(digits: &[u8]) -> bool {
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let day = number(&digits[..2]).unwrap_or_default() % 40;
    let born = matches!(day, 1..=31) && matches!(number(&digits[2..4]), Some(1..=12));
    born && first.is_multiple_of(11) && second.is_multiple_of(11)
}

/// The check of Aadhaar, by the tables of Verhoeff (1969).
fn verhoeff(digits: &[u8]) -> bool {
    const TIMES: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const PLACES: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let check = digits.iter().rev().enumerate().fold(0_u8, |check, (place, digit)| {
        TIMES[usize::from(check)][usize::from(PLACES[place % 8][usize::from(digit - b'0')])]
    });
    matches!(digits[0], b'2'..=b'9') && check == 0 && !same(digits)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    /// From the documents of those who give them out, and from what is published as an example.
    const TRUE: &[&str] = &[
        "289.983.274-30",
        "11.222.333/0001-81",
        "756.9217.0769.85",
        "85.07.30-033.28",
        "112-233-445 95",
        "811228-9874",
        "19811228-9874",
        "736028/5163",
        "900101-1234567",
        "20-12345678-6",
        "1 85 05 78 006 084 91",
        "185057800608491",
        "2341 2341 2346",
        "12.345.678-5",
        "11010519491231002X",
        "12345678Z",
        "X1234567L",
        "S1234567D",
        "131052-308T",
        "AB 12 34 56 C",
        "AB123456C",
        "RSSMRA85T10A562S",
        "ABCPE1234F",
        "A123456789",
        "HEGG560427MVZRRL04",
    ];

    #[test]
    fn finds_papers_that_show_what_they_are() {
        for paper in TRUE {
            found(&format!("it says {paper}, and so on"), "NATIONAL_ID", &[paper]);
            nothing(&format!("it says x{paper}y and so on"));
        }
    }

    #[test]
    fn leaves_what_fails_its_check() {
        for number in [
            "289.983.274-31",
            "756.9217.0769.86",
            "811228-9875",
            "736028/5164",
            "185057800608492",
            "12345678A",
            "X1234567A",
            "S1234567A",
            "131052-308U",
            "RSSMRA85T10A562T",
            "110105194912310021",
            "20240611-0001",
            "1763368826120",
            "1.2.3-4",
            "12.345.678-9",
            "A123456788",
        ] {
            nothing(&format!("it says {number}, and so on"));
        }
    }
}
