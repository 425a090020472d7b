use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use treering_step::Timestamp;
use treering_store::{ApiKey, KeyRecord, Keys, Project, Viewer as Seer};

use super::{Grant, Sight, Source, session_id};
use crate::App;
use crate::error::Error;

/// The project of a fresh installation.
const DEFAULT: &str = "default";

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Viewer {
    /// The owner of this machine: sees all projects.
    Local,
    /// The holder of this key of scope `read`: sees its project.
    Key(KeyRecord),
}

/// The project that somebody looks at.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) project: Project,
    /// All projects to choose from.
    pub(crate) projects: Vec<Project>,
    /// What the viewer sees of it.
    pub(crate) sight: Sight,
    /// True where addresses have to name the project.
    pub(crate) named: bool,
}

impl Chosen {
    /// The project as addresses of pages name it.
    pub(crate) fn in_url(&self) -> Option<&str> {
        self.named.then_some(self.project.name.as_str())
    }
}

impl Viewer {
    /// The project of this name, or the one that is shown first. What the viewer may not see does not exist.
    pub(crate) async fn choose(&self, source: &Source, wanted: Option<&str>) -> Result<Chosen, Error> {
        let projects = match self {
            Self::Local => source.projects(self.seer()).await?,
            Self::Key(key) => vec![key.project.clone()],
        };
        let first = projects.iter().position(|project| project.name == DEFAULT).unwrap_or(0);
        let chosen = match wanted {
            Some(name) => projects.iter().position(|project| project.name == name).ok_or(Error::NoProject)?,
            None => first,
        };
        let project = projects.get(chosen).ok_or(Error::NoProject)?.clone();
        let sight = source.sight(self.seer(), project.id);
        Ok(Chosen { project, projects, sight, named: chosen != first })
    }

    /// Who that is to the store.
    fn seer(&self) -> Seer {
        match self {
            Self::Local => Seer::Local,
            Self::Key(key) => Seer::Key(key.id),
        }
    }

    /// Who sends these headers: the holder of a key, else of a session.
    pub(crate) async fn of(app: &App, headers: &HeaderMap) -> Result<Self, Error> {
        if let Some(credentials) = headers.get(header::AUTHORIZATION) {
            let key = credentials.to_str().ok().and_then(bearer).ok_or(Error::WrongKey)?;
            return viewer_of_key(&app.keys, &key).await;
        }
        // The header that OTLP exporters are told to send works here as well.
        if let Some(key) = headers.get("x-api-key") {
            let key = key.to_str().ok().and_then(|key| ApiKey::parse(key.trim())).ok_or(Error::WrongKey)?;
            return viewer_of_key(&app.keys, &key).await;
        }
        let session = session_id(app.https, headers);
        match session.and_then(|id| app.sessions.grant(id, Instant::now())) {
            Some(Grant::Local) => Ok(Self::Local),
            Some(Grant::Key(key)) => viewer_of_key(&app.keys, &key).await,
            None => Err(Error::NoAccess),
        }
    }
}

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        Self::of(app, &parts.headers).await
    }
}

fn bearer(credentials: &str) -> Option<ApiKey> {
    let (scheme, key) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| ApiKey::parse(key.trim()))?
}

async fn viewer_of_key(keys: &Keys, key: &ApiKey) -> Result<Viewer, Error> {
    Ok(Viewer::Key(reading_key(keys, key).await?))
}

/// The record of a key that lives and may read.
pub(crate) async fn reading_key(keys: &Keys, key: &ApiKey) -> Result<KeyRecord, Error> {
    let record =
        keys.find(key).await?.filter(|record| record.is_live(Timestamp::now())).ok_or(Error::WrongKey)?;
    if record.scopes.read { Ok(record) } else { Err(Error::NoReadScope) }
}
