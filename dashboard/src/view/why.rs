//! Why a step shows what it shows, and why something of it may be empty.

use serde::Serialize;
use serde_json::{Map, Value};
use treering_read::{Attribute, Origin};
use treering_step::{Kind, Step};

use super::content::{Few, place};
use super::format;
use super::reading::Reading;
use super::text::Text;
use super::words::{Word, words};

/// Rows of one table that a page shows; the read API has them all.
const ROWS: usize = 100;
/// Attributes of one row: a conversation may lie in hundreds of them.
const OF_ONE_FIELD: usize = 8;
const LONGEST_KEY: usize = 160;

/// How the chosen step was read.
#[derive(Debug, Serialize)]
pub(crate) struct WhyView {
    /// True where something is missing that may have been said, which is when somebody looks for it.
    open: bool,
    title: &'static str,
    /// Who sent it, where the exporter says so.
    exporter: Option<Text>,
    dialect: Option<Text>,
    advice: Vec<Vec<Word>>,
    dropped: Option<String>,
    withheld: Few<Place>,
    unusable: Few<Place>,
    unread: Few<Place>,
    believed: Few<Row>,
    spare: Few<Row>,
    /// How many attributes belong to other conventions.
    general: Option<String>,
    reading_url: String,
}

/// What told one field of a step.
#[derive(Debug, Serialize)]
struct Row {
    field: &'static str,
    dialect: &'static str,
    attributes: Few<Place>,
}

/// An attribute, and where on the page its value stands.
#[derive(Debug, Serialize)]
struct Place {
    key: Text,
    /// The event or the log record that carries it.
    of: Option<Text>,
    at: Option<usize>,
}

impl WhyView {
    pub(crate) fn new(step: &Step, reading: &Reading, reading_url: String) -> Self {
        let told = &reading.explanation;
        let places = |attributes: &[Attribute]| Place::few(ROWS, attributes, &step.attributes);
        let rows = |origins: &[Origin]| {
            let mut origins: Vec<_> = origins.iter().collect();
            origins.sort_by_key(|origin| origin.field);
            Few::within(ROWS, origins.into_iter(), |origin| Row::new(origin, &step.attributes))
        };
        let exporter = reading.exporter.to_line();
        let is_riddle = reading.missing.is_a_riddle(step.status) && step.kind != Kind::Span;
        Self {
            open: is_riddle && matches!(step.kind, Kind::Llm | Kind::Agent | Kind::Tool),
            title: if is_riddle { "why is this empty?" } else { "how this was read" },
            exporter: (!exporter.is_empty()).then(|| Text::line(&exporter, LONGEST_KEY)),
            dialect: step.dialect.as_deref().map(|dialect| Text::line(dialect, LONGEST_KEY)),
            advice: reading.switches.iter().map(|switch| words(switch.advice())).collect(),
            dropped: (told.dropped > 0).then(|| counted(told.dropped)),
            withheld: places(&told.withheld),
            unusable: places(&told.unusable),
            unread: places(&told.unread),
            believed: rows(&told.believed),
            spare: rows(&told.spare),
            general: (!told.general.is_empty()).then(|| counted(told.general.len() as u64)),
            reading_url,
        }
    }
}

fn counted(attributes: u64) -> String {
    format::counted(usize::try_from(attributes).unwrap_or(usize::MAX), "attribute")
}

impl Row {
    fn new(origin: &Origin, attributes: &Map<String, Value>) -> Self {
        Self {
            field: origin.field,
            dialect: origin.dialect,
            attributes: Place::few(OF_ONE_FIELD, &origin.attributes, attributes),
        }
    }
}

impl Place {
    fn few(most: usize, found: &[Attribute], attributes: &Map<String, Value>) -> Few<Self> {
        Few::within(most, found.iter(), |attribute| Self {
            key: Text::line(&attribute.key, LONGEST_KEY),
            of: attribute.of.as_deref().map(|of| Text::line(of, LONGEST_KEY)),
            at: attribute.of.is_none().then(|| place(attributes, &attribute.key)).flatten(),
        })
    }
}
