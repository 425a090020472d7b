//! What came in, in a ClickHouse; its control data are in one of the other two.

mod engine;
mod over;
mod rows;
mod schema;
mod tables;
mod url;
mod words;

pub(crate) use engine::Engine;
pub(crate) use over::Over;
pub(crate) use rows::ChRow;
pub use schema::definition;
pub use url::ClickHouseUrl;

use crate::Error;

/// Speaks to a ClickHouse that has our tables, of this version.
pub(crate) fn connect(url: &ClickHouseUrl) -> Result<Engine, Error> {
    let engine = Engine::new(url)?;
    schema::check(&engine)?;
    Ok(engine)
}

/// The same, and makes the tables where there are none.
pub(crate) fn ensure(url: &ClickHouseUrl) -> Result<Engine, Error> {
    let engine = Engine::new(url)?;
    schema::ensure(&engine, url)?;
    Ok(engine)
}

/// What the tables take on the disks of one replica of each shard.
pub(crate) fn bytes(url: &ClickHouseUrl) -> Result<u64, Error> {
    schema::bytes(&Engine::new(url)?, url)
}
