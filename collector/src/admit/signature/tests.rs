use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;

const BODY: &[u8] = b"spans";

/// A request as its signer makes it, and as somebody on the way may change it.
#[derive(Clone)]
struct Sent {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn keyid() -> String {
    pair().public_key().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn params(created: u64, nonce: &str) -> String {
    format!("created={created};keyid=\"{}\";alg=\"ed25519\";nonce=\"{nonce}\"", keyid())
}

const ENOUGH: &[&str] = &["@method", "@path", "content-digest", "content-type"];

impl Sent {
    /// Signed over these parts, with these parameters.
    fn signed(covered: &[&str], params: &str) -> Self {
        let body = BODY.to_vec();
        let digest = format!("sha-256=:{}:", BASE64.encode(digest(&SHA256, &body)));
        let mut sent =
            Self { method: Method::POST, path: "/v1/traces".into(), headers: HeaderMap::new(), body };
        sent.put("content-type", "application/x-protobuf");
        sent.put("content-digest", &digest);
        let list = covered.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" ");
        let value = |name: &str| match name {
            "@method" => "POST".to_owned(),
            "@path" => "/v1/traces".to_owned(),
            name => sent.headers[name].to_str().unwrap().to_owned(),
        };
        let lines: String = covered.iter().map(|name| format!("\"{name}\": {}\n", value(name))).collect();
        let base = format!("{lines}\"@signature-params\": ({list});{params}");
        let signature = BASE64.encode(pair().sign(base.as_bytes()));
        sent.put("signature-input", &format!("any=({list});{params}"));
        sent.put("signature", &format!("any=:{signature}:"));
        sent
    }

    fn good(nonce: &str) -> Self {
        Self::signed(ENOUGH, &params(now(), nonce))
    }

    fn put(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, HeaderValue::try_from(value).unwrap());
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn arrive(&self, replays: &Replays) -> Result<(), Refusal> {
        let claim = Claim::of(&self.method, &self.path, &self.headers)?;
        claim.verify(replays)?.confirm(&self.body, replays)
    }
}

fn refused(sent: &Sent) -> Refusal {
    sent.arrive(&Replays::new()).unwrap_err()
}

const NONCE: &str = "0123456789abcdef";

#[test]
fn a_signed_request_is_let_in_once() {
    let replays = Replays::new();
    let sent = Sent::good(NONCE);
    sent.arrive(&replays).unwrap();
    assert!(matches!(sent.arrive(&replays), Err(Refusal::Replayed)));
    Sent::good("another-nonce-of-it").arrive(&replays).unwrap();
}

#[test]
fn whatever_is_changed_on_the_way_is_found() {
    type Change = fn(&mut Sent);
    let changes: [(&str, Change); 9] = [
        ("the method", |sent| sent.method = Method::PUT),
        ("the path", |sent| sent.path = "/v1/logs".into()),
        ("the body", |sent| sent.body.push(b'.')),
        ("the type", |sent| sent.put("content-type", "application/json")),
        ("an encoding that was not there", |sent| sent.put("content-encoding", "gzip")),
        ("the digest", |sent| {
            sent.body = b"others".to_vec();
            let of = format!("sha-256=:{}:", BASE64.encode(digest(&SHA256, b"others")));
            sent.put("content-digest", &of);
        }),
        ("the signature", |sent| sent.put("signature", &format!("any=:{}:", BASE64.encode([0; 64])))),
        ("the key", |sent| {
            let input = sent.headers["signature-input"].to_str().unwrap();
            let input = input.replace(&keyid()[..2], if &keyid()[..2] == "00" { "01" } else { "00" });
            sent.put("signature-input", &input);
        }),
        ("the nonce", |sent| {
            let input = sent.headers["signature-input"].to_str().unwrap().replace(NONCE, "fedcba9876543210");
            sent.put("signature-input", &input);
        }),
    ];
    for (what, change) in changes {
        let refusal = refused(&Sent::good(NONCE).with(change));
        assert!(matches!(refusal, Refusal::BadSignature(_)), "{what}: {refusal}");
    }
}

#[test]
fn a_signature_has_to_cover_what_says_how_the_body_is_read() {
    for missing in ENOUGH {
        let rest: Vec<_> = ENOUGH.iter().copied().filter(|name| name != missing).collect();
        let refusal = refused(&Sent::signed(&rest, &params(now(), NONCE)));
        assert!(matches!(refusal, Refusal::BadSignature(_)), "{missing}: {refusal}");
    }
}

#[test]
fn a_signature_is_of_now() {
    let now = now();
    for created in [now - WINDOW - 5, now + WINDOW + 5, 0] {
        assert!(matches!(refused(&Sent::signed(ENOUGH, &params(created, NONCE))), Refusal::Untimely));
    }
    let expired = format!("{};expires={}", params(now, NONCE), now - 1);
    assert!(matches!(refused(&Sent::signed(ENOUGH, &expired)), Refusal::Untimely));
    // Of this one nobody knows whether the process before took it.
    assert!(matches!(refused(&Sent::signed(ENOUGH, &params(now - 60, NONCE))), Refusal::SignedBefore));
}

#[test]
fn what_is_no_signature_is_refused_with_a_reason() {
    let bad = [
        params(now(), "short"),
        params(now(), NONCE).replace("ed25519", "hmac-sha256"),
        params(now(), NONCE).replace("created=", "made="),
    ];
    for params in &bad {
        assert!(matches!(refused(&Sent::signed(ENOUGH, params)), Refusal::BadSignature(_)), "{params}");
    }
    let nobody = params(now(), NONCE).replace(&keyid(), "nobody");
    assert!(matches!(refused(&Sent::signed(ENOUGH, &nobody)), Refusal::UnknownKey));
    for (name, value) in [
        ("signature-input", "any=1"),
        ("signature-input", "((("),
        ("signature-input", "any=();created=1, other=();created=1"),
        ("signature", "other=:AA==:"),
        ("signature", "any=1"),
        ("content-digest", "sha-256=:AA==:"),
        ("content-digest", "md5=:AA==:"),
    ] {
        let refusal = refused(&Sent::good(NONCE).with(|sent| sent.put(name, value)));
        assert!(matches!(refusal, Refusal::BadSignature(_)), "{name}: {value}: {refusal}");
    }
}

#[test]
fn a_signature_is_remembered_for_as_long_as_it_is_good() {
    let (replays, start) = (Replays::new(), Instant::now());
    replays.is_first([1; 16], start).unwrap();
    for after in [0, 1, WINDOW, 2 * WINDOW - 1, 2 * WINDOW] {
        let again = replays.is_first([1; 16], start + Duration::from_secs(after));
        assert!(matches!(again, Err(Refusal::Replayed)), "{after}");
    }
    let mut at = start;
    for _ in 0..3 {
        at += REMEMBERED;
        replays.is_first(short(&[&at.duration_since(start).as_nanos().to_le_bytes()]), at).unwrap();
    }
    replays.is_first([1; 16], at).unwrap();
}
