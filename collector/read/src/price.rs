use std::collections::{HashMap, HashSet};

use treering_step::Usage;

/// The table; its first line says where it is from and of which day.
const TABLE: &str = include_str!("prices.csv");
/// Its columns, which those of a user's table are as well.
const COLUMNS: &str = "model,from_input_tokens,input,output,cache_read,cache_write";

/// What models cost: the table of this crate, and what a user knows better.
#[derive(Debug, Clone)]
pub struct Prices {
    levels: HashMap<String, Vec<Price>>,
    /// The models whose prices are the user's.
    own: HashSet<String>,
}

/// Why a table of prices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PricesError {
    #[error(
        "line {line} of the prices: expected the columns {COLUMNS}, with a number or nothing in each but the first"
    )]
    Row { line: usize },
    #[error(
        "line {line} of the prices: the rows of {model} have to be together, from the smallest from_input_tokens (0) on"
    )]
    Levels { line: usize, model: String },
}

/// US dollars per million tokens, from a length of input on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Price {
    from_input_tokens: u64,
    input: f64,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
}

/// What tokens cost, class by class.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// The name of the row in the table.
    pub row: String,
    /// The length of input from which on the row counts.
    pub from_input_tokens: u64,
    pub lines: Vec<BillLine>,
}

/// The tokens of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BillLine {
    pub class: &'static str,
    pub tokens: u64,
    /// US dollars per million tokens.
    pub per_million: f64,
    /// US dollars.
    pub usd: f64,
}

impl Default for Prices {
    fn default() -> Self {
        let levels = parsed(TABLE).expect("the table of this crate is checked by its tests");
        Self { levels, own: HashSet::new() }
    }
}

impl Prices {
    /// The table of this crate, with the rows of this one in the place of those of the same models. Both are CSV
    /// with the columns `model,from_input_tokens,input,output,cache_read,cache_write`, in US dollars per million
    /// tokens; lines that begin with `#` are comments.
    pub fn with(table: &str) -> Result<Self, PricesError> {
        let (mut prices, own) = (Self::default(), parsed(table)?);
        prices.own.extend(own.keys().cloned());
        prices.levels.extend(own);
        Ok(prices)
    }

    /// What these tokens cost in US dollars; `None` where the model is not in the table or the input is not known,
    /// never 0 for either.
    ///
    /// A model is looked up by its exact name, and then without what names a place or a day and not a price: the
    /// path before the last `/`, the region and vendor of Bedrock (`us.anthropic.`), its version (`-v1:0`), and
    /// one date at the end (`-2024-07-18`, `-20250929`, `@20250929`, `-latest`, `@default`). No other name is
    /// guessed at.
    pub fn price(&self, model: &str, usage: &Usage) -> Option<f64> {
        let input = usage.input?;
        let (_, levels) = self.row(model)?;
        let level =
            levels.iter().rfind(|level| level.from_input_tokens == 0 || input > level.from_input_tokens)?;
        level.of(input, usage)
    }

    /// What these tokens cost by class; `None` where [`Prices::price`] is.
    pub fn bill(&self, model: &str, usage: &Usage) -> Option<Bill> {
        let input = usage.input?;
        let (row, levels) = self.row(model)?;
        let level =
            levels.iter().rfind(|level| level.from_input_tokens == 0 || input > level.from_input_tokens)?;
        level.of(input, usage)?;
        let lines = level.lines(input, usage);
        Some(Bill { row: row.clone(), from_input_tokens: level.from_input_tokens, lines })
    }

    /// Where the price of this model is from, or would be: the name and the day of the table of this crate, unless
    /// the user's has the model.
    pub fn source(&self, model: &str) -> &'static str {
        let is_own = self.row(model).is_some_and(|(name, _)| self.own.contains(name));
        if is_own { "your own table" } else { table_name() }
    }

    /// The rows of a model, under the name that they have in the table.
    fn row(&self, model: &str) -> Option<(&String, &Vec<Price>)> {
        let model = model.to_ascii_lowercase();
        self.levels.get_key_value(model.as_str()).or_else(|| self.levels.get_key_value(stem(&model)))
    }
}

/// What the first line of the table says.
fn table_name() -> &'static str {
    TABLE.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
}

/// The prices of a table, the levels of each model in their order.
fn parsed(table: &str) -> Result<HashMap<String, Vec<Price>>, PricesError> {
    let mut prices: HashMap<String, Vec<Price>> = HashMap::new();
    let rows = table.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    for (line, row) in rows.filter(|(_, row)| !row.is_empty() && !row.starts_with('#') && *row != COLUMNS) {
        let (model, price) = parsed_row(row).ok_or(PricesError::Row { line })?;
        let levels = prices.entry(model.to_ascii_lowercase()).or_default();
        let above = levels.last().map(|level| level.from_input_tokens);
        if above.map_or(price.from_input_tokens != 0, |above| price.from_input_tokens <= above) {
            return Err(PricesError::Levels { line, model: model.to_owned() });
        }
        levels.push(price);
    }
    Ok(prices)
}

impl Price {
    /// Each class of which there are tokens.
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens stay far below 2^53")]
    fn lines(self, input: u64, usage: &Usage) -> Vec<BillLine> {
        let (read, written) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
        let fresh = input.saturating_sub(read.saturating_add(written));
        let classes = [
            ("input", fresh, self.input),
            ("from cache", read, self.cache_read.unwrap_or(self.input)),
            ("to cache", written, self.cache_write.unwrap_or(self.input)),
            ("output", usage.output.unwrap_or(0), self.output.unwrap_or(0.0)),
        ];
        let line = |(class, tokens, per_million): (_, u64, f64)| BillLine {
            class,
            tokens,
            per_million,
            usd: tokens as f64 * per_million / 1_000_000.0,
        };
        classes.into_iter().filter(|(_, tokens, _)| *tokens > 0).map(line).collect()
    }

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

fn parsed_row(row: &str) -> Option<(&str, Price)> {
    let cells: Vec<&str> = row.split(',').map(str::trim).collect();
    let [model, from_input_tokens, input, output, cache_read, cache_write] = cells[..] else { return None };
    let price = Price {
        from_input_tokens: from_input_tokens.parse().ok()?,
        input: dollars(input)??,
        output: dollars(output)?,
        cache_read: dollars(cache_read)?,
        cache_write: dollars(cache_write)?,
    };
    (!model.is_empty()).then_some((model, price))
}

/// Nothing is a price that nobody publishes.
fn dollars(cell: &str) -> Option<Option<f64>> {
    if cell.is_empty() {
        return Some(None);
    }
    cell.parse().ok().filter(|dollars: &f64| dollars.is_finite() && *dollars >= 0.0).map(Some)
}

#[cfg(test)]
mod tests;
