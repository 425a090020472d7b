use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use treering_step::Timestamp;
use treering_store::{Act, ApiKey, AuditRow, KeyRecord, Keys, Project, Role, Viewer as Seer};

use super::person::Seen;
use super::{Grant, Login, Person, Right, Sight, Source, Witnessed, may, session_id};
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
    /// Somebody who logged in: sees the projects where there is a role.
    Person(Person),
}

/// The project that somebody looks at.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) project: Project,
    /// All projects to choose from.
    pub(crate) projects: Vec<Project>,
    /// As what it is looked at.
    pub(crate) role: Role,
    sight: Sight,
    /// Who looks, to the audit log.
    actor: String,
    /// True for the owner of the machine.
    is_local: bool,
    /// True where addresses have to name the project.
    pub(crate) named: bool,
}

impl Chosen {
    /// The project as addresses of pages name it.
    pub(crate) fn in_url(&self) -> Option<&str> {
        self.named.then_some(self.project.name.as_str())
    }

    pub(crate) fn may(&self, right: Right) -> bool {
        may(self.role, right)
    }

    /// Written down, when this returns, as what this viewer does. What is to be seen is read after that.
    pub(crate) async fn saw(&self, app: &App, acts: Vec<Act>) -> Result<Witnessed, Error> {
        app.witness.saw(&self.actor, acts).await
    }

    /// Rows of its audit log, for who may see them; the owner of the machine sees those of no project as well.
    pub(crate) async fn audit(
        &self,
        before: Option<i64>,
        limit: u32,
        _: &Witnessed,
    ) -> Result<Vec<AuditRow>, Error> {
        self.must(Right::Audit)?;
        self.sight.audit(self.is_local, before, limit).await
    }

    /// Refuses who may not see that.
    pub(crate) fn must(&self, right: Right) -> Result<(), Error> {
        match right {
            _ if self.may(right) => Ok(()),
            Right::Structure => Err(Error::NoStructure),
            Right::Content => Err(Error::Withheld),
            Right::Audit => Err(Error::NoAudit),
        }
    }

    /// What the viewer sees of it; nothing, for who may see nothing of what happened.
    pub(crate) fn sight(&self) -> Result<&Sight, Error> {
        self.must(Right::Structure).map(|()| &self.sight)
    }
}

impl Viewer {
    /// The project of this name, or the one that is shown first. What the viewer may not see does not exist.
    pub(crate) async fn choose(&self, source: &Source, wanted: Option<&str>) -> Result<Chosen, Error> {
        let mut seen = self.seen(source).await?;
        let first = seen.iter().position(|seen| seen.project.name == DEFAULT).unwrap_or(0);
        let chosen = match wanted {
            Some(name) => seen.iter().position(|seen| seen.project.name == name).ok_or(Error::NoProject)?,
            None if seen.is_empty() => return Err(self.sees_nothing()),
            None => first,
        };
        let projects = seen.iter().map(|seen| seen.project.clone()).collect();
        let Seen { project, role, seer } = seen.swap_remove(chosen);
        let sight = source.sight(seer, role, project.id);
        let is_local = matches!(self, Self::Local);
        Ok(Chosen { project, projects, role, sight, actor: self.actor(), is_local, named: chosen != first })
    }

    /// The projects that may be looked at, by name.
    async fn seen(&self, source: &Source) -> Result<Vec<Seen>, Error> {
        match self {
            Self::Local => {
                let projects = source.projects(Seer::Local).await?.into_iter();
                Ok(projects.map(|project| Seen { project, role: Role::Owner, seer: Seer::Local }).collect())
            }
            Self::Key(key) => {
                Ok(vec![Seen { project: key.project.clone(), role: Role::Reader, seer: Seer::Key(key.id) }])
            }
            Self::Person(person) => person.seen(source).await,
        }
    }

    fn sees_nothing(&self) -> Error {
        match self {
            Self::Person(_) => Error::NoRole,
            _ => Error::NoProject,
        }
    }

    /// Who that is to the audit log.
    pub(crate) fn actor(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Key(key) => format!("key:{}", key.id),
            Self::Person(person) => person.actor(),
        }
    }

    /// Who sends these headers: the holder of a key, else of a session.
    pub(crate) async fn of(app: &App, headers: &HeaderMap) -> Result<Self, Error> {
        let grant = session_id(app.https, headers).and_then(|id| app.sessions.grant(id, Instant::now()));
        Self::granted(app, headers, grant).await
    }

    /// The same for who asked some time ago, and does not ask again.
    pub(crate) async fn still(app: &App, headers: &HeaderMap) -> Result<Self, Error> {
        let grant = session_id(app.https, headers).and_then(|id| app.sessions.peek(id, Instant::now()));
        Self::granted(app, headers, grant).await
    }

    async fn granted(app: &App, headers: &HeaderMap, grant: Option<Grant>) -> Result<Self, Error> {
        // A session of our own goes before a cookie of somebody else's.
        let tokens = app.login.as_ref().and_then(Login::tokens).filter(|_| grant.is_none());
        if let Some((tokens, token)) = tokens.and_then(|tokens| Some((tokens, tokens.shown(headers)?))) {
            return Ok(Self::Person(tokens.person(token).await?));
        }
        if let Some(credentials) = headers.get(header::AUTHORIZATION) {
            let key = credentials.to_str().ok().and_then(bearer).ok_or(Error::WrongKey)?;
            return viewer_of_key(&app.keys, &key).await;
        }
        // The header that OTLP exporters are told to send works here as well.
        if let Some(key) = headers.get("x-api-key") {
            let key = key.to_str().ok().and_then(|key| ApiKey::parse(key.trim())).ok_or(Error::WrongKey)?;
            return viewer_of_key(&app.keys, &key).await;
        }
        match grant {
            Some(Grant::Local) => Ok(Self::Local),
            Some(Grant::Key(key)) => viewer_of_key(&app.keys, &key).await,
            Some(Grant::Person(person)) => Ok(Self::Person(person)),
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
