//! OTLP/JSON → protobuf, leniently: whatever can only be meant one way is taken that way.
//!
//! The JSON is written as protobuf while it is read, and never stands in memory as a tree. No visitor here fails:
//! a value that cannot be meant is read to its end and remembered, so that the parser goes on with the next record.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::index::{self, Malformed, Rejected};
use crate::scalar::{Scalar, visit_scalars};
use crate::schema::{Field, Kind, Message, Role, Signal};
use crate::wire::{close, open};

mod plain;
use plain::Plain;

/// Lists and objects nested deeper than this cost their record: a message as deep as it may be, a list in it, and what
/// is in that. A few more, and the parser would give up the whole request, which it does at 128; what is merely ignored
/// may be nested without end.
const MAX_DEPTH: u32 = index::MAX_DEPTH + 2;

pub(crate) fn to_protobuf(signal: Signal, json: &[u8]) -> Result<(Vec<u8>, Rejected), Malformed> {
    let mut encoder = Encoder {
        out: Vec::with_capacity(json.len() / 2),
        depth: 0,
        bad: None,
        rejected: Rejected::default(),
    };
    // Some editors and shells begin every text with a byte order mark.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let mut parser = serde_json::Deserializer::from_slice(json);
    parser
        .deserialize_map(Request { encoder: &mut encoder, message: signal.request() })
        .and_then(|()| parser.end())
        .map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => Malformed::Json("it is cut off"),
            serde_json::error::Category::Data => Malformed::Json("it is not an object"),
            _ => Malformed::Json("it is no JSON"),
        })?;
    encoder.bad.map_or(Ok((encoder.out, encoder.rejected)), Err)
}

struct Encoder {
    out: Vec<u8>,
    depth: u32,
    /// Why the record that is being read is no record; outside of records, why the request is none.
    bad: Option<Malformed>,
    rejected: Rejected,
}

impl Encoder {
    fn entries<'de, A: MapAccess<'de>>(
        &mut self,
        message: &'static Message,
        mut map: A,
    ) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Key(message))? {
            match field {
                Some(field) => {
                    let place = if field.repeated { Place::List } else { Place::Field };
                    map.next_value_seed(Slot { encoder: self, field, place })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn wrong(&mut self, reason: Malformed) {
        self.bad.get_or_insert(reason);
    }

    /// False where what follows is not worth reading.
    fn may_descend(&mut self) -> bool {
        if self.depth >= MAX_DEPTH {
            self.wrong(Malformed::TooDeep);
        }
        self.bad.is_none()
    }

    fn refuse_record(&mut self, reason: Malformed, start: usize) {
        self.out.truncate(start);
        self.rejected.count += 1;
        self.rejected.reason.get_or_insert(reason);
    }
}

struct Request<'e> {
    encoder: &'e mut Encoder,
    message: &'static Message,
}

impl<'de> Visitor<'de> for Request<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OTLP request")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.encoder.entries(self.message, map)
    }
}

/// A key of an object; `None` is one that OTLP does not have.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.named(key))
    }
}

/// The place of a value.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Field,
    /// All elements of a repeated field.
    List,
    /// One of them.
    Element,
}

struct Slot<'e> {
    encoder: &'e mut Encoder,
    field: &'static Field,
    place: Place,
}

impl<'e> Slot<'e> {
    fn reborrow(&mut self, place: Place) -> Slot<'_> {
        Slot { encoder: self.encoder, field: self.field, place }
    }

    fn is_record(&self) -> bool {
        self.place == Place::Element && self.role() == Some(Role::Record)
    }

    fn read<'de, D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        if !self.encoder.may_descend() {
            return json.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        self.encoder.depth += 1;
        let place = self.place;
        json.deserialize_any(self.reborrow(place))?;
        self.encoder.depth -= 1;
        Ok(())
    }

    fn role(&self) -> Option<Role> {
        match self.field.kind {
            Kind::Message(message) => Some(message.role),
            _ => None,
        }
    }

    fn wrong(&mut self) {
        self.encoder.wrong(Malformed::WrongType(self.field.json));
    }

    fn plain(self) -> Plain<'e> {
        Plain { encoder: self.encoder, number: self.field.number }
    }

    fn scalar(self, value: Scalar<'_>) {
        let written = match (self.place, self.role()) {
            (Place::List, _) => Err(Malformed::WrongType(self.field.json)),
            (_, Some(Role::Value)) => return self.plain().scalar(value),
            _ => value.write(self.field, &mut self.encoder.out),
        };
        written.unwrap_or_else(|reason| self.encoder.wrong(reason));
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    /// A record that cannot be encoded is refused alone.
    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        if !self.is_record() || self.encoder.bad.is_some() {
            return self.read(json);
        }
        let start = self.encoder.out.len();
        self.reborrow(Place::Element).read(json)?;
        if let Some(reason) = self.encoder.bad.take() {
            self.encoder.refuse_record(reason, start);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// Null is the same as nothing; an element of a list has to be something, and is the empty message.
    fn visit_unit<E>(mut self) -> Result<(), E> {
        match (self.place, self.field.kind) {
            (Place::Field | Place::List, _) => {}
            (Place::Element, Kind::Message(_)) => {
                open(&mut self.encoder.out, self.field.number);
            }
            (Place::Element, _) => self.wrong(),
        }
        Ok(())
    }

    visit_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        match (self.place, self.role()) {
            (Place::Field | Place::Element, Some(Role::Value)) => return self.plain().visit_seq(list),
            (Place::Field | Place::Element, _) => self.wrong(),
            (Place::List, _) => {}
        }
        while list.next_element_seed(self.reborrow(Place::Element))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        match (self.place, self.field.kind) {
            (Place::Field | Place::Element, Kind::Message(message)) => {
                let payload = open(&mut self.encoder.out, self.field.number);
                self.encoder.entries(message, map)?;
                close(&mut self.encoder.out, payload);
            }
            (Place::List, Kind::Message(message)) if message.role == Role::KeyValue => {
                plain::pairs(self.encoder, self.field.number, None, map)?;
            }
            _ => {
                self.wrong();
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            }
        }
        Ok(())
    }
}
