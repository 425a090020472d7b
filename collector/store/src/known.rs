//! By which name somebody is known here who has another one elsewhere.

use std::sync::LazyLock;

use treering_redact::Rules;

use crate::{Error, ProjectId, Vault};

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

impl Vault {
    /// What the built-in rules make of the name of a user in this project: a pseudonym, where it is an address or the like.
    pub fn user_known_as(&self, project: ProjectId, name: &str) -> Result<String, Error> {
        self.known_as(project, "user.id", name)
    }

    /// The same for the name of a session.
    pub fn session_known_as(&self, project: ProjectId, name: &str) -> Result<String, Error> {
        self.known_as(project, "session.id", name)
    }

    /// Without a key nothing of the project was ever named, and the name is its own.
    fn known_as(&self, project: ProjectId, attribute: &str, name: &str) -> Result<String, Error> {
        let Some(key) = self.hash_key_today(project)? else { return Ok(name.to_owned()) };
        Ok(RULES.redact_attribute(attribute, name, Some(&|parts| key.pseudonym(parts))))
    }
}
