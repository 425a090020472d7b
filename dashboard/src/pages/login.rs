use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use treering_store::ApiKey;

use super::Asked;
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::{Grant, cookie, ended_cookie, reading_key, session_id};
use crate::error::Error;

/// The door: the place to give a key.
#[derive(Debug, Serialize)]
struct LoginPage {
    shell: Shell,
    key_leads_to: &'static str,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "login.html";
}

#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct KeyForm {
    key: String,
    #[serde(default)]
    next: String,
}

/// Lets in who comes by the one-time link, and shows the door to everybody else.
pub(super) async fn open(
    State(app): State<Arc<App>>,
    method: Method,
    headers: HeaderMap,
    Asked(Link { token }): Asked<Link>,
) -> Result<Response, Error> {
    let Some(token) = token else {
        let shell = Shell::outside(&app, "Log in".to_owned());
        return LoginPage { shell, key_leads_to: "/" }.render();
    };
    let inside =
        session_id(app.https, &headers).and_then(|id| app.sessions.grant(id, Instant::now())).is_some();
    // Whoever is in already and comes by the link again just goes on.
    if inside {
        return Ok(see_other("/").into_response());
    }
    // Only a GET is somebody's visit; a program that looks ahead must not use the link up.
    if method == Method::GET && app.local_link.as_ref().is_some_and(|link| link.redeem(&token)) {
        return begin(&app, &headers, Grant::Local, "/");
    }
    Err(Error::LinkUsed)
}

/// Lets in who gives a key that may read.
pub(super) async fn with_key(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Result<Form<KeyForm>, FormRejection>,
) -> Result<Response, Error> {
    of_our_own(&headers)?;
    let Form(form) = form.map_err(|_| Error::NoForm)?;
    let key = ApiKey::parse(form.key.trim()).ok_or(Error::WrongKey)?;
    reading_key(&app.keys, &key).await?;
    begin(&app, &headers, Grant::Key(key), local(&form.next))
}

/// Ends the session.
pub(super) async fn leave(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Error> {
    of_our_own(&headers)?;
    if let Some(id) = session_id(app.https, &headers) {
        app.sessions.end(id);
    }
    Ok(([(header::SET_COOKIE, ended_cookie(app.https, &headers))], see_other("/login")).into_response())
}

fn begin(app: &App, headers: &HeaderMap, grant: Grant, next: &str) -> Result<Response, Error> {
    let id = app.sessions.begin(grant, Instant::now())?;
    Ok(([(header::SET_COOKIE, cookie(app.https, headers, &id))], see_other(next)).into_response())
}

fn see_other(path: &str) -> (StatusCode, [(header::HeaderName, String); 1]) {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path.to_owned())])
}

/// Browsers say where a form comes from; one of another site is refused.
fn of_our_own(headers: &HeaderMap) -> Result<(), Error> {
    match headers.get("sec-fetch-site").map(header::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Error::ForeignForm),
    }
}

/// The address to go on to, if it is one of ours; browsers take `//` and `/\` for another host.
pub(super) fn local(next: &str) -> &str {
    let path = next.starts_with('/') && !next[1..].starts_with(['/', '\\']);
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic());
    if path && plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_in_leads_nowhere_else() {
        for next in ["/", "/executions/0af7651916cd43dd8448eb211c80319c?step=1#s-1"] {
            assert_eq!(local(next), next);
        }
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nset-cookie: b",
            "javascript:0",
        ] {
            assert_eq!(local(next), "/");
        }
    }
}
