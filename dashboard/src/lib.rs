//! Rows in, HTML out: the pages of Treering, and its JSON read API.
//!
//! **In and out.** [`router`] takes the reading handles of a store and answers requests: executions and their
//! steps as pages that need no script, and the same read model as JSON under `/api/v1`.
//!
//! **May not touch.** Anything that writes: it is given a [`treering_store::Reader`] and
//! [`treering_store::Keys`] and no query without a scope. SQL, OTLP dialects, scripts, inline style.
//! Whatever an exporter said is a stranger's text: templates escape all of it, and `view::text` shows what
//! the eye would not see.
//!
//! **How to test it.** `cargo test -p treering-dashboard` fills a real store in a temporary folder and asks the
//! router as a browser would; the pages are held in `tests/snapshots`.

mod access;
mod api;
mod error;
mod middleware;
mod pages;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;
use treering_read::Prices;
use treering_redact::Rules;
use treering_store::{Audit, Keys, Reader};

pub use access::{Hosts, LocalLink, Login, LoginError, LoginSecret, LoginSettings, Oidc, Tokens};

use crate::access::{Refusals, Sessions, Source, Witness};
use crate::api::live::Live;
use crate::error::Error;
use crate::view::forests::Forests;

/// What a dashboard is made of.
#[derive(Debug)]
pub struct Settings {
    /// Where executions are read.
    pub reader: Reader,
    /// Where keys are looked up.
    pub keys: Keys,
    /// Where it is written down who saw what. Where that cannot be done, nothing is shown.
    pub witness: Audit,
    /// What models cost.
    pub prices: Arc<Prices>,
    /// The one-time link that lets the owner of this machine in, where there is one.
    pub local_link: Option<LocalLink>,
    /// The log-in of people, where there is one.
    pub login: Option<Login>,
    /// The names under which it may be asked.
    pub hosts: Hosts,
    /// What is redacted, as it changes: where the built-in rules are off, every page says so.
    pub rules: watch::Receiver<Arc<Rules>>,
    /// True where browsers reach it by TLS, its own or that of a proxy.
    pub https: bool,
}

/// What handlers share.
#[derive(Debug)]
struct App {
    source: Source,
    keys: Keys,
    witness: Witness,
    refusals: Refusals,
    prices: Arc<Prices>,
    local_link: Option<LocalLink>,
    login: Option<Login>,
    hosts: Hosts,
    sessions: Sessions,
    forests: Forests,
    live: Live,
    rules: watch::Receiver<Arc<Rules>>,
    https: bool,
}

/// Every address that is answered, but for the style sheet and the icon, which are everybody's.
pub fn routes() -> Vec<String> {
    let pages = pages::all().into_iter().map(|(path, _)| path.to_owned());
    pages.chain(api::all().into_iter().map(|(path, _)| format!("/api/v1{path}"))).collect()
}

/// The dashboard, ready to be served. It is made within a runtime.
pub fn router(settings: Settings) -> Router {
    let Settings { reader, keys, witness, prices, local_link, login, hosts, rules, https } = settings;
    let source = Source::new(reader);
    let sessions = Sessions::default();
    let forests = Forests::default();
    let (audit, witness, refusals) = (witness.clone(), Witness::new(witness), Refusals::new());
    let app = App {
        source,
        keys,
        witness,
        refusals,
        prices,
        local_link,
        login,
        hosts,
        sessions,
        forests,
        live: Live::default(),
        rules,
        https,
    };
    let app = Arc::new(app);
    tokio::spawn(access::keep_ended(Arc::downgrade(&app), audit));
    Router::new()
        .merge(pages::routes())
        .nest("/api/v1", api::routes())
        .fallback(async || Error::NoPage)
        .method_not_allowed_fallback(async || Error::Method)
        // From the inside out: who asks by a wrong name reaches no handler, a panic is an error like any
        // other, every error is made a page or JSON, and every answer carries the headers.
        .layer(from_fn_with_state(app.clone(), access::only_known_hosts))
        .layer(axum::middleware::from_fn(middleware::survive_panics))
        .layer(from_fn_with_state(app.clone(), middleware::show_errors))
        .layer(from_fn_with_state(app.clone(), middleware::set_headers))
        .layer(CompressionLayer::new())
        .with_state(app)
}
