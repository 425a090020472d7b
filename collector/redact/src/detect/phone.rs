//! Telephone numbers that show what they are: with a country code, in the form of their country, or beside a label.

use super::bytes::{before, grouped, is_alphanumeric, is_digit, is_word};
use super::label::Bond;
use super::{Detector, Label, Trigger};
use std::ops::Range;

pub(super) const PHONE: Detector = Detector {
    rule: "PHONE",
    reason: "a number reaches a person",
    triggers: &[
        Trigger::Byte(b'+', international),
        Trigger::Groups(4..=5, zeros),
        Trigger::Groups(3..=3, north_american),
        Trigger::Groups(1..=1, dialled),
        Trigger::Groups(2..=5, trunk),
        Trigger::Groups(3..=3, chinese),
        Trigger::Groups(2..=2, brazilian),
        Trigger::Label(&LABEL),
    ],
};

const LABEL: Label = Label {
    words: &[
        "phone",
        "phone number",
        "phone_number",
        "phone-number",
        "phone no",
        "telephone",
        "mobile",
        "mobile number",
        "mobile_number",
        "mobile no",
        "cell",
        "cellphone",
        "cell_phone",
        "contact number",
        "contact_number",
        "whatsapp",
        "fax",
        "tel",
        "tel:",
        "tél",
        "telno",
        "tel_no",
        "msisdn",
        "telefon",
        "telefonnummer",
        "rufnummer",
        "handynummer",
        "handy",
        "mobil",
        "mobilnummer",
        "téléphone",
        "telephone number",
        "portable",
        "numéro de téléphone",
        "teléfono",
        "telefono",
        "móvil",
        "celular",
        "cellulare",
        "telefone",
        "telemóvel",
        "telefoon",
        "telefoonnummer",
        "mobiel",
        "telefonu",
        "telefonszám",
        "matkapuhelin",
        "puhelin",
        "puhelinnumero",
        "mobiltelefon",
        "komórka",
        "numer telefonu",
        "telefonní číslo",
        "cep telefonu",
        "телефон",
        "Телефон",
        "тел.",
        "τηλέφωνο",
        "טלפון",
        "هاتف",
        "جوال",
        "फ़ोन",
        "โทรศัพท์",
        "điện thoại",
        "số điện thoại",
        "telepon",
        "电话",
        "手机",
        "手机号",
        "手机号码",
        "電話",
        "電話番号",
        "携帯",
        "携帯電話",
        "전화",
        "전화번호",
        "휴대폰",
    ],
    loose: true,
    accept,
};

/// Seven digits and more, however they are parted.
fn accept(text: &[u8], _: Bond) -> Option<usize> {
    let plus = usize::from(text.first() == Some(&b'+'));
    let (digits, end) = read(text, plus)?;
    let is_moment = digits.len() == 13 && digits.starts_with(b"1");
    let is_day = digits.len() == 8 && matches!(digits.as_slice(), [b'1', b'9', ..] | [b'2', b'0', ..]);
    ((7..=15).contains(&digits.len()) && !is_moment && !is_day && end > 0).then_some(end)
}

/// `01 23 45 67 89`, `0171 1234567`, `020 7946 0958`, `070-123 45 67`, `(03) 1234 5678`: a zero, another digit, and groups.
fn trunk(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let open = usize::from(before(text, at.start) == Some(b'('));
    let start = at.start - open;
    let in_a_row = before(text, start) == Some(b' ') && start > 1 && is_digit(before(text, start - 1));
    let joined = is_word(before(text, start))
        || matches!(before(text, start), Some(b'-' | b'.' | b'/' | b'+' | b',' | b':'));
    if text[at.start] != b'0' || text.get(at.start + 1) == Some(&b'0') || joined || in_a_row {
        return None;
    }
    let (digits, end) = read(text, at.start)?;
    let groups = groups(&text[at.start..end]);
    let is_moment =
        text.get(end) == Some(&b':') || groups.starts_with(&[2, 2, 4]) || mixes_dots(&text[at.start..end]);
    if is_moment {
        return None;
    }
    let parted = groups.len() >= 3 || groups.len() == 2 && groups[0] >= 2 && groups[1] >= 6;
    let whole = groups[1..].iter().all(|group| (2..=8).contains(group));
    let fits = (9..=11).contains(&digits.len()) || digits.len() == 12 && groups[0] >= 4;
    (parted && whole && fits).then_some(start..end)
}

/// Dots part a number alone, or it is a day and an hour.
fn mixes_dots(written: &[u8]) -> bool {
    let gap = |pair: &[u8]| !pair[0].is_ascii_digit() && !pair[1].is_ascii_digit() && pair != b") ";
    written.windows(2).any(gap) || written.contains(&b'.') && written.iter().any(|byte| b" -/".contains(byte))
}

/// How many digits stand together.
fn groups(written: &[u8]) -> Vec<usize> {
    let parts = written.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len);
    parts.filter(|length| *length > 0).collect()
}

/// `138 0013 8000`.
fn chinese(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let given_out = text[at.start] == b'1' && matches!(text[at.start + 1], b'3'..=b'9');
    if !given_out
        || is_word(before(text, at.start))
        || matches!(before(text, at.start), Some(b'-' | b'.' | b'+'))
    {
        return None;
    }
    let number = grouped(text, at.start, 11, b" -");
    let next = text.get(number.place.end).copied();
    (number.groups == [3, 4, 4] && !is_word(next) && !matches!(next, Some(b'-' | b'.')))
        .then_some(number.place)
}

/// `(11) 91234-5678`.
fn brazilian(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let inside = before(text, at.start) == Some(b'(') && text.get(at.end) == Some(&b')');
    let rest = at.end + 1 + usize::from(text.get(at.end + 1) == Some(&b' '));
    if !inside || !is_digit(text.get(rest).copied()) {
        return None;
    }
    let number = grouped(text, rest, 9, b"-");
    let fits =
        matches!(number.groups.as_slice(), [4 | 5, 4]) && !is_word(text.get(number.place.end).copied());
    fits.then_some(at.start - 1..number.place.end)
}

fn international(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if is_word(before(text, at.start)) || before(text, at.start) == Some(b'+') {
        return None;
    }
    let (digits, end) = read(text, at.end)?;
    // `(+48) 366 …`
    let written = &text[at.start..end];
    let opened = before(text, at.start) == Some(b'(') && written.contains(&b')') && !written.contains(&b'(');
    plausible(&digits).then_some(at.start - usize::from(opened)..extended(text, end))
}

/// With the number of the desk: `ext. 123`, `x123`.
fn extended(text: &[u8], end: usize) -> usize {
    let rest = &text[end..text.len().min(end + 16)];
    let words = [&b" ext. "[..], b" ext.", b" ext ", b" extension ", b", ext. ", b" x", b"x"];
    let word =
        words.iter().find(|word| rest.len() > word.len() && rest[..word.len()].eq_ignore_ascii_case(word));
    let Some(word) = word else { return end };
    let digits = rest[word.len()..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let whole = !is_word(text.get(end + word.len() + digits).copied());
    if (1..=5).contains(&digits) && whole { end + word.len() + digits } else { end }
}

/// `1-438-548-1180`, `8 (965) 130-03-48`: the digit that is dialled first.
fn dialled(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let joined = is_word(before(text, at.start))
        || matches!(before(text, at.start), Some(b'-' | b'.' | b'/' | b'+' | b','));
    let in_a_row =
        before(text, at.start) == Some(b' ') && at.start > 1 && is_digit(before(text, at.start - 1));
    if !matches!(text[at.start], b'1' | b'8') || joined || in_a_row {
        return None;
    }
    let (digits, end) = read(text, at.start)?;
    let fits = matches!(groups(&text[at.start..end]).as_slice(), [1, 3, 3, 4] | [1, 3, 3, 2, 2]);
    let given_out = digits.len() == 11 && digits[1] >= b'2' && (digits[0] == b'8' || digits[4] >= b'2');
    let dotted = text[at.start..end].contains(&b'.');
    (fits && given_out && !dotted).then(|| at.start..extended(text, end))
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
            // What stands in parentheses behind the number is another one: of a place there are five digits at most.
            b'(' if digits.len() > 5 => break,
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
    let extended = extended(text, end);
    (fits && !joined && (extended > end || !is_word(text.get(end).copied()))).then_some(start..extended)
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
        for phone in
            ["(388) 778-0347", "209.545.9021", "415-555-0132", "1-438-548-1180", "(415) 508-8338 ext. 877"]
        {
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
