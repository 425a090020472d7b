use super::Rules;
use crate::Error;

fn refused(toml: &str) -> Error {
    Rules::parse(toml).expect_err("this file must be refused")
}

/// An error with all its causes.
fn whole(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", whole(cause)))
}

#[test]
fn own_patterns_stand_beside_the_builtin_ones() {
    let rules = Rules::parse("[[pattern]]\nname = \"TICKET\"\nregex = 'ACME-\\d{4}'")
        .expect("the file is well-formed");
    assert!(rules.builtin_enabled());
    assert_eq!(rules.redact("ACME-1234 a@b.io").text, "[REDACTED:TICKET] [REDACTED:EMAIL]");
}

#[test]
fn builtin_rules_can_be_switched_off() {
    let rules = Rules::parse("builtin = false").expect("the file is well-formed");
    assert!(!rules.builtin_enabled());
    assert_eq!(rules.scan_integer("4111111111111111"), None);
    let text = r#"{"card": 4111111111111111, "password": "hunter2!"} a@b.io"#;
    assert_eq!(rules.redact(text).text, text);
}

#[test]
fn a_whole_number_is_a_card_or_stays() {
    let rules = Rules::builtin();
    let card = rules.scan_integer("4111111111111111").expect("it is a card");
    assert_eq!((card.start, card.end, &*card.rule, card.bare_number), (0, 16, "CREDIT_CARD", None));
    for digits in ["4111111111111112", "-4111111111111111", "1763368826120696935", "0", ""] {
        assert_eq!(rules.scan_integer(digits), None, "{digits}");
    }
}

fn rules(toml: &str) -> Rules {
    Rules::parse(toml).expect("the file is well-formed")
}

#[test]
fn joined_rules_find_what_either_of_them_finds() {
    let pattern = |name: &str, regex: &str| format!("[[pattern]]\nname = '{name}'\nregex = '{regex}'\n");
    let words = |name: &str, word: &str| format!("[[word]]\nname = '{name}'\nwords = ['{word}']\n");
    let first = rules(&(pattern("TICKET", "ACME-\\d{4}") + &words("PROJECT", "Nightjar")));
    let second = rules(&(pattern("PLACE", "Bay \\d+") + &words("SHIP", "Beagle")));
    let joined = first.joined(&second);
    assert_eq!((joined.own_count(), joined.builtin_enabled()), (4, true));
    let text = "ACME-1234 Nightjar, Bay 7 beagle: a@b.io 4111111111111111";
    let expected = "[REDACTED:TICKET] [REDACTED:PROJECT], [REDACTED:PLACE] [REDACTED:SHIP]: [REDACTED:EMAIL] \
        [REDACTED:CREDIT_CARD]";
    assert_eq!(joined.redact(text).text, expected);
    assert_eq!(joined.redact(expected).text, expected, "the marks of both are known");
    let json = r#"{"password": "hunter2!", "card": 4111111111111111}"#;
    assert_eq!(joined.redact(json).text, first.redact(json).text);
}

#[test]
fn what_both_find_has_the_name_of_the_first() {
    let [first, second] = ["FIRST", "SECOND"]
        .map(|name| rules(&format!("[[pattern]]\nname = '{name}'\nregex = 'ACME-\\d{{4}}'")));
    assert_eq!(first.joined(&second).redact("ACME-1234").text, "[REDACTED:FIRST]");
    assert_eq!(second.joined(&first).redact("ACME-1234").text, "[REDACTED:SECOND]");
}

#[test]
fn joining_switches_no_builtin_rule_off() {
    let (on, off) = (Rules::builtin(), rules("builtin = false"));
    for joined in [on.joined(&off), off.joined(&on), on.joined(&on)] {
        assert_eq!(joined.redact("a@b.io").text, "[REDACTED:EMAIL]");
        assert!(joined.scan_integer("4111111111111111").is_some());
    }
    assert!(!off.joined(&off).builtin_enabled());
}

#[test]
fn an_empty_file_means_the_builtin_rules() {
    assert!(Rules::parse("").expect("an empty file is well-formed").builtin_enabled());
}

#[test]
fn words_are_whole_and_in_any_case_unless_told_otherwise() {
    let toml = "[[word]]\nname = \"PROJECT\"\nwords = [\"Nightjar\", \"Ада\"]\n[[word]]\nname = \"NAME\"\nwords = [\"May\"]\ncase_sensitive = true";
    let rules = Rules::parse(toml).expect("the file is well-formed");
    assert_eq!(
        rules.redact("NIGHTJAR, nightjars, Ада; May may").text,
        "[REDACTED:PROJECT], nightjars, [REDACTED:PROJECT]; [REDACTED:NAME] may"
    );
}

#[test]
fn a_greedy_pattern_edits_json_leaf_by_leaf_and_never_a_mark() {
    let rules = Rules::parse("[[pattern]]\nname = \"ALL\"\nregex = '.+'").expect("the file is well-formed");
    let once = rules.redact(r#"{"a": "b", "c": ["a@b.io d"]}"#).text;
    assert_eq!(once, r#"{"[REDACTED:ALL]": "[REDACTED:ALL]", "[REDACTED:ALL]": ["[REDACTED:ALL]"]}"#);
    assert_eq!(rules.redact(&once).text, once);
}

#[test]
fn a_mark_of_another_name_hides_nothing() {
    let rules = Rules::builtin();
    assert_eq!(rules.redact("[REDACTED:a@b.io]").text, "[REDACTED:[REDACTED:EMAIL]]");
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let error = whole(&refused("builtin = true\n\n[[pattern]]\nname = \"A_B\"\nregexp = 'x'"));
    assert!(error.contains("line 5") && error.contains("regexp"), "{error}");
}

#[test]
fn faults_in_values_are_refused_with_their_line() {
    let file = |name: &str, regex: &str| format!("\n[[pattern]]\nname = '{name}'\nregex = '{regex}'");
    insta::assert_snapshot!(
        [
            whole(&refused(&file("lower", "x"))),
            whole(&refused(&file("OK", "(unclosed"))),
            whole(&refused(&file("OK", "(\\w{500}){500}"))),
            whole(&refused(&file("OK", "x*"))),
            whole(&refused("[[word]]\nname = 'OK'\nwords = ['a', ' ']")),
        ]
        .join("\n")
    );
}

#[test]
fn every_builtin_rule_says_why() {
    for (name, reason) in Rules::builtin_reasons() {
        assert!(!reason.is_empty(), "{name}");
    }
}

#[test]
fn a_text_that_is_too_dense_to_be_looked_through_goes_whole() {
    let rules = Rules::builtin();
    let mark = "[REDACTED:UNREADABLE]";
    let escapes = r"\n".repeat(3 << 20);
    assert_eq!(rules.redact(&format!("{escapes}a@b.io")).text, mark);
    assert_eq!(
        rules.redact(&format!(r#"["{escapes}a@b.io", "left"]"#)).text,
        format!(r#"["{mark}", "left"]"#)
    );
    let fewer = r"\n".repeat(1 << 20);
    assert_eq!(rules.redact(&format!("{fewer}a@b.io")).text, format!("{fewer}[REDACTED:EMAIL]"));
}

#[test]
fn a_text_of_nothing_but_findings_goes_whole() {
    assert_eq!(Rules::builtin().redact(&"a@b.io ".repeat(150_000)).text, "[REDACTED:EMAIL]");
    let fewer = Rules::builtin().redact(&"a@b.io ".repeat(1_000));
    assert_eq!(fewer.text, "[REDACTED:EMAIL] ".repeat(1_000));
}
