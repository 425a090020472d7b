use std::sync::Arc;

use treering_store::{Project, Role, Viewer};

use super::Source;
use crate::error::Error;

/// Somebody whom a log-in vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// The subject of the identity token.
    pub(crate) subject: Arc<str>,
    /// The roles that the log-in gives, in projects of these names.
    pub(crate) claimed: Arc<[(String, Role)]>,
}

/// A project, and as what somebody may look at it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) project: Project,
    pub(super) role: Role,
    /// Who that is to the store.
    pub(super) seer: Viewer,
}

/// The longest subject that the control data know; a longer one is cut.
const LONGEST: usize = 255;

impl Person {
    /// Who that is to the audit log.
    pub(crate) fn actor(&self) -> String {
        let plain = self.subject.chars().filter(|char| !char.is_control()).take(LONGEST);
        format!("user:{}", plain.collect::<String>())
    }

    /// The projects that this one may look at, by name. What the control data say of a project counts there; what the
    /// log-in says counts for the others.
    pub(super) async fn seen(&self, source: &Source) -> Result<Vec<Seen>, Error> {
        let own = Viewer::Person(self.subject.clone());
        let members = source.memberships(&self.subject).await?;
        let mut seen: Vec<_> =
            members.into_iter().map(|(project, role)| Seen { project, role, seer: own.clone() }).collect();
        if !self.claimed.is_empty() {
            let granted = Viewer::Granted(self.claimed.clone());
            for project in source.projects(granted.clone()).await? {
                let is_new = seen.iter().all(|other| other.project.id != project.id);
                if let Some((_, role)) = self.claimed.iter().find(|(name, _)| is_new && *name == project.name)
                {
                    seen.push(Seen { project, role: *role, seer: granted.clone() });
                }
            }
            seen.sort_by(|one, other| one.project.name.cmp(&other.project.name));
        }
        Ok(seen)
    }
}
