//! What stands for a kind on a page: a letter, a word and the class that colours it.

use serde::Serialize;
use treering_step::{Kind, Status};

/// The badge of a kind. Colour never stands alone: the letter says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Badge {
    /// The class, which is the word of the read API.
    pub(crate) class: &'static str,
    pub(crate) letter: &'static str,
    pub(crate) word: &'static str,
}

impl From<Kind> for Badge {
    fn from(kind: Kind) -> Self {
        let (letter, word) = match kind {
            Kind::Agent => ("A", "agent"),
            Kind::Workflow => ("W", "workflow"),
            Kind::Plan => ("P", "plan"),
            Kind::Llm => ("M", "model call"),
            Kind::Tool => ("T", "tool call"),
            Kind::Retrieval => ("R", "retrieval"),
            Kind::Embedding => ("E", "embedding"),
            Kind::Rerank => ("K", "reranking"),
            Kind::Memory => ("Y", "memory"),
            Kind::Guardrail => ("G", "guardrail"),
            Kind::Evaluation => ("V", "evaluation"),
            Kind::Span => ("S", "span"),
        };
        Self { class: kind.as_str(), letter, word }
    }
}

/// What a status adds to a row; that something went well needs no word.
pub(crate) fn status_word(status: Status) -> Option<&'static str> {
    match status {
        Status::Ok | Status::Unset => None,
        Status::Error => Some("failed"),
        Status::Running => Some("running"),
        Status::Interrupted => Some("interrupted"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_letter_of_its_own_and_a_colour_in_the_style_sheet() {
        let letters: HashSet<_> = Kind::ALL.iter().map(|kind| Badge::from(*kind).letter).collect();
        assert_eq!(letters.len(), Kind::ALL.len());
        let style = include_str!("../../static/treering.css");
        for kind in Kind::ALL {
            assert!(style.contains(&format!(".k-{}", kind.as_str())), "{} has no colour", kind.as_str());
        }
    }
}
