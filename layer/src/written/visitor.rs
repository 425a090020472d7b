use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};

use super::{Written, kind, tag};

/// Writes the fields that `tracing` shows it.
pub(crate) struct Visitor<'a> {
    written: &'a mut Written,
    form: Form,
    limit: usize,
    /// Told of texts whose field has a name that may mean somebody.
    learn: &'a mut dyn FnMut(&str, &str),
}

/// Which fields are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    First,
    Late,
    OfEvent,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(
        written: &'a mut Written,
        form: Form,
        limit: usize,
        learn: &'a mut dyn FnMut(&str, &str),
    ) -> Self {
        Self { written, form, limit, learn }
    }

    /// The field and the kind of its value: at once, since most fields are small and there are many.
    fn begin(&mut self, field: &Field, kind: u8) {
        let [low, high] = u16::try_from(field.index()).unwrap_or(u16::MAX).to_le_bytes();
        match self.form {
            Form::First => self.written.bytes.extend_from_slice(&[tag::FIELD, low, high, kind]),
            Form::Late => self.written.bytes.extend_from_slice(&[tag::LATE, low, high, kind]),
            Form::OfEvent => self.written.bytes.extend_from_slice(&[low, high, kind]),
        }
    }

    fn put(&mut self, field: &Field, kind: u8, bytes: &[u8], shown: impl FnOnce() -> String) {
        self.begin(field, kind);
        self.written.bytes.extend_from_slice(bytes);
        if is_telling(field.name()) {
            (self.learn)(field.name(), &shown());
        }
    }

    fn integer(&mut self, field: &Field, value: i64) {
        self.put(field, kind::INT, &value.to_le_bytes(), || value.to_string());
    }

    fn learn_from(&mut self, field: &Field, from: usize) {
        if is_telling(field.name())
            && let Some(text) = self.written.bytes.get(from..)
            && let Ok(text) = std::str::from_utf8(text)
        {
            (self.learn)(field.name(), &crate::text::plain(text.to_owned()));
        }
    }
}

/// Whether the layer itself has to know what a field says, and not only those who read it. The names that mean somebody end in
/// `id`; `traceparent` and `baggage` are a parent elsewhere.
fn is_telling(name: &str) -> bool {
    name.ends_with("id")
        && matches!(
            name,
            "session.id" | "session_id" | "gen_ai.conversation.id" | "user.id" | "user_id" | "enduser.id"
        )
        || matches!(name, "traceparent" | "baggage")
}

/// OTLP has no integer larger than this, and none smaller.
fn saturated(value: impl TryInto<i64>, otherwise: i64) -> i64 {
    value.try_into().unwrap_or(otherwise)
}

impl Visit for Visitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, if value { kind::TRUE } else { kind::FALSE }, &[], || value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.integer(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(field, saturated(value, i64::MAX));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.integer(field, saturated(value, if value < 0 { i64::MIN } else { i64::MAX }));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.integer(field, saturated(value, i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, kind::FLOAT, &value.to_le_bytes(), || value.to_string());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.begin(field, kind::TEXT);
        self.written.text(value, self.limit);
        if is_telling(field.name()) {
            (self.learn)(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.begin(field, kind::DEBUG);
        let (limit, from) = (self.limit, self.written.bytes.len() + 8);
        self.written.streamed(limit, |stream| write!(stream, "{value:?}"));
        self.learn_from(field, from);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.begin(field, kind::FAILURE);
        let limit = self.limit;
        self.written.streamed(limit, |stream| write!(stream, "{value}"));
        self.written.streamed(limit, |stream| {
            let causes = std::iter::successors(value.source(), |error| error.source());
            causes.enumerate().try_for_each(|(at, cause)| {
                stream.write_str(if at == 0 { "" } else { "\n" })?;
                write!(stream, "{cause}")
            })
        });
    }
}
