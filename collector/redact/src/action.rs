//! What happens to what was found.

/// From the mildest to the strictest: where several speak, the strictest has its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// It stays as it is.
    Keep,
    /// A mark that shows the last four letters or digits: `[REDACTED:CREDIT_CARD:*1111]`.
    LastFour,
    /// A mark with a name that equal values of a project share: `[REDACTED:EMAIL:qwertyuiopas]`.
    Pseudonym,
    /// A mark that says the type and nothing else: `[REDACTED:EMAIL]`.
    Mark,
    /// The attribute goes, its key as well.
    Drop,
    /// The payload of the whole step goes.
    Withhold,
}

impl Action {
    pub(crate) const WORDS: &[(&str, Action)] = &[
        ("keep", Action::Keep),
        ("last-four", Action::LastFour),
        ("pseudonym", Action::Pseudonym),
        ("mark", Action::Mark),
        ("drop", Action::Drop),
        ("withhold", Action::Withhold),
    ];

    /// Whether it tells more of a value than a mark does. A pseudonym does not: who has no key learns from it that two
    /// values are equal, and nothing of either.
    pub(crate) fn tells(self) -> bool {
        self < Action::Pseudonym
    }
}
