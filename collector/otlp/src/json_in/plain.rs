//! Values as plain JSON, where OTLP/JSON would name their type: `"text"` for `{"stringValue": "text"}`, and
//! `{"a": 1}` for a list of keys and values. Exporters written by hand send them so, and it can only be meant one way.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Encoder, Place, Slot};
use crate::scalar::{Scalar, visit_scalars};
use crate::schema::{ANY_VALUE, ANY_VALUE_ARRAY, ANY_VALUE_MAP};
use crate::wire::{close, open, put_bytes};

/// The field of this number, which may hold any value.
pub(super) struct Plain<'e> {
    pub(super) encoder: &'e mut Encoder,
    pub(super) number: u32,
}

/// The fields of a key and its value.
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// The values of a list and of a map.
const VALUES: u32 = 1;

/// Each key and its value as a field of this number; `first` is a key that was read already.
pub(super) fn pairs<'de, A: MapAccess<'de>>(
    encoder: &mut Encoder,
    number: u32,
    mut first: Option<String>,
    mut map: A,
) -> Result<(), A::Error> {
    while let Some(key) = first.take().map_or_else(|| map.next_key(), |key| Ok(Some(key)))? {
        let payload = open(&mut encoder.out, number);
        put_bytes(&mut encoder.out, KEY, key.as_bytes());
        map.next_value_seed(Plain { encoder, number: VALUE })?;
        close(&mut encoder.out, payload);
    }
    Ok(())
}

impl Plain<'_> {
    pub(super) fn scalar(self, value: Scalar<'_>) {
        let payload = open(&mut self.encoder.out, self.number);
        value.write_plain(&mut self.encoder.out);
        close(&mut self.encoder.out, payload);
    }
}

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let Self { encoder, number } = self;
        if !encoder.may_descend() {
            return json.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        encoder.depth += 1;
        json.deserialize_any(Plain { encoder, number })?;
        encoder.depth -= 1;
        Ok(())
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        open(&mut self.encoder.out, self.number);
        Ok(())
    }

    visit_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let value = open(&mut self.encoder.out, self.number);
        let array = open(&mut self.encoder.out, ANY_VALUE_ARRAY);
        while list.next_element_seed(Plain { encoder: self.encoder, number: VALUES })?.is_some() {}
        close(&mut self.encoder.out, array);
        close(&mut self.encoder.out, value);
        Ok(())
    }

    /// An object that begins with the name of a type (`{"intValue": "5"}`) is not plain.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let encoder = self.encoder;
        let value = open(&mut encoder.out, self.number);
        let first: Option<String> = map.next_key()?;
        match first.as_deref().and_then(|first| ANY_VALUE.named(first)) {
            Some(field) => {
                map.next_value_seed(Slot { encoder, field, place: Place::Field })?;
                encoder.entries(&ANY_VALUE, map)?;
            }
            None => {
                let list = open(&mut encoder.out, ANY_VALUE_MAP);
                if first.is_some() {
                    pairs(encoder, VALUES, first, map)?;
                }
                close(&mut encoder.out, list);
            }
        }
        close(&mut encoder.out, value);
        Ok(())
    }
}
