//! Words of letters beyond ASCII.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::LONGEST;

/// A text in which every way to write a word is the same.
pub(super) fn fold(text: &str) -> String {
    let small = text.nfkc().flat_map(char::to_lowercase);
    // The sigma at the end of a word is the same letter.
    small.map(|char| if char == 'ς' { 'σ' } else { char }).nfkc().collect()
}

/// Tells the words of a folded text.
pub(super) fn split(folded: &str, tell: &mut dyn FnMut(&str)) {
    let (mut word, mut alone) = (None, None);
    for (at, char) in folded.char_indices() {
        if is_combining_mark(char) && (word.is_some() || alone.is_some()) {
            continue;
        }
        if !char.is_alphanumeric() || stands_alone(char) {
            end(&folded[word.take().unwrap_or(at)..at], tell);
        }
        if !char.is_alphanumeric() {
            alone = None;
        } else if stands_alone(char) {
            let end = at + char.len_utf8();
            tell(&folded[at..end]);
            if let Some(before) = alone.replace(at) {
                tell(&folded[before..end]);
            }
        } else {
            word.get_or_insert(at);
            alone = None;
        }
    }
    end(&folded[word.unwrap_or(folded.len())..], tell);
}

fn end(word: &str, tell: &mut dyn FnMut(&str)) {
    if !word.is_empty() && word.chars().count() <= LONGEST {
        tell(word);
    }
}

/// Characters of scripts that put no spaces between words.
fn stands_alone(char: char) -> bool {
    matches!(char,
        '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
        | '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}
