use std::collections::HashMap;
use std::sync::Arc;

use super::connection::Transaction;
use treering_step::Timestamp;

use super::audit::{self, Chain};
use super::keys::Hashed;
use super::pool::Pool;
use super::{changes, clients, keys, people, projects, rules};
use crate::audit::{Act, Action};
use crate::control::{ClientName, EntranceChange, Joined, Keep, Member, ProjectRecord, Role};
use crate::{ApiKey, Error, KeyRecord, KeyUse, Project, ProjectId, Terms};

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
            Ok((true, Some(Act::new(Action::RulesChange).within(project).on(name).detail(detail))))
        })
        .await
    }

    /// Keeps the hash of a key; the secret is in the caller's hand alone.
    pub async fn create_key(
        &self,
        project: Project,
        key: &ApiKey,
        terms: impl Into<Terms>,
    ) -> Result<KeyRecord, Error> {
        let (key, terms) = (Hashed::of(key), terms.into());
        self.change(move |transaction| {
            let record = keys::create_key(transaction, project, &key, terms)?;
            let act = of_key(Action::KeyCreate, &record).detail(worded(&record));
            Ok((record, Some(act)))
        })
        .await
    }

    /// A new key in the place of this one, which ends at this time at the latest; `None` where there is no live key of
    /// this number. What it may do is the same, and it is good for as long as nobody says otherwise.
    pub async fn rotate_key(
        &self,
        id: i64,
        key: &ApiKey,
        expires_at: Option<Timestamp>,
        end: Timestamp,
    ) -> Result<Option<KeyRecord>, Error> {
        let key = Hashed::of(key);
        self.change(move |transaction| {
            let Some(old) = keys::live(transaction, id)? else { return Ok((None, None)) };
            let terms = Terms { scopes: old.scopes, expires_at, rate: old.rate };
            let record = keys::create_key(transaction, old.project.clone(), &key, terms)?;
            keys::end_by(transaction, &old, end)?;
            let detail = format!("in the place of key {}, which ends by {end}", old.id);
            let act = of_key(Action::KeyRotate, &record).detail(detail);
            Ok((Some(record), Some(act)))
        })
        .await
    }

    /// Says how many records a key may send in a second; `None` where there is no live key of this number.
    pub async fn limit_key(&self, id: i64, rate: Option<u32>) -> Result<Option<KeyRecord>, Error> {
        self.change(move |transaction| {
            let Some(mut record) = keys::live(transaction, id)? else { return Ok((None, None)) };
            keys::limit(transaction, id, rate)?;
            record.rate = rate;
            let act = of_key(Action::KeyLimit, &record).detail(worded(&record));
            Ok((Some(record), Some(act)))
        })
        .await
    }

    /// When keys were used, by their numbers.
    pub async fn key_uses(&self) -> Result<HashMap<i64, KeyUse>, Error> {
        self.pool.with(|connection| Ok(keys::uses(connection)?.into_iter().collect())).await
    }

    /// Says what is asked of those who send to a project, in force everywhere within two seconds; `false` where that
    /// changes nothing.
    pub async fn set_entrance(&self, project: ProjectId, change: EntranceChange) -> Result<bool, Error> {
        self.change(move |transaction| {
            let act = projects::set_entrance(transaction, project, change)?.map(|record| {
                let act = Act::new(Action::ProjectSet).within(project).on(&record.project.name);
                act.detail(projects::entrance_worded(record.entrance))
            });
            Ok((act.is_some(), act))
        })
        .await
    }

    /// The names in certificates of clients that let into this project, or into any.
    pub async fn client_names(&self, project: Option<ProjectId>) -> Result<Vec<ClientName>, Error> {
        self.pool.with(move |connection| clients::list(connection, project)).await
    }

    /// Lets clients with this name in their certificate into a project; `false` where it did so before.
    pub async fn add_client_name(&self, project: ProjectId, name: &str) -> Result<bool, Error> {
        let name = clients::checked(name)?;
        self.change(move |transaction| {
            let is_new = clients::put(transaction, project, &name)?;
            let act = Act::new(Action::ClientAdd).within(project).on(name);
            Ok((is_new, is_new.then_some(act)))
        })
        .await
    }

    /// Lets them in no more; `false` where they were not.
    pub async fn remove_client_name(&self, project: ProjectId, name: &str) -> Result<bool, Error> {
        let name = name.to_owned();
        self.change(move |transaction| {
            let was_there = clients::remove(transaction, project, &name)?;
            let act = Act::new(Action::ClientRemove).within(project).on(name);
            Ok((was_there, was_there.then_some(act)))
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

/// What a key may do, for the audit log.
fn worded(key: &KeyRecord) -> String {
    let scopes = key.scopes.words().join(",");
    key.rate.map_or(scopes.clone(), |rate| format!("{scopes}, rate {rate}/s"))
}

fn of_key(action: Action, key: &KeyRecord) -> Act {
    Act::new(action).within(key.project.id).on(format!("key {} ({}…)", key.id, key.hint))
}
