//! Values as exporters really write them: numbers in texts, JSON in texts, texts in quotes.

use std::borrow::Cow;

use serde_json::Value as Json;
use treering_otlp::Value;

/// What exporters write where they withhold a content.
const WITHHELD: &[&str] =
    &["__REDACTED__", "<REDACTED>", "[REDACTED]", "<elided>", "FILTERED", "<not serializable>"];

/// True for a placeholder of an exporter, which is not what was said.
pub(crate) fn is_withheld(text: &str) -> bool {
    WITHHELD.contains(&text)
}

/// A count: `tracing-opentelemetry` writes every `u64` as a text, JavaScript some as doubles.
pub(crate) fn as_int(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).ok(),
        Value::Double(number) => whole(number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The same for a number that is already JSON.
pub(crate) fn json_int(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
fn whole(number: f64) -> Option<u64> {
    let fits = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
    fits.then_some(number as u64)
}

/// An amount, which has to be finite and not below zero: `NaN` dollars are no cost.
#[expect(clippy::cast_precision_loss, reason = "an amount of money that large is nonsense anyway")]
pub(crate) fn as_amount(value: Value<'_>) -> Option<f64> {
    let number = match value {
        Value::Int(number) => number as f64,
        Value::Double(number) => number,
        Value::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    is_amount(number).then_some(number)
}

/// The same for a number that is already JSON.
pub(crate) fn json_amount(value: &Json) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    is_amount(number).then_some(number)
}

fn is_amount(number: f64) -> bool {
    number.is_finite() && number >= 0.0
}

/// A truth, or its word.
pub(crate) fn as_truth(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(truth),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A name or an id; numbers are ids too. `None` where it is empty.
pub(crate) fn as_text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(unquote(text).into_owned()).filter(|text| !text.is_empty()),
        Value::Int(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A list of texts: a real one, one that is JSON in a text, or one text that stands alone.
pub(crate) fn as_texts(value: Value<'_>) -> Vec<String> {
    match as_json(value) {
        Json::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Json::String(text) => vec![text],
        _ => Vec::new(),
    }
}

/// JSON that came structured, or as JSON in a text.
pub(crate) fn as_json(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => parse(text),
        other => other.to_json(),
    }
}

/// A text that holds an object, a list or a quoted text becomes that, twice at most: exporters encode once or
/// twice, and a third round would read what a person wrote. Any other text stays a text, numbers too, since
/// "123" may be an answer.
pub(crate) fn parse(text: &str) -> Json {
    match structured(text) {
        Some(Json::String(inner)) => structured(&inner).unwrap_or(Json::String(inner)),
        Some(value) => value,
        None => Json::from(text),
    }
}

/// JSON inside of JSON, such as the arguments of a tool call.
pub(crate) fn inner(value: &Json) -> Json {
    match value {
        Json::String(text) => parse(text),
        other => other.clone(),
    }
}

/// For exporters that encode every value: numbers and truths in texts are what they look like.
pub(crate) fn parse_any(text: &str) -> Json {
    match serde_json::from_str(text) {
        Ok(Json::String(inner)) => structured(&inner).unwrap_or(Json::String(inner)),
        Ok(value) => value,
        Err(_) => Json::from(text),
    }
}

fn structured(text: &str) -> Option<Json> {
    let begins = text.trim_start().starts_with(['{', '[', '"']);
    begins.then(|| serde_json::from_str(text).ok()).flatten()
}

/// A text that is nothing but one quoted literal, of Rust's `Debug` or of JSON, without its quotes.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    let Some(literal) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if let Ok(plain) = serde_json::from_str::<String>(text) {
        return Cow::Owned(plain);
    }
    unescape_debug(literal).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The escapes of Rust's `Debug`; `None` where the quotes do not belong together.
fn unescape_debug(literal: &str) -> Option<String> {
    let mut plain = String::with_capacity(literal.len());
    let mut rest = literal.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => plain.push(escaped(&mut rest)?),
            '"' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}

fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'u' => {
            let (digits, after) = rest.as_str().strip_prefix('{')?.split_once('}')?;
            *rest = after.chars();
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
        }
        same @ ('"' | '\'' | '\\') => same,
        _ => return None,
    })
}

/// The first of these fields of an object that is a text.
pub(crate) fn text_in(object: &Json, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| object.get(*name)?.as_str()).map(str::to_owned)
}

/// What says nothing: null, an empty text, a placeholder.
pub(crate) fn is_void(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty() || is_withheld(text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{parse, parse_any, unquote};

    #[test]
    fn json_in_a_text_is_decoded_twice_and_not_a_third_time() {
        let once = json!({"a": 1}).to_string();
        let twice = json!(once).to_string();
        let thrice = json!(twice).to_string();
        assert_eq!(parse(&once), json!({"a": 1}));
        assert_eq!(parse(&twice), json!({"a": 1}));
        assert_eq!(parse(&thrice), json!(once));
    }

    #[test]
    fn what_a_person_wrote_stays_what_it_is() {
        for text in ["123", "true", "null", "", "{no json", "\"quoted\" and not", "[REDACTED:EMAIL] wrote"] {
            assert_eq!(parse(text), json!(text));
        }
        assert_eq!(parse_any("0.5"), json!(0.5));
        assert_eq!(parse_any("plain"), json!("plain"));
    }

    #[test]
    fn a_literal_loses_its_quotes_and_anything_else_keeps_them() {
        assert_eq!(unquote(r#""a\n\"b\" \u{1f333} \'c\' \0""#), "a\n\"b\" 🌳 'c' \0");
        assert_eq!(unquote(r#""\u00eb""#), "ë");
        for text in [r#""a" and "b""#, r#""open"#, r#""""#.split_at(1).0, "plain", r#""bad \q""#] {
            assert_eq!(unquote(text), text);
        }
    }
}
