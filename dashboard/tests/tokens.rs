//! Tokens of sessions that began elsewhere: the good one lets in, and each of the others says why it does not.

#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use serde_json::{Value, json};
use support::Filled;
use support::browser::Browser;
use support::issuer::{Issuer, SigningKey, now};
use support::samples::research;
use treering_dashboard::{Login, Settings};
use treering_store::Role;

/// A dashboard that believes this issuer, where ada is a reader.
async fn site(issuer: &Issuer) -> (Filled, axum::Router) {
    let filled = Filled::with([research(1)]).await;
    filled.handles.keeper.put_member(filled.project.id, "ada", Role::Reader).await.unwrap();
    let router = dashboard(&filled, issuer.login());
    (filled, router)
}

fn dashboard(filled: &Filled, login: Login) -> axum::Router {
    treering_dashboard::router(Settings { login: Some(login), ..filled.settings(None) })
}

async fn status(router: &axum::Router, token: &str) -> (u16, String) {
    let answer = Browser::new(router.clone()).bearing(token).get("/api/v1/executions").await;
    let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    (answer.status, message)
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_lets_in_as_a_header_and_as_a_cookie() {
    let issuer = Issuer::start().await;
    let (_filled, router) = site(&issuer).await;
    let token = issuer.token(&issuer.claims("ada"));
    assert_eq!(status(&router, &token).await.0, 200);
    let mut browser = Browser::new(router.clone());
    browser.cookie = Some(format!("other=1; __session={token}"));
    let page = browser.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("research_assistant"));
    let party = with(issuer.claims("ada"), "azp", json!("https://app.example"));
    assert_eq!(status(&router, &issuer.token(&party)).await.0, 200);
    let several = with(issuer.claims("ada"), "aud", json!(["other", "treering"]));
    assert_eq!(status(&router, &issuer.token(&several)).await.0, 200);
    assert_eq!(issuer.asked(), 1, "its keys are asked for once");
}

#[tokio::test]
async fn forged_tokens_let_nobody_in_and_say_why() {
    let issuer = Issuer::start().await;
    let (_filled, router) = site(&issuer).await;
    let (good, key, stranger) = (issuer.claims("ada"), &issuer.key, SigningKey::new("first"));
    let header = |name: &str, value: Value| with(key.header(), name, value);
    let token = issuer.token(&good);
    let (text, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = text.split_once('.').unwrap();
    let changed = BASE64.encode(with(good.clone(), "sub", json!("eve")).to_string());
    let none = BASE64.encode(json!({"alg": "none", "typ": "JWT"}).to_string());
    let twice = good.to_string().replacen("\"sub\":", "\"sub\":\"eve\",\"sub\":", 1);
    let twice = format!("{head}.{}", BASE64.encode(twice));
    let unsigned = "is signed in a way";
    let forged = [
        ("expired", issuer.token(&with(good.clone(), "exp", json!(now() - 120))), "has expired"),
        ("not good yet", issuer.token(&with(good.clone(), "nbf", json!(now() + 600))), "not good yet"),
        ("of the future", issuer.token(&with(good.clone(), "iat", json!(now() + 600))), "not good yet"),
        (
            "not good yet by a fraction",
            issuer.token(&with(good.clone(), "nbf", json!(now() as f64 + 600.5))),
            "not good yet",
        ),
        ("good from a text on", issuer.token(&with(good.clone(), "nbf", json!("0"))), "not good yet"),
        ("without a beginning", issuer.token(&without(&good, "iat")), "is none"),
        ("a text for an end", issuer.token(&with(good.clone(), "exp", json!("2099-01-01"))), "is none"),
        ("of nobody", issuer.token(&without(&good, "sub")), "is none"),
        ("of the empty name", issuer.token(&with(good.clone(), "sub", json!(""))), "does not say who"),
        ("of two lines", issuer.token(&with(good.clone(), "sub", json!("ada\n"))), "does not say who"),
        ("of a number", issuer.token(&with(good.clone(), "sub", json!(7))), "is none"),
        ("of two at once", format!("{twice}.{}", key.signature(&twice)), "is none"),
        ("no issuer", issuer.token(&without(&good, "iss")), "is none"),
        (
            "almost this issuer",
            issuer.token(&with(good.clone(), "iss", json!(format!("{}/", issuer.url)))),
            "another issuer",
        ),
        (
            "other audiences",
            issuer.token(&with(good.clone(), "aud", json!(["x", "treering2"]))),
            "(audience)",
        ),
        ("a signature of zeros", format!("{text}.{}", BASE64.encode([0; 64])), "not signed by its issuer"),
        ("half a signature", format!("{text}.{}", &signature[..43]), ""),
        ("a token within", key.sign(&header("cty", json!("JWT")), &good), "is not to be used here"),
        ("too long", issuer.token(&with(good.clone(), "more", json!("x".repeat(17 << 10)))), ""),
        ("a secret of the public key", by_secret(key, &good), unsigned),
        ("without an end", issuer.token(&without(&good, "exp")), "is none"),
        ("another audience", issuer.token(&with(good.clone(), "aud", json!("other"))), "(audience)"),
        ("no audience", issuer.token(&without(&good, "aud")), ""),
        (
            "another issuer",
            issuer.token(&with(good.clone(), "iss", json!("https://evil.example"))),
            "another issuer",
        ),
        (
            "another party",
            issuer.token(&with(good.clone(), "azp", json!("https://evil.example"))),
            "another site",
        ),
        ("no party", issuer.token(&without(&good, "azp")), "another site"),
        (
            "almost this party",
            issuer.token(&with(good.clone(), "azp", json!("https://app.example.evil.example"))),
            "another site",
        ),
        ("another key of that name", stranger.sign(&key.header(), &good), "not signed by its issuer"),
        (
            "an unknown key",
            SigningKey::new("x").sign(&header("kid", json!("x")), &good),
            "not signed by its issuer",
        ),
        ("changed claims", format!("{head}.{changed}.{signature}"), "not signed by its issuer"),
        ("no signature", format!("{text}."), "not signed by its issuer"),
        ("alg none", format!("{none}.{}.", BASE64.encode(good.to_string())), "not signed"),
        ("alg none, signed", format!("{none}.{}.{signature}", BASE64.encode(good.to_string())), "not signed"),
        ("a shared secret", key.sign(&header("alg", json!("HS256")), &good), unsigned),
        (
            "RS256 with a key of another kind",
            key.sign(&header("alg", json!("RS256")), &good),
            "not signed by its issuer",
        ),
        (
            "a key of its own",
            stranger.sign(&header("jwk", json!({"kty": "EC"})), &good),
            "not signed by its issuer",
        ),
        (
            "an address of keys",
            stranger.sign(&header("jku", json!("http://127.0.0.1:1/")), &good),
            "not signed",
        ),
        (
            "a path as key",
            stranger.sign(&header("kid", json!("../../first")), &good),
            "not signed by its issuer",
        ),
        ("something critical", key.sign(&header("crit", json!(["exp"])), &good), "is not to be used here"),
        ("another type", key.sign(&header("typ", json!("at+jwt")), &good), "is not to be used here"),
        ("no token", "a.b.c".to_owned(), "is none"),
        ("empty parts", "..".to_owned(), "is none"),
    ];
    let mut wrong = Vec::new();
    for (what, token, why) in forged {
        let (status, message) = status(&router, &token).await;
        if status != 401 || !message.contains(why) {
            wrong.push(format!("{what}: {status} {message}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(issuer.asked() <= 2, "keys that nobody knows are asked for once a minute: {}", issuer.asked());
}

/// A token whose shared secret is the key that everybody may know.
fn by_secret(key: &SigningKey, claims: &Value) -> String {
    let header = with(key.header(), "alg", json!("HS256"));
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public().to_string().as_bytes());
    format!("{text}.{}", BASE64.encode(hmac::sign(&secret, text.as_bytes())))
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test]
async fn keys_that_the_issuer_changed_are_known_at_once_and_known_ones_outlive_its_absence() {
    let mut issuer = Issuer::start().await;
    let (_filled, router) = site(&issuer).await;
    assert_eq!(status(&router, &issuer.token(&issuer.claims("ada"))).await.0, 200);
    issuer.rotate("second");
    let token = issuer.token(&issuer.claims("ada"));
    assert_eq!(status(&router, &token).await.0, 200);
    issuer.end();
    assert_eq!(status(&router, &token).await.0, 200);
    let other = dashboard(&_filled, issuer.login());
    let (status, message) = status(&other, &token).await;
    assert_eq!(status, 503, "nobody knows its keys yet: {message}");
}

#[tokio::test]
async fn roles_come_from_the_control_data_and_else_from_the_token() {
    let issuer = Issuer::start().await;
    let (filled, router) = site(&issuer).await;
    let other = filled.handles.keeper.ensure_project("other").await.unwrap();
    let token = |subject: &str, roles: Value| issuer.token(&with(issuer.claims(subject), "treering", roles));
    let sees = async |token: &str, project: &str| {
        let path = format!("/api/v1/executions?project={project}");
        Browser::new(router.clone()).bearing(token).get(&path).await.status
    };
    let grace = token("grace", json!({"other": "viewer", "nowhere": "owner"}));
    assert_eq!((sees(&grace, "other").await, sees(&grace, "default").await), (200, 404));
    assert_eq!(sees(&grace, "nowhere").await, 404);
    // What the control data say of a project counts there.
    let ada = token("ada", json!(["default:auditor", "other:reader"]));
    assert_eq!((sees(&ada, "default").await, sees(&ada, "other").await), (200, 200));
    filled.handles.keeper.put_member(other.id, "ada", Role::Auditor).await.unwrap();
    assert_eq!(sees(&ada, "other").await, 403);
    let nobody = issuer.token(&issuer.claims("nobody"));
    let page = Browser::new(router.clone()).bearing(&nobody).get("/").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("treering member add"), "{}", page.body);
}

#[tokio::test]
async fn where_people_log_in_nobody_is_sent_to_look_for_a_link() {
    let issuer = Issuer::start().await;
    let (_filled, router) = site(&issuer).await;
    for path in ["/", "/login?token=of-yesterday"] {
        let page = Browser::new(router.clone()).get(path).await;
        assert_eq!(page.status, 401);
        assert!(page.body.contains("Log in, or give a key of scope read."), "{}", page.body);
        assert!(!page.body.contains("treering up"), "{}", page.body);
    }
}
