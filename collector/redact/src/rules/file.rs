//! The rule file: what a user adds to the built-in rules, or puts in their place.

use crate::scan::Candidate;
use aho_corasick::{AhoCorasick, MatchKind};
use regex_automata::meta::{BuildError, Config, Regex};
use serde::Deserialize;
use std::sync::Arc;
use toml::Spanned;

/// Why a rule file was refused. Nothing of it is in force then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the rule file cannot be read")]
    Syntax(#[source] toml::de::Error),
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
}

pub(super) struct Rules {
    pub(super) builtin: bool,
    pub(super) patterns: Vec<Arc<Pattern>>,
    pub(super) words: Vec<Arc<Words>>,
}

#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) name: Arc<str>,
    regex: Regex,
}

#[derive(Debug)]
pub(super) struct Words {
    pub(super) name: Arc<str>,
    words: AhoCorasick,
}

/// Longer names are none, so that a mark is told from text by its first bytes.
pub(super) const LONGEST_NAME: usize = 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "on")]
    builtin: bool,
    #[serde(default, rename = "pattern")]
    patterns: Vec<PatternTable>,
    #[serde(default, rename = "word")]
    words: Vec<WordTable>,
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

fn on() -> bool {
    true
}

pub(super) fn read(toml: &str) -> Result<Rules, Error> {
    let file: File = toml::from_str(toml).map_err(Error::Syntax)?;
    let patterns =
        file.patterns.iter().map(|table| table.compile(toml).map(Arc::new)).collect::<Result<_, _>>()?;
    let words = file.words.iter().map(|table| table.compile(toml).map(Arc::new)).collect::<Result<_, _>>()?;
    Ok(Rules { builtin: file.builtin, patterns, words })
}

impl PatternTable {
    fn compile(&self, toml: &str) -> Result<Pattern, Error> {
        let name = name(&self.name, toml)?;
        let line = line_of(&self.regex, toml);
        // A megabyte holds any pattern that a person writes, and stops `(\w{1000}){1000}`.
        let limits = Config::new().nfa_size_limit(Some(1 << 20)).hybrid_cache_capacity(1 << 20);
        let regex = Regex::builder()
            .configure(limits)
            .build(self.regex.get_ref())
            .map_err(|source| Error::Regex { line, name: name.to_string(), source: Box::new(source) })?;
        if regex.is_match("") {
            return Err(Error::Empty { line, name: name.to_string() });
        }
        Ok(Pattern { name, regex })
    }
}

impl WordTable {
    fn compile(&self, toml: &str) -> Result<Words, Error> {
        let name = name(&self.name, toml)?;
        if self.words.get_ref().iter().any(|word| word.trim().is_empty()) {
            return Err(Error::EmptyWord { line: line_of(&self.words, toml), name: name.to_string() });
        }
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(!self.case_sensitive)
            .match_kind(MatchKind::LeftmostLongest)
            .build(self.words.get_ref())?;
        Ok(Words { name, words })
    }
}

fn name(name: &Spanned<String>, toml: &str) -> Result<Arc<str>, Error> {
    let written = name.get_ref();
    let letters =
        written.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let begins = written.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    if !letters || !begins || !(2..=LONGEST_NAME).contains(&written.len()) {
        return Err(Error::Name { line: line_of(name, toml), name: written.clone() });
    }
    Ok(Arc::from(written.as_str()))
}

fn line_of<T>(spanned: &Spanned<T>, toml: &str) -> usize {
    toml[..spanned.span().start].matches('\n').count() + 1
}

impl Pattern {
    pub(super) fn find(&self, text: &str, rule: usize, out: &mut Vec<Candidate>) {
        let found = self.regex.find_iter(text).map(|found| Candidate {
            place: found.range(),
            rule,
            bare_number: None,
        });
        out.extend(found);
    }
}

impl Words {
    pub(super) fn find(&self, text: &str, rule: usize, out: &mut Vec<Candidate>) {
        let inside = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
        let whole = self.words.find_iter(text).map(|found| found.range()).filter(|place| {
            !inside(text[..place.start].chars().next_back()) && !inside(text[place.end..].chars().next())
        });
        out.extend(whole.map(|place| Candidate { place, rule, bare_number: None }));
    }
}
