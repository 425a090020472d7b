use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{ClickHouseUrl, Error, PostgresUrl};

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`: a file of this machine.
    Sqlite(PathBuf),
    /// `postgres://…`: a PostgreSQL, such as Supabase's.
    Postgres(Box<PostgresUrl>),
    /// `clickhouse+http(s)://…`: steps, and what they are read from.
    ClickHouse(Box<ClickHouseStore>),
}

/// A ClickHouse, and where the control data of its steps are: projects, keys, rules, people, and the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickHouseStore {
    pub steps: ClickHouseUrl,
    /// Never another ClickHouse.
    control: Option<StoreUrl>,
}

impl StoreUrl {
    /// The same, where its control data are said; one that keeps its own has no other place for them.
    pub fn controlled_by(self, control: StoreUrl) -> Result<Self, Error> {
        match (self, control) {
            (Self::ClickHouse(store), control @ (Self::Sqlite(_) | Self::Postgres(_))) => {
                Ok(Self::ClickHouse(Box::new(ClickHouseStore { steps: store.steps, control: Some(control) })))
            }
            (Self::ClickHouse(_), _) => Err(Error::ControlInClickHouse),
            (own, control) if own == control => Ok(own),
            _ => Err(Error::ControlElsewhere),
        }
    }

    /// The same on every server of a cluster of ClickHouse.
    pub fn on_cluster(self, name: &str) -> Result<Self, Error> {
        match self {
            Self::ClickHouse(store) => {
                let ClickHouseStore { steps, control } = *store;
                Ok(Self::ClickHouse(Box::new(ClickHouseStore { steps: steps.on_cluster(name)?, control })))
            }
            _ => Err(Error::NoCluster),
        }
    }

    /// Where the control data are; none where that is still to be said.
    pub fn control(&self) -> Option<&Self> {
        match self {
            Self::ClickHouse(store) => store.control.as_ref(),
            own => Some(own),
        }
    }
}

impl ClickHouseStore {
    pub(crate) fn control(&self) -> Result<&StoreUrl, Error> {
        self.control.as_ref().ok_or(Error::NoControl)
    }
}

/// Without passwords.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "{url}"),
            Self::ClickHouse(store) => match &store.control {
                Some(control) => write!(f, "{} with its control data in {control}", store.steps),
                None => write!(f, "{}", store.steps),
            },
        }
    }
}

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            None if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Ok(Self::Postgres(Box::new(text.parse()?)))
            }
            None if ClickHouseUrl::is_one(text) => {
                Ok(Self::ClickHouse(Box::new(ClickHouseStore { steps: text.parse()?, control: None })))
            }
            // Whatever it is, it may hold a password; its scheme says enough.
            _ => Err(Error::Url(
                text.split_once("://").map(|(scheme, _)| scheme).unwrap_or_default().to_owned(),
            )),
        }
    }
}
