use treering_step::Usage;

use super::{Prices, PricesError, TABLE};

const MILLION: u64 = 1_000_000;

fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

#[test]
fn every_row_of_the_table_is_a_price() {
    let prices = Prices::default().levels;
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count() - 1;
    assert_eq!(prices.values().map(Vec::len).sum::<usize>(), rows);
    assert!(prices.values().flatten().all(|price| price.input < 1000.0));
}

#[test]
fn a_model_costs_the_same_whatever_place_and_day_are_in_its_name() {
    let prices = Prices::default();
    let dollars = prices.price("claude-sonnet-4-5", &usage(1000, 1000));
    assert_eq!(dollars, Some(0.018));
    for name in [
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5@20250929",
        "anthropic/claude-sonnet-4-5",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "Claude-Sonnet-4-5-latest",
    ] {
        assert_eq!(prices.price(name, &usage(1000, 1000)), dollars, "{name}");
    }
    assert_eq!(prices.price("gpt-4o-mini-2024-07-18", &usage(MILLION, MILLION)), Some(0.75));
}

#[test]
fn what_nobody_knows_has_no_price_and_that_is_not_zero() {
    let prices = Prices::default();
    assert_eq!(prices.price("oak-1", &usage(1, 1)), None);
    assert_eq!(prices.price("gpt-4o-mini-finetuned-by-me", &usage(1, 1)), None);
    assert_eq!(prices.price("", &usage(1, 1)), None);
    assert_eq!(prices.price("é-latest", &usage(1, 1)), None);
    assert_eq!(prices.price("gpt-4o-mini", &Usage::default()), None);
    assert_eq!(prices.price("gpt-4o-mini", &Usage { output: Some(5), ..Usage::default() }), None);
}

#[test]
fn cached_tokens_have_prices_of_their_own() {
    let prices = Prices::default();
    let cached =
        Usage { cache_read: Some(MILLION / 10), cache_write: Some(MILLION / 10), ..usage(MILLION / 5, 0) };
    let dollars = prices.price("claude-3-5-sonnet", &cached).unwrap();
    assert!((dollars - (0.03 + 0.375)).abs() < 1e-9, "{dollars}");
}

#[test]
fn a_long_input_is_charged_by_its_level() {
    let prices = Prices::default();
    assert_eq!(prices.price("gemini-2.5-pro", &usage(200_000, 0)), Some(0.25));
    assert_eq!(prices.price("gemini-2.5-pro", &usage(400_000, 0)), Some(1.0));
}

#[test]
fn a_model_without_a_price_for_output_prices_no_output() {
    let prices = Prices::default();
    assert_eq!(
        prices.price("text-embedding-3-small", &Usage { input: Some(MILLION), ..Usage::default() }),
        Some(0.02)
    );
    assert_eq!(prices.price("text-embedding-3-small", &usage(1, 1)), None);
}

#[test]
fn a_price_of_the_user_takes_the_place_of_the_table_s() {
    let table = "# ours\nmodel,from_input_tokens,input,output,cache_read,cache_write\nOak-1,0,1,2,,\noak-1,1000,2,4,,\n\ngpt-4o-mini,0,0,0,0,0\n";
    let prices = Prices::with(table).unwrap();
    assert_eq!(prices.price("acme/oak-1", &usage(1000, 0)), Some(0.001));
    assert_eq!(prices.price("oak-1", &usage(MILLION, MILLION)), Some(6.0));
    assert_eq!(prices.price("gpt-4o-mini", &usage(MILLION, MILLION)), Some(0.0), "free is a price");
    assert_eq!(prices.price("claude-sonnet-4-5", &usage(1000, 1000)), Some(0.018), "the others stay");
}

#[test]
fn a_row_that_is_no_price_is_named_by_its_line() {
    for row in
        ["oak-1,0,cheap,2,,", "oak-1,0,1", "oak-1,0,,2,,", ",0,1,2,,", "oak-1,0,-1,2,,", "oak-1,0,NaN,2,,"]
    {
        let refused = Prices::with(&format!("# prices\n{row}\n"));
        assert!(matches!(refused, Err(PricesError::Row { line: 2 })), "{row}: {refused:?}");
    }
    for rows in ["oak-1,10,1,2,,", "oak-1,0,1,2,,\noak-1,0,1,2,,"] {
        assert!(matches!(Prices::with(rows), Err(PricesError::Levels { .. })), "{rows}");
    }
}

#[test]
fn a_price_says_which_table_it_is_from() {
    let prices = Prices::with("oak-1,0,1,2,,").unwrap();
    assert_eq!(prices.source("Acme/Oak-1"), "your own table");
    let source = prices.source("claude-sonnet-4-5-20250929");
    let (name, day) = source.split_once(", ").unwrap();
    assert!(name.starts_with("genai-prices "), "{source}");
    assert!(day.len() == 10 && day.starts_with("20"), "{source}");
    assert_eq!(prices.source("elm-2"), source);
}
