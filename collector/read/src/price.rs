use std::collections::HashMap;
use std::sync::LazyLock;

use treering_step::Usage;

/// The table; its first lines say where it is from and of which day.
const TABLE: &str = include_str!("prices.csv");

static PRICES: LazyLock<HashMap<&'static str, Vec<Price>>> = LazyLock::new(parsed);

/// US dollars per million tokens, from a length of input on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Price {
    from_input_tokens: u64,
    input: f64,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

/// What these tokens cost in US dollars by the table; `None` where the model is not in it or the input is not
/// known, never 0 for either.
///
/// A model is looked up by its exact name, and then without what names a place or a day and not a price: the
/// path before the last `/`, the region and vendor of Bedrock (`us.anthropic.`), its version (`-v1:0`), and one
/// date at the end (`-2024-07-18`, `-20250929`, `@20250929`, `-latest`, `@default`). No other name is guessed at.
pub fn price(model: &str, usage: &Usage) -> Option<f64> {
    let input = usage.input?;
    let model = model.to_ascii_lowercase();
    let levels = PRICES.get(model.as_str()).or_else(|| PRICES.get(stem(&model)))?;
    let level =
        levels.iter().rfind(|level| level.from_input_tokens == 0 || input > level.from_input_tokens)?;
    level.of(input, usage)
}

impl Price {
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens stay far below 2^53")]
    fn of(self, input: u64, usage: &Usage) -> Option<f64> {
        let (read, written) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
        let fresh = input.saturating_sub(read.saturating_add(written));
        let output = usage.output.unwrap_or(0);
        let output_price = if output == 0 { 0.0 } else { self.output? };
        let dollars = fresh as f64 * self.input
            + read as f64 * self.cache_read.unwrap_or(self.input)
            + written as f64 * self.cache_write.unwrap_or(self.input)
            + output as f64 * output_price;
        Some(dollars / 1_000_000.0)
    }
}

fn stem(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = without_vendor(name);
    let name = name.split_once(':').map_or(name, |(name, _)| without_version(name));
    without_date(name)
}

fn without_vendor(name: &str) -> &str {
    const REGIONS: &[&str] = &["us.", "eu.", "apac.", "jp.", "au.", "global."];
    const VENDORS: &[&str] = &["anthropic.", "amazon.", "cohere.", "meta.", "mistral.", "deepseek."];
    let strip = |name, prefixes: &[&str]| prefixes.iter().find_map(|prefix| str::strip_prefix(name, *prefix));
    let name = strip(name, REGIONS).unwrap_or(name);
    strip(name, VENDORS).unwrap_or(name)
}

fn without_version(name: &str) -> &str {
    let is_version = |version: &str| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    name.rsplit_once("-v").filter(|(_, version)| is_version(version)).map_or(name, |(name, _)| name)
}

fn without_date(name: &str) -> &str {
    for length in [10, 8, 7, 6] {
        let Some((stem, date)) = name.split_at_checked(name.len().saturating_sub(length)) else { continue };
        if is_date(date) && !stem.is_empty() {
            return stem.strip_suffix(['-', '@']).unwrap_or(name);
        }
    }
    name
}

fn is_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_iso =
        text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == matches!(at, 4 | 7));
    text == "latest" || text == "default" || (digits == 8 && (text.len() == 8 || is_iso))
}

fn parsed() -> HashMap<&'static str, Vec<Price>> {
    let mut prices: HashMap<_, Vec<Price>> = HashMap::new();
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    for (model, price) in rows.filter_map(row) {
        prices.entry(model).or_default().push(price);
    }
    prices
}

fn row(line: &'static str) -> Option<(&'static str, Price)> {
    let mut cells = line.split(',');
    let model = cells.next()?;
    let from_input_tokens = cells.next()?.parse().ok()?;
    let mut dollars = || cells.next().and_then(|cell| cell.parse().ok());
    let (input, output) = (dollars()?, dollars());
    Some((model, Price { from_input_tokens, input, output, cache_read: dollars(), cache_write: dollars() }))
}

#[cfg(test)]
mod tests;
