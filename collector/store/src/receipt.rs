use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use treering_step::Timestamp;

use crate::{Error, ProjectId};

/// How many days a receipt is kept.
pub const RECEIPT_DAYS: u64 = 7;

const NANOS_A_MILLI: u64 = 1_000_000;
const DAY_NANOS: u64 = 24 * 60 * 60 * 1_000 * NANOS_A_MILLI;
/// Bytes of an id that tell the time.
const TIME: usize = 6;

/// The id that a request is answered under: 48 bits of when it came, in milliseconds since 1970 UTC, and 80 random ones.
/// So receipts lie in the order of time, and those that are too old are found without another index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// A new one, from the system's generator.
    pub fn generate(at: Timestamp) -> Result<Self, Error> {
        let mut id = Self::first_of(at);
        getrandom::fill(&mut id.0[TIME..]).map_err(Error::Random)?;
        Ok(id)
    }

    /// The first that a request of this moment could have.
    pub(crate) fn first_of(at: Timestamp) -> Self {
        let mut bytes = [0; 16];
        bytes[..TIME].copy_from_slice(&(at.as_nanos() / NANOS_A_MILLI).to_be_bytes()[2..]);
        Self(bytes)
    }

    /// The first of those that are still kept at this moment.
    pub(crate) fn oldest_kept(now: Timestamp) -> Self {
        let since = now.as_nanos().saturating_sub(RECEIPT_DAYS * DAY_NANOS);
        Timestamp::from_nanos(since).map_or(Self([0; 16]), Self::first_of)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// When the request came, to the millisecond; absent of an id that is none of ours.
    pub fn at(&self) -> Option<Timestamp> {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.0[..TIME]);
        Timestamp::from_nanos(u64::from_be_bytes(millis).checked_mul(NANOS_A_MILLI)?)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for RequestId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).map_err(|_| ())?;
        is_hex.then(|| Self(number.to_be_bytes())).ok_or(())
    }
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Http,
    Grpc,
}

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Http, Self::Grpc].into_iter().find(|transport| transport.as_str() == word)
    }
}

/// What became of one request: counts and stable names, nothing of what it held, no key and no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub id: RequestId,
    pub project: ProjectId,
    pub transport: Transport,
    /// `traces`, `logs`, `metrics` or `profiles`; absent where it was refused before that was seen.
    pub signal: Option<Cow<'static, str>>,
    /// The stable name of its outcome: `accepted.records`, or what it was refused or thrown away for.
    pub outcome: Cow<'static, str>,
    /// What the exporter was told of what was not taken; one of a few sentences of ours.
    pub reason: Option<Cow<'static, str>>,
    /// Bytes of its body, as they came.
    pub bytes: u64,
    /// Records that were accepted, and those that were rejected alone or thrown away.
    pub accepted: u64,
    pub rejected: u64,
    /// Places that were redacted, by type.
    pub redactions: BTreeMap<String, u64>,
    /// Payloads that were withheld as a whole.
    pub withheld: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000).unwrap()
    }

    #[test]
    fn an_id_is_read_as_it_is_written_and_tells_the_time() {
        let id = RequestId::generate(at(1_790_000_000)).unwrap();
        let text = id.to_string();
        assert_eq!((text.len(), text.parse()), (32, Ok(id)));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        assert_eq!(id.at(), Some(at(1_790_000_000)));
        assert_ne!(id, RequestId::generate(at(1_790_000_000)).unwrap());
        assert!(id < RequestId::generate(at(1_790_000_001)).unwrap());
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in
            ["", "0", "é", &"0".repeat(31), &"0".repeat(33), &format!("+{}", "0".repeat(31)), &"g".repeat(32)]
        {
            assert_eq!(text.parse::<RequestId>(), Err(()), "{text}");
        }
    }

    #[test]
    fn what_came_a_week_ago_is_kept_and_what_came_before_is_not() {
        let now = at(1_790_000_000);
        let week = RECEIPT_DAYS * 24 * 60 * 60;
        assert!(RequestId::generate(at(1_790_000_000 - week)).unwrap() >= RequestId::oldest_kept(now));
        assert!(RequestId::generate(at(1_789_999_999 - week)).unwrap() < RequestId::oldest_kept(now));
        assert_eq!(RequestId::oldest_kept(at(1)), RequestId([0; 16]));
    }
}
