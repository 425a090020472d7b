//! A ClickHouse, spoken to over HTTP by the `clickhouse` crate.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::Bytes;
use clickhouse::error::Error as Source;
use clickhouse::{Client, Compression};
use tokio::runtime::Runtime;

use super::rows::{ChRow, rows};
use super::url::ClickHouseUrl;
use crate::Error;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often something is sent of which no answer came. It has the same result however often it arrives.
const TRIES: usize = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(200);

/// What each statement is read with.
const SETTINGS: &[(&str, &str)] = &[
    // Of rows with the same key the last is there.
    ("final", "1"),
    // As SQL has it: nothing has no smallest value, and what is the same twice is one in a union.
    ("aggregate_functions_null_for_empty", "1"),
    ("union_default_mode", "DISTINCT"),
    ("join_use_nulls", "1"),
    // Values stand in statements, and thousands of keys are asked for at once.
    ("max_query_size", "268435456"),
    ("max_ast_elements", "10000000"),
    ("max_expanded_ast_elements", "10000000"),
    // What was answered is done, on every replica that is there.
    ("mutations_sync", "2"),
    ("lightweight_deletes_sync", "2"),
    ("async_insert", "0"),
    ("wait_end_of_query", "1"),
    ("max_partitions_per_insert_block", "0"),
];

/// And what each is read with in a cluster.
const OF_A_CLUSTER: &[(&str, &str)] = &[
    // What was answered is with most replicas of its shard, and who reads has all that was. This takes one insert into
    // a table after the other, which is how the lock of those who write has it.
    ("distributed_foreground_insert", "1"),
    ("insert_quorum", "auto"),
    ("insert_quorum_parallel", "0"),
    ("insert_quorum_timeout", "30000"),
    ("select_sequential_consistency", "1"),
    // Everybody speaks to the same replica of a shard while it is there, so that it is never behind.
    ("load_balancing", "in_order"),
    ("prefer_localhost_replica", "0"),
    // A part of the steps is no answer.
    ("skip_unavailable_shards", "0"),
    // A server that is away does what was asked of all when it is back.
    ("distributed_ddl_output_mode", "throw_only_active"),
    ("distributed_ddl_task_timeout", "50"),
];

/// Errors that another replica does not have, or this one no more in a moment: a lost connection, a table without its
/// keeper, no connection, a quorum that is not there yet, a replica that is behind, an insert of which nobody knows.
const PASSING: &[u32] = &[210, 242, 279, 285, 286, 289, 319, 999];
/// Something was changed on all replicas that are there, and will be on one that is away.
const AWAY: u32 = 341;

/// Clones speak to the same one.
#[derive(Debug, Clone)]
pub(crate) struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    runtime: Serving,
    /// For messages: without the password.
    place: String,
    /// Its database and its name, where it is a cluster.
    cluster: Option<(String, String)>,
}

/// Where it is spoken to: apart from whoever waits, whatever thread that is.
#[derive(Debug)]
struct Serving(Option<Runtime>);

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Engine {
    pub(super) fn new(url: &ClickHouseUrl) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("clickhouse")
            .enable_all()
            .build()
            .map_err(|source| Error::Tls { reason: source.to_string() })?;
        let mut client = Client::default()
            .with_url(url.address())
            .with_database(&url.database)
            .with_user(&url.user)
            .with_password(url.password.as_str())
            .with_compression(Compression::Lz4)
            .with_validation(false)
            .with_product_info("treering", env!("CARGO_PKG_VERSION"));
        let cluster = url.cluster.clone().map(|name| (url.database.clone(), name));
        let of_a_cluster = if cluster.is_some() { OF_A_CLUSTER } else { &[] };
        for (name, value) in SETTINGS.iter().chain(of_a_cluster) {
            client = client.with_setting(*name, *value);
        }
        let place = url.to_string();
        Ok(Self(Arc::new(Inner { client, runtime: Serving(Some(runtime)), place, cluster })))
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.0.cluster.is_some()
    }

    /// The table in whose place a statement other than an insert changes rows: in a cluster, that of each shard.
    pub(super) fn in_place(&self, table: &str) -> String {
        match &self.0.cluster {
            None => table.to_owned(),
            Some((database, cluster)) => format!("`{database}`.{table}_shard ON CLUSTER `{cluster}`"),
        }
    }

    /// What a statement that only reads answers. With conditions, nothing else of these tables is seen.
    pub(super) fn read(&self, sql: String, conditions: Option<&str>) -> Result<Vec<ChRow>, Error> {
        let mut client = self.0.client.clone();
        // Whatever this is, it changes nothing.
        client = client.with_setting("readonly", "2");
        if let Some(conditions) = conditions {
            client = client.with_setting("additional_table_filters", conditions);
        }
        let answer = self.wait(move || {
            let query = client.query_raw(&sql).fetch_bytes("RowBinaryWithNamesAndTypes");
            async move { query?.collect().await }
        })?;
        rows(&answer)
    }

    pub(super) fn command(&self, sql: String) -> Result<(), Error> {
        let client = self.0.client.clone();
        match self.wait(move || client.query_raw(&sql).execute()) {
            Err(Error::ClickHouse { code: AWAY, .. }) if self.0.cluster.is_some() => Ok(()),
            answer => answer,
        }
    }

    /// Inserts rows, as `RowBinary` has them. However often it arrives, what has this token is inserted once.
    pub(super) fn insert(&self, sql: String, rows: Vec<u8>, token: String) -> Result<(), Error> {
        let client = self.0.client.clone().with_setting("insert_deduplication_token", token);
        let rows = Bytes::from(rows);
        self.wait(move || {
            let (mut insert, rows) = (client.insert_formatted_with(sql.clone()), rows.clone());
            async move {
                insert.send(rows).await?;
                insert.end().await
            }
        })
    }

    /// Waits for what is asked, and asks again where no answer came.
    fn wait<T: Send + 'static, F: Future<Output = Result<T, Source>> + Send + 'static>(
        &self,
        ask: impl Fn() -> F + Send + 'static,
    ) -> Result<T, Error> {
        let (send, receive) = sync_channel(1);
        let runtime = self.0.runtime.0.as_ref().ok_or(Error::Silent)?;
        runtime.spawn(async move {
            let mut tries = 0;
            let answer = loop {
                tries += 1;
                let answer = tokio::time::timeout(PATIENCE, ask()).await.unwrap_or(Err(Source::TimedOut));
                match answer {
                    Err(error) if is_passing(&error) && tries < TRIES => tokio::time::sleep(PAUSE).await,
                    answer => break answer,
                }
            };
            // Whoever waited may be gone.
            send.send(answer).ok();
        });
        receive.recv().map_err(|_| Error::Silent)?.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: Source) -> Error {
        let place = || self.0.place.clone();
        match source {
            Source::TimedOut => Error::Silent,
            Source::Network(_) => Error::ClickHouseUnreachable { place: place(), source: Box::new(source) },
            Source::BadResponse(said) => match code(&said) {
                Some((192..=194 | 516, _)) => Error::ClickHouseLogin { place: place() },
                Some((81, _)) => Error::ClickHouseDatabase { place: place() },
                Some((164 | 497, _)) => Error::ClickHouseRights { place: place() },
                Some((code, name)) => Error::ClickHouse { code, name },
                None => Error::ClickHouseUnreachable {
                    place: place(),
                    // What a proxy says may be anything.
                    source: Box::new(Source::Other("an answer that is not ClickHouse's".into())),
                },
            },
            other => Error::ClickHouseUnreachable { place: place(), source: Box::new(other) },
        }
    }
}

/// True where the same may have another answer in a moment.
fn is_passing(error: &Source) -> bool {
    match error {
        Source::Network(_) => true,
        Source::BadResponse(said) => code(said).is_some_and(|(code, _)| PASSING.contains(&code)),
        _ => false,
    }
}

/// The number and the name of an error. What stands between them may hold the statement, and with it values.
fn code(said: &str) -> Option<(u32, String)> {
    let (_, rest) = said.split_once("Code: ")?;
    let digits = rest.len() - rest.trim_start_matches(|first: char| first.is_ascii_digit()).len();
    let is_of_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let names = rest.rsplit('(').filter_map(|part| part.split_once(')'));
    let mut names = names.map(|(name, _)| name).filter(|name| name.len() > 3 && name.bytes().all(is_of_name));
    Some((rest[..digits].parse().ok()?, names.next().unwrap_or("UNKNOWN").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_cluster_are_changed_on_all_servers_in_the_tables_of_the_shards() {
        let engine = |url: &str| Engine::new(&url.parse().unwrap()).unwrap();
        assert_eq!(engine("clickhouse+http://host/steps").in_place("span"), "span");
        let cluster = engine("clickhouse+http://host/my-steps?cluster=main-1");
        assert_eq!(cluster.in_place("span"), "`my-steps`.span_shard ON CLUSTER `main-1`");
    }

    #[test]
    fn of_an_error_no_more_is_told_than_its_number_and_name() {
        let said = "Code: 62. DB::Exception: Syntax error: failed at position 8 (secret): SELECT unhex('00'). \
                    Expected one of: token (SYNTAX_ERROR) (version 26.5.1.1 (official build))";
        assert_eq!(code(said), Some((62, "SYNTAX_ERROR".to_owned())));
        assert_eq!(code("Code: 516"), Some((516, "UNKNOWN".to_owned())));
        assert_eq!(code("<html>bad gateway</html>"), None);
    }
}
