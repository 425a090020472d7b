use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use treering_otlp::Signal;
use treering_redact::{Context, Record};
use treering_step::{Execution, SpanId, Summary, TraceId};

use super::pool::Pool;
use super::rows::{self, EXECUTION_COLUMNS, integer, time};
use super::writer::{partials, piece};
use crate::{
    Cursor, Error, ExecutionFilter, ExecutionPage, OutcomeCount, Project, ProjectId, Scope, StepRecords,
    Touched,
};

/// How many executions a page has where nobody says.
const DEFAULT_PAGE: u32 = 50;
/// How many it has at the most.
const LONGEST_PAGE: u32 = 1_000;

/// Takes executions and steps out, on connections that cannot write.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
}

impl Reader {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Every project, by name.
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        self.pool.with(|connection| projects(connection)).await
    }

    /// A page of executions, newest first.
    pub async fn executions(&self, scope: Scope, filter: ExecutionFilter) -> Result<ExecutionPage, Error> {
        self.pool.with(move |connection| executions(connection, scope, &filter)).await
    }

    /// One execution.
    pub async fn execution(&self, scope: Scope, trace_id: TraceId) -> Result<Option<Execution>, Error> {
        self.pool.with(move |connection| execution(connection, scope, trace_id)).await
    }

    /// The partial summaries of an execution.
    pub async fn summaries(&self, scope: Scope, trace_id: TraceId) -> Result<Vec<Summary>, Error> {
        let of = Touched { project: scope.project(), trace_id };
        self.pool.with(move |connection| Ok(partials(connection, of)?.summaries)).await
    }

    /// The records of these steps, in the order asked; a step that is not there is left out.
    pub async fn steps(
        &self,
        scope: Scope,
        trace_id: TraceId,
        spans: Vec<SpanId>,
    ) -> Result<Vec<StepRecords>, Error> {
        self.pool.with(move |connection| steps(connection, scope, trace_id, &spans)).await
    }

    /// Every record of an execution: its spans, then its logs.
    pub async fn records(&self, scope: Scope, trace_id: TraceId) -> Result<Vec<Record>, Error> {
        self.pool.with(move |connection| records(connection, scope, trace_id)).await
    }

    /// How often which outcome happened, of all collectors and for all time.
    pub async fn outcomes(&self) -> Result<Vec<OutcomeCount>, Error> {
        self.pool.with(|connection| outcomes(connection)).await
    }
}

fn projects(connection: &Connection) -> Result<Vec<Project>, Error> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM project ORDER BY name")?;
    let found =
        statement.query_map([], |row| Ok(Project { id: ProjectId(row.get(0)?), name: row.get(1)? }))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Conditions and their values, put together as the filter asks.
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn and_text(&mut self, condition: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.and(condition, [Value::Text(value.to_owned())]);
        }
    }
}

fn conditions(scope: Scope, filter: &ExecutionFilter) -> Where {
    let mut all = Where { sql: "project = ?".into(), values: vec![Value::Integer(scope.project().0)] };
    let of_any_step = |column: &str| {
        format!(
            "EXISTS (SELECT 1 FROM summary WHERE summary.project = execution.project
                AND summary.trace_id = execution.trace_id AND summary.{column} = ?)"
        )
    };
    all.and_text("status = ?", filter.status.map(|status| status.as_str()));
    all.and_text(&of_any_step("kind"), filter.kind.map(|kind| kind.as_str()));
    all.and_text(&of_any_step("model"), filter.model.as_deref());
    all.and_text("agent = ?", filter.agent.as_deref());
    all.and_text("session_id = ?", filter.session.as_deref());
    all.and_text("user_id = ?", filter.user.as_deref());
    if let Some(from) = time(filter.from) {
        all.and("listed_at >= ?", [Value::Integer(from)]);
    }
    if let Some(to) = time(filter.to) {
        all.and("listed_at < ?", [Value::Integer(to)]);
    }
    if let Some(least) = filter.min_duration_ns {
        all.and("duration_ns >= ?", [Value::Integer(integer(least))]);
    }
    if let Some(text) = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        search(&mut all, text);
    }
    if let Some(Cursor { at, trace_id }) = filter.cursor {
        let end = [Value::Integer(at), Value::Blob(trace_id.as_bytes().to_vec())];
        all.and("(listed_at, trace_id) < (?, ?)", end);
    }
    all
}

fn search(all: &mut Where, text: &str) {
    if let Ok(trace_id) = text.to_lowercase().parse::<TraceId>() {
        return all.and("trace_id = ?", [Value::Blob(trace_id.as_bytes().to_vec())]);
    }
    let columns = ["name", "agent", "session_id", "user_id"];
    let any: Vec<_> = columns.iter().map(|column| format!("instr(lower({column}), lower(?))")).collect();
    all.and(&format!("({})", any.join(" OR ")), columns.map(|_| Value::Text(text.to_owned())));
}

fn executions(
    connection: &Connection,
    scope: Scope,
    filter: &ExecutionFilter,
) -> Result<ExecutionPage, Error> {
    let limit = if filter.limit == 0 { DEFAULT_PAGE } else { filter.limit.min(LONGEST_PAGE) };
    let Where { sql, mut values } = conditions(scope, filter);
    // One more than asked tells whether there is a next page.
    values.push(Value::Integer(i64::from(limit) + 1));
    let sql = format!(
        "SELECT {EXECUTION_COLUMNS}, listed_at FROM execution WHERE {sql}
         ORDER BY listed_at DESC, trace_id DESC LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut page = ExecutionPage::default();
    let mut last = None;
    while let Some(row) = found.next()? {
        if page.executions.len() == limit as usize {
            page.next = last;
            break;
        }
        let execution = rows::execution(row)?;
        last = Some(Cursor { at: row.get("listed_at")?, trace_id: execution.trace_id });
        page.executions.push(execution);
    }
    Ok(page)
}

fn execution(connection: &Connection, scope: Scope, trace_id: TraceId) -> Result<Option<Execution>, Error> {
    let sql = format!("SELECT {EXECUTION_COLUMNS} FROM execution WHERE project = ?1 AND trace_id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![scope.project().0, trace_id.as_bytes()])?;
    found.next()?.map(rows::execution).transpose()
}

/// Reads records, and each context only once.
struct Records<'a> {
    connection: &'a Connection,
    project: ProjectId,
    contexts: HashMap<(u32, Vec<u8>), Context>,
}

impl<'a> Records<'a> {
    fn new(connection: &'a Connection, scope: Scope) -> Self {
        Self { connection, project: scope.project(), contexts: HashMap::new() }
    }

    /// A record of a row whose first columns are its day, the hash of its context, and its body.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the store: what it holds was redacted when it was written"
    )]
    fn record(&mut self, signal: Signal, row: &Row<'_>) -> Result<Record, Error> {
        let name: (u32, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let context = match self.contexts.get(&name) {
            Some(context) => context.clone(),
            None => {
                let context = Context::new(piece(self.connection, self.project, name.0, &name.1)?);
                self.contexts.insert(name, context.clone());
                context
            }
        };
        Ok(Record::from_store(signal, context, row.get(2)?))
    }

    fn all(&mut self, signal: Signal, sql: &str, key: &[&[u8]]) -> Result<Vec<Record>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let blobs = key.iter().map(|part| Value::Blob(part.to_vec()));
        let mut found =
            statement.query(params_from_iter([Value::Integer(self.project.0)].into_iter().chain(blobs)))?;
        let mut records = Vec::new();
        while let Some(row) = found.next()? {
            records.push(self.record(signal, row)?);
        }
        Ok(records)
    }
}

fn steps(
    connection: &Connection,
    scope: Scope,
    trace_id: TraceId,
    spans: &[SpanId],
) -> Result<Vec<StepRecords>, Error> {
    const SPAN: &str =
        "SELECT day, context, body FROM span WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3";
    const ANNOUNCING: &str =
        "SELECT day, context, body FROM span WHERE project = ?1 AND trace_id = ?2 AND announces = ?3";
    const LOGS: &str =
        "SELECT day, context, body FROM log WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3
        ORDER BY at, hash, ordinal";
    let mut records = Records::new(connection, scope);
    let mut steps = Vec::with_capacity(spans.len());
    for span_id in spans {
        let key: [&[u8]; 2] = [trace_id.as_bytes(), span_id.as_bytes()];
        let span = records.all(Signal::Traces, SPAN, &key)?.pop();
        let mut logs = records.all(Signal::Traces, ANNOUNCING, &key)?;
        logs.extend(records.all(Signal::Logs, LOGS, &key)?);
        if span.is_some() || !logs.is_empty() {
            steps.push(StepRecords { span_id: *span_id, span, logs });
        }
    }
    Ok(steps)
}

fn records(connection: &Connection, scope: Scope, trace_id: TraceId) -> Result<Vec<Record>, Error> {
    const SPANS: &str =
        "SELECT day, context, body FROM span WHERE project = ?1 AND trace_id = ?2 ORDER BY context";
    const LOGS: &str = "SELECT day, context, body FROM log WHERE project = ?1 AND trace_id = ?2
        ORDER BY context, at, hash, ordinal";
    let mut records = Records::new(connection, scope);
    let mut all = records.all(Signal::Traces, SPANS, &[trace_id.as_bytes()])?;
    all.extend(records.all(Signal::Logs, LOGS, &[trace_id.as_bytes()])?);
    Ok(all)
}

fn outcomes(connection: &Connection) -> Result<Vec<OutcomeCount>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT name, sum(count) FROM outcome GROUP BY name ORDER BY name")?;
    let found = statement.query_map([], |row| {
        Ok(OutcomeCount { name: row.get(0)?, count: row.get::<_, i64>(1)?.unsigned_abs() })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
