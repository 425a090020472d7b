//! What a transaction may do: the role that it takes on, and for whom.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use crate::{ProjectId, Viewer};

/// The roles that the migrations make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps what comes in. It takes nothing away.
    Writer,
    /// Computes, indexes, forgets and erases.
    Sweeper,
    /// Changes projects, keys and members.
    Keeper,
    /// Reads what its claims allow.
    Reader,
    /// The same but for content.
    Structure,
    /// Adds to the audit log, and keeps when keys were used.
    Witness,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Writer => "treering_writer",
            Self::Sweeper => "treering_sweeper",
            Self::Keeper => "treering_keeper",
            Self::Reader => "treering_reader",
            Self::Structure => "treering_structure",
            Self::Witness => "treering_witness",
        }
    }
}

/// Who reads what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claims<'a> {
    pub(crate) viewer: &'a Viewer,
    /// The project that is looked at; absent where it is still to be chosen.
    pub(crate) project: Option<ProjectId>,
    /// False for who sees what happened, and nothing of what was said.
    pub(crate) content: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Access {
    role: Option<Role>,
    read_only: bool,
    claims: Option<String>,
}

impl Access {
    /// May do nothing but what its login may.
    pub(super) fn nobody() -> Self {
        Self { role: None, read_only: false, claims: None }
    }

    pub(super) fn of(role: Role) -> Self {
        Self { role: Some(role), ..Self::nobody() }
    }

    pub(super) fn reading(role: Role) -> Self {
        Self { read_only: true, ..Self::of(role) }
    }

    pub(super) fn role(&self) -> Option<Role> {
        self.role
    }

    pub(super) fn is_writer(&self) -> bool {
        self.role == Some(Role::Writer)
    }

    pub(super) fn claiming(&self, Claims { viewer, project, content }: Claims<'_>) -> Self {
        let claims = match (viewer, project) {
            (Viewer::Person(subject), _) => json!({"sub": &**subject}),
            (Viewer::Granted(roles), _) => json!({"treering_roles": by_role(roles)}),
            (Viewer::Key(id), _) => json!({"treering_key": id}),
            (Viewer::Local, Some(project)) => json!({"treering_project": project.0}),
            (Viewer::Local, None) => json!({"treering_local": true}),
        };
        let role = if content { self.role } else { Some(Role::Structure) };
        Self { role, claims: Some(claims.to_string()), ..self.clone() }
    }

    /// What a transaction begins with.
    pub(super) fn begin(&self, isolation: &str) -> String {
        let mut begin = format!("BEGIN {isolation}");
        if self.read_only {
            begin.push_str(" READ ONLY");
        }
        // The names of everything, and nobody else's.
        begin.push_str("; SET LOCAL search_path = treering, pg_temp");
        if let Some(role) = self.role {
            write!(begin, "; SET LOCAL ROLE {}", role.name()).ok();
        }
        if let Some(claims) = &self.claims {
            write!(begin, "; SET LOCAL \"request.jwt.claims\" = {}", quoted(claims)).ok();
        }
        begin
    }
}

/// The names of projects under the role that somebody has there.
fn by_role(roles: &[(String, crate::Role)]) -> BTreeMap<&'static str, Vec<&str>> {
    let mut by_role = BTreeMap::<_, Vec<_>>::new();
    for (project, role) in roles {
        by_role.entry(role.as_str()).or_default().push(project.as_str());
    }
    by_role
}

/// A text as PostgreSQL reads it, whatever its settings say of backslashes.
fn quoted(text: &str) -> String {
    let text = text.replace('\0', "").replace('\\', "\\\\").replace('\'', "''");
    format!("E'{text}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_subject_is_it_stays_within_its_claim() {
        for subject in ["user_2abc", "o'hara", "back\\slash", "'; DROP TABLE x; --", "a\\'b", "\"", "nul\0"] {
            let viewer = Viewer::Person(subject.into());
            let begin = Access::reading(Role::Reader)
                .claiming(Claims { viewer: &viewer, project: None, content: true })
                .begin("");
            let (_, claims) = begin.split_once("\"request.jwt.claims\" = E'").unwrap();
            let claims = claims.strip_suffix('\'').unwrap().replace("''", "\u{1}");
            assert!(!claims.contains('\''), "{begin}");
            let claims = claims.replace('\u{1}', "'").replace("\\\\", "\\");
            let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
            assert_eq!(claims["sub"], subject);
        }
    }
}
