//! Numbers and times as people read them.

use treering_step::Timestamp;

/// Nanoseconds in three digits and a unit.
pub(crate) fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    if ns >= 59_950_000_000 {
        return long(ns.saturating_add(500_000_000) / 1_000_000_000);
    }
    // What three digits would round to 1000 of a unit is 1 of the next.
    match UNITS.into_iter().find(|(size, _)| ns >= *size - *size / 2_000) {
        Some((size, unit)) => format!("{} {unit}", three_digits(ratio(ns, size))),
        None => format!("{ns} ns"),
    }
}

fn long(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, minutes, seconds) => format!("{minutes} m {seconds:02} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes:02} m"),
        (days @ ..1_000, hours, ..) => format!("{days} d {hours:02} h"),
        (days, ..) => format!("{days} d"),
    }
}

fn three_digits(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        9.995..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// A number in groups of three.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number and its noun, which takes an `s` for all numbers but one.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number as u64))
}

/// US dollars: four decimals below one dollar, since most calls cost a fraction of a cent.
pub(crate) fn dollars(usd: f64) -> String {
    match usd {
        0.0 => "$0".to_owned(),
        0.0..0.00005 => "<$0.0001".to_owned(),
        0.0..1.0 => format!("${usd:.4}"),
        _ => format!("${usd:.2}"),
    }
}

/// A moment to the millisecond, in UTC: `2026-11-22 12:41:07.318`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.to_string()
        .chars()
        .take("2026-11-22T12:41:07.318".len())
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

/// A part of a whole, which may be zero.
#[expect(
    clippy::cast_precision_loss,
    reason = "for eyes: 53 bits of nanoseconds are 104 days to the nanosecond"
)]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_the_unit_that_fits() {
        let shown: Vec<_> =
            [0, 999, 1_500, 31_700_000, 999_600_000, 8_420_000_000, 9_996_000_000, 59_990_000_000]
                .map(duration)
                .into();
        assert_eq!(shown, ["0 ns", "999 ns", "1.50 µs", "31.7 ms", "1.00 s", "8.42 s", "10.0 s", "1 m 00 s"]);
        assert_eq!(
            [125, 7_380, 190_000].map(|s| duration(s * 1_000_000_000)),
            ["2 m 05 s", "2 h 03 m", "2 d 04 h"]
        );
        assert_eq!(duration(u64::MAX), "213503 d");
    }

    #[test]
    fn numbers_stand_in_groups_of_three() {
        assert_eq!(
            [0, 999, 1_000, 88_031, 1_234_567].map(count),
            ["0", "999", "1,000", "88,031", "1,234,567"]
        );
    }

    #[test]
    fn small_costs_are_not_rounded_to_nothing() {
        assert_eq!([0.0, 0.000_01, 0.0311, 12.345].map(dollars), ["$0", "<$0.0001", "$0.0311", "$12.35"]);
    }

    #[test]
    fn a_moment_is_said_to_the_millisecond() {
        assert_eq!(moment("2026-11-22T12:41:07.318999Z".parse().unwrap()), "2026-11-22 12:41:07.318");
    }
}
