//! Signed requests, for edges that are not trusted: HTTP Message Signatures (RFC 9421) with Ed25519 and a digest of the
//! body (RFC 9530). The key that signs is made of the API key, which thereby never travels; the store has its public half.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};
use sfv::{BareItem, Dictionary, FieldType, InnerList, ListEntry, Parser};
use subtle::ConstantTimeEq;
use treering_step::Timestamp;

use crate::refusal::Refusal;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// How far the time of a signature may be from ours, to either side.
const WINDOW: u64 = 300;
/// How long a signature is remembered: one from the future is good for twice the window.
const REMEMBERED: Duration = Duration::from_secs(2 * WINDOW);
/// Signatures that are remembered at the most, twice. Where it is full, clients come again later.
const REMEMBERED_AT_MOST: usize = 1_000_000;
/// Longer ones say nothing more.
const LONGEST_NONCE: usize = 256;
const SHORTEST_NONCE: usize = 16;

/// True where a request says that it is signed.
pub(super) fn is_claimed(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNATURE_INPUT)
}

/// What a request says of its signature, before anything of it is believed.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) verifier: [u8; 32],
    /// What was signed, and by what.
    base: Vec<u8>,
    signature: Vec<u8>,
    digest: [u8; 32],
    created: u64,
    nonce: [u8; 16],
}

/// The body that a signature speaks of, and by what a repetition of it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed {
    digest: [u8; 32],
    nonce: [u8; 16],
}

const NOT_UNDERSTOOD: Refusal = Refusal::BadSignature("its headers are not those of RFC 9421 and RFC 9530");

impl Claim {
    pub(super) fn of(method: &Method, path: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let inputs = dictionary(headers, &SIGNATURE_INPUT)?;
        let [(label, ListEntry::InnerList(input))] = inputs.iter().collect::<Vec<_>>()[..] else {
            return Err(Refusal::BadSignature("send one signature, with the list of what it covers"));
        };
        let signatures = dictionary(headers, &SIGNATURE)?;
        let signature = match signatures.get(label) {
            Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence().ok_or(NOT_UNDERSTOOD)?,
            _ => return Err(NOT_UNDERSTOOD),
        };
        let covered = covered(input)?;
        covers_enough(&covered, headers)?;
        let text =
            |name: &str| input.params.get(name).and_then(BareItem::as_string).map(|text| text.as_str());
        if text("alg").is_some_and(|algorithm| algorithm != "ed25519") {
            return Err(Refusal::BadSignature("sign with ed25519"));
        }
        let verifier = text("keyid").and_then(hexadecimal).ok_or(Refusal::UnknownKey)?;
        let nonce = text("nonce").filter(|nonce| (SHORTEST_NONCE..=LONGEST_NONCE).contains(&nonce.len()));
        let nonce = nonce.ok_or(Refusal::BadSignature("it needs a nonce of 16 characters or more"))?;
        Ok(Self {
            verifier,
            base: base(method, path, headers, &covered, input)?,
            signature: signature.to_vec(),
            digest: content_digest(headers)?,
            created: created(input)?,
            nonce: short(&[&verifier, nonce.as_bytes()]),
        })
    }

    /// What it speaks of, if the holder of the key said so just now.
    pub(super) fn verify(self, replays: &Replays) -> Result<Signed, Refusal> {
        let key = UnparsedPublicKey::new(&ED25519, self.verifier);
        key.verify(&self.base, &self.signature)
            .map_err(|_| Refusal::BadSignature("it is not that of this request"))?;
        replays.is_timely(self.created, now())?;
        Ok(Signed { digest: self.digest, nonce: self.nonce })
    }
}

impl Signed {
    /// True for the body that was signed, the first time.
    pub(crate) fn confirm(&self, body: &[u8], replays: &Replays) -> Result<(), Refusal> {
        if !bool::from(digest(&SHA256, body).as_ref().ct_eq(&self.digest)) {
            return Err(Refusal::BadSignature("the body is not the one that was signed"));
        }
        replays.is_first(self.nonce, Instant::now())
    }
}

/// What was signed and came already.
#[derive(Debug)]
pub(crate) struct Replays {
    /// When this process began, in seconds since 1970: what was signed before may have come to the one before it.
    since: u64,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    began: Instant,
    now: HashSet<[u8; 16]>,
    before: HashSet<[u8; 16]>,
}

impl Replays {
    pub(super) fn new() -> Self {
        let (now_seen, before) = Default::default();
        Self { since: now(), seen: Mutex::new(Seen { began: Instant::now(), now: now_seen, before }) }
    }

    fn is_timely(&self, created: u64, now: u64) -> Result<(), Refusal> {
        match created {
            _ if created.abs_diff(now) > WINDOW => Err(Refusal::Untimely),
            // It is the client's to sign once more, and nothing is lost.
            _ if created < self.since => Err(Refusal::SignedBefore),
            _ => Ok(()),
        }
    }

    fn is_first(&self, nonce: [u8; 16], at: Instant) -> Result<(), Refusal> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_duration_since(seen.began) >= REMEMBERED {
            seen.before = std::mem::take(&mut seen.now);
            seen.began = at;
        }
        if seen.now.len() >= REMEMBERED_AT_MOST {
            return Err(Refusal::Busy);
        }
        if seen.before.contains(&nonce) || !seen.now.insert(nonce) {
            return Err(Refusal::Replayed);
        }
        Ok(())
    }
}

fn now() -> u64 {
    Timestamp::now().as_nanos() / 1_000_000_000
}

fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Result<Dictionary, Refusal> {
    let mut named = headers.get_all(name).iter();
    let (Some(value), None) = (named.next(), named.next()) else { return Err(NOT_UNDERSTOOD) };
    Parser::new(value.as_bytes()).parse().map_err(|_| NOT_UNDERSTOOD)
}

/// The names of what is covered, none of which comes twice or with a parameter.
fn covered(input: &InnerList) -> Result<Vec<&str>, Refusal> {
    if !input.items.iter().all(|item| item.params.is_empty()) {
        return Err(Refusal::BadSignature("what it covers has parameters, which are not understood here"));
    }
    let names: Option<Vec<_>> =
        input.items.iter().map(|item| item.bare_item.as_string().map(|name| name.as_str())).collect();
    let names = names.ok_or(NOT_UNDERSTOOD)?;
    let distinct: HashSet<_> = names.iter().collect();
    if distinct.len() == names.len() { Ok(names) } else { Err(NOT_UNDERSTOOD) }
}

/// Whatever says how the body is read has to be covered beside the body itself.
fn covers_enough(covered: &[&str], headers: &HeaderMap) -> Result<(), Refusal> {
    let optional = [CONTENT_TYPE, CONTENT_ENCODING, GRPC_ENCODING];
    let sent = optional.iter().filter(|name| headers.contains_key(*name)).map(HeaderName::as_str);
    match ["@method", "@path", CONTENT_DIGEST.as_str()]
        .into_iter()
        .chain(sent)
        .all(|name| covered.contains(&name))
    {
        true => Ok(()),
        false => Err(Refusal::BadSignature(
            "it has to cover @method, @path, content-digest, content-type and the encoding",
        )),
    }
}

/// RFC 9421, 2.5.
fn base(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    covered: &[&str],
    input: &InnerList,
) -> Result<Vec<u8>, Refusal> {
    let mut base = Vec::with_capacity(512);
    for name in covered {
        base.extend_from_slice(format!("\"{name}\": ").as_bytes());
        match *name {
            "@method" => base.extend_from_slice(method.as_str().as_bytes()),
            "@path" => base.extend_from_slice(path.as_bytes()),
            name if name.starts_with('@') => {
                return Err(Refusal::BadSignature("of what begins with @, cover @method and @path alone"));
            }
            name => base.extend_from_slice(&field(headers, name)?),
        }
        base.push(b'\n');
    }
    let params = vec![ListEntry::InnerList(input.clone())].serialize().ok_or(NOT_UNDERSTOOD)?;
    base.extend_from_slice(format!("\"@signature-params\": {params}").as_bytes());
    Ok(base)
}

/// All values of a header, as RFC 9421, 2.1 joins them.
fn field(headers: &HeaderMap, name: &str) -> Result<Vec<u8>, Refusal> {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
    if values.is_empty() {
        return Err(Refusal::BadSignature("it covers a header that is not there"));
    }
    Ok(values.join(&b", "[..]))
}

fn content_digest(headers: &HeaderMap) -> Result<[u8; 32], Refusal> {
    let digests = dictionary(headers, &CONTENT_DIGEST)?;
    let digest = match digests.get("sha-256") {
        Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence(),
        _ => None,
    };
    digest.and_then(|digest| digest.try_into().ok()).ok_or(NOT_UNDERSTOOD)
}

fn created(input: &InnerList) -> Result<u64, Refusal> {
    let seconds = |name: &str| input.params.get(name).and_then(BareItem::as_integer).map(i64::from);
    let created = seconds("created").and_then(|created| u64::try_from(created).ok());
    if seconds("expires").is_some_and(|end| end < i64::try_from(now()).unwrap_or(i64::MAX)) {
        return Err(Refusal::Untimely);
    }
    created.ok_or(Refusal::BadSignature("it needs the time when it was created"))
}

fn short(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
