//! What a request carries, where its path does not say so: exporters that are told an endpoint for one signal alone
//! take it as it stands, and send to `/`.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::export::messages;
use crate::schema::{GROUP_SCOPES, GROUPS, SCOPED_RECORDS, Signal};
use crate::value::fields;
use crate::wire::{RawField, RawValue};

impl Signal {
    /// What a request in protobuf carries, by its first record; `None` where that is neither span nor log record.
    /// A request without any record may be taken for either.
    pub fn guess_protobuf(request: &[u8]) -> Option<Self> {
        let record = messages(request, GROUPS)
            .flat_map(|group| messages(group, GROUP_SCOPES))
            .flat_map(|scoped| messages(scoped, SCOPED_RECORDS))
            .next();
        let Some(record) = record else { return Some(Self::Traces) };
        let bytes = |wanted: u32| fields(record).find(|field| field.number == wanted).map(length);
        match (bytes(1), bytes(2)) {
            (Some(Some(16)), Some(Some(8))) => Some(Self::Traces),
            // A time, or none; the name of a metric is text.
            (None | Some(None), _) => Some(Self::Logs),
            _ => None,
        }
    }

    /// What a request in OTLP/JSON carries, by the first of its keys that says so; `None` where it is of another
    /// signal. A request that says nothing may be taken for either.
    pub fn guess_json(request: &[u8]) -> Option<Self> {
        let mut told = None;
        // The parser stops where it was told enough.
        serde_json::Deserializer::from_slice(request).deserialize_map(FirstKey(&mut told)).ok();
        match told.as_deref() {
            None | Some("resourceSpans") => Some(Self::Traces),
            Some("resourceLogs") => Some(Self::Logs),
            Some(_) => None,
        }
    }
}

/// How long a field of bytes is; of another type, none.
fn length(field: RawField<'_>) -> Option<usize> {
    match field.value {
        RawValue::Bytes(bytes) => Some(bytes.len()),
        _ => None,
    }
}

struct FirstKey<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for FirstKey<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OTLP request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key.starts_with("resource") {
                *self.0 = Some(key);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{put_bytes, put_tag};

    fn request(record: &[u8]) -> Vec<u8> {
        [SCOPED_RECORDS, GROUP_SCOPES, GROUPS].iter().fold(record.to_vec(), |inner, number| {
            let mut message = Vec::new();
            put_bytes(&mut message, *number, &inner);
            message
        })
    }

    #[test]
    fn a_record_says_what_it_is() {
        let mut span = Vec::new();
        put_bytes(&mut span, 1, &[1; 16]);
        put_bytes(&mut span, 2, &[1; 8]);
        assert_eq!(Signal::guess_protobuf(&request(&span)), Some(Signal::Traces));
        let mut timed = Vec::new();
        put_tag(&mut timed, 1, 1);
        timed.extend([0; 8]);
        assert_eq!(Signal::guess_protobuf(&request(&timed)), Some(Signal::Logs));
        let mut untimed = Vec::new();
        put_bytes(&mut untimed, 5, b"");
        assert_eq!(Signal::guess_protobuf(&request(&untimed)), Some(Signal::Logs));
        let mut metric = Vec::new();
        put_bytes(&mut metric, 1, b"http.server.requests");
        assert_eq!(Signal::guess_protobuf(&request(&metric)), None);
        assert_eq!(Signal::guess_protobuf(b""), Some(Signal::Traces));
    }

    #[test]
    fn so_does_the_first_key() {
        let guess = |json: &str| Signal::guess_json(json.as_bytes());
        assert_eq!(guess(r#"{"x": ["resourceLogs"], "resourceSpans": ["#), Some(Signal::Traces));
        assert_eq!(guess(r#" {"resourceLogs": []}"#), Some(Signal::Logs));
        assert_eq!(guess(r#"{"resourceMetrics": []}"#), None);
        assert_eq!(guess("{}"), Some(Signal::Traces));
    }
}
