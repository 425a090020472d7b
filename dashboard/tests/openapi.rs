//! The description of the read API says what the API does, no less and no more.

mod support;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use support::Filled;
use support::browser::Browser;
use support::otlp::trace_id;
use support::samples::{research, short, wide};

const STEP: &str = "0000000000000002";

async fn described(browser: &mut Browser) -> Value {
    let answer = browser.get("/api/v1/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.json()
}

/// The operations, by the address that the description has for them.
fn operations(openapi: &Value) -> impl Iterator<Item = (&String, &Value)> {
    openapi["paths"].as_object().into_iter().flatten().map(|(path, methods)| (path, &methods["get"]))
}

/// An address with ids that are good, or at least well formed.
fn asked(path: &str) -> String {
    let path = path.replace("{trace_id}", &trace_id(1));
    path.replace("{span_id}", STEP).replace("{id}", "01a2034647f600000000000000000010")
}

#[tokio::test]
async fn every_address_is_described_and_nothing_else() {
    let openapi = described(&mut Filled::new().await.stranger()).await;
    assert_eq!(openapi["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<_> = operations(&openapi).map(|(path, _)| path.clone()).collect();
    let routes = treering_dashboard::routes().into_iter().filter(|route| route.starts_with("/api/"));
    assert_eq!(described, routes.collect());
    for (path, operation) in operations(&openapi) {
        let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let described = parameters(&openapi, operation, "path");
        assert_eq!(named.collect::<BTreeSet<_>>(), described, "{path}");
    }
}

#[tokio::test]
async fn every_part_of_a_query_that_is_described_is_read() {
    let filled = Filled::with([research(1)]).await;
    let mut browser = filled.owner().await;
    let openapi = described(&mut browser).await;
    for (path, operation) in operations(&openapi) {
        for name in parameters(&openapi, operation, "query") {
            let answer = browser.get(&format!("{}?{name}=nobodysword", asked(path))).await;
            let found_nothing =
                || answer.status == 200 && answer.json()["executions"].as_array().unwrap().is_empty();
            assert!([400, 404].contains(&answer.status) || found_nothing(), "{path} {name}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn answers_are_as_described() {
    let filled = Filled::with([research(1), short(2, "triage", 60_000.0, 2100.0, true), wide(3, 20)]).await;
    let mut browser = filled.owner().await;
    let openapi = described(&mut browser).await;
    let mut good = 0;
    for (path, operation) in operations(&openapi) {
        let base = asked(path);
        for query in ["", "?limit=1", "?content=1", "?q=summer+ring", "?project=nobody", "?limit=none"] {
            let answer = browser.get(&format!("{base}{query}")).await;
            let response = &operation["responses"][answer.status.to_string()];
            let response = resolved(&openapi, response);
            if answer.header("content-type") == "text/event-stream" {
                assert!(response["content"]["text/event-stream"].is_object(), "{base}{query}");
                continue;
            }
            let schema = &response["content"]["application/json"]["schema"];
            assert!(schema.is_object(), "{base}{query}: {} is not described", answer.status);
            let strange = Strange::of(&openapi, schema, &answer.json());
            assert_eq!(strange, Vec::<String>::new(), "{base}{query}");
            good += usize::from(answer.status == 200);
        }
    }
    assert!(good > 20, "{good}");
}

#[test]
fn what_is_not_described_is_found() {
    let openapi = serde_json::json!({"components": {"schemas": {"Part": {
        "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": false}}}});
    let schema = serde_json::json!({"type": "array", "items": {"$ref": "#/components/schemas/Part"}});
    let strange = |value| Strange::of(&openapi, &schema, &value);
    assert_eq!(strange(serde_json::json!([{"name": "a"}])), Vec::<String>::new());
    assert_eq!(strange(serde_json::json!([{}, {"name": 1}, {"name": "b", "more": 2}])).len(), 3);
    assert_eq!(strange(serde_json::json!({})).len(), 1);
}

fn parameters<'a>(openapi: &'a Value, operation: &'a Value, place: &str) -> BTreeSet<&'a str> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let all = all.map(|parameter| resolved(openapi, parameter));
    all.filter(|parameter| parameter["in"] == place).filter_map(|one| one["name"].as_str()).collect()
}

/// What a reference points at.
fn resolved<'a>(openapi: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|reference| openapi.pointer(reference.strip_prefix('#')?));
    target.map_or(value, |target| resolved(openapi, target))
}

/// As much of JSON Schema as the description uses, but for patterns and numbers.
struct Strange<'a> {
    openapi: &'a Value,
    found: Vec<String>,
}

impl<'a> Strange<'a> {
    /// The places of a value that are not as a schema says.
    fn of(openapi: &'a Value, schema: &'a Value, value: &Value) -> Vec<String> {
        let mut strange = Self { openapi, found: Vec::new() };
        strange.look(schema, value, "");
        strange.found
    }

    fn look(&mut self, schema: &'a Value, value: &Value, at: &str) {
        let schema = resolved(self.openapi, schema);
        let one_of = schema["oneOf"].as_array();
        let fits = |one: &&'a Value| Self::of(self.openapi, one, value).is_empty();
        let is_one = one_of.is_none_or(|all| all.iter().filter(fits).count() == 1);
        let is_named = schema["enum"].as_array().is_none_or(|words| words.contains(value));
        let is_same = schema.get("const").is_none_or(|same| same == value);
        if !(is_one && is_named && is_same && is_of(&schema["type"], value)) {
            self.found.push(format!("{at} is {value}"));
        }
        match value {
            Value::Object(fields) => self.fields(schema, fields, at),
            Value::Array(items) => items.iter().for_each(|item| self.look(&schema["items"], item, at)),
            _ => {}
        }
    }

    fn fields(&mut self, schema: &'a Value, fields: &Map<String, Value>, at: &str) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.found.push(format!("{at}.{name} is missing"));
            }
        }
        for (name, value) in fields {
            let described = schema["properties"].get(name).or(schema.get("additionalProperties"));
            match described {
                Some(Value::Bool(false)) => self.found.push(format!("{at}.{name} is not described")),
                Some(described) => self.look(described, value, &format!("{at}.{name}")),
                None => {}
            }
        }
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    }
}
