//! Signed requests, for edges that are not trusted: HTTP Message Signatures (RFC 9421) over method, path, types and a
//! digest of the body (RFC 9530). The key itself does not travel: the pair that signs is made of it, as the collector does
//! when the key is made (`collector/store/src/key.rs`).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_http::{Bytes, HttpError, Request};
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// Signs each attempt anew, with the key that stands in its headers.
#[derive(Debug)]
pub(super) struct Signer {
    random: SystemRandom,
}

impl Signer {
    pub(super) fn new() -> Self {
        Self { random: SystemRandom::new() }
    }

    /// Puts the signature in the place of the key.
    pub(super) fn sign(&self, request: &mut Request<Bytes>) -> Result<(), HttpError> {
        let key = key(request.headers_mut())
            .ok_or("there is no key to sign with; set OTEL_EXPORTER_OTLP_HEADERS=x-api-key=trk_…")?;
        let pair = pair(&key)?;
        let body = format!("sha-256=:{}:", BASE64.encode(digest(&SHA256, request.body())));
        request.headers_mut().insert(CONTENT_DIGEST, HeaderValue::try_from(body)?);
        let input = self.input(&pair, request.headers())?;
        let signature = pair.sign(base(request, &input)?.as_bytes());
        let signature = format!("treering=:{}:", BASE64.encode(signature));
        let headers = request.headers_mut();
        headers.insert(SIGNATURE, HeaderValue::try_from(signature)?);
        headers.insert(SIGNATURE_INPUT, HeaderValue::try_from(format!("treering={input}"))?);
        Ok(())
    }

    /// What is covered, and by whom, when and for the first time.
    fn input(&self, pair: &Ed25519KeyPair, headers: &HeaderMap) -> Result<String, HttpError> {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce).map_err(|_| "the system has no random numbers to sign with")?;
        let created = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let covered = covered(headers).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" ");
        let (key, nonce) = (hexadecimal(pair.public_key().as_ref()), hexadecimal(&nonce));
        Ok(format!("({covered});created={created};keyid=\"{key}\";alg=\"ed25519\";nonce=\"{nonce}\""))
    }
}

/// Signs a request over HTTP with the API key that stands in its headers (`authorization: Bearer trk_…` or `x-api-key`), which
/// thereby no longer hold it: for programs that send OTLP themselves to a project that asks for signatures. What is covered
/// stands in RFC 9421 and RFC 9530; it is good for five minutes, and once, so that each attempt is signed anew.
///
/// # Errors
/// There is no key in the headers, or the system has no random numbers.
pub fn sign_request(request: &mut Request<Bytes>) -> Result<(), crate::Error> {
    Signer::new().sign(request).map_err(crate::Error::Exporter)
}

/// The key of these headers, which thereby no longer hold it.
fn key(headers: &mut HeaderMap) -> Option<String> {
    let (bearer, bare) = (headers.remove(AUTHORIZATION), headers.remove(API_KEY));
    let text = |value: HeaderValue| Some(value.to_str().ok()?.trim().to_owned());
    let bearer = bearer.and_then(text).map(|value| match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim().to_owned(),
        _ => value,
    });
    bearer.or(bare.and_then(text))
}

fn pair(key: &str) -> Result<Ed25519KeyPair, HttpError> {
    let salt = hmac::Key::new(hmac::HMAC_SHA256, b"treering 2026-11-23 request signatures");
    let seed = hmac::sign(&salt, key.as_bytes());
    Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(|_| "no pair can be made of this key".into())
}

fn covered(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let named = [CONTENT_DIGEST, CONTENT_TYPE, CONTENT_ENCODING].into_iter();
    let sent: Vec<_> = named.filter(|name| headers.contains_key(name)).map(|name| name.to_string()).collect();
    ["@method".to_owned(), "@path".to_owned()].into_iter().chain(sent)
}

/// RFC 9421, 2.5.
fn base(request: &Request<Bytes>, input: &str) -> Result<String, HttpError> {
    let mut base = String::new();
    for name in covered(request.headers()) {
        let value = match name.as_str() {
            "@method" => request.method().as_str(),
            "@path" => request.uri().path(),
            name => request.headers().get(name).map_or(Ok(""), HeaderValue::to_str)?,
        };
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {input}"));
    Ok(base)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
