//! Tokens and cost of a step and everything below it.

use std::collections::HashSet;

use treering_read::{Bone, Placed};

use super::{format, price};

/// By the leaf-most reports: an agent repeats what its model calls said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) tokens: u64,
    cost: Option<f64>,
    /// Steps whose tokens have no price.
    unpriced: u64,
}

impl Sum {
    /// Those of all rows.
    pub(crate) fn all(bones: &[Bone], placed: &[Placed]) -> Vec<Self> {
        let mut sums = vec![Self::default(); placed.len()];
        let seen_before = repeated_answers(bones, placed);
        // Sums of the rows below, by depth, until their parent takes them.
        let mut below: Vec<Self> = Vec::new();
        for (at, placed) in placed.iter().enumerate().rev() {
            let depth = placed.depth as usize;
            let children = below.drain(below.len().min(depth + 1)..).reduce(Self::plus).unwrap_or_default();
            let own = if seen_before[at] { Self::default() } else { Self::of(&bones[placed.index]) };
            sums[at] = children.or(own);
            below.resize(below.len().max(depth + 1), Self::default());
            below[depth] = below[depth].plus(sums[at]);
        }
        sums
    }

    fn of(step: &Bone) -> Self {
        let tokens = step.tokens.input.unwrap_or(0).saturating_add(step.tokens.output.unwrap_or(0));
        let is_unpriced = step.cost_usd.is_none() && price::used(&step.tokens);
        Self { tokens, cost: step.cost_usd, unpriced: is_unpriced.into() }
    }

    /// How many steps of all the roots used tokens that have no price, of those whose tokens count.
    pub(crate) fn unpriced(sums: &[Self], placed: &[Placed]) -> u64 {
        let roots = sums.iter().zip(placed).filter(|(_, placed)| placed.depth == 0);
        roots.map(|(sum, _)| sum.unpriced).sum()
    }

    /// The cost as a row has room for it: a sum in which something is missing ends with a plus.
    pub(crate) fn shown(self) -> Option<String> {
        match self.cost {
            Some(cost) if self.unpriced > 0 => Some(format!("{}+", format::dollars(cost))),
            cost => price::sum(cost, self.unpriced),
        }
    }

    fn plus(self, other: Self) -> Self {
        let cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        let tokens = self.tokens.saturating_add(other.tokens);
        Self { tokens, cost, unpriced: self.unpriced + other.unpriced }
    }

    fn or(self, other: Self) -> Self {
        let (tokens, unpriced) =
            if self.tokens > 0 { (self.tokens, self.unpriced) } else { (other.tokens, other.unpriced) };
        // Whose children have no price at all may know the price of them together, and the other way round.
        let is_known = match self.cost {
            Some(_) => self.tokens == 0,
            None => other.cost.is_some(),
        };
        Self { tokens, cost: self.cost.or(other.cost), unpriced: if is_known { 0 } else { unpriced } }
    }
}

/// Rows whose answer of a provider was told by an earlier row already, as two instrumentations of one call do.
fn repeated_answers(bones: &[Bone], placed: &[Placed]) -> Vec<bool> {
    let mut seen = HashSet::new();
    let answer = |placed: &Placed| bones[placed.index].answer;
    placed.iter().map(|placed| answer(placed).is_some_and(|id| !seen.insert(id))).collect()
}

#[cfg(test)]
mod tests {
    use treering_read::{Bones, Prices};
    use treering_step::{Source, SpanId, Summary, Usage};

    use super::*;

    fn step(id: u64, parent: u64, tokens: Option<u64>) -> Summary {
        let span = |id: u64| SpanId::from_bytes(&id.to_be_bytes());
        Summary {
            parent_span_id: span(parent),
            tokens: Usage { input: tokens, ..Usage::default() },
            cost_usd: tokens.map(|tokens| tokens as f64),
            ..Summary::new(span(id).unwrap(), Source::Span)
        }
    }

    /// The sums of the rows, and how many steps have no price.
    fn drawn(steps: Vec<Summary>) -> (Vec<Sum>, u64) {
        let (mut bones, prices) = (Bones::default(), Prices::default());
        steps.into_iter().for_each(|step| bones.add(vec![step], &prices));
        let skeleton = bones.joined();
        let placed = skeleton.tree();
        let sums = Sum::all(skeleton.bones(), &placed);
        let unpriced = Sum::unpriced(&sums, &placed);
        (sums, unpriced)
    }

    fn tokens(sums: &[Sum]) -> Vec<u64> {
        sums.iter().map(|sum| sum.tokens).collect()
    }

    #[test]
    fn a_parent_sums_what_its_leaf_most_steps_report() {
        let steps = vec![step(1, 0, Some(999)), step(2, 1, Some(30)), step(3, 1, None), step(4, 3, Some(12))];
        let (sums, _) = drawn(steps);
        assert_eq!(tokens(&sums), [42, 30, 12, 12]);
        assert_eq!(sums[0].cost, Some(42.0));
    }

    #[test]
    fn a_step_without_reports_below_it_speaks_for_itself() {
        assert_eq!(tokens(&drawn(vec![step(1, 0, Some(7)), step(2, 1, None)]).0), [7, 0]);
    }

    #[test]
    fn one_answer_that_two_spans_tell_of_counts_once() {
        let twice = |id| Summary { response_id: Some("answer-1".to_owned()), ..step(id, 1, Some(10)) };
        assert_eq!(tokens(&drawn(vec![step(1, 0, None), twice(2), twice(3)]).0), [10, 10, 0]);
    }

    #[test]
    fn steps_without_a_price_are_counted_once_where_their_tokens_are() {
        let unpriced = |id, parent| Summary { cost_usd: None, ..step(id, parent, Some(5)) };
        // The agent repeats the tokens of its calls, one of which has no price.
        let (sums, missing) =
            drawn(vec![unpriced(1, 0), step(2, 1, Some(3)), unpriced(3, 1), step(4, 1, None)]);
        assert_eq!(missing, 1);
        let shown: Vec<_> = sums.into_iter().map(Sum::shown).collect();
        let shown: Vec<_> = shown.iter().map(Option::as_deref).collect();
        assert_eq!(shown, [Some("$3.00+"), Some("$3.00"), Some("unpriced"), None]);
        // An agent that knows what its calls cost together.
        assert_eq!(drawn(vec![step(1, 0, Some(9)), unpriced(2, 1), unpriced(3, 1)]).1, 0);
        // A call whose price came below it, on a step without tokens.
        let priced = Summary { cost_usd: Some(0.5), ..step(2, 1, None) };
        assert_eq!(drawn(vec![unpriced(1, 0), priced]).1, 0);
        assert_eq!(drawn(vec![step(1, 0, None)]).1, 0);
    }
}
