//! An issuer of tokens on this machine: it tells where its keys are, and signs what it is asked to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::{Json, Router, routing::get};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use treering_dashboard::{Login, LoginSettings, Tokens};

pub(crate) const AUDIENCE: &str = "treering";

/// A key that signs by ES256.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pair: EcdsaKeyPair,
}

impl SigningKey {
    pub(crate) fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), pair }
    }

    pub(crate) fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y})
    }

    /// The compact form of a token with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        format!("{text}.{}", self.signature(&text))
    }

    pub(crate) fn signature(&self, text: &str) -> String {
        BASE64.encode(self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap())
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.id})
    }
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) key: SigningKey,
    published: Arc<Published>,
    server: tokio::task::JoinHandle<()>,
}

struct Published {
    url: String,
    keys: Mutex<Vec<Value>>,
    asked: AtomicUsize,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::new("first");
        let keys = Mutex::new(vec![key.public()]);
        let published = Arc::new(Published { url: url.clone(), keys, asked: AtomicUsize::new(0) });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys_of))
            .with_state(published.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, key, published, server }
    }

    /// Signs with another key from now on, and knows the one before no more.
    pub(crate) fn rotate(&mut self, id: &str) {
        self.key = SigningKey::new(id);
        *self.published.keys.lock().unwrap() = vec![self.key.public()];
    }

    /// How often its keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.published.asked.load(Ordering::Relaxed)
    }

    /// It answers no more.
    pub(crate) fn end(&self) {
        self.server.abort();
    }

    /// What a good token says of this subject.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let now = now();
        json!({"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 600,
            "azp": "https://app.example"})
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.key.sign(&self.key.header(), claims)
    }

    pub(crate) fn tokens(&self) -> Tokens {
        Tokens {
            issuer: self.url.clone(),
            audience: Some(AUDIENCE.to_owned()),
            keys_url: None,
            cookie: Some("__session".to_owned()),
            parties: vec!["https://app.example".to_owned()],
        }
    }

    /// A dashboard's log-ins that believe it.
    pub(crate) fn login(&self) -> Login {
        let settings = LoginSettings {
            tokens: Some(self.tokens()),
            roles_claim: Some("treering".to_owned()),
            ..LoginSettings::default()
        };
        Login::new(settings).unwrap()
    }
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

async fn configuration(State(published): State<Arc<Published>>) -> Json<Value> {
    let url = &published.url;
    Json(json!({
        "issuer": url, "authorization_endpoint": format!("{url}/auth"), "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn keys_of(State(published): State<Arc<Published>>) -> Json<Value> {
    published.asked.fetch_add(1, Ordering::Relaxed);
    Json(json!({"keys": *published.keys.lock().unwrap()}))
}
