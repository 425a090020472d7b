//! Where the bars of an execution stand, whatever its clocks say.

use serde::Serialize;
use treering_read::Period;
use treering_step::{Status, Summary, Timestamp};

use super::format;

/// The narrowest bar that can still be seen and pointed at, in percent.
const NARROWEST: f64 = 0.35;
/// The same for a bar without an end, which is told by its outline.
const NARROWEST_OPEN: f64 = 1.5;

/// The stretch of time that a waterfall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    period: Period,
    length_ns: u64,
}

/// A bar: its beginning and its length in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bar {
    x: String,
    width: String,
}

/// A line of the scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tick {
    x: String,
    label: String,
    /// True where its label would reach beyond the end.
    last: bool,
}

impl Scale {
    /// The scale of an execution of this time.
    pub(crate) fn of(period: Period) -> Self {
        Self { period, length_ns: period.end.nanos_since(period.begin) }
    }

    /// The bar of a step; `None` where its clock cannot be believed, or says nothing.
    pub(crate) fn bar(&self, step: &Summary) -> Option<Bar> {
        let start = step.started_at.filter(|at| self.period.believes(*at))?;
        let x = 100.0 * format::ratio(start.nanos_since(self.period.begin), self.length_ns);
        let width = self.width(step, start, x).clamp(NARROWEST, 100.0);
        Some(Bar { x: percent(x.min(100.0 - width)), width: percent(width) })
    }

    /// What has no end is drawn to the last moment that is known of, and so is what ends beyond all of them.
    fn width(&self, step: &Summary, start: Timestamp, x: f64) -> f64 {
        let endless = matches!(step.status, Some(Status::Running | Status::Interrupted));
        match step.ended_at {
            Some(end) if self.period.believes(end) => {
                100.0 * format::ratio(end.nanos_since(start), self.length_ns)
            }
            Some(end) if end > start => 100.0 - x,
            None if endless => (100.0 - x).max(NARROWEST_OPEN),
            _ => NARROWEST,
        }
    }

    /// How far into the execution a step began, in percent.
    pub(crate) fn position(&self, start: Timestamp) -> Option<f64> {
        let known = self.period.believes(start) && self.length_ns > 0;
        known.then(|| 100.0 * format::ratio(start.nanos_since(self.period.begin), self.length_ns))
    }

    /// Round moments, three to six of them, the first at 0.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        let step = tick_ns(self.length_ns);
        let count = self.length_ns / step;
        let tick = |at: u64| {
            let x = 100.0 * format::ratio(at * step, self.length_ns);
            let label = if at == 0 { "0".to_owned() } else { short(at * step) };
            Tick { x: percent(x), label, last: x > 96.0 }
        };
        (0..=count).map(tick).collect()
    }
}

/// 1, 2 or 5 of a decimal unit up to seconds, then parts of minutes, hours and days.
fn tick_ns(length_ns: u64) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    const LARGE: [u64; 14] =
        [10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 432_000];
    let decimal = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let seconds = [1, 2, 5].into_iter().chain(LARGE).map(|seconds| seconds * SECOND);
    let most = length_ns / 5;
    decimal.chain(seconds).find(|step| *step >= most.max(1)).unwrap_or(864_000 * SECOND)
}

/// A round moment without needless zeros: `500 ms`, `2 s`, `5 m`.
fn short(ns: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "µs"),
    ];
    let (size, unit) = UNITS.into_iter().find(|(size, _)| ns >= *size).unwrap_or((1, "ns"));
    let number = format!("{:.2}", format::ratio(ns, size));
    format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

fn percent(number: f64) -> String {
    format!("{number:.2}%")
}

#[cfg(test)]
mod tests {
    use treering_step::Source;

    use super::*;

    const DAY: u64 = 1_732_000_000_000_000_000;

    fn step(start: u64, end: u64) -> Summary {
        Summary {
            started_at: Timestamp::from_nanos(start),
            ended_at: Timestamp::from_nanos(end),
            ..Summary::new("00f067aa0ba902b7".parse().unwrap(), Source::Span)
        }
    }

    fn bars(steps: &[Summary]) -> Vec<Option<(String, String)>> {
        let scale = Period::of(steps).map(Scale::of);
        let bar = |step| scale.and_then(|scale| scale.bar(step)).map(|bar| (bar.x, bar.width));
        steps.iter().map(bar).collect()
    }

    fn at(x: &str, width: &str) -> Option<(String, String)> {
        Some((x.to_owned(), width.to_owned()))
    }

    #[test]
    fn bars_stand_where_their_steps_were() {
        let steps = [step(DAY, DAY + 1000), step(DAY + 250, DAY + 750)];
        assert_eq!(bars(&steps), [at("0.00%", "100.00%"), at("25.00%", "50.00%")]);
    }

    #[test]
    fn absent_clocks_have_no_bar() {
        assert_eq!(bars(&[step(0, 0)]), [None]);
        assert_eq!(bars(&[]), []);
    }

    #[test]
    fn one_broken_clock_does_not_flatten_the_others() {
        let steps = [step(1, 2), step(DAY, DAY + 1000), step(DAY, DAY + 500), step(u64::MAX - 1, u64::MAX)];
        assert_eq!(bars(&steps), [None, at("0.00%", "100.00%"), at("0.00%", "50.00%"), None]);
    }

    #[test]
    fn a_step_that_ends_before_it_begins_is_a_sliver() {
        let steps = [step(DAY, DAY + 1000), step(DAY + 1000, DAY + 500)];
        assert_eq!(bars(&steps)[1], at("99.65%", "0.35%"));
    }

    #[test]
    fn a_running_step_reaches_to_the_last_known_moment() {
        let running = |start| Summary { status: Some(Status::Running), ..step(start, 0) };
        let steps = [running(DAY), step(DAY, DAY + 1000), running(DAY + 600)];
        assert_eq!(bars(&steps)[0], at("0.00%", "100.00%"));
        assert_eq!(bars(&steps)[2], at("60.00%", "40.00%"));
        assert_eq!(bars(&[running(DAY)]), [at("0.00%", "100.00%")], "nothing else is known of");
    }

    #[test]
    fn an_end_that_nobody_told_is_a_sliver_and_one_that_cannot_be_reaches_to_the_last_known_moment() {
        let steps =
            [step(DAY, DAY + 1000), step(DAY + 400, 0), step(DAY + 400, u64::MAX), step(DAY + 400, 7)];
        assert_eq!(bars(&steps)[1], at("40.00%", "0.35%"));
        assert_eq!(bars(&steps)[2], at("40.00%", "60.00%"));
        assert_eq!(bars(&steps)[3], at("40.00%", "0.35%"));
    }

    #[test]
    fn ticks_are_round() {
        let labels = |length| {
            let steps = [step(DAY, DAY + length)];
            Scale::of(Period::of(&steps).unwrap())
                .ticks()
                .into_iter()
                .map(|tick| tick.label)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(labels(8_420_000_000), "0 2 s 4 s 6 s 8 s");
        assert_eq!(labels(950_000_000), "0 200 ms 400 ms 600 ms 800 ms");
        assert_eq!(labels(180_000_000_000), "0 1 m 2 m 3 m");
        assert_eq!(labels(3), "0 1 ns 2 ns 3 ns");
        assert_eq!(labels(0), "0");
    }
}
