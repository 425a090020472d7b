//! Figures over time, as bars that a server can draw: all numbers are parts of a hundred.

use serde::Serialize;
use treering_step::Timestamp;

use super::format;

/// Bars of a chart.
const BARS: usize = 48;

/// A stretch of time in equal parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    begin: u64,
    part_ns: u64,
}

impl Parts {
    /// From the first of these moments to the last of them.
    pub(crate) fn of(moments: impl Iterator<Item = Timestamp> + Clone) -> Option<Self> {
        let (first, last) = (moments.clone().min()?, moments.max()?);
        let length = last.nanos_since(first);
        Some(Self { begin: first.as_nanos(), part_ns: length / BARS as u64 + 1 })
    }

    /// In which part a moment lies.
    pub(crate) fn place(&self, at: Timestamp) -> usize {
        let part = at.as_nanos().saturating_sub(self.begin) / self.part_ns;
        usize::try_from(part).unwrap_or(usize::MAX).min(BARS - 1)
    }

    /// What stands below a chart: its beginning, its end, and how long each bar is.
    pub(crate) fn labels(&self) -> [String; 3] {
        let moment = |ns| Timestamp::from_nanos(ns).map(format::moment).unwrap_or_default();
        // To the second.
        let short = |ns| moment(ns).split('.').next().unwrap_or_default().to_owned();
        let end = self.begin.saturating_add(self.part_ns.saturating_mul(BARS as u64));
        let (begin, end) = (short(self.begin), short(end));
        // A day that was said need not be said again.
        let day = begin.split(' ').next().unwrap_or_default();
        let end = end.strip_prefix(day).map(|time| time.trim().to_owned()).unwrap_or(end);
        [begin, end, format::duration(self.part_ns)]
    }
}

/// A chart: bars, each with a second part that stands out.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    label: &'static str,
    /// All that it shows, in words.
    words: String,
    most: String,
    bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
struct Bar {
    x: String,
    y: String,
    height: String,
    /// True for the part that stands out.
    alarm: bool,
}

/// Numbers of a chart, by part of time.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// The whole of each, and what of it stands out.
    parts: Vec<(f64, f64)>,
}

impl Default for Series {
    fn default() -> Self {
        Self { parts: vec![(0.0, 0.0); BARS] }
    }
}

impl Series {
    pub(crate) fn add(&mut self, place: usize, number: f64, alarm: f64) {
        if let Some(part) = self.parts.get_mut(place) {
            part.0 += number;
            part.1 += alarm;
        }
    }

    /// Each part of it made by this from what is there.
    pub(crate) fn set(&mut self, place: usize, number: f64) {
        if let Some(part) = self.parts.get_mut(place) {
            part.0 = number;
        }
    }

    /// Nothing where all of it is 0.
    pub(crate) fn drawn(&self, label: &'static str, shown: impl Fn(f64) -> String) -> Option<Chart> {
        let most = self.parts.iter().map(|part| part.0).fold(0.0, f64::max);
        let busy = self.parts.iter().filter(|part| part.0 > 0.0).count();
        if most <= 0.0 {
            return None;
        }
        let mut bars = Vec::new();
        for (at, (whole, alarm)) in self.parts.iter().enumerate() {
            for (number, alarm) in [(*whole, false), (*alarm, true)] {
                if number > 0.0 {
                    bars.push(bar(at, 100.0 * number / most, alarm));
                }
            }
        }
        let words = format!("{label}: at most {} in one of {busy} of {BARS} parts of that time", shown(most));
        Some(Chart { label, words, most: shown(most), bars })
    }
}

fn bar(at: usize, height: f64, alarm: bool) -> Bar {
    let height = height.clamp(2.0, 100.0);
    #[expect(clippy::cast_precision_loss, reason = "there are 48 of them")]
    let x = 100.0 * at as f64 / BARS as f64;
    Bar { x: format!("{x:.2}"), y: format!("{:.1}", 100.0 - height), height: format!("{height:.1}"), alarm }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000).unwrap()
    }

    #[test]
    fn every_moment_has_a_part_of_the_time() {
        let parts = Parts::of([at(100), at(148)].into_iter()).unwrap();
        assert_eq!(parts.place(at(100)), 0);
        assert_eq!(parts.place(at(148)), BARS - 1);
        assert_eq!(parts.place(at(1)), 0);
        assert_eq!(parts.place(at(9_000)), BARS - 1);
        let one = Parts::of([at(7)].into_iter()).unwrap();
        assert_eq!(one.place(at(7)), 0);
        assert!(Parts::of(std::iter::empty::<Timestamp>()).is_none());
    }

    #[test]
    fn bars_are_as_high_as_their_numbers_and_say_so_in_words() {
        let mut series = Series::default();
        assert!(series.drawn("Runs", |_| String::new()).is_none());
        series.add(0, 4.0, 1.0);
        series.add(2, 2.0, 0.0);
        let chart = series.drawn("Runs", |most| format!("{most}")).unwrap();
        let bars: Vec<_> = chart.bars.iter().map(|bar| (bar.height.as_str(), bar.alarm)).collect();
        assert_eq!(bars, [("100.0", false), ("25.0", true), ("50.0", false)]);
        assert_eq!(chart.words, "Runs: at most 4 in one of 2 of 48 parts of that time");
    }
}
