//! The stages of the way of a request that are plain computation, each apart and with what it would be given.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use treering_otlp::sample::{Sample, Shape};
use treering_otlp::{Export, Signal};
use treering_queue::Sealed;
use treering_redact::{Redacted, Rules};
use treering_seal::{DataKey, KeyId, Secret};

/// Spans in a request.
pub(crate) const SPANS: usize = 100;

/// One turn of a stage, with all that it needs; what it makes is dropped in it.
pub(crate) type Turn = Box<dyn FnOnce()>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Protobuf → what is known of its strings.
    Decode,
    /// JSON → the same.
    DecodeJson,
    /// With the rules that everybody has.
    Redact,
    /// The redacted request → what the journal writes.
    Seal,
    /// What the journal gave back → records.
    Open,
    /// Records → their partial summaries.
    Read,
    /// Records → the words that the index knows.
    Words,
}

impl Stage {
    pub(crate) const ALL: [Self; 7] =
        [Self::Decode, Self::DecodeJson, Self::Redact, Self::Seal, Self::Open, Self::Read, Self::Words];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::DecodeJson => "decode_json",
            Self::Redact => "redact",
            Self::Seal => "seal",
            Self::Open => "open",
            Self::Read => "read",
            Self::Words => "words",
        }
    }
}

/// Turns of a stage, as many as are wanted.
pub(crate) struct Turns {
    stage: Stage,
    samples: Vec<Sample>,
    number: u64,
    rules: Arc<Rules>,
    key: DataKey,
}

impl Turns {
    /// Of requests whose texts are so many different ones.
    pub(crate) fn of(stage: Stage, samples: u64) -> Self {
        let samples =
            (0..samples).map(|number| Sample::new(Shape { spans: SPANS, ..Shape::default() }, number));
        let key = DataKey::new(KeyId([1; 8]), &Secret::generate().expect("the system has random numbers"));
        Self { stage, samples: samples.collect(), number: 0, rules: Rules::builtin().into(), key }
    }

    pub(crate) fn next(&mut self) -> Turn {
        let (rules, key) = (self.rules.clone(), self.key.clone());
        match self.stage {
            Stage::Decode => {
                let bytes = self.bytes();
                Box::new(move || drop(decoded(bytes)))
            }
            Stage::DecodeJson => {
                let number = self.number;
                let json = self.sample().clone().into_json().stamp(number).to_vec();
                Box::new(move || drop(Export::from_json(Signal::Traces, &json).expect("it is well-formed")))
            }
            Stage::Redact => {
                let export = decoded(self.bytes());
                Box::new(move || drop(rules.redact_export(export).expect("its edits fit")))
            }
            Stage::Seal => {
                let redacted = self.redacted();
                Box::new(move || drop(Sealed::new(1, 0, redacted, &key).expect("it is not too large")))
            }
            Stage::Open => {
                let bytes = Bytes::from(self.redacted().into_bytes());
                let sealed = key.seal(b"", &bytes).expect("it is not too large");
                Box::new(move || drop(opened(&key, &sealed).records()))
            }
            Stage::Read => {
                let records = self.redacted().records();
                Box::new(move || {
                    records.iter().for_each(|record| drop(treering_read::span_summary(record)));
                })
            }
            Stage::Words => {
                let records = self.redacted().records();
                Box::new(move || {
                    records.iter().for_each(|record| {
                        treering_read::words(record, &mut |word| {
                            black_box(word);
                        })
                    })
                })
            }
        }
    }

    /// The next request; the samples take turns, so that no text was there lately.
    fn sample(&mut self) -> &mut Sample {
        self.number += 1;
        self.samples.rotate_left(1);
        &mut self.samples[0]
    }

    fn bytes(&mut self) -> Bytes {
        let number = self.number;
        Bytes::copy_from_slice(self.sample().stamp(number))
    }

    fn redacted(&mut self) -> Redacted {
        let export = decoded(self.bytes());
        self.rules.redact_export(export).expect("its edits fit")
    }
}

fn decoded(bytes: Bytes) -> Export {
    Export::from_protobuf(Signal::Traces, bytes).expect("it is well-formed")
}

#[expect(clippy::disallowed_methods, reason = "a measure of delivery needs what it would be given")]
fn opened(key: &DataKey, sealed: &[u8]) -> Redacted {
    let bytes = key.open(b"", sealed).expect("it was sealed so");
    Redacted::from_journal(Signal::Traces, bytes.into()).expect("it was a request")
}
