use std::sync::Arc;

use super::connection::Transaction;
use treering_step::Timestamp;

use super::audit::{self, Chain};
use super::pool::Pool;
use super::{changes, keys, people, projects, rules};
use crate::audit::{Act, Action};
use crate::control::{Joined, Keep, Member, ProjectRecord, Role};
use crate::{ApiKey, Error, KeyRecord, Project, ProjectId, Scopes};

/// Who changes what nobody asked for, such as the first project.
const ITSELF: &str = "treering";

/// Makes and changes projects, keys and memberships. Each change stands in the audit log, or is not made.
#[derive(Debug, Clone)]
pub struct Keeper {
    pub(super) pool: Pool,
    /// For looking at what was recorded.
    pub(super) looking: Pool,
    chain: Chain,
    pub(super) actor: Arc<str>,
}

impl Keeper {
    pub(crate) fn new(pool: Pool, looking: Pool, chain: Chain) -> Self {
        Self { pool, looking, chain, actor: ITSELF.into() }
    }

    /// The same for changes that this actor makes.
    pub fn acting_as(&self, actor: &str) -> Self {
        Self { actor: actor.into(), ..self.clone() }
    }

    /// The project of this name, made where there is none.
    pub async fn ensure_project(&self, name: &str) -> Result<Project, Error> {
        match self.project(name).await? {
            Some(record) => Ok(record.project),
            None => Ok(self.create_project(name).await?.0.project),
        }
    }

    /// A new project; `false` where there was one of this name before.
    pub async fn create_project(&self, name: &str) -> Result<(ProjectRecord, bool), Error> {
        let name = projects::checked(name)?;
        self.change(move |transaction| {
            let (record, made) = projects::ensure(transaction, &name)?;
            let act = Act::new(Action::ProjectCreate).within(record.project.id).on(name);
            Ok(((record, made), made.then_some(act)))
        })
        .await
    }

    /// The project of this name.
    pub async fn project(&self, name: &str) -> Result<Option<ProjectRecord>, Error> {
        let name = name.to_owned();
        self.pool.with(move |connection| projects::find(connection, &name)).await
    }

    /// Every project, by name.
    pub async fn projects(&self) -> Result<Vec<ProjectRecord>, Error> {
        self.pool.with(projects::all).await
    }

    /// Says how long a project keeps its steps and its content; what is `None` stays as it is.
    pub async fn set_retention(
        &self,
        project: ProjectId,
        steps: Option<Keep>,
        content: Option<Keep>,
    ) -> Result<ProjectRecord, Error> {
        self.change(move |transaction| {
            let record = projects::set_retention(transaction, project, steps, content)?;
            let act = Act::new(Action::ProjectSet).within(project).on(&record.project.name);
            let detail = projects::worded(record.retention);
            Ok((record, Some(act.detail(detail))))
        })
        .await
    }

    /// The redaction rules that a project has beside those of its collectors.
    pub async fn rules(&self, project: ProjectId) -> Result<Option<String>, Error> {
        self.pool.with(move |connection| rules::of(connection, project)).await
    }

    /// Gives a project rules of its own, in the form of the collectors' own file, or takes them away; `false` where
    /// that changes nothing. Rules with a fault are refused.
    pub async fn set_rules(&self, project: ProjectId, text: Option<String>) -> Result<bool, Error> {
        let check = move || rules::worded(text.as_deref()).map(|detail| (text, detail));
        let (text, detail) = tokio::task::spawn_blocking(check).await??;
        self.change(move |transaction| {
            if !rules::set(transaction, project, text.as_deref())? {
                return Ok((false, None));
            }
            let name = projects::name(transaction, project)?;
            Ok((true, Some(Act::new(Action::ProjectSet).within(project).on(name).detail(detail))))
        })
        .await
    }

    /// Keeps the hash of a key; the secret is in the caller's hand alone.
    pub async fn create_key(
        &self,
        project: Project,
        key: &ApiKey,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> Result<KeyRecord, Error> {
        let (hash, hint) = (key.hash(), key.hint().to_owned());
        self.change(move |transaction| {
            let record = keys::create_key(transaction, project, &hash, hint, scopes, expires_at)?;
            let detail = record.scopes.words().join(",");
            let act = of_key(Action::KeyCreate, &record).detail(detail);
            Ok((record, Some(act)))
        })
        .await
    }

    /// Every key, newest first.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, Error> {
        self.pool
            .with(|connection| Ok(keys::all(connection)?.into_iter().rev().map(|(_, key)| key).collect()))
            .await
    }

    /// Ends a key; `false` where there is none of this number, or where it had ended before.
    pub async fn revoke_key(&self, id: i64) -> Result<bool, Error> {
        self.change(move |transaction| {
            let act = keys::revoke(transaction, id)?.map(|record| of_key(Action::KeyRevoke, &record));
            Ok((act.is_some(), act))
        })
        .await
    }

    /// The people of this project, or of all of them, and what they may do.
    pub async fn members(&self, project: Option<ProjectId>) -> Result<Vec<Member>, Error> {
        self.pool.with(move |connection| people::members(connection, project)).await
    }

    /// Gives a person this role in a project, in the place of the one that the person may have there.
    pub async fn put_member(&self, project: ProjectId, subject: &str, role: Role) -> Result<Joined, Error> {
        let subject = people::checked(subject)?;
        self.change(move |transaction| {
            let joined = people::put(transaction, project, &subject, role)?;
            let act = match joined {
                Joined::Added => Some(Act::new(Action::MemberAdd).detail(role.as_str())),
                Joined::Changed(old) => {
                    let detail = format!("{}, before {}", role.as_str(), old.as_str());
                    Some(Act::new(Action::MemberChange).detail(detail))
                }
                Joined::Already => None,
            };
            Ok((joined, act.map(|act| act.within(project).on(subject))))
        })
        .await
    }

    /// Takes a person out of a project, and out of the store with the last one; `false` where none was in it.
    pub async fn remove_member(&self, project: ProjectId, subject: &str) -> Result<bool, Error> {
        let subject = subject.to_owned();
        self.change(move |transaction| {
            let removed = people::remove(transaction, project, &subject)?;
            let act = Act::new(Action::MemberRemove).within(project).on(subject);
            Ok((removed, removed.then_some(act)))
        })
        .await
    }

    /// Makes a change, writes down the act that it was, and lets collectors know, in one transaction.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Option<Act>), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (chain, actor) = (self.chain.clone(), self.actor.clone());
        self.pool
            .with(move |connection| {
                // Before the lock: a command that tells the master key may take its time.
                let key = chain.key()?;
                let transaction = connection.writing()?;
                let (value, act) = change(&transaction)?;
                if let Some(act) = act {
                    changes::raise(&transaction)?;
                    audit::append(&transaction, &key, &actor, act)?;
                }
                transaction.commit()?;
                Ok(value)
            })
            .await
    }
}

fn of_key(action: Action, key: &KeyRecord) -> Act {
    Act::new(action).within(key.project.id).on(format!("key {} ({}…)", key.id, key.hint))
}
