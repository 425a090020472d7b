//! The tables, and of which version they are.

use rusqlite::params;
use rusqlite::types::Value;

use super::engine::Engine;
use super::tables::{Layout, TABLES};
use super::url::ClickHouseUrl;
use super::words::with_values;
use crate::Error;

/// The version of the tables. A newer one has steps from each before.
const VERSION: i64 = 1;

/// The statements that make the tables, on one server or on those of a cluster; the same that the first start runs.
pub fn definition(cluster: Option<&str>) -> Vec<String> {
    let layout = cluster.map_or(Layout::Single, Layout::Cluster);
    let mut all: Vec<_> = TABLES.iter().flat_map(|table| table.definition(&layout)).collect();
    all.push(match cluster {
        None => "CREATE TABLE IF NOT EXISTS treering_schema (version Int64, made_at DateTime DEFAULT now())\n\
                 ENGINE = ReplacingMergeTree\nORDER BY version"
            .to_owned(),
        Some(cluster) => format!(
            // The same on all servers, whose replicas may be called alike on each shard.
            "CREATE TABLE IF NOT EXISTS treering_schema ON CLUSTER `{cluster}` (version Int64, made_at DateTime DEFAULT now())\n\
             ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{{database}}/treering_schema', \
             '{{shard}}-{{replica}}')\n\
             ORDER BY version"
        ),
    });
    all.push(format!("INSERT INTO treering_schema (version) SELECT {VERSION}"));
    all
}

/// Makes the tables where there are none. Who is interrupted goes on with the next start.
pub(super) fn ensure(engine: &Engine, url: &ClickHouseUrl) -> Result<(), Error> {
    match found(engine)? {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(Error::NewerRemote { found, known: VERSION }),
        _ => {
            definition(url.cluster.as_deref()).into_iter().try_for_each(|statement| engine.command(statement))
        }
    }
}

pub(super) fn check(engine: &Engine) -> Result<(), Error> {
    match found(engine)? {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => Err(Error::NewerRemote { found, known: VERSION }),
        found => Err(Error::OlderRemote { found: found.unwrap_or(0), known: VERSION }),
    }
}

fn found(engine: &Engine) -> Result<Option<i64>, Error> {
    let sql = "SELECT toInt64(count()) FROM system.tables WHERE database = currentDatabase() AND name = ?1";
    if number(engine, with_values(sql, params!["treering_schema"])?)? != Some(1) {
        return Ok(None);
    }
    number(engine, "SELECT max(version) FROM treering_schema".to_owned())
}

fn number(engine: &Engine, sql: String) -> Result<Option<i64>, Error> {
    Ok(engine.read(sql, None)?.first().and_then(|row| match row.value(0) {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    }))
}

pub(super) fn bytes(engine: &Engine, url: &ClickHouseUrl) -> Result<u64, Error> {
    // Of a cluster, one replica of each shard.
    let parts = match &url.cluster {
        None => "system.parts".to_owned(),
        Some(cluster) => format!("cluster('{cluster}', system.parts)"),
    };
    let sql = format!("SELECT toInt64(sum(bytes_on_disk)) FROM {parts} WHERE active AND database = ?1");
    Ok(number(engine, with_values(&sql, params![url.database])?)?.unwrap_or(0).unsigned_abs())
}
