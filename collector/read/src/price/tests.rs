use treering_step::Usage;

use super::{PRICES, TABLE, price};

const MILLION: u64 = 1_000_000;

fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

#[test]
fn every_row_of_the_table_is_a_price() {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count() - 1;
    assert_eq!(PRICES.values().map(Vec::len).sum::<usize>(), rows);
    assert!(PRICES.values().flatten().all(|price| price.input >= 0.0 && price.input < 1000.0));
    assert!(PRICES.values().all(|levels| levels.is_sorted_by_key(|level| level.from_input_tokens)));
}

#[test]
fn a_model_costs_the_same_whatever_place_and_day_are_in_its_name() {
    let dollars = price("claude-sonnet-4-5", &usage(1000, 1000));
    assert_eq!(dollars, Some(0.018));
    for name in [
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5@20250929",
        "anthropic/claude-sonnet-4-5",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "Claude-Sonnet-4-5-latest",
    ] {
        assert_eq!(price(name, &usage(1000, 1000)), dollars, "{name}");
    }
    assert_eq!(price("gpt-4o-mini-2024-07-18", &usage(MILLION, MILLION)), Some(0.75));
}

#[test]
fn what_nobody_knows_has_no_price_and_that_is_not_zero() {
    assert_eq!(price("oak-1", &usage(1, 1)), None);
    assert_eq!(price("gpt-4o-mini-finetuned-by-me", &usage(1, 1)), None);
    assert_eq!(price("", &usage(1, 1)), None);
    assert_eq!(price("é-latest", &usage(1, 1)), None);
    assert_eq!(price("gpt-4o-mini", &Usage::default()), None);
    assert_eq!(price("gpt-4o-mini", &Usage { output: Some(5), ..Usage::default() }), None);
}

#[test]
fn cached_tokens_have_prices_of_their_own() {
    let cached =
        Usage { cache_read: Some(MILLION / 10), cache_write: Some(MILLION / 10), ..usage(MILLION / 5, 0) };
    let dollars = price("claude-3-5-sonnet", &cached).unwrap();
    assert!((dollars - (0.03 + 0.375)).abs() < 1e-9, "{dollars}");
}

#[test]
fn a_long_input_is_charged_by_its_level() {
    assert_eq!(price("gemini-2.5-pro", &usage(200_000, 0)), Some(0.25));
    assert_eq!(price("gemini-2.5-pro", &usage(400_000, 0)), Some(1.0));
}

#[test]
fn a_model_without_a_price_for_output_prices_no_output() {
    assert_eq!(
        price("text-embedding-3-small", &Usage { input: Some(MILLION), ..Usage::default() }),
        Some(0.02)
    );
    assert_eq!(price("text-embedding-3-small", &usage(1, 1)), None);
}
