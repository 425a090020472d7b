use super::{View, fold};

#[track_caller]
fn folds(raw: &str, to: &str) {
    assert_eq!(fold(raw).text(), to, "of {raw:?}");
}

#[test]
fn plain_text_is_borrowed() {
    assert!(matches!(fold("nothing to see, é").text, std::borrow::Cow::Borrowed(_)));
}

#[test]
fn escapes_are_read_however_often_they_were_escaped() {
    folds(r"a\nb", "a\nb");
    folds(r"a\\\\nb", "a\nb");
    folds(r#"\"k\": \\\"v\\\""#, r#""k": "v""#);
    folds(r"\u0040\\u0040", "@@");
    folds(r"\ud83d\ude00 \ud83d", "😀 \u{fffd}");
    folds(r"\x41", "A");
    folds(r"\q\u12", r"\q\u12");
    folds(r"\u{40}\u{1f600}\u{}\u{zz}", r"@😀\u{}\u{zz}");
    folds(r"C:\Users\nina", r"C:\Users\nina");
}

#[test]
fn signs_of_addresses_and_pages_are_decoded() {
    folds("a%40b%2", "a@b%2");
    folds("100%é", "100%é");
    folds("%C3%A9%E2%80%8B%u0040%C3%28%E2", "é@%C3(%E2");
    folds("a&period;b&shy;&lowbar;", "a.b_");
    folds("%2573 %252573 %25252573 %2%35%37%33 %25%37%33", "s s %73 s s");
    folds("100%25 %% %2 %25 %250 %25zz %", "100% %% %2 % %0 %zz %");
    folds("&#64;&#x40;&amp;&quot;&nope;&", "@@&\"&nope;&");
}

#[test]
fn invisible_and_exotic_characters_become_plain() {
    folds("a\u{200b}b\u{a0}c\u{2011}d４", "ab c-d4");
    folds(r"a\u200bb", "ab");
    folds("日本é€", "日本é€");
}

#[test]
fn places_are_mapped_back_to_whole_units() {
    let view = fold("x\u{200b}y%40z");
    assert_eq!(view.text(), "xy@z");
    assert_eq!(view.source_of(&(0..1)), 0..1);
    assert_eq!(view.source_of(&(1..2)), 4..5);
    assert_eq!(view.source_of(&(2..3)), 5..8);
    assert_eq!(view.source_of(&(0..4)), 0..9);
    assert_eq!(view.source_of(&(3..3)), 8..8);
}

#[test]
fn places_are_mapped_back_to_whole_characters() {
    let view = View::of("aéb");
    assert_eq!(view.source_of(&(0..2)), 0..3);
    assert_eq!(view.source_of(&(2..3)), 1..3);
    assert_eq!(view.source_of(&(2..2)), 1..1);
    assert_eq!(fold("%40é%40").source_of(&(0..2)), 0..5);
}

#[test]
fn a_view_of_a_text_is_the_text() {
    assert_eq!(View::of("abc").source_of(&(1..3)), 1..3);
}
