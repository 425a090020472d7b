//! Internet addresses, but not the versions that look like them.

use super::bytes::{before, is_alphanumeric, is_word, run, run_back};
use super::{Detector, Trigger};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub(super) const IP_ADDRESS: Detector = Detector {
    rule: "IP_ADDRESS",
    reason: "an address is personal data where it can be joined to a person",
    triggers: &[Trigger::Groups(1..=3, version_4), Trigger::Byte(b':', version_6)],
};

fn version_4(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let previous = before(text, at.start);
    if at.len() > 3
        || text.get(at.end) != Some(&b'.')
        || is_word(previous)
        || matches!(previous, Some(b'.' | b'-' | b'+'))
    {
        return None;
    }
    let end = run(text, at.start, 16, |byte| byte.is_ascii_digit() || byte == b'.');
    let end = if text[end - 1] == b'.' { end - 1 } else { end };
    if memchr::memchr_iter(b'.', &text[at.start..end]).count() != 3 {
        return None;
    }
    let address: Ipv4Addr = std::str::from_utf8(&text[at.start..end]).ok()?.parse().ok()?;
    let goes_on = is_word(text.get(end).copied())
        || matches!(text.get(end), Some(b'-' | b'+')) && is_alphanumeric(text.get(end + 1).copied());
    let nobody = address.is_unspecified()
        || address.is_loopback() && address.octets()[1] == 0
        || address.octets()[0] == 255
        || address.octets()[1..] == [0, 0, 0];
    let network = address.octets()[3] == 0 && text.get(end) == Some(&b'/');
    (!goes_on && !nobody && !network && !is_version(text, at.start)).then_some(at.start..end)
}

/// `nginx/1.24.0.4`, `driver 25.14.164.1`, `version: 1.2.3.4`.
fn is_version(text: &[u8], start: usize) -> bool {
    const WORDS: [&[u8]; 19] = [
        b"version",
        b"driver",
        b"release",
        b"build",
        b"ver",
        b"firmware",
        b"chrome",
        b"v",
        b"section",
        b"sections",
        b"clause",
        b"package",
        b"assembly",
        b"versions",
        b"rev",
        b"revision",
        b"schema",
        b"protocol",
        b"kernel",
    ];
    let paragraph = text[..start].ends_with("§".as_bytes());
    let slash = before(text, start) == Some(b'/') && before(text, start - 1) != Some(b'/');
    let gap = run_back(text, start, 4, |byte| b" :=\"'".contains(&byte));
    let word = run_back(text, gap, 10, |byte| byte.is_ascii_alphabetic());
    // `package acme 1.2.3.4`: the name of what has the version may stand between.
    let of_what = run_back(text, word, 9, |byte| byte.is_ascii_alphabetic() || byte == b' ');
    let is_package = text[of_what..word].to_ascii_lowercase().ends_with(b"package ");
    let word = text[word..gap].to_ascii_lowercase();
    slash || paragraph || is_package || WORDS.contains(&word.as_slice())
}

/// Looks from the first colon of the address only, so that each address is read once.
fn version_6(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let start = run_back(text, at.start, 5, hex);
    let previous = before(text, start);
    if at.start - start > 4 || is_word(previous) || matches!(previous, Some(b':' | b'.' | b'-')) {
        return None;
    }
    let end = run(text, start, 46, |byte| hex(byte) || byte == b':' || byte == b'.');
    let end = end - text[start..end].iter().rev().take_while(|&&byte| byte == b'.').count();
    let written = &text[start..end];
    let colons = memchr::memchr_iter(b':', written).count();
    if colons < 3 || written.len() < 8 || is_word(text.get(end).copied()) {
        return None;
    }
    let address: Ipv6Addr = std::str::from_utf8(written).ok()?.parse().ok()?;
    // The network card that a local address is on belongs to it.
    let zone = if text.get(end) == Some(&b'%') {
        run(text, end + 1, 16, |byte| byte.is_ascii_alphanumeric())
    } else {
        end
    };
    let network = written.ends_with(b"::") && text.get(end) == Some(&b'/');
    (!address.is_loopback() && !address.is_unspecified() && !network).then_some(start..zone.max(end))
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_both_kinds_of_addresses() {
        found("from 203.0.113.77.", "IP_ADDRESS", &["203.0.113.77"]);
        found("http://198.51.100.23:8080/", "IP_ADDRESS", &["198.51.100.23"]);
        found(
            "ip=2a02:2935:ccda:d9a6:a384:6996:b5b1:5cfc",
            "IP_ADDRESS",
            &["2a02:2935:ccda:d9a6:a384:6996:b5b1:5cfc"],
        );
        found("[2001:db8::7:1]", "IP_ADDRESS", &["2001:db8::7:1"]);
    }

    #[test]
    fn leaves_versions_times_paths_and_this_machine() {
        for text in [
            "nginx/1.24.0.4",
            "v1.2.3.4567",
            "v21.69.14.4",
            "driver 25.14.164.1",
            "Version: 1.2.3.4",
            "RFC 8446 section 4.2.8.2",
            "§4.2.1.13",
            "127.0.0.1",
            "0.0.0.0",
            "1.2.3.4.5",
            "12:34:56",
            "std::net::Ipv6Addr",
            "::1",
            "a::b::c",
            "1.2.3.4-rc1",
            "300.1.1.1",
        ] {
            nothing(text);
        }
    }
}
