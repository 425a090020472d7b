//! The small language of the search field: `status:error model:claude* tokens>10k "refund"`.
//!
//! What is no condition is a text to be looked for, so that nobody has to know of the language to search.

use std::time::Duration;

use treering_step::{Kind, Status, Timestamp};
use treering_store::{Compared, Condition, NumberField, Pattern, Test, TextField};

use crate::error::Error;

/// Conditions of one query; each is one more look at a row.
const MOST: usize = 20;

/// What was typed, understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Typed {
    pub(crate) conditions: Vec<Condition>,
    /// The first moment that belongs to the list.
    pub(crate) since: Option<Timestamp>,
    /// What is left to be searched for.
    pub(crate) text: String,
}

/// The fields, the words that they have, and an example of each: what the page tells of the language.
pub(crate) const FIELDS: &[(&str, &str)] = &[
    ("status:error", "or ok, running, interrupted, unset"),
    ("kind:tool", "has a step of that kind"),
    ("model:claude*", "also agent, name, session, user; * at either end, quotes around blanks"),
    ("tokens>10k", "also steps, errors, redacted; with >, >=, <, <= or :"),
    ("cost>=0.05", "in US dollars"),
    ("took>2s", "or 250ms, 5m"),
    ("since:24h", "began no longer ago"),
    ("-status:ok", "a minus turns a condition round"),
    ("refund", "anything else is searched for"),
];

impl Typed {
    pub(crate) fn of(typed: &str, now: Timestamp) -> Result<Self, Error> {
        let mut told = Self::default();
        let mut rest = typed.trim();
        while !rest.is_empty() {
            let (token, after) = rest.split_at(end_of_token(rest));
            if !told.take(token, now)? {
                if !told.text.is_empty() {
                    told.text.push(' ');
                }
                told.text.push_str(token);
            }
            rest = after.trim_start();
        }
        if told.conditions.len() > MOST {
            return Err(Error::Query("`q` has at most 20 conditions"));
        }
        Ok(told)
    }

    /// Takes a token that is a condition.
    fn take(&mut self, token: &str, now: Timestamp) -> Result<bool, Error> {
        let (not, positive) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token),
        };
        let Some((field, sign, value)) = parts(positive) else { return Ok(false) };
        if field == "since" {
            self.since = Some(since(value, now).ok_or(Error::Query("`since:` takes a length such as 24h"))?);
            return Ok(true);
        }
        let Some(test) = test(field, sign, value)? else { return Ok(false) };
        self.conditions.push(Condition { test, not });
        Ok(true)
    }
}

/// Where the first token ends: at a blank that stands in no quotes.
fn end_of_token(text: &str) -> usize {
    let mut quoted = false;
    for (at, found) in text.char_indices() {
        match found {
            '"' => quoted = !quoted,
            _ if found.is_whitespace() && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// A field, its sign and its value.
fn parts(token: &str) -> Option<(&str, &str, &str)> {
    let at = token.find(|found: char| !found.is_ascii_alphabetic())?;
    let (field, rest) = token.split_at(at);
    let sign = [":", ">=", "<=", ">", "<", "="].into_iter().find(|sign| rest.starts_with(sign))?;
    let value = rest[sign.len()..].trim_matches('"');
    (!field.is_empty() && !value.is_empty()).then_some((field, sign, value))
}

fn test(field: &str, sign: &str, value: &str) -> Result<Option<Test>, Error> {
    let text = |field| {
        let is_equal = matches!(sign, ":" | "=");
        let pattern = is_equal.then(|| pattern(value)).flatten();
        pattern.map(|pattern| Some(Test::Text(field, pattern))).ok_or(Error::Query(
            "a text is asked for as in `model:claude*`, with a * at either end where it is a part",
        ))
    };
    let number = |field, read: fn(&str) -> Option<f64>, expected| {
        let number = read(value).ok_or(Error::Query(expected))?;
        Ok(Some(Test::Number(field, compared(sign), number)))
    };
    match field {
        "status" => {
            let status = Status::from_word(value).filter(|_| matches!(sign, ":" | "="));
            let status =
                status.ok_or(Error::Query("`status:` is one of ok, error, running, interrupted, unset"))?;
            Ok(Some(Test::Status(status)))
        }
        "kind" => {
            let kind = Kind::from_word(value).filter(|_| matches!(sign, ":" | "="));
            Ok(Some(Test::Kind(kind.ok_or(Error::Query(
                "`kind:` is one of agent, workflow, plan, llm, tool, retrieval, embedding, rerank, memory, \
                 guardrail, evaluation, span",
            ))?)))
        }
        "name" => text(TextField::Name),
        "agent" => text(TextField::Agent),
        "model" => text(TextField::Model),
        "session" => text(TextField::Session),
        "user" => text(TextField::User),
        "tokens" => number(NumberField::Tokens, count, "`tokens` is compared with a number such as 10k"),
        "steps" => number(NumberField::Steps, count, "`steps` is compared with a number such as 100"),
        "errors" => number(NumberField::Errors, count, "`errors` is compared with a number such as 3"),
        "redacted" => {
            number(NumberField::Redactions, count, "`redacted` is compared with a number such as 1")
        }
        "cost" => number(NumberField::Cost, dollars, "`cost` is compared with US dollars such as 0.05"),
        "took" | "duration" => {
            number(NumberField::Duration, length, "`took` is compared with a length such as 250ms or 2s")
        }
        _ => Ok(None),
    }
}

fn compared(sign: &str) -> Compared {
    match sign {
        "<" => Compared::Below,
        "<=" => Compared::AtMost,
        ">=" => Compared::AtLeast,
        ">" => Compared::Above,
        _ => Compared::Equal,
    }
}

/// A text with a `*` at one end or both; one in the middle is nothing that can be asked.
fn pattern(value: &str) -> Option<Pattern> {
    let inner = value.trim_matches('*');
    let pattern = match (value.starts_with('*'), value.ends_with('*')) {
        (true, true) => Pattern::Holds,
        (true, false) => Pattern::Ends,
        (false, true) => Pattern::Begins,
        (false, false) => Pattern::Is,
    };
    (!inner.is_empty() && !inner.contains('*')).then(|| pattern(inner.to_owned()))
}

/// A count, in thousands or millions where it says so.
fn count(text: &str) -> Option<f64> {
    let (digits, times) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1e3),
        (at, 'm' | 'M') => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    positive(digits).map(|number| number * times)
}

fn dollars(text: &str) -> Option<f64> {
    positive(text.strip_prefix('$').unwrap_or(text))
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[expect(clippy::cast_precision_loss, reason = "nobody compares lengths of months to the nanosecond")]
fn length(text: &str) -> Option<f64> {
    Some(time(text)?.as_nanos() as f64)
}

fn time(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

fn since(text: &str, now: Timestamp) -> Option<Timestamp> {
    let ago: u64 = time(text)?.as_nanos().try_into().ok()?;
    Timestamp::from_nanos(now.as_nanos().saturating_sub(ago).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T12:41:07Z".parse().unwrap()
    }

    fn typed(text: &str) -> Typed {
        Typed::of(text, now()).unwrap()
    }

    fn one(text: &str) -> Condition {
        let told = typed(text);
        assert_eq!((told.conditions.len(), told.text.as_str()), (1, ""), "{text}");
        told.conditions[0].clone()
    }

    #[test]
    fn conditions_and_texts_stand_beside_each_other() {
        let told = typed("status:error model:claude* tokens>10k \"refund it\" now");
        let tests: Vec<_> = told.conditions.into_iter().map(|condition| condition.test).collect();
        assert_eq!(
            tests,
            [
                Test::Status(Status::Error),
                Test::Text(TextField::Model, Pattern::Begins("claude".into())),
                Test::Number(NumberField::Tokens, Compared::Above, 10_000.0),
            ]
        );
        assert_eq!(told.text, "\"refund it\" now");
    }

    #[test]
    fn every_condition_is_understood() {
        let text = |field, pattern| Test::Text(field, pattern);
        let number = |field, compared, number| Test::Number(field, compared, number);
        for (typed, expected) in [
            ("agent:\"support bot\"", text(TextField::Agent, Pattern::Is("support bot".into()))),
            ("name:*bot", text(TextField::Name, Pattern::Ends("bot".into()))),
            ("user:*a*", text(TextField::User, Pattern::Holds("a".into()))),
            ("session=s-1", text(TextField::Session, Pattern::Is("s-1".into()))),
            ("kind:tool", Test::Kind(Kind::Tool)),
            ("cost<=$0.05", number(NumberField::Cost, Compared::AtMost, 0.05)),
            ("took>=250ms", number(NumberField::Duration, Compared::AtLeast, 250e6)),
            ("steps<1.5m", number(NumberField::Steps, Compared::Below, 1_500_000.0)),
            ("errors:0", number(NumberField::Errors, Compared::Equal, 0.0)),
            ("redacted>0", number(NumberField::Redactions, Compared::Above, 0.0)),
        ] {
            assert_eq!(one(typed), Condition { test: expected.clone(), not: false }, "{typed}");
            assert_eq!(one(&format!("-{typed}")), Condition { test: expected, not: true }, "-{typed}");
        }
        let day = now().as_nanos() - 86_400_000_000_000;
        assert_eq!(typed("since:24h").since.unwrap().as_nanos(), day);
    }

    #[test]
    fn what_is_no_condition_is_searched_for() {
        for text in ["http://a.b/c", "a:b", "status", "status:", "-", "12:30", "\"status:error\"", "über:x"]
        {
            assert_eq!(typed(text), Typed { text: text.to_owned(), ..Typed::default() });
        }
    }

    #[test]
    fn a_condition_that_nobody_can_mean_is_refused_with_a_sentence() {
        let wrong =
            "status:bad status>ok kind:x tokens>many cost:x took>fast model>x model:a*b model:* since:x";
        for text in wrong.split(' ') {
            assert!(matches!(Typed::of(text, now()), Err(Error::Query(_))), "{text}");
        }
        assert!(Typed::of(&"steps>1 ".repeat(21), now()).is_err());
    }

    #[test]
    fn every_example_of_the_page_is_understood() {
        for (example, _) in FIELDS {
            assert!(Typed::of(example, now()).is_ok(), "{example}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_understood_or_refused(text in "\\PC{0,60}") {
            drop(Typed::of(&text, now()));
        }
    }
}
