use std::collections::HashMap;
use std::sync::Arc;

use treering_redact::Rules;
use treering_store::ProjectId;

use crate::refusal::Refusal;

/// What is redacted: by the rules of the collector everywhere, and by those of a project there as well.
#[derive(Debug, Clone)]
pub(super) struct Rulebook {
    everywhere: Arc<Rules>,
    projects: HashMap<ProjectId, Page>,
}

/// The rules of a project, as they were written and joined with those of the collector.
#[derive(Debug, Clone)]
struct Page {
    text: Arc<str>,
    /// Absent where they are not understood here.
    rules: Option<Arc<Rules>>,
}

impl Rulebook {
    pub(super) fn new(everywhere: Arc<Rules>) -> Self {
        Self { everywhere, projects: HashMap::new() }
    }

    /// The same under these rules of the collector; where they are others, those of projects are joined with them anew.
    pub(super) fn under(&self, everywhere: &Arc<Rules>) -> Self {
        if Arc::ptr_eq(&self.everywhere, everywhere) {
            return self.clone();
        }
        let new = Self::new(everywhere.clone());
        let projects = &self.projects;
        new.with(projects.iter().map(|(project, page)| (*project, page.text.to_string())).collect())
    }

    /// What is redacted in this project. What cannot be done as its rules say is not done without them.
    pub(super) fn of(&self, project: ProjectId) -> Result<Arc<Rules>, Refusal> {
        match self.projects.get(&project) {
            Some(page) => page.rules.clone().ok_or(Refusal::RulesUnreadable),
            None => Ok(self.everywhere.clone()),
        }
    }

    /// The same with these rules of projects and no others. It may take a while: those that are new are compiled.
    pub(super) fn with(&self, texts: Vec<(ProjectId, String)>) -> Self {
        let page = |(project, text): (ProjectId, String)| {
            let known = self.projects.get(&project).filter(|page| *page.text == *text);
            (project, known.cloned().unwrap_or_else(|| self.page(project, text)))
        };
        Self { everywhere: self.everywhere.clone(), projects: texts.into_iter().map(page).collect() }
    }

    fn page(&self, project: ProjectId, text: String) -> Page {
        let rules = match Rules::parse(&text) {
            Ok(rules) => Some(Arc::new(self.everywhere.joined(&rules))),
            Err(error) => {
                // Without its causes, which show what was written: a rule may name a secret.
                tracing::error!(
                    project = project.as_i64(),
                    %error,
                    "the rules of a project are not understood here, perhaps for being of a newer version; until they \
                     are, nothing is taken for it"
                );
                None
            }
        };
        Page { text: text.into(), rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> ProjectId {
        ProjectId::from_i64(7)
    }

    fn text(name: &str) -> String {
        format!("[[pattern]]\nname = '{name}'\nregex = 'ACME-[0-9]{{4}}'")
    }

    fn redacted(book: &Rulebook, project: ProjectId) -> String {
        book.of(project).unwrap().redact("ACME-1234 a@b.io").text
    }

    #[test]
    fn a_project_adds_to_the_rules_of_the_collector_and_takes_nothing_away() {
        let book = Rulebook::new(Arc::new(Rules::builtin()));
        let book = book.with(vec![(project(), format!("builtin = false\n{}", text("TICKET")))]);
        assert_eq!(redacted(&book, project()), "[REDACTED:TICKET] [REDACTED:EMAIL]");
        assert_eq!(redacted(&book, ProjectId::from_i64(8)), "ACME-1234 [REDACTED:EMAIL]");
        assert_eq!(redacted(&book.with(vec![]), project()), "ACME-1234 [REDACTED:EMAIL]");
    }

    #[test]
    fn what_did_not_change_is_not_compiled_again() {
        let book = Rulebook::new(Arc::new(Rules::builtin())).with(vec![(project(), text("ONE"))]);
        let same = book.with(vec![(project(), text("ONE"))]);
        assert!(Arc::ptr_eq(&book.of(project()).unwrap(), &same.of(project()).unwrap()));
        let other = book.with(vec![(project(), text("TWO"))]);
        assert_eq!(redacted(&other, project()), "[REDACTED:TWO] [REDACTED:EMAIL]");
    }

    #[test]
    fn rules_that_are_not_understood_are_never_skipped() {
        let newer = "[[shape]]\nname = 'OF_TOMORROW'".to_owned();
        let book = Rulebook::new(Arc::new(Rules::builtin())).with(vec![(project(), newer.clone())]);
        assert!(matches!(book.of(project()), Err(Refusal::RulesUnreadable)));
        assert!(matches!(book.with(vec![(project(), newer)]).of(project()), Err(Refusal::RulesUnreadable)));
        assert_eq!(
            redacted(&book.with(vec![(project(), text("ONE"))]), project()),
            "[REDACTED:ONE] [REDACTED:EMAIL]"
        );
    }
}
