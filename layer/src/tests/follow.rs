//! What the layer follows, and how it tells the ends of a step apart.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tracing::field::Empty;
use tracing::{Instrument, Level, info_span, instrument};
use tracing_subscriber::layer::SubscriberExt;
use treering_step::{Kind, Status};

use crate::testing::{Steps, capture};

/// Runs a program under the layer and gives its steps.
pub(super) fn steps_of(program: impl FnOnce()) -> Steps {
    let (layer, steps) = capture();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program);
    steps
}

pub(super) fn steps_of_async<F: Future>(program: impl FnOnce() -> F) -> Steps {
    steps_of(|| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(program());
    })
}

#[test]
fn unsigned_numbers_stay_numbers() {
    let steps = steps_of(|| {
        let _step =
            info_span!("s", a.u64 = u64::MAX, b.u32 = 7_u32, c.usize = 3_usize, d.u128 = 12_u128, e.i = -1);
    });
    let step = steps.find("s");
    step.assert_attribute("a.u64", i64::MAX).assert_attribute("b.u32", 7).assert_attribute("c.usize", 3);
    step.assert_attribute("d.u128", 12).assert_attribute("e.i", -1);
}

#[test]
fn a_late_name_is_the_name() {
    let steps = steps_of(|| {
        let span = info_span!("s", otel.name = Empty);
        let _in = span.enter();
        span.record("otel.name", "tool.search");
    });
    assert_eq!(steps.find("tool.search").kind, Kind::Tool);
}

#[test]
fn the_last_of_two_records_wins() {
    let steps = steps_of(|| {
        let span = info_span!("s", x.y = 1);
        span.record("x.y", 2).record("x.y", 3);
    });
    steps.find("s").assert_attribute("x.y", 3);
}

#[instrument(ret)]
async fn answer(question: &str, delay: Duration) -> usize {
    tokio::time::sleep(delay).await;
    question.len()
}

#[test]
fn a_step_that_is_dropped_before_it_returns_was_cancelled() {
    let steps = steps_of_async(|| async {
        answer("finished", Duration::ZERO).await;
        let _ =
            tokio::time::timeout(Duration::from_secs(1), answer("cancelled", Duration::from_secs(9))).await;
    });
    let all = steps.all();
    all[0].assert_attribute("treering.step.end", json!(null)).assert_output_contains("8");
    all[1].assert_attribute("treering.step.end", "cancelled");
    assert_eq!(all[1].status, Status::Unset);
}

#[instrument]
fn breaks() {
    panic!("on purpose");
}

#[test]
fn a_panic_is_told_and_is_an_error() {
    let steps = steps_of(|| {
        let around = info_span!("around");
        let _in = around.enter();
        let _ = std::panic::catch_unwind(breaks);
    });
    let step = steps.find("breaks");
    step.assert_attribute("treering.step.end", "panicked").assert_attribute("error.type", "panic");
    step.assert_error_contains("panicked");
    assert_eq!(steps.find("around").status, Status::Unset, "the step around it caught the panic");
}

#[test]
fn a_panic_in_a_task_is_told() {
    let steps = steps_of_async(|| async {
        let task = tokio::task::spawn(async { breaks() }.instrument(info_span!("task")));
        let _ = task.await;
    });
    steps.find("task").assert_attribute("treering.step.end", "panicked");
}

#[instrument(ret)]
fn invoice(number: u32) -> Result<String, String> {
    if number == 0 { Err(String::from("no \"invoice\"")) } else { Ok(String::from("paid")) }
}

#[test]
fn a_returned_err_is_an_error_without_err() {
    let steps = steps_of(|| {
        let _ = invoice(0);
        let _ = invoice(1);
    });
    let all = steps.all();
    all[0].assert_error_contains("no \"invoice\"");
    assert_eq!(all[0].output(), None);
    assert_eq!((all[1].status, all[1].output()), (Status::Unset, Some("\"paid\"")));
}

#[instrument(err)]
fn refuse() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("the disk is full"))
}

#[test]
fn err_is_the_error_of_its_own_step_only() {
    let steps = steps_of(|| info_span!("around").in_scope(|| drop(refuse())));
    let step = steps.find("refuse");
    step.assert_error_contains("the disk is full");
    assert_eq!(step.events[0].0, "exception");
    assert_eq!(step.events[0].1["exception.message"], "the disk is full");
    assert_eq!(steps.find("around").status, Status::Unset);
}

#[instrument(level = "debug", ret, err(level = "info"))]
fn hidden(number: u32) -> Result<u32, String> {
    if number == 0 { Err(String::from("zero")) } else { Ok(number) }
}

#[test]
fn what_a_hidden_function_returns_is_not_the_output_of_the_step_around_it() {
    let steps = steps_of(|| {
        info_span!("around").in_scope(|| {
            let _ = hidden(1);
            let _ = hidden(0);
        });
    });
    let step = steps.find("around");
    assert_eq!((step.output(), step.status, steps.all().len()), (None, Status::Unset, 1));
}

#[test]
fn an_error_keeps_the_chain_of_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("no answer")]
    struct NoAnswer(#[source] std::io::Error);
    let steps = steps_of(|| {
        let error = NoAnswer(std::io::Error::other("connection reset"));
        info_span!("s")
            .in_scope(|| tracing::error!(error = &error as &dyn std::error::Error, "asked in vain"));
    });
    let step = steps.find("s");
    step.assert_error_contains("no answer");
    assert_eq!(step.events[0].1["exception.stacktrace"], "connection reset");
    assert_eq!(step.events[0].1["message"], "asked in vain");
}

#[test]
fn seventy_fields_arrive() {
    macro_rules! many {
        ($($name:ident)*) => { info_span!("many", $(f.$name = 1),*) };
    }
    let steps = steps_of(|| {
        let _step = many!(
            a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1 d2 d3 d4
            d5 d6 d7 d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 g0 g1 g2 g3 g4 g5 g6 g7 g8 g9
        );
    });
    assert_eq!(steps.find("many").attributes.keys().filter(|name| name.starts_with("f.")).count(), 70);
}

#[test]
fn a_field_of_a_megabyte_arrives_whole() {
    let text = "é".repeat(512 * 1024);
    let steps = steps_of(|| drop(info_span!("s", big.text = text.as_str())));
    steps.find("s").assert_attribute("big.text", text);
}

#[test]
fn debug_code_that_traces_neither_blocks_nor_becomes_a_step() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let span = info_span!("inside debug", at = ?"all");
            let _in = span.enter();
            tracing::info!("inside debug");
            tracing::Span::current().record("at", "last");
            f.write_str("chatty")
        }
    }
    let steps = steps_of(|| {
        let span = info_span!("s", x.a = ?Chatty, x.b = Empty);
        let _in = span.enter();
        span.record("x.b", tracing::field::debug(Chatty));
        tracing::info!(x = ?Chatty, "told");
    });
    steps.find("s").assert_attribute("x.a", "chatty").assert_attribute("x.b", "chatty");
    assert_eq!(steps.all().len(), 1);
}

#[test]
fn questions_to_the_dispatcher_between_spans_lose_nothing() {
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::filter::LevelFilter;

    let (layer, steps) = capture();
    let beside = Counting::default();
    let registry =
        tracing_subscriber::registry().with(layer).with(beside.clone().with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(registry, || {
        for _ in 0..1_000 {
            let query = tracing::metadata!(
                name: "query", target: "sqlx::query", level: Level::DEBUG, fields: &[], callsite: &CALLSITE,
                kind: tracing::metadata::Kind::EVENT
            );
            tracing::dispatcher::get_default(|dispatch| dispatch.enabled(&query));
            drop(info_span!("step"));
        }
    });
    assert_eq!(steps.all().len(), 1_000);
    assert_eq!(
        beside.0.load(Ordering::Relaxed),
        1_000,
        "the layer's interest also heals the filters beside it"
    );
}

/// Counts spans.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Counting {
    fn on_new_span(
        &self,
        _: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: tracing_subscriber::layer::Context<'_, S>,
    ) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn two_layers_on_one_subscriber_do_not_quarrel() {
    let ((inner, seen), (outer, _)) = (capture(), capture());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(inner).with(outer), || {
        let _step = info_span!("s").entered();
        crate::Step::current().set("a.b", 1);
    });
    seen.find("s").assert_attribute("a.b", 1);
}

struct Callsite;
static CALLSITE: Callsite = Callsite;
static CALLSITE_METADATA: tracing::Metadata<'static> = tracing::metadata! {
    name: "query", target: "sqlx::query", level: Level::DEBUG, fields: &[], callsite: &CALLSITE,
    kind: tracing::metadata::Kind::EVENT
};

impl tracing::Callsite for Callsite {
    fn set_interest(&self, _: tracing::subscriber::Interest) {}

    fn metadata(&self) -> &tracing::Metadata<'_> {
        &CALLSITE_METADATA
    }
}

#[test]
fn a_task_without_the_current_span_is_a_root() {
    let steps = steps_of_async(|| {
        async {
            let alone = tokio::task::spawn(async { drop(info_span!("alone")) });
            let within = tokio::task::spawn(async { drop(info_span!("within")) }.in_current_span());
            let _ = tokio::join!(alone, within);
        }
        .instrument(info_span!("root"))
    });
    assert_eq!(steps.find("alone").parent, None);
    assert_ne!(steps.find("alone").trace_id, steps.find("root").trace_id);
    steps.find("within").assert_child_of(&steps.find("root"));
}

#[test]
fn hidden_spans_leave_no_hole_in_the_tree() {
    let steps = steps_of(|| {
        let _root = info_span!("root").entered();
        let _hidden = tracing::debug_span!("hidden").entered();
        let _transport = info_span!(target: "hyper::client", "connect").entered();
        let _spoken = tracing::debug_span!("spoken", gen_ai.request.model = "m").entered();
    });
    steps.find("spoken").assert_child_of(&steps.find("root"));
    assert_eq!(steps.all().len(), 2);
}

#[test]
fn a_traceparent_names_a_parent_elsewhere() {
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let steps = steps_of(|| {
        let remote = info_span!("remote", traceparent = header).entered();
        assert_eq!(crate::Step::current().ids().unwrap().0.to_string(), "0af7651916cd43dd8448eb211c80319c");
        drop(info_span!("below"));
        drop(remote);
        drop(info_span!("wrong", traceparent = "00-zz"));
    });
    let remote = steps.find("remote");
    assert_eq!(remote.parent.unwrap().to_string(), "b7ad6b7169203331");
    steps.find("below").assert_child_of(&remote);
    assert_eq!(steps.find("wrong").parent, None);
}

#[test]
fn what_a_step_follows_from_is_linked() {
    let steps = steps_of(|| {
        let first = info_span!("first");
        info_span!("second").follows_from(&first);
    });
    let first = steps.find("first");
    assert_eq!(steps.find("second").links, [(first.trace_id, first.span_id)]);
}

#[test]
fn session_and_user_hold_for_all_below() {
    let steps = steps_of(|| {
        let root = info_span!("root", session.id = "s-1", user.id = Empty).entered();
        root.record("user.id", 42);
        let _middle = info_span!("middle").entered();
        drop(info_span!("leaf"));
        drop(info_span!("other", session_id = "s-2"));
    });
    steps.find("leaf").assert_attribute("session.id", "s-1").assert_attribute("user.id", "42");
    steps.find("other").assert_attribute("session.id", "s-2");
}

#[test]
fn events_find_their_step_however_spans_are_entered_and_left() {
    let (layer, steps) = capture();
    let (other, elsewhere) = capture();
    let elsewhere_too = tracing::Dispatch::new(tracing_subscriber::registry().with(other));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let (outer, inner) = (info_span!("outer"), info_span!("inner"));
        let in_outer = outer.enter();
        let in_inner = inner.enter();
        tracing::info!("inner 1");
        drop(in_outer);
        tracing::info!("inner 2");
        tracing::dispatcher::with_default(&elsewhere_too, || {
            info_span!("elsewhere").in_scope(|| tracing::info!("elsewhere 1"));
        });
        tracing::info!("inner 3");
        tracing::info!(parent: &outer, "outer 1");
        drop(in_inner);
        outer.in_scope(|| inner.in_scope(|| tracing::info!("inner 4")));
        outer.in_scope(|| tracing::info!("outer 2"));
        std::thread::scope(|scope| {
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            let outer = &outer;
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || outer.in_scope(|| tracing::info!("outer 3")));
            });
        });
        tracing::info!("nowhere");
    });
    let names = |steps: &Steps, step: &str| {
        steps.find(step).events.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&steps, "inner"), ["inner 1", "inner 2", "inner 3", "inner 4"]);
    assert_eq!(names(&steps, "outer"), ["outer 1", "outer 2", "outer 3"]);
    assert_eq!(names(&elsewhere, "elsewhere"), ["elsewhere 1"]);
}

#[test]
fn the_last_events_are_kept() {
    let steps = steps_of(|| {
        info_span!("s").in_scope(|| (0..200).for_each(|number| tracing::info!(number, "event")));
    });
    let step = steps.find("s");
    assert_eq!((step.events.len(), step.events_left_out), (128, 72));
    assert_eq!(step.events[127].1["number"], 199);
}

#[test]
fn the_status_of_the_author_wins() {
    let steps = steps_of(|| {
        let fine = info_span!("fine", otel.status_code = "OK").entered();
        tracing::error!("an error that was mended");
        drop(fine);
        let bad = info_span!(
            "bad",
            otel.status_code = Empty,
            otel.status_description = Empty,
            otel.kind = "server"
        );
        bad.record("otel.status_code", "ERROR").record("otel.status_description", "no money");
    });
    assert_eq!(steps.find("fine").status, Status::Ok);
    steps.find("bad").assert_error_contains("no money");
}
