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

/// No segment of a token is longer.
const LONGEST: usize = 16 * 1024;

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    if before(text, at.start).is_some_and(is_url_safe) {
        return None;
    }
    let first = run(text, at.start, 2048, is_url_safe);
    let header = decode(text.get(at.start..first)?, 2048);
    let names_an_algorithm = header.starts_with(b"{") && memchr::memmem::find(&header, b"\"alg\"").is_some();
    let mut end = first;
    let mut segments = 1;
    while text.get(end) == Some(&b'.') && segments < 5 {
        end = run(text, end + 1, LONGEST, is_url_safe);
        segments += 1;
    }
    let empty_end = before(text, end) == Some(b'.') && segments > 3;
    (names_an_algorithm && segments >= 3).then_some(at.start..if empty_end { end - 1 } else { end })
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    const HEADER: &str = concat!("eyJhbGciOiJIUzI1NiIs", "InR5cCI6IkpXVCJ9");

    #[test]
    fn finds_tokens_whose_header_names_an_algorithm() {
        let token = format!("{HEADER}.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4fwpMeJf36");
        found(&format!("jwt={token}; ok"), "JWT", &[&token]);
        let unsigned = format!("{HEADER}.eyJzdWIiOiIxIn0.");
        found(&unsigned, "JWT", &[&unsigned]);
    }

    #[test]
    fn leaves_other_base64() {
        nothing(HEADER);
        nothing("eyJhIjoxfQ.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4fwpMeJf36");
    }
}
