//! Signed and encrypted web tokens: the header decodes to an object that names an algorithm.

use super::bytes::{before, run};
use super::{Detector, Trigger};
use crate::base64::{decode, is_url_safe};
use std::ops::Range;

pub(super) const JWT: Detector = Detector {
    rule: "JWT",
    reason: "it is a session, and says whose",
    triggers: &[Trigger::Literal(&["eyj"], find)],
};

/// How far a header and a later segment are followed.
const ALONE: (usize, usize) = (2048, usize::MAX);
/// Where other data runs into the token: in a row of headers every one begins a row, and each is followed.
const GLUED: (usize, usize) = (256, 16 * 1024);

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let glued = before(text, at.start).is_some_and(is_url_safe);
    let (longest_header, longest) = if glued { GLUED } else { ALONE };
    let mut end = run(text, at.start, longest_header, is_url_safe);
    if text.get(end) != Some(&b'.') || !names_an_algorithm(&text[at.start..end]) {
        return None;
    }
    let mut segments = 1;
    while text.get(end) == Some(&b'.') && segments < 5 {
        end = run(text, end + 1, longest.min(text.len()), is_url_safe);
        segments += 1;
    }
    let empty_end = before(text, end) == Some(b'.') && segments > 3;
    (segments >= 3).then_some(at.start..if empty_end { end - 1 } else { end })
}

fn names_an_algorithm(header: &[u8]) -> bool {
    let decoded = decode(header, header.len());
    decoded.starts_with(b"{") && memchr::memmem::find(&decoded, b"\"alg\"").is_some()
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    const HEADER: &str = concat!("eyJhbGciOiJIUzI1NiIs", "InR5cCI6IkpXVCJ9");

    #[test]
    fn finds_tokens_whose_header_names_an_algorithm() {
        let token = format!("{HEADER}.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4fwpMeJf36");
        found(&format!("jwt={token}; ok"), "JWT", &[&token]);
        found(&format!("iVBORw0KGgo{token} ok"), "JWT", &[&token]);
        let long = format!("{HEADER}.{}.sig", "aB3d".repeat(8_000));
        found(&format!("{long}, ok"), "JWT", &[&long]);
        let unsigned = format!("{HEADER}.eyJzdWIiOiIxIn0.");
        found(&unsigned, "JWT", &[&unsigned]);
    }

    #[test]
    fn leaves_other_base64() {
        nothing(HEADER);
        nothing("eyJhIjoxfQ.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4fwpMeJf36");
    }
}
