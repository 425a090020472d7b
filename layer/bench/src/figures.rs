use crate::{Contender, Round};

/// All rounds of one contender.
#[derive(Debug, Clone)]
pub struct Figures {
    pub contender: Contender,
    pub rounds: Vec<Round>,
}

impl Figures {
    fn sorted(&self, figure: impl Fn(&Round) -> f64) -> Vec<f64> {
        let mut figures: Vec<f64> = self.rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures
    }

    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        quantile(&self.sorted(figure), 1, 2)
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> (f64, f64, f64) {
        let sorted = self.sorted(figure);
        (quantile(&sorted, 1, 2), quantile(&sorted, 1, 10), quantile(&sorted, 9, 10))
    }

    /// The median of the ratios of rounds that ran one after the other, so that a machine which slows down for a while
    /// slows both.
    fn ratio(&self, other: &Self, figure: impl Fn(&Round) -> f64) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let mut ratios: Vec<f64> = pairs.map(|(one, other)| figure(one) / figure(other)).collect();
        ratios.sort_by(f64::total_cmp);
        quantile(&ratios, 1, 2)
    }

    fn row(&self, other: &Self) -> String {
        let (median, low, high) = self.spread(Round::agent_nanos);
        format!(
            "| {} | {median:.0} | {low:.0}–{high:.0} | {:.2} | {:.1} | {:.0} | {:.0} |",
            self.contender.name(),
            self.ratio(other, Round::agent_nanos),
            self.median(Round::allocations),
            self.median(Round::bytes),
            self.median(Round::export_nanos),
        )
    }

    fn export_row(&self, other: &Self) -> String {
        let (median, low, high) = self.spread(Round::export_seconds_a_million);
        format!(
            "| {} | {median:.2} | {low:.2}–{high:.2} | {:.2} | {:.2} | {:.2} |",
            self.contender.name(),
            self.ratio(other, Round::export_seconds_a_million),
            self.median(Round::seconds_a_million),
            self.ratio(other, Round::seconds_a_million),
        )
    }
}

fn quantile(sorted: &[f64], part: usize, of: usize) -> f64 {
    sorted.get(sorted.len() * part / of).copied().unwrap_or(f64::NAN)
}

/// A table in Markdown of what a step costs: medians, the spread from the tenth to the ninetieth of a hundred rounds, and
/// the ratio to `other`.
pub fn table(all: &[Figures], other: &Figures) -> String {
    let mut text = String::from(
        "| a step | agent's thread, ns | 10th–90th | ratio | allocations | bytes | other threads, ns |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    all.iter().for_each(|figures| text.extend([figures.row(other).as_str(), "\n"]));
    text
}

/// A table in Markdown of what it costs to encode and to send: seconds of CPU time for a million spans, on all threads but
/// the agent's; each pair with the ratio to the second of it.
pub fn export_table(pairs: &[[Figures; 2]]) -> String {
    let mut text = String::from(
        "| a million spans sent | other threads, s | 10th–90th | ratio | all threads, s | ratio |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for [ours, other] in pairs {
        text.extend([ours.export_row(other).as_str(), "\n", other.export_row(other).as_str(), "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::step::STEPS;

    #[test]
    fn a_row_has_medians_a_step_and_the_ratio_of_pairs() {
        let rounds = |nanos: [u64; 3]| {
            let agent = |nanos| Round {
                executions: 1,
                agent: Duration::from_nanos(nanos * STEPS),
                ..Round::default()
            };
            nanos.map(agent).to_vec()
        };
        let slow = Figures { contender: Contender::OpenTelemetry, rounds: rounds([100, 800, 400]) };
        let fast = Figures { contender: Contender::Alone, rounds: rounds([25, 200, 100]) };
        assert_eq!(fast.row(&slow), "| treering, alone | 100 | 25–200 | 0.25 | 0.0 | 0 | 0 |");
    }
}
