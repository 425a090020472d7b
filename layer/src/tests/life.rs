//! Steps that run, and a process that lives or ends, as a collector hears of them.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use super::receiver::{Answer, Receiver};
use crate::{Guard, Layer, Protocol, Settings};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];
const LONG: Duration = Duration::from_secs(20);

/// A layer that tells of each step at once.
fn layer(receiver: &Receiver) -> (Layer, Guard) {
    at_once(receiver.settings()).layer().unwrap()
}

fn at_once(settings: Settings) -> Settings {
    settings
        .running_after(Duration::ZERO)
        .heartbeat(Duration::from_millis(20))
        .delay(Duration::from_millis(1))
}

fn under<T>(layer: Layer, program: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program)
}

fn attribute(record: &LogRecord, key: &str) -> Option<Value> {
    record.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.clone()
}

fn text(record: &LogRecord, key: &str) -> Option<String> {
    match attribute(record, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn is_running(name: &str) -> impl Fn(&LogRecord) -> bool {
    move |record| {
        record.event_name == "treering.step.running"
            && text(record, "treering.step.name").as_deref() == Some(name)
    }
}

fn is_heartbeat(record: &LogRecord) -> bool {
    record.event_name == "treering.heartbeat"
}

#[test]
fn a_step_is_told_of_while_it_runs_with_what_it_was_asked() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::Success);
        let (layer, guard) = layer(&receiver);
        under(layer, || {
            let _agent = info_span!("agent", session.id = "s-1").entered();
            let _tool = info_span!("search", step.kind = "tool", query = "larch").entered();
            let logs = receiver.logs_until(is_running("search"));
            let told = logs.iter().find(|record| is_running("search")(record)).unwrap();
            let agent = logs.iter().find(|record| is_running("agent")(record)).unwrap();
            assert_eq!((told.trace_id.len(), &told.trace_id), (16, &agent.trace_id), "{protocol:?}");
            let parent = text(told, "treering.step.parent_id").unwrap();
            let agent_id: String = agent.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((parent, text(agent, "treering.step.parent_id")), (agent_id, None));
            assert!(
                matches!(attribute(told, "treering.step.started_at"), Some(Value::IntValue(at)) if at > 0)
            );
            assert_eq!(text(told, "gen_ai.operation.name").as_deref(), Some("execute_tool"));
            assert_eq!(text(told, "gen_ai.tool.call.arguments").as_deref(), Some("{\"query\":\"larch\"}"));
            assert_eq!(text(told, "session.id").as_deref(), Some("s-1"));
        });
        guard.shutdown(LONG).unwrap();
        let again = receiver.logs().iter().filter(|record| is_running("search")(record)).count();
        assert_eq!((again, receiver.spans().len()), (1, 2), "it is told of once, and its span once");
    }
}

#[test]
fn a_process_says_that_it_lives_while_a_step_runs_and_that_it_ends() {
    let receiver = Receiver::start(Protocol::HttpProtobuf, Answer::Success);
    let (layer, guard) = layer(&receiver);
    under(layer, || {
        let _step = info_span!("slow").entered();
        receiver.logs_until(is_running("slow"));
        let first = receiver.logs_until(is_heartbeat).iter().filter(|record| is_heartbeat(record)).count();
        let more = |logs: &[LogRecord]| logs.iter().filter(|record| is_heartbeat(record)).count() > first;
        while !more(&receiver.logs()) {
            std::thread::yield_now();
        }
    });
    guard.shutdown(LONG).unwrap();
    let logs = receiver.logs();
    let last = logs.iter().rfind(|record| is_heartbeat(record)).unwrap();
    assert_eq!(attribute(last, "treering.process.ended"), Some(Value::BoolValue(true)));
    assert_eq!(attribute(last, "treering.heartbeat.interval_ms"), Some(Value::IntValue(20)));
    receiver.look(|seen| {
        let resource = seen[0].request.resource_spans[0].resource.as_ref().unwrap();
        assert!(resource.attributes.iter().any(|attribute| attribute.key == "service.instance.id"));
    });
}

#[test]
fn a_step_that_ends_is_sent_while_another_one_runs() {
    let receiver = Receiver::start(Protocol::HttpProtobuf, Answer::Success);
    // Open steps are looked at more often than steps that have ended are sent.
    let settings = receiver.settings().running_after(Duration::ZERO).delay(Duration::from_millis(100));
    let (layer, guard) = settings.layer().unwrap();
    under(layer, || {
        let _agent = info_span!("agent").entered();
        drop(info_span!("plan"));
        let begin = std::time::Instant::now();
        while guard.stats().sent == 0 && begin.elapsed() < LONG {
            std::thread::yield_now();
        }
    });
    assert_eq!(receiver.spans().first().map(|span| span.name.clone()).as_deref(), Some("plan"));
}

#[test]
fn a_short_step_is_not_told_of_before_its_end() {
    let receiver = Receiver::start(Protocol::Grpc, Answer::Success);
    let settings = receiver.settings().running_after(Duration::from_secs(3_600));
    let (layer, guard) = settings.layer().unwrap();
    under(layer, || drop(info_span!("short")));
    guard.shutdown(LONG).unwrap();
    assert_eq!((receiver.spans().len(), receiver.logs().len()), (1, 0));
}

#[test]
fn a_step_that_begins_after_a_long_silence_is_told_of_too() {
    let receiver = Receiver::start(Protocol::HttpProtobuf, Answer::Success);
    let (layer, _guard) = layer(&receiver);
    under(layer, || {
        // Ten looks and more: by then nobody looks any more.
        drop(info_span!("first"));
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(300) {
            std::thread::yield_now();
        }
        let _late = info_span!("late").entered();
        receiver.logs_until(is_running("late"));
    });
}

#[test]
fn a_step_is_told_of_when_the_collector_is_back() {
    let receiver = Receiver::start(Protocol::HttpProtobuf, Answer::Unavailable);
    let settings = at_once(receiver.settings()).timeout(Duration::from_millis(20));
    let (layer, _guard) = settings.layer().unwrap();
    under(layer, || {
        let _step = info_span!("patient").entered();
        receiver.answer(Answer::Success);
        receiver.logs_until(is_running("patient"));
    });
}

#[test]
fn a_long_text_is_told_in_part_until_its_step_ends() {
    let receiver = Receiver::start(Protocol::Grpc, Answer::Success);
    let (layer, guard) = layer(&receiver);
    let prompt = serde_json::json!([{"role": "user", "content": "é".repeat(100_000)}]).to_string();
    under(layer, || {
        let _step = info_span!("chat", gen_ai.input.messages = prompt.as_str()).entered();
        let logs = receiver.logs_until(is_running("chat"));
        let told = text(&logs[0], "gen_ai.input.messages").unwrap();
        assert!(told.len() < 20_000 && serde_json::from_str::<serde_json::Value>(&told).is_ok(), "{told}");
    });
    guard.shutdown(LONG).unwrap();
    assert!(receiver.spans()[0].attributes.iter().any(|attribute| {
        attribute.key == "gen_ai.input.messages"
            && attribute.value.as_ref().unwrap().value == Some(Value::StringValue(prompt.clone()))
    }));
}
