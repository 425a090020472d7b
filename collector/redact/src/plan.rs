//! What is decided about the attributes of a resource, a scope or a record, before its texts are looked at.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use globset::GlobSet;
use treering_otlp::{Attribute, Edit, Export, Part, Place, Signal, Value};
use treering_step::Kind;

use crate::action::Action;
use crate::finding::write_mark;
use crate::mark::MARK;
use crate::pieces::is_chunk;
use crate::place::{STRUCTURE, globs, kind};
use crate::pseudonym::Pseudonyms;
use crate::rules::{At, DROPPED, Rules, WITHHELD, Whole, detail, whole, withholds};

/// Decisions of one request. Most of its attributes are called alike, and are asked about once.
pub(crate) struct Planner<'a> {
    rules: &'a Rules,
    pseudonyms: Option<Pseudonyms<'a>>,
    known: HashMap<Option<Kind>, HashMap<Cow<'a, str>, Known>>,
    /// The keys of the part before, of which nothing is decided: most parts of a request have them in the same order.
    lately: Vec<&'a [u8]>,
    asks_for_kinds: bool,
    asks_for_roles: bool,
}

/// What is known of every attribute of a name.
#[derive(Debug, Clone)]
enum Known {
    /// Findings in it are marked.
    Plain,
    /// Rules decide about each finding.
    Particular,
    Whole(Whole),
}

/// What is decided about one part: in the order of its bytes, what goes whole and what is looked at in its own way.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    pub(crate) edits: Vec<Edit>,
    pub(crate) particular: Vec<Particular<'a>>,
    /// That there is more to decide than anybody's rules would ask for.
    pub(crate) is_too_much: bool,
    /// Whether a key may be that of a chunk of a stream.
    pub(crate) may_stream: bool,
}

/// A value of which rules decide about each finding; a later one may stand within an earlier one.
#[derive(Debug)]
pub(crate) struct Particular<'a> {
    pub(crate) place: Range<usize>,
    pub(crate) attribute: Cow<'a, str>,
    pub(crate) kind: Option<Kind>,
    pub(crate) role: Option<String>,
}

impl Particular<'_> {
    pub(crate) fn at(&self) -> At<'_> {
        At { attribute: Some(&self.attribute), kind: self.kind, role: self.role.as_deref() }
    }
}

/// Names of attributes that are remembered at the most.
const MOST_KNOWN: usize = 4_096;
/// Decisions about one record; nobody reads a step of so many attributes.
const MOST_DECISIONS: usize = 50_000;

static KEPT_OF_A_PAYLOAD: LazyLock<GlobSet> =
    LazyLock::new(|| globs(STRUCTURE.iter().copied()).expect("the built-in lists compile, as a test shows"));

impl<'a> Planner<'a> {
    pub(crate) fn new(rules: &'a Rules, pseudonyms: Option<Pseudonyms<'a>>) -> Planner<'a> {
        let asks_for_kinds = rules.layers().iter().any(|layer| layer.asks_for_kinds());
        let asks_for_roles = rules.layers().iter().any(|layer| layer.asks_for_roles());
        let (known, lately) = (HashMap::new(), Vec::new());
        Planner { rules, pseudonyms, known, lately, asks_for_kinds, asks_for_roles }
    }

    /// Of a part whose texts these are.
    pub(crate) fn plan(&mut self, export: &'a Export, part: &Part<'a>, texts: &[Place]) -> Plan<'a> {
        if self.decides_nothing(export, part, texts) {
            return Plan::default();
        }
        let kind = (self.asks_for_kinds && part.is_record()).then(|| kind(part));
        let is_withheld = kind.is_some_and(|kind| withholds(self.rules.layers(), kind));
        let roles = if self.asks_for_roles { Roles::of(part) } else { Roles::default() };
        let mut plan = Plan { may_stream: true, ..Plan::default() };
        let mut gone_until = 0;
        part.each_attribute(&mut |attribute| {
            if plan.edits.len() + plan.particular.len() >= MOST_DECISIONS {
                plan.is_too_much = true;
            } else if attribute.place.start >= gone_until {
                let known = self.known(attribute.key.clone(), kind);
                let is_particular = matches!(known, Known::Particular);
                let edit = self.edit(&attribute, known, is_withheld);
                gone_until = edit.as_ref().map_or(gone_until, |edit| edit.end);
                let is_gone = edit.is_some();
                plan.edits.extend(edit);
                if !is_gone && is_particular {
                    let role = roles.of_attribute(&attribute.key);
                    let Attribute { key, place, .. } = attribute;
                    plan.particular.push(Particular { place, attribute: key, kind, role });
                }
            }
        });
        plan
    }

    /// What happens to all of an attribute, whatever is found in it.
    fn edit(&mut self, attribute: &Attribute<'a>, known: Known, is_withheld: bool) -> Option<Edit> {
        if is_withheld && is_payload(attribute) {
            return Some(in_place_of_the_value(attribute, WITHHELD, None));
        }
        let Known::Whole(Whole { action, name }) = known else { return None };
        if action == Action::Drop {
            let mut mark = String::new();
            write_mark(DROPPED, None, &mut mark);
            let place = attribute.place.clone();
            return Some(Edit { start: place.start, end: place.end, replacement: mark.into() });
        }
        let value = match attribute.value {
            Value::Empty | Value::Bool(_) => return None,
            Value::Text(text) if text.is_empty() || self.is_one_mark(text) => return None,
            Value::Text(text) => Cow::Borrowed(text),
            Value::Int(number) => Cow::Owned(number.to_string()),
            Value::Double(_) | Value::Bytes(_) | Value::Array(_) | Value::Map(_) => Cow::Borrowed(""),
        };
        let pseudonyms = self.pseudonyms.filter(|_| !value.is_empty());
        let detail = detail(action, &name, &value, pseudonyms);
        Some(in_place_of_the_value(attribute, &name, detail.as_deref()))
    }

    /// What is redacted already stays as it is.
    fn is_one_mark(&self, text: &str) -> bool {
        let inner = text.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| self.rules.is_mark(inner))
    }

    /// Whether nothing is decided about any attribute of a part, as its keys alone tell: those of spans, and none within
    /// the values of others, which are named after these.
    fn decides_nothing(&mut self, export: &'a Export, part: &Part<'a>, texts: &[Place]) -> bool {
        if self.asks_for_kinds || part.is_record() && export.signal() == Signal::Logs {
            return false;
        }
        let keys = texts.iter().filter(|text| text.is_key() || text.is_inner_key());
        self.is_plain("")
            && keys.enumerate().all(|(place, text)| {
                let key = &export.as_bytes()[text.range()];
                !text.is_inner_key() && (self.lately.get(place) == Some(&key) || self.is_plain_at(place, key))
            })
    }

    fn is_plain_at(&mut self, place: usize, key: &'a [u8]) -> bool {
        let is_plain = std::str::from_utf8(key).is_ok_and(|key| self.is_plain(key));
        // All those before it were found there, or put there.
        if is_plain && place < MOST_KNOWN {
            match self.lately.get_mut(place) {
                Some(lately) => *lately = key,
                None => self.lately.push(key),
            }
        }
        is_plain
    }

    fn is_plain(&mut self, key: &'a str) -> bool {
        matches!(self.known(Cow::Borrowed(key), None), Known::Plain) && !is_chunk(key)
    }

    fn known(&mut self, key: Cow<'a, str>, kind: Option<Kind>) -> Known {
        let of_kind = self.known.entry(kind).or_default();
        if let Some(known) = of_kind.get(&*key) {
            return known.clone();
        }
        // The names of marks are none of an attribute's: `[REDACTED:URL_PASSWORD]` in one makes it no secret.
        let name = self.rules.without_marks(&key);
        let at = At { attribute: Some(&name), kind, role: None };
        let known = match whole(self.rules.layers(), &at) {
            Some(whole) => Known::Whole(whole),
            None if self.rules.is_particular(&at) => Known::Particular,
            None => Known::Plain,
        };
        drop(name);
        if of_kind.len() < MOST_KNOWN {
            of_kind.insert(key, known.clone());
        }
        known
    }
}

/// Numbers stay, and what says which kind of step it was.
fn is_payload(attribute: &Attribute<'_>) -> bool {
    let is_content =
        !matches!(attribute.value, Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_));
    is_content && !KEPT_OF_A_PAYLOAD.is_match(&*attribute.key)
}

fn in_place_of_the_value(attribute: &Attribute<'_>, name: &str, detail: Option<&str>) -> Edit {
    let mut mark = String::new();
    write_mark(name, detail, &mut mark);
    let place = attribute.value_place.clone();
    Edit { start: place.start, end: place.end, replacement: mark.into() }
}

/// Who wrote the messages of which the parts are attributes: `llm.input_messages.0.message.role` speaks for every
/// attribute that begins as it does.
#[derive(Debug, Default)]
struct Roles(HashMap<String, String>);

impl Roles {
    fn of(part: &Part<'_>) -> Roles {
        let mut roles = HashMap::new();
        part.each_attribute(&mut |attribute| {
            if let (Some(message), Value::Text(role)) = (attribute.key.strip_suffix(".role"), attribute.value)
            {
                roles.insert(message.to_owned(), role.to_ascii_lowercase());
            }
        });
        Roles(roles)
    }

    fn of_attribute(&self, key: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let around = key.rmatch_indices('.').map(|(dot, _)| &key[..dot]);
        around.take(16).find_map(|message| self.0.get(message).cloned())
    }
}
