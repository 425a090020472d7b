//! Exporters in browsers.

use prost::Message;
use reqwest::{Method, StatusCode};
use treering_collector::{Limits, Manners, Origins};

use crate::site::*;

const PAGE: &str = "https://app.example.com";

/// What a browser asks before the exporter of a page sends.
fn preflight(site: &Site, origin: &str) -> reqwest::RequestBuilder {
    site.client
        .request(Method::OPTIONS, format!("http://{}/v1/traces", site.http))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-tenant")
}

fn of<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn only(origins: &[&'static str]) -> Site {
    let origins = origins.iter().map(|origin| reqwest::header::HeaderValue::from_static(origin)).collect();
    let manners = Manners { origins: Origins::Only(origins), ..Manners::default() };
    Site::with(Limits::default(), manners).await
}

#[tokio::test]
async fn any_page_with_a_key_may_send() {
    let site = Site::new().await;
    let asked = preflight(&site, PAGE).send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::NO_CONTENT, "it has no key yet");
    assert_eq!(of(&asked, "access-control-allow-origin"), "*");
    assert_eq!(of(&asked, "access-control-allow-methods"), "POST");
    assert_eq!(of(&asked, "access-control-allow-headers"), "authorization,content-type,x-tenant");
    assert!(!asked.headers().contains_key("access-control-allow-credentials"), "no cookie lets anybody in");

    let sent = site.post("/v1/traces", JSON, json(1)).header("origin", PAGE).send().await.unwrap();
    assert_eq!((sent.status(), of(&sent, "access-control-allow-origin")), (StatusCode::OK, "*"));
    assert!(site.has(1).await);
}

#[tokio::test]
async fn a_page_may_read_its_refusal() {
    let site = Site::new().await;
    let url = format!("http://{}/v1/traces", site.http);
    let unkeyed = site.client.post(url).header("origin", PAGE).header("content-type", JSON);
    let unkeyed = unkeyed.body(json(1)).send().await.unwrap();
    assert_eq!(unkeyed.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(of(&unkeyed, "access-control-allow-origin"), "*");
    assert_eq!(of(&unkeyed, "access-control-expose-headers"), "retry-after, treering-request-id");
    let lost = site.post("/nowhere", JSON, "{}").header("origin", PAGE).send().await.unwrap();
    assert_eq!((lost.status(), of(&lost, "access-control-allow-origin")), (StatusCode::NOT_FOUND, "*"));
}

#[tokio::test]
async fn where_pages_are_named_no_other_one_may() {
    let site = only(&[PAGE, "http://localhost:3000"]).await;
    for (origin, allowed) in [(PAGE, PAGE), ("http://localhost:3000", "http://localhost:3000")] {
        let asked = preflight(&site, origin).send().await.unwrap();
        assert_eq!(of(&asked, "access-control-allow-origin"), allowed);
        assert_eq!(of(&asked, "vary"), "origin", "or a cache would mix the pages up");
    }
    for stranger in ["https://app.example.com.evil.example", "http://app.example.com", "null"] {
        let asked = preflight(&site, stranger).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::NO_CONTENT);
        assert_eq!(of(&asked, "access-control-allow-origin"), "", "{stranger}");
        assert_eq!(of(&asked, "access-control-allow-methods"), "", "{stranger}");
    }
    let none = only(&[]).await;
    assert_eq!(of(&preflight(&none, PAGE).send().await.unwrap(), "access-control-allow-origin"), "");
    // What is no browser is not asked where it comes from.
    let plain = none.post("/v1/traces", PROTOBUF, request(1, "chat").encode_to_vec()).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::OK);
}
