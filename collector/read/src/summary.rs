use treering_otlp::{LogRecord, Span};
use treering_redact::Record;
use treering_step::attributes::{
    ERROR_TYPE, SESSION_ID, TREERING_STEP_NAME, TREERING_STEP_PARENT_ID, TREERING_STEP_RUNNING,
    TREERING_STEP_STARTED_AT, USER_ID,
};
use treering_step::{JoinKey, Kind, Source, SpanId, Status, Summary, Timestamp};

use crate::dialect::{Belongs, Dialect, implied_kind, is_bridge};
use crate::evidence::{Evidence, Happening, OPERATION_DETAILS, OPERATION_EXCEPTION};
use crate::fields::Fields;
use crate::witness::{Told, Witness, fill};
use crate::{joins, life};

/// The scope of our own layer.
const LAYER: &str = "treering-layer";
/// The log record of a judgement of a step.
const EVALUATION: &str = "gen_ai.evaluation.result";
/// The identity that all log records share which say nothing of their step but that there is one.
const MENTION: [u8; 16] = [0; 16];

/// What a span says of its step, without its content; `None` where the record is no span.
pub fn span_summary(record: &Record) -> Option<Summary> {
    let span = record.span()?;
    let evidence = Evidence::of_span(&span, is_told_by);
    let mut summary = Summary::new(span.span_id?, Source::Span);
    summary.parent_span_id = span.parent_span_id;
    summary.remote_parent = span.remote_parent;
    summary.name = Some(span.name.to_owned()).filter(|name| !name.is_empty());
    summary.started_at = span.started_at;
    summary.ended_at = span.ended_at;
    summary.status = Some(status(&span));
    let mut summary = Told::new(summary, Witness::default());
    tell(&evidence, &evidence.fields, &mut summary);
    fill!(summary.kind, || implied_kind(&evidence.fields));
    if summary.error_type.is_some() && summary.status == Some(Status::Unset) {
        summary.status = Some(Status::Error);
    }
    if summary.status == Some(Status::Error) {
        let exception = || evidence.named("exception").last()?.fields.text(&["exception.type"]);
        fill!(summary.error_type, exception);
    }
    summary.redactions = record.redactions();
    summary.joins = joins::offered(&evidence.fields, summary.kind);
    announce(&span, &evidence.fields, &mut summary);
    if summary.status == Some(Status::Running) {
        summary.process = life::of_resource(span.scope.resource);
    }
    Some(summary.into_inner())
}

/// The events of a span that a summary is read from.
fn is_told_by(event: &str) -> bool {
    event == OPERATION_DETAILS || event == OPERATION_EXCEPTION || event == "exception"
}

/// What a log record says: of the step of its span, or, where it has none, as a step of its own. `identity` is
/// that of the record. `None` where the record is no log record.
pub fn log_summary(record: &Record, identity: [u8; 16]) -> Option<Summary> {
    let log = record.log()?;
    let evidence = Evidence::of_log(&log);
    let happening = evidence.happenings.first()?;
    let mut summary = match Dialect::of_coding_agent(happening) {
        Some((dialect, belongs)) => of_coding_agent(&log, &evidence, dialect, belongs, identity),
        None => of_log(&log, &evidence, identity),
    };
    summary.redactions = record.redactions();
    // What says nothing but that there is a step needs no place of its own.
    match summary.source {
        Source::Log(MENTION) if !summary.redactions.is_empty() => summary.source = Source::Log(identity),
        Source::Alone(MENTION) if !summary.redactions.is_empty() => summary.source = Source::Alone(identity),
        _ => {}
    }
    Some(summary)
}

fn of_log(log: &LogRecord<'_>, evidence: &Evidence<'_>, identity: [u8; 16]) -> Summary {
    let happening = &evidence.happenings[0];
    let summary = match log.span_id {
        Some(span_id) => Summary::new(span_id, Source::Log(identity)),
        None => alone(joins::wanted(&happening.fields), identity),
    };
    let empty = summary.clone();
    let mut summary = Told::new(summary, Witness::default());
    tell(evidence, &happening.fields, &mut summary);
    if summary.error_type.is_some() {
        summary.status = Some(Status::Error);
    }
    if happening.name == TREERING_STEP_RUNNING {
        run(log, &happening.fields, &mut summary);
    }
    let is_content = happening.name.starts_with("gen_ai.");
    if is_content {
        fill!(summary.name, || name_of(&happening.fields));
        summary.started_at = summary.started_at.or(begin(log, happening.name));
    }
    if log.span_id.is_none() {
        stand_alone(log, happening, &mut summary);
    } else if !is_content && *summary == empty {
        summary.source = Source::Log(MENTION);
    }
    summary.into_inner()
}

/// A log record of a coding agent is a step of its own below the span that was open, unless it is but a remark.
fn of_coding_agent(
    log: &LogRecord<'_>,
    evidence: &Evidence<'_>,
    dialect: Dialect,
    belongs: Belongs,
    identity: [u8; 16],
) -> Summary {
    let happening = &evidence.happenings[0];
    let summary = match (belongs, log.span_id) {
        (Belongs::ToCall(key), _) => alone(Some(key), identity),
        (Belongs::Alone, _) | (Belongs::Aside, None) => alone(None, identity),
        (Belongs::Opening(key), None) => Summary { joins: Vec::new(), ..alone(Some(key), identity) },
        (Belongs::ToConversation(key), None) => {
            Summary { joins: Vec::new(), source: Source::Alone(MENTION), ..alone(Some(key), identity) }
        }
        (_, Some(span_id)) => return Summary::new(span_id, Source::Log(MENTION)),
    };
    let mut summary = Told::new(Summary { parent_span_id: log.span_id, ..summary }, Witness::default());
    tell(evidence, &happening.fields, &mut summary);
    summary.dialect = Some(dialect.of_logs().to_owned());
    summary.name = name_of_call(&summary);
    if summary.source != Source::Alone(MENTION) {
        let lasted = happening.fields.int(&["duration_ms"]).unwrap_or(0).saturating_mul(1_000_000);
        summary.started_at =
            log.at.and_then(|at| Timestamp::from_nanos(at.as_nanos().saturating_sub(lasted)));
        stand_alone(log, happening, &mut summary);
    }
    summary.into_inner()
}

/// The step of a log record that has no span. Records of one call are one step.
fn alone(key: Option<JoinKey>, identity: [u8; 16]) -> Summary {
    let id = key.map_or(identity, |key| key.0);
    let (first, second) = id.split_at(8);
    // Half a hash may be zero, which is no id, once in a million million million times.
    let id = SpanId::from_bytes(first).or(SpanId::from_bytes(second));
    let id = id.or(SpanId::from_bytes(&[1; 8])).expect("eight ones are an id");
    let mut summary = Summary::new(id, Source::Alone(identity));
    summary.joins.extend(key);
    summary
}

/// What a log record says by standing alone: its name, and its moment.
fn stand_alone(log: &LogRecord<'_>, happening: &Happening<'_>, summary: &mut Told<Summary>) {
    let name = if happening.name.is_empty() { "log" } else { happening.name };
    fill!(summary.name, || Some(name.to_owned()));
    fill!(summary.started_at, || log.at);
    fill!(summary.ended_at, || log.at);
    if summary.kind.is_none() {
        summary.kind = implied_kind(&happening.fields);
    }
}

/// A step that our layer says has not ended. What else is known of it stands in the same attributes as on its
/// span.
fn run(log: &LogRecord<'_>, fields: &Fields<'_>, summary: &mut Told<Summary>) {
    fill!(summary.name, || fields.text(&[TREERING_STEP_NAME]));
    fill!(summary.parent_span_id, || fields.text(&[TREERING_STEP_PARENT_ID])?.parse().ok());
    fill!(summary.started_at, || fields.int(&[TREERING_STEP_STARTED_AT]).and_then(Timestamp::from_nanos));
    fill!(summary.started_at, || log.at);
    fill!(summary.kind, || implied_kind(fields));
    summary.status = Some(Status::Running);
    summary.process = life::of_resource(log.scope.resource);
}

/// Asks the dialects, and then the conventions that all of them share.
fn tell(evidence: &Evidence<'_>, shared: &Fields<'_>, summary: &mut Told<Summary>) {
    let mut most = (0, None);
    let mut before = told(summary);
    for dialect in Dialect::spoken(evidence) {
        dialect.facts(evidence, summary);
        let after = told(summary);
        if after - before > most.0 {
            most = (after - before, Some(dialect));
        }
        before = after;
    }
    let dialect = match most.1 {
        _ if evidence.scope == LAYER => Some(Dialect::Treering),
        None if is_bridge(&evidence.fields) => Some(Dialect::Tracing),
        dialect => dialect,
    };
    summary.dialect = dialect.map(|dialect| dialect.as_str().to_owned());
    share(evidence, shared, summary);
}

/// What the general conventions say, whatever the dialect.
pub(crate) fn share(evidence: &Evidence<'_>, shared: &Fields<'_>, summary: &mut Told<Summary>) {
    fill!(summary.session_id, || shared.text(&[SESSION_ID]));
    fill!(summary.user_id, || shared.text(&[USER_ID, "enduser.id"]));
    let is_failure =
        evidence.happenings.iter().all(|happening| !happening.is_log || is_failure(happening.name));
    fill!(summary.error_type, || shared.text(&[ERROR_TYPE]).filter(|_| is_failure));
}

/// Of log records only these speak of the failure of their step; any other may report an error that was
/// handled.
fn is_failure(name: &str) -> bool {
    name == OPERATION_DETAILS || name == OPERATION_EXCEPTION
}

/// How many things a summary says that a dialect may say.
fn told(summary: &Summary) -> usize {
    let texts = [
        &summary.agent,
        &summary.model,
        &summary.provider,
        &summary.tool,
        &summary.response_id,
        &summary.session_id,
        &summary.user_id,
    ];
    let tokens = summary.tokens;
    let counts = [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, tokens.reasoning];
    texts.iter().filter(|text| text.is_some()).count()
        + counts.iter().filter(|count| count.is_some()).count()
        + usize::from(summary.kind.is_some())
        + usize::from(summary.cost_usd.is_some())
}

fn status(span: &Span<'_>) -> Status {
    match span.status_code {
        2 => Status::Error,
        _ if span.ended_at.is_none() => Status::Running,
        1 => Status::Ok,
        _ => Status::Unset,
    }
}

/// The name of a step that only log records tell of, as the conventions build that of its span.
fn name_of(fields: &Fields<'_>) -> Option<String> {
    let operation = fields.text(&["gen_ai.operation.name"])?;
    let object = fields.text(&["gen_ai.tool.name", "gen_ai.agent.name", "gen_ai.request.model"]);
    Some(object.map_or(operation.clone(), |object| format!("{operation} {object}")))
}

/// The same for a call that a coding agent tells of in words of its own.
fn name_of_call(summary: &Summary) -> Option<String> {
    let (operation, object) = match summary.kind? {
        Kind::Agent => ("invoke_agent", &summary.agent),
        Kind::Llm => ("chat", &summary.model),
        Kind::Tool => ("execute_tool", &summary.tool),
        _ => return None,
    };
    Some(format!("{operation} {}", object.as_deref()?))
}

/// A message is written when its call begins; an evaluation long after it ended.
fn begin(log: &LogRecord<'_>, name: &str) -> Option<Timestamp> {
    log.at.filter(|_| name != EVALUATION)
}

/// Logfire announces a span by another one, with an id of its own, whose parent is the span that will come. It
/// speaks of that one, and with less authority: the identity puts it among the log records.
fn announce(span: &Span<'_>, fields: &Fields<'_>, summary: &mut Summary) {
    if fields.text(&["logfire.span_type"]).as_deref() != Some("pending_span") {
        return;
    }
    let (Some(own), Some(announced)) = (span.span_id, span.parent_span_id) else { return };
    let mut identity = [0; 16];
    identity[8..].copy_from_slice(own.as_bytes());
    summary.source = Source::Log(identity);
    summary.span_id = announced;
    summary.parent_span_id =
        fields.text(&["logfire.pending_parent_id"]).and_then(|id| id.parse::<SpanId>().ok());
    summary.status = Some(Status::Running);
    summary.ended_at = None;
}
