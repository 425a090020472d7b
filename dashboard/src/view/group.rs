//! Executions and steps by who or what they have in common, with the figures of each group.

use std::collections::HashMap;

use treering_step::{Execution, Kind, Status, Summary, Timestamp, TraceId};

use super::chart::{Chart, Parts, Series};
use super::{format, price};

/// What executions or steps have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Agent,
    User,
    Session,
    /// Steps, by the model that they ask.
    Model,
    /// Steps, by the tool that they call.
    Tool,
}

impl By {
    pub(crate) const ALL: [Self; 5] = [Self::Agent, Self::Model, Self::Tool, Self::User, Self::Session];

    /// The address of its page.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Agent => "/agents",
            Self::User => "/users",
            Self::Session => "/sessions",
            Self::Model => "/models",
            Self::Tool => "/tools",
        }
    }

    /// The heading of its page, and that of one group.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Agent => ("Agents", "Agent"),
            Self::User => ("Users", "User"),
            Self::Session => ("Sessions", "Session"),
            Self::Model => ("Models", "Model"),
            Self::Tool => ("Tools", "Tool"),
        }
    }

    /// True where single steps are counted, and not executions.
    pub(crate) fn is_of_steps(self) -> bool {
        matches!(self, Self::Model | Self::Tool)
    }

    /// What is counted.
    pub(crate) fn noun(self) -> &'static str {
        if self.is_of_steps() { "call" } else { "execution" }
    }
}

/// Something that is counted: an execution, or a step of one.
#[derive(Debug, Clone)]
pub(crate) struct One {
    pub(crate) trace_id: TraceId,
    pub(crate) at: Option<Timestamp>,
    took_ns: Option<u64>,
    failed: bool,
    tokens: u64,
    cost_usd: Option<f64>,
}

impl One {
    /// An execution, under the name of its group.
    pub(crate) fn of(execution: &Execution, by: By) -> Option<(String, Self)> {
        let name = match by {
            By::Agent => execution.agent.clone(),
            By::User => execution.user_id.clone(),
            By::Session => execution.session_id.clone(),
            By::Model | By::Tool => None,
        }?;
        let one = Self {
            trace_id: execution.trace_id,
            at: execution.started_at,
            // What still runs has no length yet.
            took_ns: Some(execution.duration_ns).filter(|_| execution.status != Status::Running),
            failed: execution.status == Status::Error,
            tokens: execution.tokens.input.saturating_add(execution.tokens.output),
            cost_usd: execution.cost_usd,
        };
        Some((name, one))
    }

    /// A step, under the name of its group. Agents repeat what their model calls said, and are left out.
    pub(crate) fn of_step(trace_id: TraceId, step: &Summary, by: By) -> Option<(String, Self)> {
        let kind = step.kind.unwrap_or_default();
        let name = match by {
            By::Model if matches!(kind, Kind::Llm | Kind::Embedding | Kind::Rerank) => step.model.clone(),
            By::Tool if kind == Kind::Tool => step.tool.clone().or_else(|| step.name.clone()),
            _ => None,
        }?;
        let tokens = step.tokens.input.unwrap_or(0).saturating_add(step.tokens.output.unwrap_or(0));
        let one = Self {
            trace_id,
            at: step.started_at,
            took_ns: step.duration_ns(),
            failed: step.status == Some(Status::Error),
            tokens,
            cost_usd: step.cost_usd,
        };
        Some((name, one))
    }
}

/// All that have something in common.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) all: Vec<One>,
}

/// The groups, the largest first.
pub(crate) fn groups(all: impl Iterator<Item = (String, One)>) -> Vec<(String, Group)> {
    let mut groups = HashMap::<String, Group>::new();
    for (name, one) in all {
        groups.entry(name).or_default().all.push(one);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(a, one), (b, other)| other.all.len().cmp(&one.all.len()).then_with(|| a.cmp(b)));
    groups
}

impl Group {
    pub(crate) fn failed(&self) -> usize {
        self.all.iter().filter(|one| one.failed).count()
    }

    /// The part that failed, in percent.
    pub(crate) fn error_rate(&self) -> String {
        let rate = 100.0 * format::ratio(self.failed() as u64, self.all.len() as u64);
        match self.failed() {
            0 => "0 %".to_owned(),
            _ if rate < 0.1 => "<0.1 %".to_owned(),
            _ => format!("{rate:.1} %"),
        }
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.all.iter().fold(0, |sum, one| sum.saturating_add(one.tokens))
    }

    /// The cost, and how many used tokens that nobody knows the price of.
    pub(crate) fn cost(&self) -> Option<String> {
        let known: Vec<_> = self.all.iter().filter_map(|one| one.cost_usd).collect();
        let sum = (!known.is_empty()).then(|| known.iter().sum());
        let unpriced = self.all.iter().filter(|one| one.cost_usd.is_none() && one.tokens > 0).count();
        price::sum(sum, unpriced as u64)
    }

    /// The length that this part of them in percent does not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Option<u64> {
        percentile(self.all.iter().filter_map(|one| one.took_ns).collect(), percent)
    }

    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.all.iter().filter_map(|one| one.at).max()
    }

    /// The time of all of them.
    pub(crate) fn parts(&self) -> Option<Parts> {
        Parts::of(self.all.iter().filter_map(|one| one.at))
    }

    /// How many there were, and how many of them failed.
    pub(crate) fn counts(&self, parts: Parts, label: &'static str) -> Option<Chart> {
        let mut series = Series::default();
        for (one, at) in self.all.iter().filter_map(|one| Some((one, one.at?))) {
            series.add(parts.place(at), 1.0, f64::from(u8::from(one.failed)));
        }
        series.drawn(label, |most| format!("{most:.0}"))
    }

    /// Figures over time.
    pub(crate) fn charts(&self, parts: Parts, noun: By) -> Vec<Chart> {
        let label =
            if noun.is_of_steps() { "Calls, failed ones in red" } else { "Executions, failed ones in red" };
        let (mut tokens, mut cost, mut slow) = (Series::default(), Series::default(), Series::default());
        let mut lengths = HashMap::<usize, Vec<u64>>::new();
        for (one, at) in self.all.iter().filter_map(|one| Some((one, one.at?))) {
            let place = parts.place(at);
            tokens.add(place, amount(one.tokens), 0.0);
            cost.add(place, one.cost_usd.unwrap_or(0.0), 0.0);
            lengths.entry(place).or_default().extend(one.took_ns);
        }
        for (place, lengths) in lengths {
            slow.set(place, amount(percentile(lengths, 95).unwrap_or(0)));
        }
        [
            self.counts(parts, label),
            slow.drawn("Took, 95th percentile", |most| format::duration(whole(most))),
            tokens.drawn("Tokens", |most| format::count(whole(most))),
            cost.drawn("Cost", format::dollars),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn percentile(mut lengths: Vec<u64>, percent: usize) -> Option<u64> {
    lengths.sort_unstable();
    let at = (lengths.len() * percent).div_ceil(100).saturating_sub(1);
    lengths.get(at).copied()
}

#[expect(clippy::cast_precision_loss, reason = "for eyes")]
fn amount(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a whole number before")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(took_ns: u64, failed: bool, cost_usd: Option<f64>) -> One {
        let trace_id = TraceId::from_bytes(&[1; 16]).unwrap();
        One {
            trace_id,
            at: Timestamp::from_nanos(took_ns),
            took_ns: Some(took_ns),
            failed,
            tokens: 10,
            cost_usd,
        }
    }

    #[test]
    fn a_group_says_what_its_members_took_and_cost() {
        let group = Group { all: (1..=100).map(|n| one(n, n > 98, (n > 1).then_some(0.01))).collect() };
        assert_eq!((group.percentile(50), group.percentile(95)), (Some(50), Some(95)));
        assert_eq!((group.failed(), group.error_rate().as_str()), (2, "2.0 %"));
        assert_eq!((group.tokens(), group.cost().unwrap().as_str()), (1_000, "$0.9900 + 1 unpriced"));
        assert_eq!(group.charts(group.parts().unwrap(), By::Agent).len(), 4);
        assert_eq!(Group::default().percentile(50), None);
    }

    #[test]
    fn the_largest_group_stands_first_and_equal_ones_by_name() {
        let named = |name: &str| (name.to_owned(), one(1, false, None));
        let found = groups(["b", "c", "a", "c"].map(named).into_iter());
        let names: Vec<_> = found.iter().map(|(name, group)| (name.as_str(), group.all.len())).collect();
        assert_eq!(names, [("c", 2), ("a", 1), ("b", 1)]);
    }
}
