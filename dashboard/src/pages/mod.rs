//! A page is a struct: what its template shows, its address as a method, its errors a page.

mod assets;
mod attributes;
mod audit;
mod compare;
mod controls;
mod execution;
pub(crate) mod failure;
mod groups;
mod list;
mod live;
mod login;
mod receipts;
mod shell;
mod template;
mod trace;
mod transcript;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::routing::{MethodRouter, get, post};
use serde::de::DeserializeOwned;

use crate::App;
use crate::error::Error;

/// A key and an address are all that a form holds.
const LARGEST_FORM: usize = 16 * 1024;

/// Every page with its address. What is added here is thereby in the matrix of who may see what.
pub(crate) fn all() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/", get(list::list)),
        ("/executions/{trace_id}", get(execution::execution)),
        ("/executions/{trace_id}/transcript", get(transcript::transcript)),
        ("/executions/{trace_id}/context", get(transcript::context)),
        ("/executions/{trace_id}/steps/{span_id}", get(trace::step)),
        ("/compare", get(compare::compare)),
        ("/agents", get(groups::agents)),
        ("/models", get(groups::models)),
        ("/tools", get(groups::tools)),
        ("/users", get(groups::users)),
        ("/sessions", get(groups::sessions)),
        ("/attributes", get(attributes::attributes)),
        ("/audit", get(audit::audit)),
        ("/receipts", get(receipts::receipts)),
        ("/receipts/{id}", get(receipts::receipt)),
        ("/login", get(login::open).post(login::with_key)),
        ("/login/start", get(login::start)),
        ("/login/callback", get(login::callback)),
        ("/logout", post(login::leave)),
    ]
}

pub(crate) fn routes() -> Router<Arc<App>> {
    let add = |router: Router<Arc<App>>, (path, page)| router.route(path, page);
    let pages = all().into_iter().fold(Router::new(), add);
    pages.layer(DefaultBodyLimit::max(LARGEST_FORM)).merge(assets::routes())
}

/// The ids that a path names, still as texts.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = Path::from_request_parts(parts, state).await;
        // What is no UTF-8 is no id.
        path.map(|Path(named)| Self(named)).map_err(|_| Error::TraceId)
    }
}

/// What the query of an address asks for.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = Query::try_from_uri(&parts.uri);
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|_| Error::Query("the query says something twice or is not UTF-8"))
    }
}
