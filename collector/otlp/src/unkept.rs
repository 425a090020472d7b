//! Signals that nobody keeps here: their requests are walked no further than counting needs.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::index::Malformed;
use crate::wire::{Fields, RawValue};

/// A signal of OTLP that is answered and not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unkept {
    Metrics,
    Profiles,
}

/// One step of the way to what is counted: the fields that lead on, in protobuf and in JSON.
struct Level {
    numbers: &'static [u32],
    names: &'static [&'static str],
}

const METRICS: &[Level] = &[
    Level { numbers: &[1], names: &["resourceMetrics"] },
    Level { numbers: &[2], names: &["scopeMetrics"] },
    Level { numbers: &[2], names: &["metrics"] },
    Level {
        numbers: &[5, 7, 9, 10, 11],
        names: &["gauge", "sum", "histogram", "exponentialHistogram", "summary"],
    },
    Level { numbers: &[1], names: &["dataPoints"] },
];

const PROFILES: &[Level] = &[
    Level { numbers: &[1], names: &["resourceProfiles"] },
    Level { numbers: &[2], names: &["scopeProfiles"] },
    Level { numbers: &[2], names: &["profiles"] },
];

impl Unkept {
    fn levels(self) -> &'static [Level] {
        match self {
            Self::Metrics => METRICS,
            Self::Profiles => PROFILES,
        }
    }

    /// How many data points or profiles a request in protobuf holds.
    pub fn count_protobuf(self, request: &[u8]) -> Result<usize, Malformed> {
        count(request, self.levels())
    }

    /// How many data points or profiles a request in OTLP/JSON holds.
    pub fn count_json(self, request: &[u8]) -> Result<usize, Malformed> {
        let mut parser = serde_json::Deserializer::from_slice(request);
        let counted = parser.deserialize_map(Within(self.levels()));
        counted
            .and_then(|count| parser.end().map(|()| count))
            .map_err(|_| Malformed::Json("it is cut off, or no object"))
    }
}

fn count(message: &[u8], levels: &[Level]) -> Result<usize, Malformed> {
    let Some((level, below)) = levels.split_first() else { return Ok(1) };
    let mut found = 0;
    for field in Fields::of(message) {
        let field = field?;
        match field.value {
            RawValue::Bytes(inner) if level.numbers.contains(&field.number) => found += count(inner, below)?,
            _ => {}
        }
    }
    Ok(found)
}

/// An object, a list of objects, or what is neither, at this place of the way.
struct Within(&'static [Level]);

impl<'de> DeserializeSeed<'de> for Within {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OTLP request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let Some((level, below)) = self.0.split_first() else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(1);
        };
        let mut found = 0;
        while let Some(leads_on) = map.next_key_seed(LeadsOn(level))? {
            if leads_on {
                found += map.next_value_seed(Within(below))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut found = 0;
        while let Some(count) = list.next_element_seed(Object(self.0))? {
            found += count;
        }
        Ok(found)
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }
}

/// An element of a list.
struct Object(&'static [Level]);

impl<'de> DeserializeSeed<'de> for Object {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_map(Within(self.0))
    }
}

/// Whether a key leads on.
struct LeadsOn(&'static Level);

impl<'de> DeserializeSeed<'de> for LeadsOn {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for LeadsOn {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(self.0.names.contains(&key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::put_bytes;

    /// A message that holds each of these in the field with this number.
    fn message(number: u32, inner: &[Vec<u8>]) -> Vec<u8> {
        let mut message = Vec::new();
        inner.iter().for_each(|inner| put_bytes(&mut message, number, inner));
        message
    }

    #[test]
    fn data_points_of_every_kind_are_counted() {
        let metric = |kind: u32, points: usize| message(kind, &[message(1, &vec![Vec::new(); points])]);
        let metrics: Vec<_> = [(5, 1), (7, 2), (9, 3), (10, 4), (11, 5)].map(|(k, n)| metric(k, n)).into();
        let request = message(1, &[message(2, &[message(2, &metrics)])]);
        assert_eq!(Unkept::Metrics.count_protobuf(&request), Ok(15));
        assert_eq!(Unkept::Metrics.count_protobuf(&request[..request.len() - 1]), Err(Malformed::Torn));

        let metrics = json!([
            {"name": "a", "gauge": {"dataPoints": [{"asInt": "1"}]}},
            {"name": "b", "sum": {"dataPoints": [{}, {"attributes": [{"key": "dataPoints"}]}]}},
            {"name": "c", "histogram": null},
            {"name": "d", "summary": {"dataPoints": null}},
        ]);
        let request = json!({"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": metrics}]}]});
        assert_eq!(Unkept::Metrics.count_json(request.to_string().as_bytes()), Ok(3));
        assert_eq!(Unkept::Metrics.count_json(b"{}"), Ok(0));
        assert!(Unkept::Metrics.count_json(b"{\"resourceMetrics\": [").is_err());
        assert!(Unkept::Metrics.count_json(b"[]").is_err());
    }

    #[test]
    fn profiles_are_counted() {
        let request = message(1, &[message(2, &[message(2, &vec![Vec::new(); 3])])]);
        assert_eq!(Unkept::Profiles.count_protobuf(&request), Ok(3));
        let request =
            br#"{"resourceProfiles": [{"scopeProfiles": [{"profiles": [{}, {}]}]}], "dictionary": {}}"#;
        assert_eq!(Unkept::Profiles.count_json(request), Ok(2));
    }
}
