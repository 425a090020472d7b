//! What would change, by type.

use std::collections::BTreeMap;
use std::io::{self, Write};

/// Places that are taken now, and places that would be.
#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<String, (u64, u64)>);

impl Table {
    pub(super) fn now(&mut self, rule: &str, places: u64) {
        self.0.entry(rule.to_owned()).or_default().0 += places;
    }

    pub(super) fn then(&mut self, rule: &str, places: u64) {
        self.0.entry(rule.to_owned()).or_default().1 += places;
    }

    pub(super) fn changes(&self) -> bool {
        self.0.values().any(|(now, then)| now != then)
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:<24}  {:>10}  {:>10}  {:>10}", "type", "now", "then", "change")?;
        for (rule, (now, then)) in &self.0 {
            let change = i128::from(*then) - i128::from(*now);
            writeln!(out, "{rule:<24}  {now:>10}  {then:>10}  {change:>+10}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_would_change() {
        let mut table = Table::default();
        table.now("EMAIL", 3);
        table.then("EMAIL", 3);
        assert!(!table.changes());
        table.then("TICKET", 12);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
