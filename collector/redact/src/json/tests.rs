use super::{Leaf, decode, leaves, looks_like};

/// The leaves as text: keys with a colon, values as they are.
fn shown(text: &str) -> Option<Vec<String>> {
    let show = |leaf: Leaf| match leaf {
        Leaf::Key(place) => format!("{}:", &text[place]),
        Leaf::Text(place, None) => text[place].to_owned(),
        Leaf::Text(place, Some(key)) => format!("{}={}", &text[key], &text[place]),
        Leaf::Number(place) => format!("#{}", &text[place]),
    };
    let mut shown = Vec::new();
    leaves(text, |leaf| shown.push(show(leaf))).ok()?;
    Some(shown)
}

#[test]
fn every_leaf_is_found_with_its_key() {
    let text = r#"{"a": "b", "c" : ["d", {"e": 1.5e-3}], "f": "\"g\\", "h": null}"#;
    let expected = ["a:", "a=b", "c:", "d", "e:", "#1.5e-3", "f:", r#"f=\"g\\"#, "h:"];
    assert_eq!(shown(text).expect("this is JSON"), expected);
}

#[test]
fn what_was_cut_off_is_still_json() {
    assert_eq!(shown(r#"{"a": "b\"#).expect("cut inside of an escape"), ["a:", "a=b\\"]);
    assert_eq!(shown(r#"[1, "x"#).expect("cut inside of a string"), ["#1", "x"]);
}

#[test]
fn other_texts_are_not_json() {
    for text in ["[INFO] start", "{'a': 'b'}", r#""quoted" and more"#, "[é]", "{a: 1}", "[tru]"] {
        assert_eq!(shown(text), None, "{text}");
    }
    assert!(looks_like(" \n[1]") && !looks_like("x[1]") && !looks_like(""));
}

#[test]
fn strings_are_decoded_with_the_way_back() {
    let view = decode(r#"a\n\u00e9\ud83d\ude00\"z"#);
    assert_eq!(view.text(), "a\né😀\"z");
    assert_eq!(view.source_of(&(1..2)), 1..3);
    assert_eq!(view.source_of(&(4..8)), 9..21);
    assert_eq!(decode(r"\ud83d \q \").text(), "\u{fffd} \\q \\");
}
