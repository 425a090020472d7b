//! Data that is written as text: Base64 of pictures, sound, embeddings.

use super::Candidate;
use crate::base64::runs;
use std::ops::Range;

/// So many letters and digits without a separator are data; no key of any issuer is so long.
const LEAST: usize = 256;

/// Drops what was found inside of data. What begins with the data (a token without an end) stays.
pub(super) fn drop_inside(text: &[u8], found: &mut Vec<Candidate>) {
    let blobs = blobs(text);
    if blobs.is_empty() {
        return;
    }
    let inside = |place: &Range<usize>| {
        let next = blobs.partition_point(|blob| blob.start < place.start);
        next > 0 && place.end <= blobs[next - 1].end
    };
    found.retain(|candidate| !inside(&candidate.place));
}

/// Long runs of the alphabet of Base64 that use all of it.
fn blobs(text: &[u8]) -> Vec<Range<usize>> {
    runs(text, LEAST).into_iter().filter(|run| uses_all(&text[run.clone()])).collect()
}

fn uses_all(run: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| run.iter().any(kind);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn data_is_not_read_as_text() {
        let data = "iVBORw0KGgo/AAAANSUhEUg+4111111111111111/".repeat(12);
        nothing(&format!("data:image/png;base64,{data}=="));
        found(&format!("{data} 4111111111111111"), "CREDIT_CARD", &["4111111111111111"]);
        found(&format!("{data}==4111111111111111"), "CREDIT_CARD", &["4111111111111111"]);
    }
}
