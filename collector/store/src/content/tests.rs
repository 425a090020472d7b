//! Any bytes come back, and what comes again is cut again in the same way.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use treering_otlp::Signal;
use treering_redact::Context;
use treering_seal::{DataKey, HashKey, KeyId, Secret};

use super::atoms::put_varint;
use super::cut::{Part, parts};
use super::{Gatherer, Name, Press, Shelf, Spot, Uncut, join, open};
use crate::{Error, ProjectId};

struct Names(HashSet<Name>);

impl Shelf for &mut Names {
    fn look_up(&mut self, _names: &[Name]) -> Result<(), Error> {
        Ok(())
    }

    fn holds(&self, name: &Name) -> bool {
        self.0.contains(name)
    }
}

/// A store of pieces in memory.
struct Kept {
    key: HashKey,
    names: Names,
    blocks: Vec<Vec<u8>>,
    pieces: HashMap<Name, Spot>,
}

impl Kept {
    fn new() -> Self {
        let key = HashKey::new(&Secret::generate().unwrap());
        Self { key, names: Names(HashSet::new()), blocks: Vec::new(), pieces: HashMap::new() }
    }

    /// Keeps a body, and tells where it is and how many bytes are new.
    fn keep(&mut self, signal: Signal, body: &[u8]) -> (Spot, usize) {
        let context = Context::new(b"context".to_vec());
        let mut gatherer = Gatherer::new(self.key.clone(), &mut self.names);
        let spot = gatherer.records(&[Uncut { signal, context: &context, body }]).unwrap()[0];
        let (blocks, pieces) = gatherer.finish();
        let first = self.blocks.len();
        let moved = |spot: Spot| Spot { block: spot.block + first, ..spot };
        let new = blocks.iter().map(Vec::len).sum();
        self.blocks.extend(blocks);
        self.names.0.extend(pieces.iter().map(|(name, _)| *name));
        self.pieces.extend(pieces.into_iter().map(|(name, spot)| (name, moved(spot))));
        (moved(spot), new)
    }

    fn bytes(&self, spot: Spot) -> &[u8] {
        &self.blocks[spot.block][spot.start as usize..][..spot.length as usize]
    }

    fn read(&self, spot: Spot) -> Vec<u8> {
        let mut fetch = |name: &Name| Ok(self.bytes(self.pieces[name]));
        let (context, body) = join(self.bytes(spot), &mut fetch).unwrap();
        assert_eq!(self.bytes(self.pieces[&context]), b"context");
        body
    }
}

fn varint(value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, value as u64);
    bytes
}

fn field(number: usize, payload: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(payload.len()), payload.to_vec()].concat()
}

fn attribute(key: &str, text: &str) -> Vec<u8> {
    field(9, &[field(1, key.as_bytes()), field(2, &field(1, text.as_bytes()))].concat())
}

/// Words that do not repeat soon.
fn text(seed: usize, length: usize) -> String {
    let mut number = seed as u64 + 1;
    let mut text = String::new();
    while text.len() < length {
        number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text.push_str(&format!("{:x} ", number >> 40));
    }
    text
}

/// A call of an agent that resends so many turns.
#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    Nested,
    Flat,
    Plain,
}

fn call(form: Form, turns: usize) -> Vec<u8> {
    let turn = |at: usize| text(at, 700 + at % 7 * 90);
    let message = |at| format!(r#"{{"role":"user","parts":[{{"type":"text","content":"{}"}}]}}"#, turn(at));
    let history = match form {
        Form::Json => {
            let messages: Vec<_> = (0..turns).map(message).collect();
            attribute("gen_ai.input.messages", &format!("[{}]", messages.join(",")))
        }
        Form::Nested => {
            let messages: Vec<_> = (0..turns).map(message).collect();
            attribute("input.value", &format!(r#"{{"model":"a","messages":[{}],"n":1}}"#, messages.join(",")))
        }
        Form::Flat => (0..turns)
            .flat_map(|at| attribute(&format!("llm.input_messages.{at}.message.content"), &turn(at)))
            .collect(),
        Form::Plain => attribute("prompt", &(0..turns).map(turn).collect::<String>()),
    };
    let answer = attribute("gen_ai.output.messages", &text(turns + 1_000_000, 300));
    [field(1, &[turns.to_le_bytes(); 2].concat()), field(2, &turns.to_le_bytes()), history, answer].concat()
}

#[test]
fn a_growing_history_costs_what_is_new() {
    for form in [Form::Json, Form::Nested, Form::Flat, Form::Plain] {
        let mut kept = Kept::new();
        let mut new = Vec::new();
        for turns in 1..=200 {
            let body = call(form, turns);
            let (spot, bytes) = kept.keep(Signal::Traces, &body);
            assert_eq!(kept.read(spot), body, "{form:?}");
            new.push(bytes);
        }
        let mean = |turns: &[usize]| turns.iter().sum::<usize>() / turns.len();
        // A call has some 1,300 new bytes; plain text is cut less finely.
        let most = if matches!(form, Form::Plain) { 6_000 } else { 2_500 };
        assert!(mean(&new[20..]) < most, "{form:?}: {} bytes a call", mean(&new[20..]));
        let (early, late) = (mean(&new[20..60]), mean(&new[160..]));
        assert!(late < early * 3 / 2, "{form:?}: {early} bytes a call, then {late}");
    }
}

#[test]
fn what_is_cut_off_at_the_front_costs_what_is_new() {
    let mut kept = Kept::new();
    let window = |at: usize| {
        let turns: Vec<_> = (at..at + 60).map(|at| format!("{:?}", text(at, 900))).collect();
        attribute("gen_ai.input.messages", &format!("[{}]", turns.join(",")))
    };
    kept.keep(Signal::Traces, &window(0));
    let new: usize = (1..=20).map(|at| kept.keep(Signal::Traces, &window(at)).1).sum();
    assert!(new / 20 < 10_000, "{} bytes a call", new / 20);
}

#[test]
fn small_bodies_are_whole() {
    let body = call(Form::Json, 1);
    assert!(body.len() < 2048);
    assert_eq!(parts(Signal::Traces, &body), [Part::Literal(0..body.len())]);
}

#[test]
fn values_within_values_are_cut_to_a_depth() {
    let mut body = text(1, 5_000).into_bytes();
    for _ in 0..20_000 {
        body = field(2, &field(5, &body));
    }
    let body = field(9, &body);
    let mut kept = Kept::new();
    let (spot, _) = kept.keep(Signal::Traces, &body);
    assert_eq!(kept.read(spot), body);
}

fn sealed(block: &[u8]) -> (DataKey, Vec<u8>) {
    let key = DataKey::new(KeyId::generate().unwrap(), &Secret::generate().unwrap());
    let sealed = Press::new().unwrap().seal(&key, (ProjectId(1), 7, 3), block).unwrap();
    (key, sealed)
}

#[test]
fn a_block_opens_at_its_place_alone() {
    for block in [b"short".to_vec(), text(3, 60_000).into_bytes(), Vec::new()] {
        let (key, sealed) = sealed(&block);
        assert_eq!(open(&key, (ProjectId(1), 7, 3), &sealed).unwrap(), block);
        for place in [(ProjectId(2), 7, 3), (ProjectId(1), 8, 3), (ProjectId(1), 7, 4)] {
            assert!(matches!(open(&key, place, &sealed), Err(Error::Damaged(_))));
        }
    }
}

#[test]
fn damage_of_any_byte_of_a_block_is_found() {
    let (key, sealed) = sealed(text(4, 900).as_bytes());
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(open(&key, (ProjectId(1), 7, 3), &damaged).is_err(), "byte {at}");
        assert!(open(&key, (ProjectId(1), 7, 3), &sealed[..at]).is_err(), "up to {at}");
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let json = r#"[\[\]{}",:\\a-c]{0,9000}"#.prop_map(String::into_bytes);
    let any = prop::collection::vec(any::<u8>(), 0..20_000);
    let leaf = prop_oneof![any, json];
    leaf.prop_recursive(4, 64, 6, |inner| {
        prop::collection::vec((1usize..14, inner), 0..6)
            .prop_map(|fields| fields.iter().flat_map(|(number, inner)| field(*number, inner)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(bodies in prop::collection::vec(bytes(), 1..4)) {
        let mut kept = Kept::new();
        for signal in [Signal::Traces, Signal::Logs] {
            for body in &bodies {
                let (spot, _) = kept.keep(signal, body);
                prop_assert_eq!(&kept.read(spot), body);
            }
        }
    }

    #[test]
    fn a_torn_recipe_is_refused(recipe in prop::collection::vec(any::<u8>(), 0..64)) {
        // It ends, whatever it finds.
        let _ = join(&recipe, &mut |_| Err::<&[u8], _>(Error::KeyGone));
    }

    #[test]
    fn what_is_sent_again_costs_a_recipe(turns in 3usize..80) {
        let mut kept = Kept::new();
        kept.keep(Signal::Traces, &call(Form::Json, turns));
        let (_, new) = kept.keep(Signal::Traces, &call(Form::Json, turns));
        prop_assert!(new < 1_500, "{} bytes", new);
    }
}
