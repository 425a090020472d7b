//! Lists that were flattened into keys: `llm.input_messages.0.message.role`.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use treering_otlp::Value;

/// Keys that are nested deeper than this are no flattened message any more.
const MAX_DEPTH: usize = 16;

/// One level of keys. Indices are kept in a map and not in a list, since they have gaps, and since somebody
/// will send the index 999999999.
#[derive(Default)]
struct Branch<'a> {
    leaf: Option<Value<'a>>,
    children: BTreeMap<Segment<'a>, Branch<'a>>,
}

/// Numbers before words and in their own order, so that 10 comes after 2.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Index(u64),
    Word(&'a str),
}

/// What stands under a prefix of keys, as nested JSON; `None` where nothing does.
pub(crate) fn unflatten<'a>(prefix: &str, pairs: impl Iterator<Item = (&'a str, Value<'a>)>) -> Option<Json> {
    let mut root = Branch::default();
    for (key, value) in pairs {
        let path = key.strip_prefix(prefix)?;
        let mut branch = &mut root;
        for segment in path.splitn(MAX_DEPTH, '.') {
            let segment = segment.parse().map_or(Segment::Word(segment), Segment::Index);
            branch = branch.children.entry(segment).or_default();
        }
        branch.leaf = Some(value);
    }
    // Beside the items of a list, some write of all of them together.
    if root.children.keys().any(|segment| matches!(segment, Segment::Index(_))) {
        root.children.retain(|segment, _| matches!(segment, Segment::Index(_)));
    }
    (!root.children.is_empty()).then(|| root.into_json())
}

impl Branch<'_> {
    fn into_json(self) -> Json {
        if self.children.is_empty() {
            return self.leaf.map_or(Json::Null, Value::to_json);
        }
        if self.children.keys().all(|segment| matches!(segment, Segment::Index(_))) {
            return self.children.into_values().map(Branch::into_json).collect();
        }
        let named = |(segment, branch): (Segment<'_>, Branch<'_>)| (segment.into_key(), branch.into_json());
        Json::Object(self.children.into_iter().map(named).collect::<Map<_, _>>())
    }
}

impl Segment<'_> {
    fn into_key(self) -> String {
        match self {
            Self::Index(index) => index.to_string(),
            Self::Word(word) => word.to_owned(),
        }
    }
}
