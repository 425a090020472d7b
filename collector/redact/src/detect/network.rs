//! Hardware addresses.

use super::bytes::{before, is_word, run_back};
use super::{Detector, Label, Trigger};
use std::ops::Range;

pub(super) const MAC_ADDRESS: Detector = Detector {
    rule: "MAC_ADDRESS",
    reason: "a device is followed by it for as long as it lives",
    triggers: &[
        Trigger::Byte(b':', find),
        Trigger::Byte(b'-', find),
        Trigger::Label(&Label {
            words: &[
                "mac",
                "mac address",
                "mac_addr",
                "macaddr",
                "hwaddr",
                "hw_addr",
                "hardware address",
                "ethernet",
                "ether",
                "bssid",
                "device_mac",
            ],
            loose: true,
            accept: |text, _| dotted(text, 0..1).map(|place| place.end),
        }),
        Trigger::Digits(2..=4, dotted),
        Trigger::DigitsBehindLetter(2..=3, dotted),
    ],
};

const LENGTH: usize = 17;

fn find(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let separator = text[at.start];
    let start = at.start.checked_sub(2)?;
    let written = text.get(start..start + LENGTH)?;
    // Most colons and dashes have no other one three bytes on.
    if written[5] != separator {
        return None;
    }
    let pairs = written.chunks(3).all(|pair| {
        pair[0].is_ascii_hexdigit()
            && pair[1].is_ascii_hexdigit()
            && pair.get(2).is_none_or(|byte| *byte == separator)
    });
    if !pairs
        || joined(before(text, start), separator)
        || joined(text.get(start + LENGTH).copied(), separator)
    {
        return None;
    }
    let first = &written[..2];
    let means_nobody = written.chunks(3).all(|pair| &pair[..2] == first);
    (!means_nobody).then_some(start..start + LENGTH)
}

/// `b0ba.54a6.39c2`, as Cisco writes them.
fn dotted(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = run_back(text, at.start, 4, |byte| byte.is_ascii_hexdigit());
    let written = text.get(start..start + 14)?;
    let hex = |group: &[u8]| group.iter().all(u8::is_ascii_hexdigit);
    let is_form = written[4] == b'.'
        && written[9] == b'.'
        && [&written[..4], &written[5..9], &written[10..]].into_iter().all(hex)
        && written.iter().any(u8::is_ascii_alphabetic);
    let alone = !joined(before(text, start), b'.') && !joined(text.get(start + 14).copied(), b'.');
    (is_form && alone).then_some(start..start + 14)
}

fn joined(byte: Option<u8>, separator: u8) -> bool {
    is_word(byte) || byte == Some(separator)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_both_separators() {
        found("hw 63:d5:05:21:4a:1c joined", "MAC_ADDRESS", &["63:d5:05:21:4a:1c"]);
        found("9D-BF-54-80-A4-E1", "MAC_ADDRESS", &["9D-BF-54-80-A4-E1"]);
    }

    #[test]
    fn leaves_fingerprints_dates_and_the_broadcast_address() {
        nothing("63:d5:05:21:4a:1c:77");
        nothing("ff:ff:ff:ff:ff:ff");
        nothing("20-24-06-11-00-0x");
        nothing("63:d5:05-21:4a:1c");
    }
}
