//! The way to a collector, over real sockets.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, span, status};
use tracing::{info_span, instrument};
use tracing_subscriber::layer::SubscriberExt;

use super::receiver::{Answer, Receiver};
use crate::{Error, Guard, Layer, Protocol, Settings};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];
const LONG: Duration = Duration::from_secs(20);

fn run<T>(settings: Settings, program: impl FnOnce() -> T) -> (T, Guard) {
    let (layer, guard) = settings.layer().unwrap();
    (under(layer, program), guard)
}

fn under<T>(layer: Layer, program: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program)
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.clone()
}

#[instrument(fields(step.kind = "agent", session.id = "s-1"), err)]
fn agent(question: &str) -> Result<String, String> {
    chat(question);
    Err(String::from("no budget"))
}

#[instrument(fields(model = "gpt-4o-mini", input_tokens = u64::MAX), ret)]
fn chat(prompt: &str) -> String {
    prompt.to_uppercase()
}

#[test]
fn a_tree_arrives_over_each_protocol() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::Success);
        let settings = receiver.settings().service("demo").header("authorization", "Bearer trk_key");
        let (_, guard) = run(settings, || agent("why"));
        guard.flush(LONG).unwrap();
        assert_eq!(guard.stats().sent, 2, "{protocol:?}");

        let [chat, agent] = <[Span; 2]>::try_from(receiver.spans()).unwrap();
        assert_eq!((chat.name.as_str(), agent.name.as_str()), ("chat", "agent"));
        assert_eq!((&chat.parent_span_id, &chat.trace_id), (&agent.span_id, &agent.trace_id));
        assert_eq!((chat.trace_id.len(), chat.span_id.len(), agent.parent_span_id.len()), (16, 8, 0));
        assert_eq!(chat.kind, span::SpanKind::Client as i32);
        assert_eq!(attribute(&chat, "gen_ai.usage.input_tokens"), Some(Value::IntValue(i64::MAX)));
        assert_eq!(attribute(&chat, "session.id"), Some(Value::StringValue("s-1".into())));
        assert!(agent.start_time_unix_nano <= chat.start_time_unix_nano);
        assert!(chat.end_time_unix_nano <= agent.end_time_unix_nano);
        let status = agent.status.unwrap();
        assert_eq!((status.code(), status.message.as_str()), (status::StatusCode::Error, "no budget"));
        receiver.look(|seen| {
            assert_eq!(seen[0].authorization, "Bearer trk_key");
            assert_eq!(seen[0].told_lost(), None);
            let resource = seen[0].request.resource_spans[0].resource.as_ref().unwrap();
            let service =
                resource.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
            let name = service.value.as_ref().unwrap().value.clone();
            assert_eq!(name, Some(Value::StringValue("demo".into())));
        });
    }
}

#[test]
fn dropping_the_guard_delivers_with_and_without_a_runtime() {
    let receiver = Receiver::start(Protocol::Grpc, Answer::Success);
    let slow = receiver.settings().delay(Duration::from_secs(3_600));
    drop(run(slow.clone(), || drop(info_span!("without"))));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { drop(run(slow, || drop(info_span!("within")))) });
    let names: Vec<String> = receiver.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["without", "within"]);
}

#[test]
fn steps_travel_by_themselves_after_the_delay() {
    let receiver = Receiver::start(Protocol::HttpProtobuf, Answer::Success);
    let (_, guard) = run(receiver.settings().delay(Duration::from_millis(1)), || drop(info_span!("s")));
    let begin = Instant::now();
    while guard.stats().sent == 0 && begin.elapsed() < LONG {
        std::thread::yield_now();
    }
    assert_eq!(receiver.spans().len(), 1);
}

#[test]
fn what_finds_no_room_is_counted_and_told_with_the_next_batch() {
    let receiver = Receiver::start(Protocol::Grpc, Answer::Success);
    let settings = receiver.settings().queue_bytes(64 * 1024).delay(Duration::from_secs(3_600));
    let (layer, guard) = settings.layer().unwrap();
    let text = "x".repeat(30 * 1024);
    under(layer, || {
        (0..10).for_each(|_| drop(info_span!("s", some.text = text.as_str())));
        let full = guard.stats();
        assert_eq!((full.queued, full.dropped), (2, 8));
        assert!(full.queued_bytes > 60 * 1024 && full.queued_bytes <= 64 * 1024);
        guard.flush(LONG).unwrap();
        drop(info_span!("after"));
        guard.flush(LONG).unwrap();
    });
    let stats = guard.stats();
    assert_eq!((stats.sent, stats.dropped, stats.failed, stats.queued, stats.queued_bytes), (3, 8, 0, 0, 0));
    receiver.look(|seen| assert_eq!((seen[0].told_lost(), seen[1].told_lost()), (Some(8), None)));
}

#[test]
fn large_steps_are_split_into_requests_that_grpc_takes() {
    let receiver = Receiver::start(Protocol::Grpc, Answer::Success);
    let text = "x\"".repeat(1024 * 1024 / 2);
    let (_, guard) = run(receiver.settings(), || {
        (0..9).for_each(|number| drop(info_span!("s", number, some.text = text.as_str())));
    });
    guard.flush(LONG).unwrap();
    assert_eq!((guard.stats().sent, receiver.spans().len()), (9, 9));
    receiver.look(|seen| assert!(seen.len() >= 3));
}

#[test]
fn an_unreachable_endpoint_neither_blocks_nor_loses_count() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for protocol in PROTOCOLS {
        let endpoint = format!("http://127.0.0.1:{port}");
        let settings =
            Settings::new().protocol(protocol).endpoint(endpoint).timeout(Duration::from_millis(50));
        let begin = Instant::now();
        let (_, guard) = run(settings, || (0..100).for_each(|_| drop(info_span!("s"))));
        assert!(begin.elapsed() < Duration::from_secs(2), "the program does not wait for the network");
        let error = guard.flush(LONG).unwrap_err();
        assert!(matches!(error, Error::Undelivered { left: 100 }), "{protocol:?}: {error}");
        assert_eq!(
            (guard.stats().queued, guard.stats().failed),
            (100, 0),
            "kept, as the collector may come back"
        );
        let error = guard.shutdown(LONG).unwrap_err();
        assert!(matches!(error, Error::Undelivered { left: 100 }), "{protocol:?}: {error}");
    }
}

#[test]
fn steps_are_kept_until_the_collector_is_back() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::Unavailable);
        let (_, guard) =
            run(receiver.settings().timeout(Duration::from_millis(50)), || drop(info_span!("kept")));
        guard.flush(LONG).unwrap_err();
        assert_eq!((guard.stats().queued, receiver.spans().len()), (1, 0), "{protocol:?}");
        receiver.answer(Answer::Success);
        guard.flush(LONG).unwrap();
        assert_eq!((guard.stats().sent, receiver.spans().len()), (1, 1), "{protocol:?}");
    }
}

#[test]
fn a_collector_that_asks_to_be_left_alone_is() {
    let receiver = Receiver::start(Protocol::HttpProtobuf, Answer::Later(3_600));
    let settings = receiver.settings().running_after(None).timeout(Duration::from_secs(1));
    let (_, guard) = run(settings.delay(Duration::from_millis(1)), || drop(info_span!("patient")));
    guard.flush(LONG).unwrap_err();
    receiver.answer(Answer::Success);
    // Its first own pause would be over after a second.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(1_500) {
        std::thread::yield_now();
    }
    assert_eq!((guard.stats().sent, guard.stats().queued), (0, 1));
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().sent, 1, "a flush does not wait");
}

#[test]
fn a_wrong_key_is_final_and_the_loss_is_told_later() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::WrongKey);
        let (layer, guard) = receiver.settings().layer().unwrap();
        under(layer, || {
            drop(info_span!("refused"));
            assert!(matches!(guard.flush(LONG), Err(Error::Undelivered { left: 1 })), "{protocol:?}");
            assert_eq!((guard.stats().failed, guard.stats().queued), (1, 0), "{protocol:?}");
            receiver.answer(Answer::Success);
            drop(info_span!("taken"));
            guard.flush(LONG).unwrap();
        });
        receiver.look(|seen| assert_eq!(seen[0].told_lost(), Some(1), "{protocol:?}"));
    }
}

#[test]
fn spans_rejected_in_a_partial_success_are_failed() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::Partial(2));
        let (_, guard) = run(receiver.settings(), || (0..5).for_each(|_| drop(info_span!("s"))));
        guard.flush(LONG).unwrap_err();
        assert_eq!((guard.stats().sent, guard.stats().failed), (3, 2), "{protocol:?}");
    }
}

#[test]
fn steps_that_are_open_at_the_end_are_sent_as_incomplete_and_once() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(protocol, Answer::Success);
        let (layer, guard) = receiver.settings().layer().unwrap();
        under(layer, || {
            let open = info_span!("open", some.text = "said").entered();
            let within = info_span!("within");
            assert_eq!(guard.stats().open, 2);
            let stats = guard.shutdown(LONG).unwrap();
            assert_eq!((stats.sent, stats.open, stats.dropped), (2, 2, 0));
            drop((within, open));
        });
        let spans = receiver.spans();
        let told: Vec<_> =
            spans.iter().map(|span| (&*span.name, attribute(span, "treering.step.end"))).collect();
        let incomplete = || Some(Value::StringValue("incomplete".into()));
        assert_eq!(told, [("within", incomplete()), ("open", incomplete())], "{protocol:?}");
        assert_eq!(attribute(&spans[1], "some.text"), Some(Value::StringValue("said".into())));
    }
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let settings = || Settings::new().endpoint("http://127.0.0.1:4317");
    assert!(matches!(settings().header("a b", "c").layer(), Err(Error::Exporter(_))));
    assert!(matches!(settings().header("a", "b\nc").layer(), Err(Error::Exporter(_))));
    let nowhere = settings().protocol(Protocol::Grpc).endpoint("not an address").layer();
    assert!(matches!(nowhere, Err(Error::Exporter(_))));
    let shown = format!("{:?}", settings().header("authorization", "Bearer trk_secret"));
    assert!(shown.contains("authorization") && !shown.contains("trk_secret"));
}
