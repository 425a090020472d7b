use super::connection::{Connection, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_redact::Record;
use treering_step::{Execution, SpanId, Summary, TraceId};

use super::content::Content;
use super::executions::{SHOWN, computed, execution};
use super::facets::bit;
use super::outcomes::outcomes;
use super::partials::{Detail, each_step, each_step_of_many, found, of_steps, since};
use super::pool::Pool;
use super::receipts::receipt;
use super::records::{dated_records, newest, records, steps};
use super::rows::{self, EXECUTION_COLUMNS, integer, time};
use super::versions::last_version;
use super::{audit, conditions, index, people, search};
use crate::postgres::Claims;
use crate::{
    AuditRow, Computed, Cursor, Error, ExecutionFilter, ExecutionPage, OutcomeCount, Pattern, Project,
    ProjectId, Receipt, RequestId, Role, Scope, SearchLag, StepRecords, Test, TextField, Touched, Vault,
    Viewer,
};

/// How many executions a page has where nobody says.
const DEFAULT_PAGE: u32 = 50;
/// How many it has at the most.
const LONGEST_PAGE: u32 = 1_000;

/// The longest session or user that stands in an index of a remote database.
const INDEXED: usize = 600;

/// Takes executions and steps out, on connections that cannot write.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: Pool,
    content: Content,
    viewer: Viewer,
    /// False where nothing of what was said is shown.
    shows_content: bool,
}

impl Reader {
    pub(crate) fn new(pool: Pool, content: Content) -> Self {
        Self { pool, content, viewer: Viewer::default(), shows_content: true }
    }

    /// The same for somebody else than the owner of this machine. A remote store shows nothing beyond what this one may
    /// see, whatever it is asked.
    pub fn seen_by(&self, viewer: Viewer) -> Self {
        Self { viewer, ..self.clone() }
    }

    /// The same without content: what was said, asked and answered is [`Error::Withheld`], and nothing is found by it.
    pub fn withholding_content(&self) -> Self {
        Self { shows_content: false, ..self.clone() }
    }

    /// False where it withholds content.
    pub fn shows_content(&self) -> bool {
        self.shows_content
    }

    fn claims(&self, project: Option<ProjectId>) -> Claims<'_> {
        Claims { viewer: &self.viewer, project, content: self.shows_content }
    }

    async fn look<T: Send + 'static>(
        &self,
        scope: Scope,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.pool.seen_by(self.claims(Some(scope.project())), work).await
    }

    /// The same for work that shows content.
    async fn open<T: Send + 'static>(
        &self,
        scope: Scope,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if self.shows_content { self.look(scope, work).await } else { Err(Error::Withheld) }
    }

    /// Every project that may be seen, by name.
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        self.pool.seen_by(self.claims(None), projects).await
    }

    /// The projects of a person, and the roles there. A remote store tells a person of its own alone.
    pub async fn memberships(&self, subject: &str) -> Result<Vec<(Project, Role)>, Error> {
        let subject = subject.to_owned();
        let find = move |connection: &Connection| people::memberships(connection, &subject);
        self.pool.seen_by(self.claims(None), find).await
    }

    /// Rows of the audit log of a project, newest first: so many at the most, all older than this one. A remote store shows
    /// them to its auditors and owners alone.
    pub async fn audit(&self, scope: Scope, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, Error> {
        let claims = Claims { content: false, ..self.claims(Some(scope.project())) };
        let find =
            move |connection: &Connection| audit::page(connection, Some(scope.project()), before, limit);
        self.pool.seen_by(claims, find).await
    }

    /// The same of all projects and of none, for the owner of the machine.
    pub async fn audit_of_all(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, Error> {
        let claims = Claims { content: false, ..self.claims(None) };
        let find = move |connection: &Connection| audit::page(connection, None, before, limit);
        self.pool.seen_by(claims, find).await
    }

    /// A page of executions, newest first.
    pub async fn executions(
        &self,
        scope: Scope,
        mut filter: ExecutionFilter,
    ) -> Result<ExecutionPage, Error> {
        if !self.shows_content {
            filter.words.clear();
        }
        let vault = self.content.vault.clone();
        // Who may see no content has no keys either, and asks by the names that are shown.
        let has_keys = self.shows_content;
        let find = move |connection: &Connection| {
            let known = if has_keys { known(&vault, scope, filter)? } else { filter };
            executions(connection, &vault, scope, &known)
        };
        self.look(scope, find).await
    }

    /// How far the index of words is behind.
    pub async fn search_lag(&self, scope: Scope) -> Result<SearchLag, Error> {
        self.look(scope, move |connection| index::lag(connection, scope)).await
    }

    /// One execution.
    pub async fn execution(&self, scope: Scope, trace_id: TraceId) -> Result<Option<Execution>, Error> {
        let of = Touched { project: scope.project(), trace_id };
        self.look(scope, move |connection| execution(connection, of)).await
    }

    /// One execution, with the version that it was computed from: while that is the same, so is its tree.
    pub async fn computed(&self, scope: Scope, trace_id: TraceId) -> Result<Option<Computed>, Error> {
        let of = Touched { project: scope.project(), trace_id };
        self.look(scope, move |connection| computed(connection, of)).await
    }

    /// What the tree of an execution is drawn from. Its steps are handed over one after the other, each with all of
    /// its partial summaries, as far as trees and sums need them: the names of things are left out.
    pub async fn skeleton<T: Default + Send + 'static>(
        &self,
        scope: Scope,
        trace_id: TraceId,
        add: impl Fn(&mut T, Vec<Summary>) + Send + 'static,
    ) -> Result<T, Error> {
        let of = Touched { project: scope.project(), trace_id };
        let read = move |connection: &Connection| {
            let mut told = T::default();
            each_step(connection, of, Detail::Skeleton, |step| add(&mut told, step))?;
            Ok(told)
        };
        self.look(scope, read).await
    }

    /// The steps of many executions, each with all of its partial summaries and the place of its execution among these.
    pub async fn steps_of_many<T: Default + Send + 'static>(
        &self,
        scope: Scope,
        of: Vec<TraceId>,
        add: impl Fn(&mut T, usize, Vec<Summary>) + Send + 'static,
    ) -> Result<T, Error> {
        let of: Vec<_> =
            of.into_iter().map(|trace_id| Touched { project: scope.project(), trace_id }).collect();
        let read = move |connection: &Connection| {
            let mut told = T::default();
            each_step_of_many(connection, &of, |at, step| add(&mut told, at, step))?;
            Ok(told)
        };
        self.look(scope, read).await
    }

    /// Steps of an execution, so many at the most, whose name, agent, model, tool or error holds this text; upper and
    /// lower case of ASCII are the same.
    pub async fn find_steps(
        &self,
        scope: Scope,
        trace_id: TraceId,
        text: &str,
        limit: u32,
    ) -> Result<Vec<SpanId>, Error> {
        let of = Touched { project: scope.project(), trace_id };
        let text = text.to_ascii_lowercase();
        self.look(scope, move |connection| found(connection, of, &text, limit)).await
    }

    /// What came in with these executions after this version, partial summaries, the oldest first and up to so many of
    /// each.
    pub async fn since(
        &self,
        scope: Scope,
        of: Vec<TraceId>,
        version: u64,
        limit: u32,
    ) -> Result<Vec<(TraceId, Summary)>, Error> {
        let of: Vec<_> =
            of.into_iter().map(|trace_id| Touched { project: scope.project(), trace_id }).collect();
        self.look(scope, move |connection| since(connection, &of, integer(version), limit)).await
    }

    /// The version of what was written last, in any project.
    pub async fn last_version(&self, scope: Scope) -> Result<u64, Error> {
        self.look(scope, |connection| Ok(last_version(connection)?.unsigned_abs())).await
    }

    /// The partial summaries of an execution.
    pub async fn summaries(&self, scope: Scope, trace_id: TraceId) -> Result<Vec<Summary>, Error> {
        let of = Touched { project: scope.project(), trace_id };
        let read = move |connection: &Connection| {
            let mut summaries = Vec::new();
            each_step(connection, of, Detail::Whole, |step| summaries.extend(step))?;
            Ok(summaries)
        };
        self.look(scope, read).await
    }

    /// The partial summaries of these steps alone.
    pub async fn summaries_of(
        &self,
        scope: Scope,
        trace_id: TraceId,
        spans: Vec<SpanId>,
    ) -> Result<Vec<Summary>, Error> {
        let of = Touched { project: scope.project(), trace_id };
        self.look(scope, move |connection| of_steps(connection, of, &spans)).await
    }

    /// The records of these steps, in the order asked; a step that is not there is left out.
    pub async fn steps(
        &self,
        scope: Scope,
        trace_id: TraceId,
        spans: Vec<SpanId>,
    ) -> Result<Vec<StepRecords>, Error> {
        let content = self.content.clone();
        self.open(scope, move |connection| steps(connection, &content, scope, trace_id, &spans)).await
    }

    /// Every record that came with an execution: its spans, then its logs.
    pub async fn records(&self, scope: Scope, trace_id: TraceId) -> Result<Vec<Record>, Error> {
        let content = self.content.clone();
        self.open(scope, move |connection| records(connection, &content, scope, trace_id)).await
    }

    /// Every record that came with an execution or belongs to it, each with its day of ingest, by day; equal ones stand
    /// together.
    pub async fn dated_records(&self, scope: Scope, trace_id: TraceId) -> Result<Vec<(u32, Record)>, Error> {
        let content = self.content.clone();
        self.open(scope, move |connection| dated_records(connection, &content, scope, trace_id)).await
    }

    /// The spans of a project that came in last, and the log records that did, up to so many of each, and fewer
    /// where they are large; the newest stand first.
    pub async fn newest(&self, scope: Scope, limit: u32) -> Result<Vec<Record>, Error> {
        let content = self.content.clone();
        self.open(scope, move |connection| newest(connection, &content, scope, limit)).await
    }

    /// How often which outcome happened to this project, and to none, of all collectors and for all time.
    pub async fn outcomes(&self, scope: Scope) -> Result<Vec<OutcomeCount>, Error> {
        self.look(scope, move |connection| outcomes(connection, scope)).await
    }

    /// What became of one request to this project.
    pub async fn receipt(&self, scope: Scope, id: RequestId) -> Result<Option<Receipt>, Error> {
        self.look(scope, move |connection| receipt(connection, scope, id)).await
    }
}

fn projects(connection: &Connection) -> Result<Vec<Project>, Error> {
    let sql = "SELECT id, name FROM project ORDER BY name";
    connection.all(sql, params![], |row| Ok(Project { id: ProjectId(row.get(0)?), name: row.get(1)? }))
}

/// Conditions and their values, put together as the filter asks.
pub(super) struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    pub(super) fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
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

/// Who is asked for by an address is known by a pseudonym.
fn known(vault: &Vault, scope: Scope, mut filter: ExecutionFilter) -> Result<ExecutionFilter, Error> {
    let project = scope.project();
    filter.user = filter.user.map(|name| vault.user_known_as(project, &name)).transpose()?;
    filter.session = filter.session.map(|name| vault.session_known_as(project, &name)).transpose()?;
    for condition in &mut filter.conditions {
        match &mut condition.test {
            Test::Text(TextField::User, Pattern::Is(name)) => *name = vault.user_known_as(project, name)?,
            Test::Text(TextField::Session, Pattern::Is(name)) => {
                *name = vault.session_known_as(project, name)?
            }
            _ => {}
        }
    }
    Ok(filter)
}

fn conditions(scope: Scope, filter: &ExecutionFilter) -> Where {
    let mut all =
        Where { sql: format!("project = ? AND {SHOWN}"), values: vec![Value::Integer(scope.project().0)] };
    all.and_text("status = ?", filter.status.map(|status| status.as_str()));
    if let Some(kind) = filter.kind {
        all.and("kinds & ? <> 0", [Value::Integer(bit(kind))]);
    }
    if let Some(model) = &filter.model {
        any_model(&mut all, model);
    }
    all.and_text("agent = ?", filter.agent.as_deref());
    all.and_text(&indexed("session_id", filter.session.as_deref()), filter.session.as_deref());
    all.and_text(&indexed("user_id", filter.user.as_deref()), filter.user.as_deref());
    if let Some(from) = time(filter.from) {
        all.and("listed_at >= ?", [Value::Integer(from)]);
    }
    if let Some(to) = time(filter.to) {
        all.and("listed_at < ?", [Value::Integer(to)]);
    }
    if let Some(least) = filter.min_duration_ns {
        all.and("duration_ns >= ?", [Value::Integer(integer(least))]);
    }
    conditions::add(&mut all, &filter.conditions);
    if let Some(Cursor { at, trace_id }) = filter.cursor {
        let end = [Value::Integer(at), Value::Blob(trace_id.as_bytes().to_vec())];
        all.and("(listed_at, trace_id) < (?, ?)", end);
    }
    all
}

/// That a column is this text. A remote database has short ones alone in the index of the column, and looks there only
/// where it is told that this is one. As it writes them, they are at the most twice as long.
fn indexed(column: &str, text: Option<&str>) -> String {
    let is_short = text.is_some_and(|text| text.chars().count() <= INDEXED / 2);
    let short = if is_short { format!(" AND length({column}) <= {INDEXED}") } else { String::new() };
    format!("{column} = ?{short}")
}

/// The model of any step. Within a list as JSON no quote follows a bracket or a comma but where a text begins.
fn any_model(all: &mut Where, model: &str) {
    let (sql, values) = conditions::any_model(&Pattern::Is(model.to_owned()));
    all.and(&sql, values);
}

/// The execution that a text names by its id.
fn id(text: &str) -> Option<Value> {
    let trace_id: TraceId = text.to_lowercase().parse().ok()?;
    Some(Value::Blob(trace_id.as_bytes().to_vec()))
}

/// That a text stands in what is in the clear.
fn clear(text: &str) -> (String, Vec<Value>) {
    let columns = ["name", "agent", "session_id", "user_id"];
    let any: Vec<_> = columns.iter().map(|column| format!("instr(lower({column}), ?) > 0")).collect();
    (format!("({})", any.join(" OR ")), columns.map(|_| Value::Text(text.to_ascii_lowercase())).into())
}

fn executions(
    connection: &Connection,
    vault: &Vault,
    scope: Scope,
    filter: &ExecutionFilter,
) -> Result<ExecutionPage, Error> {
    let limit = if filter.limit == 0 { DEFAULT_PAGE } else { filter.limit.min(LONGEST_PAGE) };
    let mut all = conditions(scope, filter);
    let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    match (text, text.and_then(id)) {
        (_, Some(id)) => all.and("trace_id = ?", [id]),
        (text, None) if !filter.words.is_empty() => {
            let (clear, clear_values) = text.map_or_else(|| ("FALSE".to_owned(), vec![]), clear);
            let Where { sql, values } = all;
            let (words, limit) = (&filter.words, limit as usize);
            let wanted = search::Wanted { scope, sql, values, clear, clear_values, words, limit };
            return search::page(connection, vault, &wanted);
        }
        (Some(text), None) => {
            let (clear, values) = clear(text);
            all.and(&clear, values);
        }
        (None, None) => {}
    }
    let Where { sql, mut values } = all;
    // One more than asked tells whether there is a next page.
    values.push(Value::Integer(i64::from(limit) + 1));
    values.push(Value::Integer(scope.project().0));
    // The page is chosen within an index, where one holds all that is asked; only its own rows are then looked up.
    let apart = format!(
        "SELECT {EXECUTION_COLUMNS}, listed_at FROM execution WHERE {sql}
             ORDER BY listed_at DESC, trace_id DESC LIMIT ?"
    );
    let sql = format!(
        "SELECT {EXECUTION_COLUMNS}, listed_at FROM (SELECT trace_id AS chosen FROM execution WHERE {sql}
             ORDER BY listed_at DESC, trace_id DESC LIMIT ?) AS page CROSS JOIN execution
         WHERE project = ? AND trace_id = chosen ORDER BY listed_at DESC, trace_id DESC"
    );
    let sql = if connection.keeps_steps_apart() {
        values.pop();
        apart
    } else {
        sql
    };
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(&refs(&values))?;
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
