//! What is said of a step, and what is not.

use serde_json::{Value as Json, json};
use tracing::{info_span, instrument};
use tracing_subscriber::layer::SubscriberExt;

use crate::testing::{Steps, capture_with};
use crate::{Capture, Message, Secret, Settings, Step};

fn steps_with(settings: &Settings, program: impl FnOnce()) -> Steps {
    let (layer, steps) = capture_with(settings);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program);
    steps
}

#[instrument(fields(step.kind = "llm", model = "gpt-4o-mini", session.id = "s-1", user.id = "ada", input_tokens = 12), ret, err)]
fn ask(prompt: &str, retries: u32) -> Result<String, String> {
    tracing::info!("asked {prompt}");
    tracing::info!(name: "retry", count = retries, why = "the larch is slow");
    Step::current().reasoning("a larch").set("note", "larch").set("gen_ai.request.seed", 7);
    if retries > 1 { Err(String::from("no larch")) } else { Ok(String::from("larch")) }
}

fn all_texts(steps: &Steps) -> String {
    format!("{:?}", steps.all())
}

#[test]
fn structure_says_what_happened_and_no_word_of_it() {
    let steps = steps_with(&Settings::new().capture(Capture::Structure), || {
        let _ = ask("how old is the larch?", 1);
        let _ = ask("how old is the larch?", 2);
    });
    assert!(
        !all_texts(&steps).contains("larch") && !all_texts(&steps).contains("ada"),
        "{}",
        all_texts(&steps)
    );
    let step = steps.find("ask");
    step.assert_attribute("gen_ai.request.model", "gpt-4o-mini")
        .assert_attribute("gen_ai.usage.input_tokens", 12);
    step.assert_attribute("session.id", "s-1").assert_attribute("gen_ai.request.seed", 7);
    assert_eq!((step.events.len(), step.events[0].0.as_str()), (2, "event"));
    let failed = &steps.all()[1];
    assert_eq!((failed.status, failed.error.as_str()), (treering_step::Status::Error, ""));
}

#[test]
fn nothing_is_nothing() {
    let (layer, guard) = Settings::new().capture(Capture::Nothing).layer().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || drop(ask("larch", 1)));
    assert_eq!(guard.stats(), crate::Stats::default());
}

#[cfg(feature = "redact")]
#[test]
fn the_collectors_rules_and_ones_own_run_before_anything_leaves() {
    let rules = "[[pattern]]\nname = \"TREE\"\nregex = 'larch-[0-9]+'\n";
    let settings = Settings::new().rules(rules).unwrap();
    let steps = steps_with(&settings, || {
        let _ = ask(
            "I am ada.lovelace@example.com of larch-42, my key is sk-proj-abcdefghijklmnopqrstuvwx0123456789ABCDEFGHIJ",
            1,
        );
        info_span!("to ada.lovelace@example.com")
            .in_scope(|| tracing::error!("ada.lovelace@example.com is away"));
    });
    let texts = all_texts(&steps);
    assert!(!texts.contains("ada.lovelace") && !texts.contains("larch-42"), "{texts}");
    assert!(texts.contains("[REDACTED:EMAIL") && texts.contains("[REDACTED:TREE"), "{texts}");
    let input: Json = serde_json::from_str(steps.find("ask").input().unwrap()).unwrap();
    assert_eq!(input[0]["role"], "user", "JSON stays JSON");
    assert!(Settings::new().rules("[[rule]]\nname = 1").is_err());
}

#[test]
fn a_hook_masks_every_text_and_one_that_panics_withholds() {
    let masks =
        Settings::new().mask(|_, text| text.contains("larch").then(|| text.replace("larch", "[tree]")));
    let steps = steps_with(&masks, || drop(ask("how old is the larch?", 2)));
    assert!(!all_texts(&steps).contains("larch"), "{}", all_texts(&steps));
    steps.find("ask").assert_input_contains("how old is the [tree]?").assert_error_contains("no [tree]");
    let breaks =
        Settings::new().mask(|name, _| if name == "gen_ai.input.messages" { panic!("a bug") } else { None });
    let steps = steps_with(&breaks, || drop(ask("how old is the larch?", 1)));
    steps.find("ask").assert_attribute("gen_ai.input.messages", "[withheld]").assert_output_contains("larch");
}

#[test]
fn a_secret_is_recorded_by_nothing() {
    #[derive(serde::Serialize)]
    struct Account {
        password: Secret<String>,
    }
    #[instrument(ret)]
    fn log_in(password: Secret<&str>) -> Secret<&str> {
        Step::current().input(&Account { password: Secret::new(String::from("hunter2")) });
        tracing::info!(?password, shown = %password, "log in");
        password
    }
    let steps =
        steps_with(&Settings::new(), || assert_eq!(log_in(Secret::new("hunter2")).into_inner(), "hunter2"));
    let texts = all_texts(&steps);
    assert!(!texts.contains("hunter2") && texts.contains("[secret]"), "{texts}");
}

#[test]
fn texts_are_cut_so_that_json_stays_json_and_it_is_told() {
    let messages =
        json!([{"role": "user", "parts": [{"type": "text", "content": "é".repeat(1_000)}]}]).to_string();
    let steps = steps_with(&Settings::new().value_bytes(500), || {
        let span = info_span!("chat", gen_ai.input.messages = messages.as_str(), note.text = "ü".repeat(400));
        span.in_scope(|| {
            Step::current().output(&Message::text("assistant", "a".repeat(600)));
            tracing::info!(long = ?vec![1_u8; 400], "told");
        });
    });
    let step = steps.find("chat");
    let input = step.input().unwrap();
    assert!(input.len() <= 520, "{}", input.len());
    let parsed: Json = serde_json::from_str(input).unwrap();
    assert!(parsed[0]["parts"][0]["content"].as_str().unwrap().ends_with("é…"), "{input}");
    assert!(step.attribute("note.text").as_str().unwrap().ends_with("ü…"));
    assert!(serde_json::from_str::<Json>(step.output().unwrap()).is_ok(), "{:?}", step.output());
    let told: Vec<&str> =
        step.attribute("treering.cut").as_array().unwrap().iter().filter_map(Json::as_str).collect();
    let whole = format!("gen_ai.input.messages={}", messages.len());
    assert!(
        told.contains(&whole.as_str()) && told.contains(&"note.text=800") && told.contains(&"long=1200"),
        "{told:?}"
    );
}

#[test]
fn a_step_takes_no_more_than_its_share_and_says_so() {
    let text = "x".repeat(1024 * 1024 - 100);
    let steps = steps_with(&Settings::new(), || {
        let _step = info_span!("greedy", session.id = "s-1").entered();
        for number in 0..5 {
            Step::current().set(format!("text.{number}"), text.as_str());
        }
        Step::current().set("last", true);
    });
    let step = steps.find("greedy");
    let kept = (0..5).filter(|number| !step.attribute(&format!("text.{number}")).is_null()).count();
    assert_eq!((kept, step.attribute("last")), (2, &json!(true)));
    assert_eq!(step.attribute("treering.cut"), &json!([format!("step={}", 3 * (text.len() + 12))]));
    step.assert_attribute("session.id", "s-1");
}

#[test]
fn what_is_overwritten_takes_no_room() {
    let steps = steps_with(&Settings::new(), || {
        let step = info_span!("busy", goal = "larch", session.id = "s-1").entered();
        step.record("goal", "pine");
        for number in 0..20_000_u32 {
            Step::current().set("progress", format!("{number} of a long way"));
            if number % 50 == 0 {
                tracing::info!(number, "still at it");
            }
        }
    });
    let step = steps.find("busy");
    step.assert_attribute("progress", "19999 of a long way").assert_attribute("treering.cut", json!(null));
    assert_eq!(step.input(), Some("{\"goal\":\"pine\"}"), "it began with a goal");
    assert_eq!((step.events.len(), step.events_left_out), (128, 272));
    assert_eq!(step.events[127].1["number"], 19_950);
}

#[test]
fn a_step_is_told_of_its_tool_its_cost_and_its_people() {
    let steps = steps_with(&Settings::new(), || {
        let step = info_span!("look up").entered();
        Step::current()
            .tool("search")
            .call_id("call_1")
            .provider("openai")
            .agent("clerk")
            .cost(0.25)
            .session("s-1")
            .user("ada")
            .tags(["slow", "night"])
            .input(&json!({"query": "larch"}));
        drop(info_span!("within"));
        drop(step);
    });
    let step = steps.find("look up");
    step.assert_attribute("gen_ai.tool.name", "search").assert_attribute("gen_ai.tool.call.id", "call_1");
    step.assert_attribute("gen_ai.agent.name", "clerk").assert_attribute("gen_ai.usage.cost", 0.25);
    step.assert_attribute("gen_ai.provider.name", "openai")
        .assert_attribute("treering.tags", json!(["slow", "night"]));
    assert_eq!((step.kind, step.input()), (treering_step::Kind::Tool, Some("{\"query\":\"larch\"}")));
    steps.find("within").assert_attribute("session.id", "s-1").assert_attribute("user.id", "ada");
}

#[test]
fn ids_and_times_of_captured_steps_are_the_same_each_time() {
    let run = || {
        steps_with(&Settings::new(), || {
            let _outer = info_span!("outer").entered();
            drop(info_span!("inner"));
        })
    };
    let told = |steps: &Steps| {
        let all = steps.all();
        all.iter().map(|step| (step.trace_id, step.span_id, step.began_at, step.ended_at)).collect::<Vec<_>>()
    };
    let first = told(&run());
    assert_eq!(first, told(&run()));
    assert_eq!(first[0].2, 1_767_225_600_000_000_000, "the first of January 2026");
}
