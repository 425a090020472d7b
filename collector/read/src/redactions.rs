use std::collections::BTreeMap;

use memchr::memmem;

const MARK: &[u8] = b"[REDACTED:";

/// The longest name of a rule that a mark is believed to carry.
const LONGEST_TYPE: usize = 64;

/// The marks that redaction left in a record, counted by type. Every string of a record stands contiguous in
/// its bytes, so that names, keys, values and events are all seen by one search.
pub(crate) fn count(record: &[u8]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for at in memmem::find_iter(record, MARK) {
        if let Some(kind) = kind(&record[at + MARK.len()..]) {
            *counts.entry(kind.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

/// The mark that this text begins with.
pub(crate) fn mark(text: &str) -> Option<&str> {
    let kind = kind(text.as_bytes().strip_prefix(MARK)?)?;
    Some(&text[..MARK.len() + kind.len() + 1])
}

fn kind(rest: &[u8]) -> Option<&str> {
    let length = rest.iter().take(LONGEST_TYPE + 1).position(|byte| *byte == b']')?;
    let kind = std::str::from_utf8(&rest[..length]).ok()?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!kind.is_empty() && kind.bytes().all(is_name)).then_some(kind)
}

/// Adds the counts of one record to those of another.
pub(crate) fn add(counts: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (kind, count) in more {
        *counts.entry(kind).or_insert(0) += count;
    }
}
