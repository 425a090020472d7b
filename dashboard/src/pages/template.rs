//! Templates, and how a page becomes an answer.

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse, Response};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::error::Error;

macro_rules! templates {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../templates/", $name)))),*]
    };
}

const TEMPLATES: [(&str, &str); 21] = templates!["base.html" "text.html" "rows.html" "list.html" "groups.html" "group.html" "trace.html" "transcript.html" "context.html" "compare.html" "execution.html" "tree.html" "step.html" "why.html" "attributes.html" "receipts.html" "receipt.html" "failure.html" "login.html" "onward.html" "audit.html"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// What can be shown.
pub(super) trait Page: Serialize {
    /// The template that shows it.
    const TEMPLATE: &'static str;

    fn render(&self) -> Result<Response, Error> {
        let html = ENVIRONMENT.get_template(Self::TEMPLATE)?.render(Serde(self))?;
        Ok(Html(html).into_response())
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // The default goes by the ending of a template's name, and an unknown one would not be escaped at all.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // A misspelt name is an error and not a blank.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters do not contradict each other"));
    for (name, source) in TEMPLATES {
        environment
            .add_template(name, source)
            .expect("templates are part of the program, and a test renders each");
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        assert_eq!(environment().templates().count(), TEMPLATES.len());
    }

    #[test]
    fn no_template_leaves_anything_unescaped() {
        for (name, source) in TEMPLATES {
            for forbidden in ["safe", "autoescape", "raw %", "{% raw", "|e}", "|escape"] {
                assert!(!source.contains(forbidden), "{name} contains `{forbidden}`");
            }
        }
    }

    #[test]
    fn no_template_holds_style_or_script() {
        for (name, source) in TEMPLATES {
            let tags = source.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or_default());
            for tag in tags {
                let is_ours = tag == r#"script src="{{ shell.script }}" defer"#;
                let is_other = tag.starts_with("script") && !is_ours;
                assert!(!is_other && !tag.starts_with("style"), "{name}: <{tag}>");
                let mut attributes = tag.split_whitespace().skip(1);
                let forbidden = attributes.find(|word| word.starts_with("style=") || word.starts_with("on"));
                assert_eq!(forbidden, None, "{name}: <{tag}>");
            }
        }
    }

    #[test]
    fn every_value_of_an_attribute_stands_in_quotes() {
        for (name, source) in TEMPLATES {
            for (at, _) in source.match_indices("={{") {
                let tag = &source[..at][source[..at].rfind('<').unwrap()..];
                assert_eq!(tag.matches('"').count() % 2, 1, "{name} has an attribute without quotes: {tag}");
            }
        }
    }

    #[test]
    fn every_template_of_the_folder_is_known() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")).unwrap();
        let found = folder
            .map(|entry| entry.unwrap().file_name())
            .filter(|found| !TEMPLATES.iter().any(|(name, _)| found.to_str() == Some(name)));
        assert_eq!(found.collect::<Vec<_>>(), Vec::<std::ffi::OsString>::new());
    }
}
