//! The private row types of this store, and the way from and to the words of the house.

use super::connection::{Conflict, Insert, Kind as Column, Row};
use rusqlite::types::Value;
use treering_step::{
    Execution, ExecutionTokens, JoinKey, Kind, ProcessId, Source, SpanId, Status, Summary, Timestamp,
    TraceId, Usage,
};

use crate::Error;

pub(super) const SUMMARY_COLUMNS: &str = "span_id, source, parent_span_id, remote_parent, name, kind, status, \
    started_at, ended_at, agent, model, provider, tool, response_id, input_tokens, output_tokens, \
    cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, session_id, user_id, error_type, \
    redactions, dialect, joins, process";

/// Summaries, put in the place of those that are there: their project, their trace id, the version that they are
/// written as, and [`SUMMARY_COLUMNS`].
pub(super) const SUMMARIES: Insert = Insert {
    table: "summary",
    columns: &[
        ("project", Column::Integer),
        ("trace_id", Column::Bytes),
        ("written", Column::Integer),
        ("span_id", Column::Bytes),
        ("source", Column::Bytes),
        ("parent_span_id", Column::Bytes),
        ("remote_parent", Column::Integer),
        ("name", Column::Text),
        ("kind", Column::Text),
        ("status", Column::Text),
        ("started_at", Column::Integer),
        ("ended_at", Column::Integer),
        ("agent", Column::Text),
        ("model", Column::Text),
        ("provider", Column::Text),
        ("tool", Column::Text),
        ("response_id", Column::Text),
        ("input_tokens", Column::Integer),
        ("output_tokens", Column::Integer),
        ("cache_read_tokens", Column::Integer),
        ("cache_write_tokens", Column::Integer),
        ("reasoning_tokens", Column::Integer),
        ("cost_usd", Column::Real),
        ("session_id", Column::Text),
        ("user_id", Column::Text),
        ("error_type", Column::Text),
        ("redactions", Column::Text),
        ("dialect", Column::Text),
        ("joins", Column::Bytes),
        ("process", Column::Bytes),
    ],
    conflict: Conflict::Replaces("project, trace_id, span_id, source"),
    told: None,
};

pub(super) const EXECUTION_COLUMNS: &str = "trace_id, name, kind, agent, status, started_at, duration_ns, steps, \
    errors, redactions, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, \
    cost_usd, models, session_id, user_id";

/// Executions: their project, the version that they were computed from, their place in the list, their facets, and
/// [`EXECUTION_COLUMNS`]. One without a beginning keeps the place that it got when it was first seen.
pub(super) const EXECUTIONS: Insert = Insert {
    table: "execution",
    columns: &[
        ("project", Column::Integer),
        ("version", Column::Integer),
        ("listed_at", Column::Integer),
        ("kinds", Column::Integer),
        ("step_models", Column::Text),
        ("trace_id", Column::Bytes),
        ("name", Column::Text),
        ("kind", Column::Text),
        ("agent", Column::Text),
        ("status", Column::Text),
        ("started_at", Column::Integer),
        ("duration_ns", Column::Integer),
        ("steps", Column::Integer),
        ("errors", Column::Integer),
        ("redactions", Column::Integer),
        ("input_tokens", Column::Integer),
        ("output_tokens", Column::Integer),
        ("cache_read_tokens", Column::Integer),
        ("cache_write_tokens", Column::Integer),
        ("reasoning_tokens", Column::Integer),
        ("cost_usd", Column::Real),
        ("models", Column::Text),
        ("session_id", Column::Text),
        ("user_id", Column::Text),
    ],
    conflict: Conflict::ReplacesBut {
        keys: "project, trace_id",
        but: ("listed_at", "coalesce(excluded.started_at, execution.listed_at)"),
        condition: "excluded.version >= execution.version",
    },
    told: None,
};

/// SQLite counts to 2^63; what lies above (the year 2262, for times) is kept as that. The record itself keeps
/// the truth.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn time(time: Option<Timestamp>) -> Option<i64> {
    time.map(|time| integer(time.as_nanos()))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn timestamp(nanos: Option<i64>) -> Option<Timestamp> {
    nanos.map(unsigned).and_then(Timestamp::from_nanos)
}

/// Stands before the hash of a log record of no span.
const ALONE: u8 = 1;

pub(super) fn source(source: Source) -> Vec<u8> {
    match source {
        Source::Span => Vec::new(),
        Source::Log(hash) => hash.to_vec(),
        Source::Alone(hash) => [&[ALONE], &hash[..]].concat(),
    }
}

/// The hash of the log record that a source names.
pub(super) fn hash_of(source: &[u8]) -> Vec<u8> {
    source[source.len().saturating_sub(16)..].to_vec()
}

fn parse_source(bytes: &[u8]) -> Result<Source, Error> {
    let source = match bytes {
        [] => Ok(Source::Span),
        [ALONE, hash @ ..] if hash.len() == 16 => hash.try_into().map(Source::Alone),
        hash => hash.try_into().map(Source::Log),
    };
    source.map_err(|_| Error::Damaged("the source of a summary"))
}

/// Ids one after the other; no id is no value, so that an index of them holds none.
fn joins(keys: &[JoinKey]) -> Value {
    if keys.is_empty() { Value::Null } else { Value::Blob(keys.iter().flat_map(|key| key.0).collect()) }
}

pub(super) fn parse_joins(bytes: Option<&[u8]>) -> Result<Vec<JoinKey>, Error> {
    let (keys, rest) = bytes.unwrap_or_default().as_chunks::<16>();
    let keys = keys.iter().copied().map(JoinKey).collect();
    if rest.is_empty() { Ok(keys) } else { Err(Error::Damaged("the ids of a summary")) }
}

fn process(bytes: Option<&[u8]>) -> Result<Option<ProcessId>, Error> {
    let parse = |bytes: &[u8]| bytes.try_into().map(ProcessId).map_err(|_| Error::Damaged("a process"));
    bytes.map(parse).transpose()
}

pub(super) fn summary_values(summary: &Summary) -> Result<Vec<Value>, Error> {
    let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
    let number = |number: Option<u64>| number.map_or(Value::Null, |number| Value::Integer(integer(number)));
    let moment = |moment: Option<Timestamp>| time(moment).map_or(Value::Null, Value::Integer);
    let word = |word: Option<&str>| word.map_or(Value::Null, |word| Value::Text(word.to_owned()));
    let redactions = match summary.redactions.is_empty() {
        true => Value::Null,
        false => {
            Value::Text(serde_json::to_string(&summary.redactions).map_err(|_| Error::Damaged("redactions"))?)
        }
    };
    Ok(vec![
        Value::Blob(summary.span_id.as_bytes().to_vec()),
        Value::Blob(source(summary.source)),
        summary.parent_span_id.map_or(Value::Null, |id| Value::Blob(id.as_bytes().to_vec())),
        Value::Integer(summary.remote_parent.into()),
        text(&summary.name),
        word(summary.kind.map(Kind::as_str)),
        word(summary.status.map(Status::as_str)),
        moment(summary.started_at),
        moment(summary.ended_at),
        text(&summary.agent),
        text(&summary.model),
        text(&summary.provider),
        text(&summary.tool),
        text(&summary.response_id),
        number(summary.tokens.input),
        number(summary.tokens.output),
        number(summary.tokens.cache_read),
        number(summary.tokens.cache_write),
        number(summary.tokens.reasoning),
        // What is no number would be kept as nothing, and seem another value each time.
        summary.cost_usd.filter(|cost| !cost.is_nan()).map_or(Value::Null, Value::Real),
        text(&summary.session_id),
        text(&summary.user_id),
        text(&summary.error_type),
        redactions,
        text(&summary.dialect),
        joins(&summary.joins),
        summary.process.map_or(Value::Null, |process| Value::Blob(process.0.to_vec())),
    ])
}

pub(super) fn summary(row: Row<'_>) -> Result<Summary, Error> {
    let number = |at: usize| row.get::<Option<i64>>(at).map(|number| number.map(unsigned));
    let parent: Option<Vec<u8>> = row.get(2)?;
    let redactions: Option<String> = row.get(23)?;
    Ok(Summary {
        span_id: span_id(row.blob(0)?)?,
        source: parse_source(row.blob(1)?)?,
        parent_span_id: parent.map(|id| span_id(&id)).transpose()?,
        remote_parent: row.get(3)?,
        name: row.get(4)?,
        kind: row.get::<Option<String>>(5)?.as_deref().and_then(Kind::from_word),
        status: row.get::<Option<String>>(6)?.as_deref().and_then(Status::from_word),
        started_at: timestamp(row.get(7)?),
        ended_at: timestamp(row.get(8)?),
        agent: row.get(9)?,
        model: row.get(10)?,
        provider: row.get(11)?,
        tool: row.get(12)?,
        response_id: row.get(13)?,
        tokens: Usage {
            input: number(14)?,
            output: number(15)?,
            cache_read: number(16)?,
            cache_write: number(17)?,
            reasoning: number(18)?,
        },
        cost_usd: row.get(19)?,
        session_id: row.get(20)?,
        user_id: row.get(21)?,
        error_type: row.get(22)?,
        redactions: match redactions {
            Some(json) => serde_json::from_str(&json).map_err(|_| Error::Damaged("redactions"))?,
            None => Default::default(),
        },
        dialect: row.get(24)?,
        joins: parse_joins(row.get_ref(25)?.as_blob_or_null().unwrap_or_default())?,
        process: process(row.get_ref(26)?.as_blob_or_null().unwrap_or_default())?,
    })
}

/// Texts, as JSON.
pub(super) fn list<'a>(texts: impl Iterator<Item = &'a String>) -> Result<String, Error> {
    serde_json::to_string(&texts.collect::<Vec<_>>()).map_err(|_| Error::Damaged("models"))
}

pub(super) fn execution_values(execution: &Execution) -> Result<Vec<Value>, Error> {
    let text = |text: &str| Value::Text(text.to_owned());
    let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
    let count = |count: u64| Value::Integer(integer(count));
    let models = list(execution.models.iter())?;
    let tokens = execution.tokens;
    Ok(vec![
        Value::Blob(execution.trace_id.as_bytes().to_vec()),
        text(&execution.name),
        text(execution.kind.as_str()),
        optional(&execution.agent),
        text(execution.status.as_str()),
        time(execution.started_at).map_or(Value::Null, Value::Integer),
        count(execution.duration_ns),
        count(execution.steps),
        count(execution.errors),
        count(execution.redactions),
        count(tokens.input),
        count(tokens.output),
        count(tokens.cache_read),
        count(tokens.cache_write),
        count(tokens.reasoning),
        execution.cost_usd.map_or(Value::Null, Value::Real),
        Value::Text(models),
        optional(&execution.session_id),
        optional(&execution.user_id),
    ])
}

/// The execution of a row whose columns are [`EXECUTION_COLUMNS`].
pub(super) fn execution(row: Row<'_>) -> Result<Execution, Error> {
    let count = |at: usize| row.get::<i64>(at).map(unsigned);
    Ok(Execution {
        trace_id: trace_id(row.blob(0)?)?,
        name: row.get(1)?,
        kind: Kind::from_word(&row.get::<String>(2)?).unwrap_or_default(),
        agent: row.get(3)?,
        status: Status::from_word(&row.get::<String>(4)?).unwrap_or_default(),
        started_at: timestamp(row.get(5)?),
        duration_ns: count(6)?,
        steps: count(7)?,
        errors: count(8)?,
        redactions: count(9)?,
        tokens: ExecutionTokens {
            input: count(10)?,
            output: count(11)?,
            cache_read: count(12)?,
            cache_write: count(13)?,
            reasoning: count(14)?,
        },
        cost_usd: row.get(15)?,
        models: serde_json::from_str(&row.get::<String>(16)?).map_err(|_| Error::Damaged("models"))?,
        session_id: row.get(17)?,
        user_id: row.get(18)?,
    })
}

pub(super) fn span_id(bytes: &[u8]) -> Result<SpanId, Error> {
    SpanId::from_bytes(bytes).ok_or(Error::Damaged("a span id"))
}

pub(crate) fn trace_id(bytes: &[u8]) -> Result<TraceId, Error> {
    TraceId::from_bytes(bytes).ok_or(Error::Damaged("a trace id"))
}

/// So many places for values.
pub(crate) fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}
