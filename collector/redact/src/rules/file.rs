//! The rule file: what a user adds to the built-in rules, puts in their place, or has done with what they find.

use std::sync::Arc;

use regex_automata::meta::BuildError;
use serde::Deserialize;
use toml::Spanned;

use super::layer::Layer;
use super::own::{Pattern, Words};
use crate::action::Action;
use crate::place::{self, globs};

/// Why a rule file was refused. Nothing of it is in force then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The line itself may hold a secret, and is not told.
    #[error("line {line}: {fault}")]
    Syntax { line: usize, fault: String },
    #[error(
        "line {line}: `{name}` is no name for a rule; use 2 to 40 capitals, digits and underscores, such as `TICKET`"
    )]
    Name { line: usize, name: String },
    #[error("line {line}: the regular expression of `{name}` does not compile")]
    Regex { line: usize, name: String, source: Box<BuildError> },
    #[error(
        "line {line}: the regular expression of `{name}` matches an empty text; make it require something"
    )]
    Empty { line: usize, name: String },
    #[error("line {line}: `{name}` has an empty word; remove it")]
    EmptyWord { line: usize, name: String },
    #[error("the word lists are too long to compile")]
    Words(#[from] aho_corasick::BuildError),
    #[error("line {line}: `{word}` is no {what}; there are {known}")]
    Unknown { line: usize, word: String, what: &'static str, known: String },
    #[error("line {line}: `{glob}` is no name of an attribute, nor one with `*` in the place of letters")]
    Glob { line: usize, glob: String },
    #[error("line {line}: {fault}")]
    Rule { line: usize, fault: &'static str },
}

/// What a file says.
pub(super) struct Rules {
    pub(super) builtin: bool,
    pub(super) patterns: Vec<Arc<Pattern>>,
    pub(super) words: Vec<Arc<Words>>,
    pub(super) layer: Layer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "on")]
    builtin: bool,
    #[serde(default, rename = "pattern")]
    patterns: Vec<PatternTable>,
    #[serde(default, rename = "word")]
    words: Vec<WordTable>,
    #[serde(default, rename = "rule")]
    rules: Vec<Spanned<RuleTable>>,
    only: Option<OnlyTable>,
    #[serde(default)]
    projects: ProjectsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternTable {
    name: Spanned<String>,
    regex: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordTable {
    name: Spanned<String>,
    words: Spanned<Vec<String>>,
    #[serde(default)]
    case_sensitive: bool,
}

/// What happens where, to what was found or to a whole value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    pub(super) name: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) find: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) attributes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) fields: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) kinds: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) roles: Vec<Spanned<String>>,
    pub(super) action: Spanned<String>,
}

/// What a step keeps: attributes with other names go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnlyTable {
    attributes: Vec<Spanned<String>>,
}

/// What projects may decide for themselves.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectsTable {
    #[serde(default)]
    may_show: Vec<Spanned<String>>,
}

fn on() -> bool {
    true
}

pub(super) fn read(toml: &str, builtin: impl Iterator<Item = &'static str>) -> Result<Rules, Error> {
    let file: File = toml::from_str(toml).map_err(|error| syntax(toml, &error))?;
    let patterns: Vec<_> = file.patterns.iter().map(|table| table.compile(toml)).collect::<Result<_, _>>()?;
    let words: Vec<_> = file.words.iter().map(|table| table.compile(toml)).collect::<Result<_, _>>()?;
    let own = patterns.iter().map(|own| &own.name).chain(words.iter().map(|own| &own.name)).cloned();
    let types = Types { known: own.chain(builtin.map(Arc::from)).collect(), toml };
    let layer = file.layer(&types)?;
    Ok(Rules { builtin: file.builtin, patterns, words, layer })
}

fn syntax(toml: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| toml.get(..span.start)).unwrap_or_default();
    let fault = error.message().lines().next().unwrap_or_default().to_owned();
    Error::Syntax { line: before.matches('\n').count() + 1, fault }
}

impl File {
    fn layer(&self, types: &Types<'_>) -> Result<Layer, Error> {
        let mut layer = Layer::default();
        for rule in &self.rules {
            layer.add(rule.get_ref(), line_of(rule, types.toml), types)?;
        }
        layer.only = self.only.as_ref().map(|only| set(&only.attributes, types.toml)).transpose()?;
        layer.may_show = types.all(&self.projects.may_show)?;
        if self.builtin {
            layer.add_builtin();
        }
        Ok(layer)
    }
}

impl PatternTable {
    fn compile(&self, toml: &str) -> Result<Arc<Pattern>, Error> {
        let name = name(&self.name, toml)?;
        Pattern::compile(name, self.regex.get_ref(), line_of(&self.regex, toml)).map(Arc::new)
    }
}

impl WordTable {
    fn compile(&self, toml: &str) -> Result<Arc<Words>, Error> {
        let name = name(&self.name, toml)?;
        let line = line_of(&self.words, toml);
        Words::compile(name, self.words.get_ref(), self.case_sensitive, line).map(Arc::new)
    }
}

/// The types of findings that a rule may name.
pub(super) struct Types<'a> {
    known: Vec<Arc<str>>,
    pub(super) toml: &'a str,
}

impl Types<'_> {
    pub(super) fn all(&self, written: &[Spanned<String>]) -> Result<Vec<Arc<str>>, Error> {
        written.iter().map(|word| self.one(word)).collect()
    }

    fn one(&self, written: &Spanned<String>) -> Result<Arc<str>, Error> {
        let word = written.get_ref().as_str();
        if word == ANY || self.known.iter().any(|known| **known == *word) {
            return Ok(word.into());
        }
        let known = "those that `treering redact --types` lists, and those of this file".to_owned();
        Err(Error::Unknown {
            line: line_of(written, self.toml),
            word: word.into(),
            what: "type of finding",
            known,
        })
    }
}

/// Every type of finding.
pub(super) const ANY: &str = "*";

/// One of a closed set of words.
pub(super) fn word<T: Copy>(
    written: &Spanned<String>,
    toml: &str,
    what: &'static str,
    words: &[(&'static str, T)],
) -> Result<T, Error> {
    let found = words.iter().find(|(word, _)| word == written.get_ref()).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let known = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        Error::Unknown { line: line_of(written, toml), word: written.get_ref().clone(), what, known }
    })
}

pub(super) fn action(written: &Spanned<String>, toml: &str) -> Result<Action, Error> {
    word(written, toml, "action", Action::WORDS)
}

/// The attributes that go by these names, or under which dialects have these fields.
pub(super) fn set(names: &[Spanned<String>], toml: &str) -> Result<globset::GlobSet, Error> {
    for name in names {
        globs([name.get_ref().as_str()])
            .map_err(|_| Error::Glob { line: line_of(name, toml), glob: name.get_ref().clone() })?;
    }
    let line = names.first().map_or(1, |name| line_of(name, toml));
    globs(names.iter().map(|name| name.get_ref().as_str())).map_err(|_| Error::Rule {
        line,
        fault: "there are too many names of attributes; use `*` in the place of what they have in common",
    })
}

pub(super) fn fields(written: &[Spanned<String>], toml: &str) -> Result<Vec<&'static str>, Error> {
    let words: Vec<_> = place::FIELDS.iter().map(|field| (field.word, field.attributes)).collect();
    let lists = written.iter().map(|field| word(field, toml, "field", &words));
    Ok(lists.collect::<Result<Vec<_>, _>>()?.concat())
}

pub(super) fn name(name: &Spanned<String>, toml: &str) -> Result<Arc<str>, Error> {
    let written = name.get_ref();
    let letters =
        written.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let begins = written.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    if !letters || !begins || !(2..=LONGEST_NAME).contains(&written.len()) {
        return Err(Error::Name { line: line_of(name, toml), name: written.clone() });
    }
    Ok(Arc::from(written.as_str()))
}

/// Longer names are none, so that a mark is told from text by its first bytes.
pub(super) const LONGEST_NAME: usize = 40;

pub(super) fn line_of<T>(spanned: &Spanned<T>, toml: &str) -> usize {
    toml[..spanned.span().start].matches('\n').count() + 1
}
