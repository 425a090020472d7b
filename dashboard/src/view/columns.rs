//! The columns of a list of executions: which of them an address asks for.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::filter::Filter;
use crate::error::Error;

/// A column behind the name, which is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Agent,
    Model,
    Session,
    User,
    Started,
    Took,
    Steps,
    Tokens,
    Cost,
    Errors,
    Redacted,
    Bar,
}

impl Column {
    /// All of them, in the order in which they stand.
    const ALL: [Self; 12] = [
        Self::Agent,
        Self::Model,
        Self::Session,
        Self::User,
        Self::Started,
        Self::Took,
        Self::Steps,
        Self::Tokens,
        Self::Cost,
        Self::Errors,
        Self::Redacted,
        Self::Bar,
    ];

    /// Those of an address that asks for none.
    const USUAL: [Self; 8] = [
        Self::Started,
        Self::Took,
        Self::Steps,
        Self::Tokens,
        Self::Cost,
        Self::Errors,
        Self::Redacted,
        Self::Bar,
    ];

    /// Its name in addresses, and its heading.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Agent => ("agent", "Agent"),
            Self::Model => ("model", "Models"),
            Self::Session => ("session", "Session"),
            Self::User => ("user", "User"),
            Self::Started => ("started", "Started, UTC"),
            Self::Took => ("took", "Took"),
            Self::Steps => ("steps", "Steps"),
            Self::Tokens => ("tokens", "Tokens"),
            Self::Cost => ("cost", "Cost"),
            Self::Errors => ("errors", "Errors"),
            Self::Redacted => ("redacted", "Redacted"),
            Self::Bar => ("bar", "Against the slowest"),
        }
    }
}

/// The columns of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns(BTreeSet<Column>);

impl Columns {
    /// Those that an address asks for, by their names with commas between.
    pub(crate) fn of(asked: Option<&str>) -> Result<Self, Error> {
        let Some(asked) = asked else { return Ok(Self(Column::USUAL.into())) };
        let named = |name: &str| Column::ALL.into_iter().find(|column| column.words().0 == name);
        let columns = asked.split(',').filter(|name| !name.is_empty() && *name != "none");
        let columns: Option<_> = columns.map(named).collect();
        columns.map(Self).ok_or(Error::Query(
            "`cols` is some of agent, model, session, user, started, took, steps, tokens, cost, errors, \
             redacted, bar, with commas between, or none",
        ))
    }

    /// Each column, whether it is shown, and the address at which that is the other way round.
    pub(crate) fn choices(&self, filter: &Filter, path: &str) -> Vec<Choice> {
        let choice = |column: Column| {
            let mut others = self.0.clone();
            let shown = others.remove(&column);
            if !shown {
                others.insert(column);
            }
            let filter = Filter { cols: Self(others).in_url(), ..filter.clone() };
            Choice { label: column.words().1, shown, url: filter.url_on(path, None) }
        };
        Column::ALL.map(choice).into()
    }

    fn in_url(&self) -> Option<String> {
        let names: Vec<_> = self.0.iter().map(|column| column.words().0).collect();
        match self.0.iter().copied().eq(Column::USUAL) {
            true => None,
            false if names.is_empty() => Some("none".to_owned()),
            false => Some(names.join(",")),
        }
    }
}

/// Templates ask for a column by its name.
impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Column::ALL.map(|column| (column.words().0, self.0.contains(&column))))
    }
}

/// A column to be shown or left out.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    label: &'static str,
    shown: bool,
    url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_an_address_or_refused() {
        assert_eq!(Columns::of(None).unwrap().0.len(), 8);
        assert_eq!(Columns::of(Some("took,agent")).unwrap().0, [Column::Agent, Column::Took].into());
        assert!(Columns::of(Some("none")).unwrap().0.is_empty());
        assert!(matches!(Columns::of(Some("took,colour")), Err(Error::Query(_))));
    }

    #[test]
    fn a_choice_leads_to_the_same_list_with_that_column_turned() {
        let filter = Filter { q: Some("x".to_owned()), ..Filter::default() };
        let usual = Columns::of(None).unwrap();
        let choices = usual.choices(&filter, "/");
        let agent = &choices[0];
        assert!(
            !agent.shown
                && agent.url.ends_with(
                    "cols=agent%2Cstarted%2Ctook%2Csteps%2Ctokens%2Ccost%2Cerrors%2Credacted%2Cbar"
                )
        );
        let one = Columns::of(Some("took")).unwrap();
        assert!(one.choices(&filter, "/")[5].url.ends_with("cols=none"));
        assert_eq!(usual.in_url(), None, "what is usual need not be said");
    }
}
