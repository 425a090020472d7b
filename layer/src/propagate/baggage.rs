//! The W3C Baggage header: `name=value;properties,…`, percent-encoded.

use std::fmt::Write as _;

use super::Carry;
use crate::record::Identity;

/// What the specification has everybody pass on.
const LONGEST: usize = 8192;
const MEMBERS: usize = 64;
/// Whoever is longer than this is nobody's name.
const LONGEST_NAME: usize = 256;

/// For whom the one that asks runs. It comes from elsewhere: two names are looked for.
pub(super) fn read(header: &str) -> Identity {
    let mut identity = Identity::default();
    if header.len() > LONGEST {
        return identity;
    }
    for member in header.split(',').take(MEMBERS) {
        let Some((name, value)) = member.split(';').next().and_then(|pair| pair.split_once('=')) else {
            continue;
        };
        let name = name.trim();
        if matches!(name, "session.id" | "user.id")
            && let Some(value) = decoded(value.trim()).filter(|value| is_name(value))
        {
            identity.learn(name, &value);
        }
    }
    identity
}

fn is_name(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST_NAME && !value.chars().any(char::is_control)
}

pub(super) fn write(identity: &Identity, carry: Carry) -> Option<String> {
    let session = identity.session.as_ref().filter(|_| carry != Carry::Nothing);
    let user = identity.user.as_ref().filter(|_| carry == Carry::SessionAndUser);
    let members: Vec<String> = [("session.id", session), ("user.id", user)]
        .into_iter()
        .filter_map(|(name, value)| {
            Some(format!("{name}={}", encoded(value.filter(|value| is_name(value))?)))
        })
        .collect();
    (!members.is_empty()).then(|| members.join(","))
}

/// Ours behind those of others, of which none has our names; ours alone where there is no room for both.
pub(super) fn joined(others: &str, ours: &str) -> String {
    let is_ours = |member: &&str| {
        let name = member.split('=').next().unwrap_or_default().trim();
        matches!(name, "session.id" | "user.id")
    };
    let others = others.split(',').map(str::trim).filter(|member| !member.is_empty() && !is_ours(member));
    let all = others.chain([ours]).collect::<Vec<_>>().join(",");
    if all.len() <= LONGEST { all } else { ours.to_owned() }
}

fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => drop(write!(out, "%{other:02X}")),
        }
    }
    out
}

/// `None` where it is not encoded well.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(rest.next()?)? * 16 + digit(rest.next()?)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
