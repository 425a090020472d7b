use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;

use super::login::{LogIn, local};
use super::shell::Shell;
use super::template::Page;
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::view::filter::{Filter, given};
use crate::view::words::{Word, words};

/// Why there is nothing else to see, and what to do next.
#[derive(Debug, Serialize)]
pub(crate) struct FailurePage {
    shell: Shell,
    /// The number of the status, for those who look for it.
    status: u16,
    sentences: Vec<Word>,
    /// Where a key leads to, where a key would help.
    key_leads_to: Option<String>,
    /// Where people log in, where that would help.
    log_in: Option<LogIn>,
    /// The same address, to be asked for again from here: browsers hold a `SameSite=Strict` cookie back when
    /// another site links to a page, such as a chat in which somebody pasted its address.
    again: Option<String>,
}

impl Page for FailurePage {
    const TEMPLATE: &'static str = "failure.html";
}

impl FailurePage {
    /// The page of an error at this address, for who asked with these headers.
    pub(crate) async fn of(app: &App, error: &Error, target: &Uri, headers: &HeaderMap) -> Self {
        let from_elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        let title = title(error).to_owned();
        let shell = match way_on(app, error, target, headers).await {
            Some(chosen) => Shell::new(app, title, &chosen),
            None => Shell::outside(app, title),
        };
        let wanted = target.path_and_query().map_or("/", |path| path.as_str());
        // A token belongs into no page, and the doors lead to the list.
        let wanted = if wanted.starts_with("/log") { "/" } else { local(wanted) };
        Self {
            shell,
            status: error.status().0.as_u16(),
            sentences: words(&format!("{} {}", sentence(&error.to_string()), sentence(advice(app, error)))),
            log_in: error.asks_for_key().then(|| LogIn::to(app, wanted)).flatten(),
            key_leads_to: error.asks_for_key().then(|| wanted.to_owned()),
            again: (from_elsewhere && matches!(error, Error::NoAccess)).then(|| wanted.to_owned()),
        }
    }
}

/// What to do next. Where people log in, nobody was given a link.
fn advice(app: &App, error: &Error) -> &'static str {
    match error {
        Error::NoAccess | Error::LinkUsed if app.login.is_some() => "log in, or give a key of scope read",
        _ => error.advice(),
    }
}

/// The project to go on in, for whoever is let in. Where even that cannot be found out, the error that is told
/// of already is the one to tell of.
async fn way_on(app: &App, error: &Error, target: &Uri, headers: &HeaderMap) -> Option<Chosen> {
    if error.asks_for_key() || matches!(error, Error::WrongHost) {
        return None;
    }
    let viewer = Viewer::of(app, headers).await.ok()?;
    let asked = Query::<Filter>::try_from_uri(target).map(|Query(asked)| asked).unwrap_or_default();
    match viewer.choose(&app.source, given(&asked.project)).await {
        Err(Error::NoProject) => viewer.choose(&app.source, None).await.ok(),
        chosen => chosen.ok(),
    }
}

fn title(error: &Error) -> &'static str {
    match error.status().0.as_u16() {
        400 => "That address is not right",
        401 | 403 => "No access",
        404 => "Not found",
        405 | 421 => "Not here",
        _ => "Something is wrong here",
    }
}

/// A message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl IntoResponse for FailurePage {
    fn into_response(self) -> Response {
        self.render().unwrap_or_else(|error| {
            tracing::error!(%error, "the page of an error could not be written");
            Html("<!doctype html><title>treering</title><p>Something is wrong here. Ask again.")
                .into_response()
        })
    }
}
