//! Names for values that must not be named.

use crate::text::fold;

/// A keyed hash of these parts: what it gives is nothing to who has no key, and the same for the same parts. The key
/// belongs to a project, and is held by whoever calls.
pub type Pseudonyms<'a> = &'a (dyn Fn(&[&[u8]]) -> [u8; 16] + Sync);

/// Twelve letters: of a million values two share a name once in two hundred thousand projects.
pub(crate) const LETTERS: usize = 12;

/// The name of a value. How it is written does not matter: case, spaces and escapes of any kind.
pub(crate) fn name(pseudonyms: Pseudonyms<'_>, rule: &str, value: &str) -> String {
    let hash = pseudonyms(&[rule.as_bytes(), normal(value).as_bytes()]);
    let mut number = u128::from_le_bytes(hash);
    let mut letter = || {
        let letter = b'a' + u8::try_from(number % 26).unwrap_or_default();
        number /= 26;
        char::from(letter)
    };
    (0..LETTERS).map(|_| letter()).collect()
}

fn normal(value: &str) -> String {
    let folded = fold(value);
    let has_letters = folded.text().chars().any(char::is_alphabetic);
    let kept = |char: &char| if has_letters { !char.is_whitespace() } else { char.is_ascii_digit() };
    folded.text().chars().filter(kept).flat_map(char::to_lowercase).collect()
}

/// The last four letters or digits, of a value that has twice as many and more.
pub(crate) fn last_four(value: &str) -> Option<String> {
    let folded = fold(value);
    let signs: Vec<char> = folded.text().chars().filter(char::is_ascii_alphanumeric).collect();
    let shown = signs.len().checked_sub(4).filter(|hidden| *hidden >= 4)?;
    Some(std::iter::once('*').chain(signs[shown..].iter().copied()).collect())
}

/// Whether a mark may say this behind its name.
pub(crate) fn is_detail(detail: &[u8]) -> bool {
    let is_name = detail.len() == LETTERS && detail.iter().all(u8::is_ascii_lowercase);
    let is_four = detail.len() == 5 && detail[0] == b'*' && detail[1..].iter().all(u8::is_ascii_alphanumeric);
    is_name || is_four
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(parts: &[&[u8]]) -> [u8; 16] {
        crate::hash(parts)
    }

    #[test]
    fn a_value_has_one_name_however_it_is_written() {
        let named = |rule, value| name(&hash, rule, value);
        let ada = named("EMAIL", "ada@example.com");
        assert!(is_detail(ada.as_bytes()), "{ada}");
        for same in ["Ada@Example.com", "ada%40example.com", r"ada\u0040example.com", "ada&#64;example.com"] {
            assert_eq!(named("EMAIL", same), ada, "{same}");
        }
        assert_eq!(named("PHONE", "+1 (415) 555-0132"), named("PHONE", "1-415-555-0132"));
        assert_ne!(named("EMAIL", "eda@example.com"), ada);
        assert_ne!(named("IDENTITY", "ada@example.com"), ada);
    }

    #[test]
    fn a_short_value_shows_none_of_its_letters() {
        assert_eq!(last_four("4111 1111 1111 1234").as_deref(), Some("*1234"));
        assert_eq!(last_four("abc-1234").as_deref(), None);
        assert_eq!(last_four("hunter2"), None);
    }
}
