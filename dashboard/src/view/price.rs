//! What a step cost, and who says so. A step that used tokens and has no price is said to be unpriced: neither 0
//! nor a blank would be true.

use serde::Serialize;
use treering_read::{BillLine, Prices};
use treering_step::{Step, Usage};

use super::format;
use super::reading::Reading;
use super::text::Text;

/// The word for tokens that nobody knows the price of.
pub(crate) const UNPRICED: &str = "unpriced";

/// The cost of a step in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Price {
    pub(crate) cost: String,
    /// Where the number is from, or why there is none.
    pub(crate) source: String,
}

impl Price {
    /// Nothing where no cost is known and no token was used.
    pub(crate) fn of(step: &Step, reading: Option<&Reading>, prices: &Prices) -> Option<Self> {
        let model = step.model.as_deref();
        let table = prices.source(model.unwrap_or_default());
        match (step.cost_usd, model) {
            (Some(usd), _) => {
                let told = reading.and_then(Reading::cost_told_by);
                let list_price = || format!("list price of {table}");
                let source = told.map_or_else(list_price, |dialect| format!("told by {dialect}"));
                Some(Self { cost: format::dollars(usd), source })
            }
            (None, _) if !used(&step.tokens) => None,
            (None, Some(model)) => Some(Self::none(format!("{table} has none for this use of {model}"))),
            (None, None) => Some(Self::none("no model is named".to_owned())),
        }
    }

    fn none(source: String) -> Self {
        Self { cost: UNPRICED.to_owned(), source }
    }
}

/// What a step cost by class of tokens, at the list price of its model.
#[derive(Debug, Serialize)]
pub(crate) struct Bill {
    lines: Vec<Line>,
    total: String,
    /// The row of the table, and which table that is, with its day.
    row: Text,
    from: Option<String>,
    table: &'static str,
}

#[derive(Debug, Serialize)]
struct Line {
    class: &'static str,
    tokens: String,
    per_million: String,
    cost: String,
}

impl Bill {
    /// Nothing where there is no price.
    pub(crate) fn of(step: &Step, prices: &Prices) -> Option<Self> {
        let model = step.model.as_deref()?;
        let bill = prices.bill(model, &step.tokens)?;
        let line = |line: &BillLine| Line {
            class: line.class,
            tokens: format::count(line.tokens),
            per_million: format::dollars(line.per_million),
            cost: format::dollars(line.usd),
        };
        Some(Self {
            total: format::dollars(bill.lines.iter().map(|line| line.usd).sum()),
            lines: bill.lines.iter().map(line).collect(),
            row: Text::line(&bill.row, 120),
            from: (bill.from_input_tokens > 0).then(|| format::count(bill.from_input_tokens)),
            table: prices.source(model),
        })
    }
}

/// True where tokens were used.
pub(crate) fn used(tokens: &Usage) -> bool {
    tokens.input.unwrap_or(0) > 0 || tokens.output.unwrap_or(0) > 0
}

/// A sum of costs in which those of some steps are missing.
pub(crate) fn sum(cost: Option<f64>, unpriced: u64) -> Option<String> {
    match (cost.map(format::dollars), unpriced) {
        (cost, 0) => cost,
        (Some(cost), missing) => Some(format!("{cost} + {} {UNPRICED}", format::count(missing))),
        (None, _) => Some(UNPRICED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_says_what_is_missing_in_it() {
        assert_eq!(sum(Some(0.12), 0).as_deref(), Some("$0.1200"));
        assert_eq!(sum(Some(0.12), 3).as_deref(), Some("$0.1200 + 3 unpriced"));
        assert_eq!(sum(None, 3).as_deref(), Some("unpriced"));
        assert_eq!(sum(None, 0), None);
    }

    #[test]
    fn a_step_says_where_its_price_is_from_or_why_there_is_none() {
        let step = |model: Option<&str>, cost_usd, tokens: u64| Step {
            model: model.map(str::to_owned),
            cost_usd,
            tokens: Usage { input: Some(tokens), ..Usage::default() },
            ..Step::new("00f067aa0ba902b7".parse().unwrap())
        };
        let prices = Prices::with("oak-1,0,1,2,,").unwrap();
        let said = |step: &Step| Price::of(step, None, &prices).map(|price| (price.cost, price.source));
        let both = |cost: &str, source: &str| Some((cost.to_owned(), source.to_owned()));
        assert_eq!(said(&step(Some("oak-1"), Some(0.5), 5)), both("$0.5000", "list price of your own table"));
        let table = prices.source("elm-2");
        let unknown = format!("{table} has none for this use of elm-2");
        assert_eq!(said(&step(Some("elm-2"), None, 5)), both("unpriced", &unknown));
        assert_eq!(said(&step(None, None, 5)), both("unpriced", "no model is named"));
        assert_eq!(said(&step(Some("elm-2"), None, 0)), None, "nothing was used");
        assert_eq!(said(&step(Some("elm-2"), Some(0.0), 0)).unwrap().0, "$0");
    }
}
