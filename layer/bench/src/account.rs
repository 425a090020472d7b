use std::fmt;
use std::str::FromStr;

use treering_layer::Stats;

use crate::Failure;

/// What became of the spans, as far as the contender says; no peer says more than what its exporter was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    pub sent: Option<u64>,
    pub dropped: Option<u64>,
    pub failed: Option<u64>,
    pub queued: Option<u64>,
    pub spilled: Option<u64>,
}

impl Account {
    pub(crate) fn of(stats: &Stats) -> Self {
        Self {
            sent: Some(stats.sent),
            dropped: Some(stats.dropped),
            failed: Some(stats.failed),
            queued: Some(stats.queued),
            spilled: Some(stats.spilled),
        }
    }

    fn parts(&self) -> [Option<u64>; 5] {
        [self.sent, self.dropped, self.failed, self.queued, self.spilled]
    }

    /// All that is accounted for.
    pub fn sum(&self) -> u64 {
        self.parts().into_iter().flatten().sum()
    }
}

/// Its parts in their order, with a dash for what is not said.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.parts().map(|part| part.map_or_else(|| "–".to_owned(), |count| count.to_string()));
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Account {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let count = |word: &str| if word == "–" { Ok(None) } else { word.parse().map(Some) };
        let counts = text.split(' ').map(count).collect::<Result<Vec<_>, _>>()?;
        let &[sent, dropped, failed, queued, spilled] = counts.as_slice() else {
            return Err(format!("{text:?} is no account").into());
        };
        Ok(Self { sent, dropped, failed, queued, spilled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_arrives_as_it_was_sent() {
        let account = Account { sent: Some(1), queued: Some(2), ..Account::default() };
        assert_eq!(account.to_string(), "1 – – 2 –");
        assert_eq!("1 – – 2 –".parse::<Account>().expect("an account"), account);
        assert_eq!(account.sum(), 3);
    }
}
