//! API keys.

use std::time::Duration;

use clap::Subcommand;

use super::Place;
use super::entrance::{Limit, rate};

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Makes a key and prints it, once. It is good at once, in a running server as well.
    #[command(
        after_help = "Examples:\n  treering key create --project default --scope ingest,read --expires 90d\n  \
                      treering key create --project shop --rate 5000/s"
    )]
    Create {
        #[command(flatten)]
        place: Place,
        /// The project that the key belongs to; it is made where it does not exist.
        #[arg(long, default_value = "default")]
        project: String,
        /// What the key may do: ingest, read, or both.
        #[arg(long, default_value = "ingest", value_name = "SCOPES")]
        scope: String,
        /// How long the key is good, such as 90d [default: for ever]
        #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
        expires: Option<Duration>,
        /// How many spans and log records it may send in a second, such as 5000/s [default: as many as its project takes]
        #[arg(long, value_parser = rate, value_name = "RATE")]
        rate: Option<Limit<u32>>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists keys, without their secrets, and when they were used last.
    #[command(after_help = "Example:\n  treering key list --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Makes a key in the place of another one, which goes on for a while so that agents can change over.
    #[command(
        after_help = "Examples:\n  treering key rotate 3 --overlap 24h\n  treering key rotate 3 --overlap 0s --expires 90d"
    )]
    Rotate {
        #[command(flatten)]
        place: Place,
        /// The number of the key, as `treering key list` shows it.
        id: i64,
        /// How long both keys are good.
        #[arg(long, value_parser = humantime::parse_duration, default_value = "24h", value_name = "DURATION")]
        overlap: Duration,
        /// How long the new key is good, such as 90d [default: for ever]
        #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
        expires: Option<Duration>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Says how many spans and log records a key may send in a second, within two seconds in every running server.
    #[command(
        after_help = "Examples:\n  treering key limit 3 --rate 5000/s\n  treering key limit 3 --rate none"
    )]
    Limit {
        #[command(flatten)]
        place: Place,
        /// The number of the key, as `treering key list` shows it.
        id: i64,
        /// How many, such as 5000/s, or `none` for as many as its project takes
        #[arg(long, value_parser = rate, value_name = "RATE")]
        rate: Limit<u32>,
    },
    /// Ends a key, within two seconds in every running server.
    #[command(after_help = "Example:\n  treering key revoke 3")]
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The number of the key, as `treering key list` shows it.
        id: i64,
    },
}
