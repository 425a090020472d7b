//! Neighbours on the same subscriber that do what loses spans elsewhere (tokio-rs/tracing#2519).

use std::io;
use std::sync::{Arc, Mutex};

use tracing::callsite::{Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, dispatcher};
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::testing;

/// A callsite that nobody registered, as bridges from other logs have one for all that they ask.
struct Dynamic;

static DYNAMIC: Dynamic = Dynamic;
static OF_A_BRIDGE: Metadata<'static> = Metadata::new(
    "log record",
    "bridge",
    Level::TRACE,
    None,
    None,
    None,
    FieldSet::new(&[], Identifier(&DYNAMIC)),
    Kind::EVENT,
);

impl Callsite for Dynamic {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &OF_A_BRIDGE
    }
}

/// What is asked before a log record is written, and after each query of a database.
fn ask_of_the_bridge() {
    dispatcher::get_default(|dispatch| dispatch.enabled(&OF_A_BRIDGE));
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tracing::instrument]
fn chat(number: u32) -> u32 {
    number
}

#[test]
fn every_step_survives_a_neighbour_that_asks_between_them() {
    let written = Written::default();
    let log = tracing_subscriber::fmt::layer()
        .with_writer(written.clone())
        .with_span_events(FmtSpan::CLOSE)
        .with_filter(LevelFilter::INFO);
    let (layer, steps) = testing::capture();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer).with(log), || {
        for number in 0..1000 {
            chat(number);
            ask_of_the_bridge();
        }
    });
    assert_eq!(steps.all().len(), 1000);
    let closed = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!(closed.matches("close").count(), 1000, "the filtered log beside it is kept whole as well");
}
