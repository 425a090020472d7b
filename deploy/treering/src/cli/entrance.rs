//! What is asked of those who send to a project.

use clap::Args;
use treering_store::EntranceChange;

use super::Place;

/// How many; nothing is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct EntranceFlags {
    /// How many spans and log records the project takes in a second, such as 20000/s, or `none` for no limit
    #[arg(long, value_parser = rate, value_name = "RATE")]
    rate: Option<Limit<u32>>,
    /// How many it takes in a day of UTC, such as 5000000 or 5M, or `none` for no limit
    #[arg(long, value_parser = quota, value_name = "RECORDS")]
    quota: Option<Limit<u64>>,
    /// Whether its requests must be signed, or come by a client's certificate that lets into it
    #[arg(long, value_parser = yes_or_no, value_name = "yes|no")]
    signed: Option<bool>,
}

impl EntranceFlags {
    /// What they change, where they change anything.
    pub(crate) fn change(self) -> Option<EntranceChange> {
        let Self { rate, quota, signed } = self;
        let (rate, quota) = (rate.map(|limit| limit.0), quota.map(|limit| limit.0));
        let changes = rate.is_some() || quota.is_some() || signed.is_some();
        changes.then_some(EntranceChange { rate, quota, signed })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Clients {
    #[command(flatten)]
    pub(crate) place: Place,
    #[arg(long)]
    pub(crate) project: String,
    /// Lets clients in that have this name in their certificate, a host or an address such as spiffe://shop/agent
    #[arg(long, value_name = "NAME")]
    pub(crate) add: Vec<String>,
    /// Lets them in no more
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Vec<String>,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Records a second; `none` takes a limit away.
pub(super) fn rate(text: &str) -> Result<Limit<u32>, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let number = text
        .strip_suffix("/s")
        .ok_or("name spans and log records by the second, such as 5000/s, or `none`")?;
    match u32::try_from(count(number)?) {
        Ok(rate @ 1..) => Ok(Limit(Some(rate))),
        _ => Err("name at least 1/s, and at most 4 thousand million".into()),
    }
}

fn quota(text: &str) -> Result<Limit<u64>, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => count(text).map(|count| Limit(Some(count))),
    }
}

/// A number, which may end in k or M.
fn count(text: &str) -> Result<u64, String> {
    let (digits, times) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(times));
    number.ok_or_else(|| "name a whole number, such as 5000, 5k or 5M".into())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_by_the_second() {
        assert_eq!(rate("5000/s"), Ok(Limit(Some(5_000))));
        assert_eq!(rate("20k/s"), Ok(Limit(Some(20_000))));
        assert_eq!(rate("none"), Ok(Limit(None)));
        for text in ["5000", "0/s", "-1/s", "5000/m", "/s", "", "5000000M/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(quota("5M"), Ok(Limit(Some(5_000_000))));
        assert_eq!(quota("0"), Ok(Limit(Some(0))));
    }
}
