use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use treering_store::{Act, Action, ApiKey};

use super::Asked;
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::{Grant, cookie, ended_cookie, login_cookie, login_id, reading_key, session_id};
use crate::error::Error;
use crate::view::link::Query;

/// The door: the place to give a key.
#[derive(Debug, Serialize)]
struct LoginPage {
    shell: Shell,
    key_leads_to: &'static str,
    log_in: Option<LogIn>,
}

/// The way to the provider of log-ins.
#[derive(Debug, Serialize)]
pub(super) struct LogIn {
    host: String,
    url: String,
}

impl LogIn {
    /// The one that leads on to this address, where there is a provider.
    pub(super) fn to(app: &App, next: &str) -> Option<Self> {
        let provider = app.login.as_ref()?.oidc.as_ref()?;
        let url = Query::new().with("next", Some(next).filter(|next| *next != "/")).on("/login/start");
        Some(Self { host: provider.host(), url })
    }
}

/// A page that leads on by itself: what comes from another site has to come from ours once more, until a browser sends
/// a strict cookie along.
#[derive(Debug, Serialize)]
struct OnwardPage {
    shell: Shell,
    heading: &'static str,
    text: &'static str,
    link: &'static str,
    url: String,
    /// True where nobody has to follow the link.
    at_once: bool,
}

impl Page for OnwardPage {
    const TEMPLATE: &'static str = "onward.html";
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
        return LoginPage { shell, key_leads_to: "/", log_in: LogIn::to(&app, "/") }.render();
    };
    let inside =
        session_id(app.https, &headers).and_then(|id| app.sessions.grant(id, Instant::now())).is_some();
    // Whoever is in already and comes by the link again just goes on.
    if inside {
        return Ok(see_other("/").into_response());
    }
    // Only a GET is somebody's visit; a program that looks ahead must not use the link up.
    if method == Method::GET && app.local_link.as_ref().is_some_and(|link| link.redeem(&token)) {
        return begin(&app, &headers, Grant::Local, "local".to_owned(), "/").await;
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
    let actor = format!("key:{}", reading_key(&app.keys, &key).await?.id);
    begin(&app, &headers, Grant::Key(key), actor, local(&form.next)).await
}

#[derive(Deserialize)]
pub(super) struct Start {
    #[serde(default)]
    next: String,
}

/// Sends a browser to the provider.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(Start { next }): Asked<Start>,
) -> Result<Response, Error> {
    let provider = app.login.as_ref().and_then(|login| login.oidc.as_ref()).ok_or(Error::NoPage)?;
    let started = provider.start(local(&next)).await?;
    let cookie = login_cookie(app.https, &headers, &started.id);
    Ok(([(header::SET_COOKIE, cookie)], see_other(&started.url)).into_response())
}

/// What the provider says.
#[derive(Deserialize)]
pub(super) struct Said {
    code: Option<String>,
    state: Option<String>,
}

/// Lets in whom the provider vouches for.
pub(super) async fn callback(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(Said { code, state }): Asked<Said>,
) -> Result<Response, Error> {
    let provider = app.login.as_ref().and_then(|login| login.oidc.as_ref()).ok_or(Error::NoPage)?;
    let (person, next) = provider.finish(login_id(app.https, &headers), state.as_deref(), code).await?;
    app.witness.write(vec![(person.actor(), Act::new(Action::Login))]).await?;
    let id = app.sessions.begin(Grant::Person(person), Instant::now())?;
    let page = OnwardPage {
        shell: Shell::outside(&app, "Logged in".to_owned()),
        heading: "Logged in",
        text: "You are logged in.",
        link: "Go on",
        url: next,
        at_once: true,
    };
    let cookies = AppendHeaders([
        (header::SET_COOKIE, login_cookie(app.https, &headers, "")),
        (header::SET_COOKIE, cookie(app.https, &headers, &id)),
    ]);
    Ok((cookies, page.render()?).into_response())
}

/// Ends the session, and says where the provider's own is ended.
pub(super) async fn leave(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Error> {
    of_our_own(&headers)?;
    let id = session_id(app.https, &headers);
    let grant = id.and_then(|id| app.sessions.grant(id, Instant::now()));
    if let Some(id) = id {
        app.sessions.end(id);
    }
    if let Some(grant) = &grant {
        // A session ends even where that cannot be written down.
        let actor = actor(&app, grant).await;
        app.witness.write(vec![(actor, Act::new(Action::Logout))]).await.ok();
    }
    let ended = [(header::SET_COOKIE, ended_cookie(app.https, &headers))];
    let provider = app.login.as_ref().and_then(|login| login.oidc.as_ref());
    let elsewhere = match (grant, provider) {
        (Some(Grant::Person(_)), Some(provider)) => provider.end_session_url().await,
        _ => None,
    };
    let Some(url) = elsewhere else { return Ok((ended, see_other("/login")).into_response()) };
    let page = OnwardPage {
        shell: Shell::outside(&app, "Logged out".to_owned()),
        heading: "Logged out",
        text: "You are logged out here. The provider may let you in again without asking, until you log out there as well.",
        link: "Log out of the provider",
        url,
        at_once: false,
    };
    Ok((ended, page.render()?).into_response())
}

/// Who had this session, to the audit log.
async fn actor(app: &App, grant: &Grant) -> String {
    match grant {
        Grant::Local => "local".to_owned(),
        Grant::Person(person) => person.actor(),
        Grant::Key(key) => match reading_key(&app.keys, key).await {
            Ok(record) => format!("key:{}", record.id),
            Err(_) => "key".to_owned(),
        },
    }
}

/// A session begins once that is written down.
async fn begin(
    app: &App,
    headers: &HeaderMap,
    grant: Grant,
    actor: String,
    next: &str,
) -> Result<Response, Error> {
    app.witness.write(vec![(actor, Act::new(Action::Login))]).await?;
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
