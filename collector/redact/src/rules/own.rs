//! What a user looks for: regular expressions and lists of words.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use regex_automata::meta::{Config, Regex};

use super::file::Error;
use crate::scan::Candidate;

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

impl Pattern {
    pub(super) fn compile(name: Arc<str>, regex: &str, line: usize) -> Result<Self, Error> {
        // A megabyte holds any pattern that a person writes, and stops `(\w{1000}){1000}`.
        let limits = Config::new().nfa_size_limit(Some(1 << 20)).hybrid_cache_capacity(1 << 20);
        let regex = Regex::builder().configure(limits).build(regex).map_err(|source| Error::Regex {
            line,
            name: name.to_string(),
            source: Box::new(source),
        })?;
        if regex.is_match("") {
            return Err(Error::Empty { line, name: name.to_string() });
        }
        Ok(Pattern { name, regex })
    }

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
    pub(super) fn compile(
        name: Arc<str>,
        words: &[String],
        case_sensitive: bool,
        line: usize,
    ) -> Result<Self, Error> {
        if words.iter().any(|word| word.trim().is_empty()) {
            return Err(Error::EmptyWord { line, name: name.to_string() });
        }
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(!case_sensitive)
            .match_kind(MatchKind::LeftmostLongest)
            .build(words)?;
        Ok(Words { name, words })
    }

    pub(super) fn find(&self, text: &str, rule: usize, out: &mut Vec<Candidate>) {
        let inside = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
        let whole = self.words.find_iter(text).map(|found| found.range()).filter(|place| {
            !inside(text[..place.start].chars().next_back()) && !inside(text[place.end..].chars().next())
        });
        out.extend(whole.map(|place| Candidate { place, rule, bare_number: None }));
    }
}
