use std::path::PathBuf;
use std::str::FromStr;

use crate::{Error, PostgresUrl};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`: a file of this machine.
    Sqlite(PathBuf),
    /// `postgres://…`: a PostgreSQL, such as Supabase's.
    Postgres(Box<PostgresUrl>),
}

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            None if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Ok(Self::Postgres(Box::new(text.parse()?)))
            }
            // Whatever it is, it may hold a password; its scheme says enough.
            _ => Err(Error::Url(
                text.split_once("://").map(|(scheme, _)| scheme).unwrap_or_default().to_owned(),
            )),
        }
    }
}
