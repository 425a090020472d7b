-- Treering's tables on the servers of a cluster called `treering`; put the name of yours in its place. `--cluster NAME` makes
-- the first start run the same statements; where some are there, it goes on. Run it once more after a server was added.
--
--     clickhouse-client --query 'CREATE DATABASE treering ON CLUSTER treering'
--     clickhouse-client --database treering --queries-file cluster.sql

CREATE TABLE IF NOT EXISTS block_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    day UInt32 CODEC(Delta, ZSTD(1)),
    id Int64 CODEC(Delta, ZSTD(1)),
    sealed String CODEC(NONE),
    stamp Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/block', '{replica}', stamp)
PARTITION BY (project, day)
ORDER BY (project, day, id)
SETTINGS index_granularity = 4, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS block ON CLUSTER `treering` AS block_shard
ENGINE = Distributed('treering', currentDatabase(), block_shard, cityHash64(project, day, id));

CREATE TABLE IF NOT EXISTS piece_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    day UInt32 CODEC(Delta, ZSTD(1)),
    hash String CODEC(NONE),
    block Int64 CODEC(Delta, ZSTD(1)),
    start Int64 CODEC(ZSTD(1)),
    length Int64 CODEC(ZSTD(1)),
    stamp Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/piece', '{replica}', stamp)
PARTITION BY (project, day)
ORDER BY (project, day, hash)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS piece ON CLUSTER `treering` AS piece_shard
ENGINE = Distributed('treering', currentDatabase(), piece_shard, cityHash64(project, day, hash));

CREATE TABLE IF NOT EXISTS span_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(NONE),
    day UInt32 CODEC(Delta, ZSTD(1)),
    ended_at Int64 CODEC(Delta, ZSTD(1)),
    hash String CODEC(NONE),
    announces Nullable(String) CODEC(ZSTD(1)),
    block Nullable(Int64) CODEC(ZSTD(1)),
    start Nullable(Int64) CODEC(ZSTD(1)),
    length Nullable(Int64) CODEC(ZSTD(1)),
    stamp Int64 CODEC(Delta, ZSTD(1)),
    INDEX by_day day TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/span', '{replica}', stamp)
ORDER BY (project, trace_id, span_id)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS span ON CLUSTER `treering` AS span_shard
ENGINE = Distributed('treering', currentDatabase(), span_shard, cityHash64(project, trace_id));

CREATE TABLE IF NOT EXISTS log_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    hash String CODEC(NONE),
    ordinal Int64 CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    at Int64 CODEC(Delta, ZSTD(1)),
    day UInt32 CODEC(Delta, ZSTD(1)),
    block Nullable(Int64) CODEC(ZSTD(1)),
    start Nullable(Int64) CODEC(ZSTD(1)),
    length Nullable(Int64) CODEC(ZSTD(1)),
    stamp Int64 CODEC(Delta, ZSTD(1)),
    INDEX by_day day TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/log', '{replica}', stamp)
ORDER BY (project, trace_id, hash, ordinal)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS log ON CLUSTER `treering` AS log_shard
ENGINE = Distributed('treering', currentDatabase(), log_shard, cityHash64(project, trace_id));

CREATE TABLE IF NOT EXISTS span_join_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    key String CODEC(NONE),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    stamp Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/span_join', '{replica}', stamp)
ORDER BY (project, key, trace_id, span_id)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS span_join ON CLUSTER `treering` AS span_join_shard
ENGINE = Distributed('treering', currentDatabase(), span_join_shard, cityHash64(project, trace_id));

CREATE TABLE IF NOT EXISTS summary_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    written Int64 CODEC(Delta, ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    source String CODEC(ZSTD(1)),
    parent_span_id Nullable(String) CODEC(ZSTD(1)),
    remote_parent Int64 CODEC(ZSTD(1)),
    name Nullable(String) CODEC(ZSTD(1)),
    kind LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    status LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    started_at Nullable(Int64) CODEC(ZSTD(1)),
    ended_at Nullable(Int64) CODEC(ZSTD(1)),
    agent LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    model LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    provider LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    tool LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    response_id Nullable(String) CODEC(ZSTD(1)),
    input_tokens Nullable(Int64) CODEC(ZSTD(1)),
    output_tokens Nullable(Int64) CODEC(ZSTD(1)),
    cache_read_tokens Nullable(Int64) CODEC(ZSTD(1)),
    cache_write_tokens Nullable(Int64) CODEC(ZSTD(1)),
    reasoning_tokens Nullable(Int64) CODEC(ZSTD(1)),
    cost_usd Nullable(Float64) CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    error_type LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    redactions Nullable(String) CODEC(ZSTD(1)),
    dialect LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    joins Nullable(String) CODEC(ZSTD(1)),
    process Nullable(String) CODEC(ZSTD(1)),
    stamp Int64 CODEC(Delta, ZSTD(1)),
    is_naming UInt8 MATERIALIZED joins IS NOT NULL AND source <> '' CODEC(ZSTD(1)),
    INDEX naming is_naming TYPE minmax GRANULARITY 8,
    INDEX by_join joins TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_process process TYPE bloom_filter(0.001) GRANULARITY 4,
    INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 4,
    INDEX by_user user_id TYPE bloom_filter(0.001) GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/summary', '{replica}', stamp)
ORDER BY (project, trace_id, span_id, source)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS summary ON CLUSTER `treering` AS summary_shard
ENGINE = Distributed('treering', currentDatabase(), summary_shard, cityHash64(project, trace_id));

CREATE TABLE IF NOT EXISTS execution_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    version Int64 CODEC(Delta, ZSTD(1)),
    listed_at Int64 CODEC(Delta, ZSTD(1)),
    kinds Int64 CODEC(ZSTD(1)),
    step_models Nullable(String) CODEC(ZSTD(1)),
    trace_id String CODEC(NONE),
    name String CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    agent LowCardinality(Nullable(String)) CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    started_at Nullable(Int64) CODEC(ZSTD(1)),
    duration_ns Int64 CODEC(ZSTD(1)),
    steps Int64 CODEC(ZSTD(1)),
    errors Int64 CODEC(ZSTD(1)),
    redactions Int64 CODEC(ZSTD(1)),
    input_tokens Int64 CODEC(ZSTD(1)),
    output_tokens Int64 CODEC(ZSTD(1)),
    cache_read_tokens Int64 CODEC(ZSTD(1)),
    cache_write_tokens Int64 CODEC(ZSTD(1)),
    reasoning_tokens Int64 CODEC(ZSTD(1)),
    cost_usd Nullable(Float64) CODEC(ZSTD(1)),
    models String CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    stamp Int64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/execution', '{replica}', stamp)
ORDER BY (project, trace_id)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS execution ON CLUSTER `treering` AS execution_shard
ENGINE = Distributed('treering', currentDatabase(), execution_shard, cityHash64(project, trace_id));

CREATE TABLE IF NOT EXISTS words_shard ON CLUSTER `treering` (
    project Int64 CODEC(Delta, ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    version Int64 CODEC(Delta, ZSTD(1)),
    hashes Array(UInt32) CODEC(NONE),
    stamp Int64 CODEC(Delta, ZSTD(1)),
    INDEX by_hash hashes TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/words', '{replica}', stamp)
ORDER BY (project, trace_id, version)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS words ON CLUSTER `treering` AS words_shard
ENGINE = Distributed('treering', currentDatabase(), words_shard, cityHash64(project, trace_id));

CREATE TABLE IF NOT EXISTS treering_schema ON CLUSTER `treering` (version Int64, made_at DateTime DEFAULT now())
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/treering_schema', '{shard}-{replica}')
ORDER BY version;

INSERT INTO treering_schema (version) SELECT 1;
