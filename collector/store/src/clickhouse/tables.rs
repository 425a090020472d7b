//! The tables of what came in. Each row has the stamp that it was written with, and of rows with the same key the one
//! with the greatest is there: nothing is ever changed in its place, and nothing is added up that may come twice.

use rusqlite::types::Value;

use crate::Error;
use crate::hashes::Hashes;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Number,
    Real,
    Bytes,
    /// One of a few texts.
    Word,
    /// A set of hashes, which we have in a code of our own.
    Hashes,
}

pub(super) struct Column {
    pub(super) name: &'static str,
    form: Form,
    may_be_absent: bool,
    codec: &'static str,
}

const fn column(name: &'static str, form: Form, codec: &'static str) -> Column {
    Column { name, form, may_be_absent: false, codec }
}

const fn optional(name: &'static str, form: Form, codec: &'static str) -> Column {
    Column { name, form, may_be_absent: true, codec }
}

/// What is compressed already, or random.
const AS_IT_IS: &str = "NONE";
const PACKED: &str = "ZSTD(1)";
/// Numbers that grow from row to row, or stay.
const GROWING: &str = "Delta, ZSTD(1)";

pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    /// The columns of the key, by which rows lie on the disk.
    pub(super) key: &'static [&'static str],
    /// What goes as a whole, without rewriting a row.
    partition: Option<&'static str>,
    /// What else stands in the table: indices that pass over what is not asked for.
    more: &'static [&'static str],
    rows_a_granule: u32,
}

pub(super) const STAMP: &str = "stamp";

impl Column {
    fn kind(&self) -> String {
        let plain = match self.form {
            Form::Integer => "Int64",
            Form::Number => "UInt32",
            Form::Real => "Float64",
            Form::Bytes | Form::Word => "String",
            Form::Hashes => "Array(UInt32)",
        };
        let kind = if self.may_be_absent { format!("Nullable({plain})") } else { plain.to_owned() };
        if self.form == Form::Word { format!("LowCardinality({kind})") } else { kind }
    }

    /// Adds a value as `RowBinary` has it.
    pub(super) fn encode(&self, value: &Value, to: &mut Vec<u8>) -> Result<(), Error> {
        const WRONG: Error = Error::Damaged("a value that its column cannot have");
        if self.may_be_absent {
            to.push(u8::from(matches!(value, Value::Null)));
        }
        match (self.form, value) {
            (_, Value::Null) if self.may_be_absent => {}
            (Form::Integer, Value::Integer(number)) => to.extend(number.to_le_bytes()),
            (Form::Number, Value::Integer(number)) => {
                to.extend(u32::try_from(*number).map_err(|_| WRONG)?.to_le_bytes());
            }
            (Form::Real, Value::Real(number)) => to.extend(number.to_le_bytes()),
            (Form::Bytes | Form::Word, Value::Blob(bytes)) => encode_bytes(bytes, to),
            (Form::Bytes | Form::Word, Value::Text(text)) => encode_bytes(text.as_bytes(), to),
            (Form::Hashes, Value::Blob(code)) => {
                let hashes = Hashes::of(code).ok_or(WRONG)?;
                encode_length(hashes.len(), to);
                hashes.iter().for_each(|hash| to.extend(hash.to_le_bytes()));
            }
            _ => return Err(WRONG),
        }
        Ok(())
    }
}

/// Adds a value of a key, which is there.
pub(super) fn encode_plain(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::Integer(number) => to.extend(number.to_le_bytes()),
        Value::Text(text) => encode_bytes(text.as_bytes(), to),
        Value::Blob(bytes) => encode_bytes(bytes, to),
        Value::Null | Value::Real(_) => {}
    }
}

fn encode_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    encode_length(bytes.len(), to);
    to.extend_from_slice(bytes);
}

fn encode_length(mut length: usize, to: &mut Vec<u8>) {
    while length >= 0x80 {
        to.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    to.push(length.to_le_bytes()[0]);
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn is_key(&self, name: &str) -> bool {
        self.key.contains(&name)
    }

    /// The statements that make it, in a database of its own or of a cluster.
    pub(super) fn definition(&self, of: &Layout<'_>) -> Vec<String> {
        let column =
            |Column { name, codec, .. }: &Column, kind: String| format!("    {name} {kind} CODEC({codec})");
        let mut lines: Vec<_> = self.columns.iter().map(|one| column(one, one.kind())).collect();
        lines.extend(self.more.iter().map(|more| format!("    {more}")));
        of.statements(self, &lines.join(",\n"))
    }

    /// True where the rows of a project and a day go as a whole.
    pub(super) fn is_by_day(&self) -> bool {
        self.partition.is_some()
    }

    fn options(&self, window: &str) -> String {
        let partition = self.partition.map(|by| format!("PARTITION BY {by}\n")).unwrap_or_default();
        format!(
            "{partition}ORDER BY ({})\nSETTINGS index_granularity = {}, fsync_after_insert = 1, \
             fsync_part_directory = 1, {window} = {DEDUPLICATED}",
            self.key.join(", "),
            self.rows_a_granule
        )
    }

    /// By what its rows are spread. An execution lies on one shard, and so does each row of a key; but not all that
    /// one project had in one day.
    fn spread_by(&self) -> String {
        if self.is_key("trace_id") { "project, trace_id".to_owned() } else { self.key.join(", ") }
    }
}

/// Inserts of which a repetition is known as such.
const DEDUPLICATED: u32 = 1_000;

/// Where tables are made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout<'a> {
    Single,
    /// On every server of a cluster: a replicated table a shard, and one that names them all.
    Cluster(&'a str),
}

impl Layout<'_> {
    fn statements(&self, table: &Table, columns: &str) -> Vec<String> {
        let Table { name, .. } = table;
        match self {
            Self::Single => vec![format!(
                "CREATE TABLE IF NOT EXISTS {name} (\n{columns}\n)\nENGINE = ReplacingMergeTree({STAMP})\n{}",
                table.options("non_replicated_deduplication_window")
            )],
            Self::Cluster(cluster) => vec![
                format!(
                    "CREATE TABLE IF NOT EXISTS {name}_shard ON CLUSTER `{cluster}` (\n{columns}\n)\n\
                     ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{{shard}}/{{database}}/{name}', \
                     '{{replica}}', {STAMP})\n{}",
                    table.options("replicated_deduplication_window")
                ),
                format!(
                    "CREATE TABLE IF NOT EXISTS {name} ON CLUSTER `{cluster}` AS {name}_shard\n\
                     ENGINE = Distributed('{cluster}', currentDatabase(), {name}_shard, cityHash64({}))",
                    table.spread_by()
                ),
            ],
        }
    }
}

/// The table of this name, where it is one of these.
pub(super) fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

use Form::{Bytes, Hashes as Set, Integer, Number, Real, Word};

/// All of them, in the order in which a batch is written: content, what names it, and what is told of that.
pub(super) static TABLES: &[Table] = &[
    Table {
        name: "block",
        columns: &[
            column("project", Integer, GROWING),
            column("day", Number, GROWING),
            column("id", Integer, GROWING),
            column("sealed", Bytes, AS_IT_IS),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "day", "id"],
        partition: Some("(project, day)"),
        more: &[],
        // Some hundred kilobytes each: who asks for one reads no more than a few.
        rows_a_granule: 4,
    },
    Table {
        name: "piece",
        columns: &[
            column("project", Integer, GROWING),
            column("day", Number, GROWING),
            column("hash", Bytes, AS_IT_IS),
            column("block", Integer, GROWING),
            column("start", Integer, PACKED),
            column("length", Integer, PACKED),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "day", "hash"],
        partition: Some("(project, day)"),
        more: &[],
        rows_a_granule: 1024,
    },
    Table {
        name: "span",
        columns: &[
            column("project", Integer, GROWING),
            column("trace_id", Bytes, PACKED),
            column("span_id", Bytes, AS_IT_IS),
            column("day", Number, GROWING),
            column("ended_at", Integer, GROWING),
            column("hash", Bytes, AS_IT_IS),
            optional("announces", Bytes, PACKED),
            optional("block", Integer, PACKED),
            optional("start", Integer, PACKED),
            optional("length", Integer, PACKED),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "trace_id", "span_id"],
        partition: None,
        more: &["INDEX by_day day TYPE minmax GRANULARITY 1"],
        rows_a_granule: 1024,
    },
    Table {
        name: "log",
        columns: &[
            column("project", Integer, GROWING),
            column("trace_id", Bytes, PACKED),
            column("hash", Bytes, AS_IT_IS),
            column("ordinal", Integer, PACKED),
            column("span_id", Bytes, PACKED),
            column("at", Integer, GROWING),
            column("day", Number, GROWING),
            optional("block", Integer, PACKED),
            optional("start", Integer, PACKED),
            optional("length", Integer, PACKED),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "trace_id", "hash", "ordinal"],
        partition: None,
        more: &["INDEX by_day day TYPE minmax GRANULARITY 1"],
        rows_a_granule: 1024,
    },
    Table {
        name: "span_join",
        columns: &[
            column("project", Integer, GROWING),
            column("key", Bytes, AS_IT_IS),
            column("trace_id", Bytes, PACKED),
            column("span_id", Bytes, PACKED),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "key", "trace_id", "span_id"],
        partition: None,
        more: &[],
        rows_a_granule: 1024,
    },
    Table {
        name: "summary",
        columns: &[
            column("project", Integer, GROWING),
            column("trace_id", Bytes, PACKED),
            column("written", Integer, GROWING),
            column("span_id", Bytes, PACKED),
            column("source", Bytes, PACKED),
            optional("parent_span_id", Bytes, PACKED),
            column("remote_parent", Integer, PACKED),
            optional("name", Bytes, PACKED),
            optional("kind", Word, PACKED),
            optional("status", Word, PACKED),
            optional("started_at", Integer, PACKED),
            optional("ended_at", Integer, PACKED),
            optional("agent", Word, PACKED),
            optional("model", Word, PACKED),
            optional("provider", Word, PACKED),
            optional("tool", Word, PACKED),
            optional("response_id", Bytes, PACKED),
            optional("input_tokens", Integer, PACKED),
            optional("output_tokens", Integer, PACKED),
            optional("cache_read_tokens", Integer, PACKED),
            optional("cache_write_tokens", Integer, PACKED),
            optional("reasoning_tokens", Integer, PACKED),
            optional("cost_usd", Real, PACKED),
            optional("session_id", Bytes, PACKED),
            optional("user_id", Bytes, PACKED),
            optional("error_type", Word, PACKED),
            optional("redactions", Bytes, PACKED),
            optional("dialect", Word, PACKED),
            optional("joins", Bytes, PACKED),
            optional("process", Bytes, PACKED),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "trace_id", "span_id", "source"],
        partition: None,
        more: &[
            // Most projects have no log record that names a span: one look at this tells.
            "is_naming UInt8 MATERIALIZED joins IS NOT NULL AND source <> '' CODEC(ZSTD(1))",
            "INDEX naming is_naming TYPE minmax GRANULARITY 8",
            "INDEX by_join joins TYPE bloom_filter(0.001) GRANULARITY 1",
            "INDEX by_process process TYPE bloom_filter(0.001) GRANULARITY 4",
            "INDEX by_session session_id TYPE bloom_filter(0.001) GRANULARITY 4",
            "INDEX by_user user_id TYPE bloom_filter(0.001) GRANULARITY 4",
        ],
        rows_a_granule: 1024,
    },
    Table {
        name: "execution",
        columns: &[
            column("project", Integer, GROWING),
            column("version", Integer, GROWING),
            column("listed_at", Integer, GROWING),
            column("kinds", Integer, PACKED),
            optional("step_models", Bytes, PACKED),
            column("trace_id", Bytes, AS_IT_IS),
            column("name", Bytes, PACKED),
            column("kind", Word, PACKED),
            optional("agent", Word, PACKED),
            column("status", Word, PACKED),
            optional("started_at", Integer, PACKED),
            column("duration_ns", Integer, PACKED),
            column("steps", Integer, PACKED),
            column("errors", Integer, PACKED),
            column("redactions", Integer, PACKED),
            column("input_tokens", Integer, PACKED),
            column("output_tokens", Integer, PACKED),
            column("cache_read_tokens", Integer, PACKED),
            column("cache_write_tokens", Integer, PACKED),
            column("reasoning_tokens", Integer, PACKED),
            optional("cost_usd", Real, PACKED),
            column("models", Bytes, PACKED),
            optional("session_id", Bytes, PACKED),
            optional("user_id", Bytes, PACKED),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "trace_id"],
        partition: None,
        more: &[],
        rows_a_granule: 1024,
    },
    Table {
        name: "words",
        columns: &[
            column("project", Integer, GROWING),
            column("trace_id", Bytes, PACKED),
            column("version", Integer, GROWING),
            column("hashes", Set, AS_IT_IS),
            column(STAMP, Integer, GROWING),
        ],
        key: &["project", "trace_id", "version"],
        partition: None,
        more: &["INDEX by_hash hashes TYPE bloom_filter(0.01) GRANULARITY 1"],
        rows_a_granule: 512,
    },
];
