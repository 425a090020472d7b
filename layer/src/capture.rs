/// How much of what agents say is captured; see [`Settings::capture`](crate::Settings::capture).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Capture {
    /// No step at all: the layer is off.
    Nothing,
    /// What happened and what it cost, and no word of it: kinds, names of steps, agents, models and tools, times, tokens,
    /// sessions, and the classes of errors; no messages, arguments, results, reasons, users or texts of errors.
    Structure,
    /// Everything, after the rules of redaction that the collector has (feature `redact`), with those of
    /// [`Settings::rules`](crate::Settings::rules) beside them: nothing that they find leaves the process.
    #[cfg(feature = "redact")]
    Redacted,
    /// Everything; the collector redacts.
    #[default]
    All,
}

impl Capture {
    /// What a variable of the environment says.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "nothing" => Some(Self::Nothing),
            "structure" => Some(Self::Structure),
            #[cfg(feature = "redact")]
            "redacted" => Some(Self::Redacted),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}
