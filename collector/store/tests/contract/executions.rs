use treering_step::{Execution, Kind, Status};
use treering_store::{Compared, Condition, ExecutionFilter, NumberField, Pattern, Test, TextField};

use crate::support::{Store, at, execution, span, trace};

#[tokio::test]
async fn executions_are_listed_newest_first_and_page_by_page() {
    let store = Store::new().await;
    for number in 1..=7 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let filter = ExecutionFilter { limit: 3, cursor, ..Default::default() };
        let page = store.handles.reader.executions(store.scope(), filter).await.unwrap();
        names.push(
            page.executions.iter().map(|execution| execution.name.clone()).collect::<Vec<_>>().join(","),
        );
        // A cursor survives its text, since it travels in addresses.
        cursor = page.next.map(|next| next.to_string().parse().unwrap());
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["run 7,run 6,run 5", "run 4,run 3,run 2", "run 1"]);
}

#[tokio::test]
async fn every_filter_filters() {
    let store = Store::new().await;
    store.append(vec![span(3, 1, "chat", 5)], vec![]).await;
    for number in 1..=4 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    let all = ExecutionFilter::default;
    let text = |text: &str| ExecutionFilter { text: Some(text.into()), ..all() };
    assert_eq!(store.list(text("RUN 2")).await, ["run 2"]);
    assert_eq!(store.list(text("session-3")).await, ["run 3"]);
    assert_eq!(store.list(text(&trace(4).to_string())).await, ["run 4"]);
    assert_eq!(store.list(text("100% _ nothing")).await, [""; 0]);
    assert_eq!(
        store.list(ExecutionFilter { status: Some(Status::Error), ..all() }).await,
        ["run 4", "run 2"]
    );
    assert_eq!(store.list(ExecutionFilter { kind: Some(Kind::Llm), ..all() }).await, ["run 3"]);
    assert_eq!(store.list(ExecutionFilter { kind: Some(Kind::Tool), ..all() }).await, [""; 0]);
    assert_eq!(store.list(ExecutionFilter { model: Some("gpt-4o-mini".into()), ..all() }).await, ["run 3"]);
    assert_eq!(store.list(ExecutionFilter { model: Some("model-2".into()), ..all() }).await, ["run 2"]);
    assert_eq!(store.list(ExecutionFilter { agent: Some("run 1-agent".into()), ..all() }).await, ["run 1"]);
    assert_eq!(store.list(ExecutionFilter { session: Some("session-2".into()), ..all() }).await, ["run 2"]);
    assert_eq!(store.list(ExecutionFilter { user: Some("nobody".into()), ..all() }).await, [""; 0]);
    assert_eq!(store.list(ExecutionFilter { from: at(20), to: at(40), ..all() }).await, ["run 3", "run 2"]);
    assert_eq!(store.list(ExecutionFilter { min_duration_ns: Some(4_000), ..all() }).await, ["run 4"]);
}

#[tokio::test]
async fn every_condition_asks_what_it_says() {
    let store = Store::new().await;
    for number in 1..=4 {
        let one = execution(number, &format!("run {number}"), u64::from(number) * 10);
        store.put(1, one).await;
    }
    let text = |field, pattern| Test::Text(field, pattern);
    let number = |field, compared, number| Test::Number(field, compared, number);
    let begins = |text: &str| Pattern::Begins(text.into());
    let cases = [
        (text(TextField::Name, Pattern::Is("run 2".into())), "run 2"),
        (text(TextField::Name, begins("run")), "run 4,run 3,run 2,run 1"),
        (text(TextField::Name, begins("un 2")), ""),
        (text(TextField::Agent, Pattern::Ends("3-agent".into())), "run 3"),
        (text(TextField::Agent, Pattern::Ends("run 3".into())), ""),
        (text(TextField::Agent, Pattern::Holds("1-a".into())), "run 1"),
        (text(TextField::Model, begins("model-2")), "run 2"),
        (text(TextField::Model, begins("odel")), ""),
        (text(TextField::Model, Pattern::Ends("-2".into())), "run 2"),
        (text(TextField::Model, Pattern::Holds("del-3".into())), "run 3"),
        (text(TextField::Model, Pattern::Is("model-".into())), ""),
        (text(TextField::Session, Pattern::Is("session-3".into())), "run 3"),
        (text(TextField::User, Pattern::Is("nobody".into())), ""),
        (Test::Status(Status::Error), "run 4,run 2"),
        (Test::Kind(Kind::Tool), ""),
        (number(NumberField::Duration, Compared::Above, 3_000.0), "run 4"),
        (number(NumberField::Duration, Compared::AtMost, 2_000.0), "run 2,run 1"),
        (number(NumberField::Steps, Compared::Below, 1.0), ""),
        (number(NumberField::Tokens, Compared::AtLeast, 0.0), "run 4,run 3,run 2,run 1"),
        (number(NumberField::Redactions, Compared::Above, 1_000.0), ""),
        (number(NumberField::Errors, Compared::Below, 1_000.0), "run 4,run 3,run 2,run 1"),
        (number(NumberField::Cost, Compared::Above, 1e9), ""),
    ];
    let all = ["run 4", "run 3", "run 2", "run 1"];
    for (test, expected) in cases {
        let ask = |not| ExecutionFilter {
            conditions: vec![Condition { test: test.clone(), not }],
            ..ExecutionFilter::default()
        };
        let is: Vec<_> = expected.split(',').filter(|name| !name.is_empty()).collect();
        assert_eq!(store.list(ask(false)).await, is, "{test:?}");
        let others: Vec<_> = all.into_iter().filter(|name| !is.contains(name)).collect();
        assert_eq!(store.list(ask(true)).await, others, "not {test:?}");
    }
    let both = [Test::Status(Status::Error), text(TextField::Name, Pattern::Ends("4".into()))];
    let conditions = both.map(|test| Condition { test, not: false }).into();
    assert_eq!(store.list(ExecutionFilter { conditions, ..Default::default() }).await, ["run 4"]);
}

#[tokio::test]
async fn steps_are_found_by_what_they_say_of_themselves() {
    let store = Store::new().await;
    store
        .append(vec![span(1, 1, "Choose tools", 5), span(1, 2, "answer", 6), span(2, 3, "choose", 7)], vec![])
        .await;
    let reader = &store.handles.reader;
    let find = async |text: &str, limit| {
        let found = reader.find_steps(store.scope(), trace(1), text, limit).await.unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let all = find("", 9).await;
    assert_eq!(all.len(), 2);
    assert_eq!(find("CHOOSE", 9).await, [all[0].as_str()]);
    assert_eq!(find("e", 1).await.len(), 1);
    assert_eq!(find("nothing", 9).await, [""; 0]);
    let names = |told: &mut Vec<(usize, String)>, at, step: Vec<treering_step::Summary>| {
        told.push((at, step[0].name.clone().unwrap()));
    };
    let mut told = reader.steps_of_many(store.scope(), vec![trace(2), trace(1)], names).await.unwrap();
    told.sort();
    let told: Vec<_> = told.iter().map(|(at, name)| (*at, name.as_str())).collect();
    assert_eq!(told, [(0, "choose"), (1, "Choose tools"), (1, "answer")]);
}

#[tokio::test]
async fn what_came_after_a_version_is_told_and_nothing_older() {
    let store = Store::new().await;
    let reader = &store.handles.reader;
    store.append(vec![span(1, 1, "old", 5), span(2, 2, "old as well", 6)], vec![]).await;
    let version = reader.last_version(store.scope()).await.unwrap();
    store.append(vec![span(1, 3, "new", 7), span(3, 4, "not asked for", 8)], vec![]).await;
    assert!(reader.last_version(store.scope()).await.unwrap() > version);
    let told = reader.since(store.scope(), vec![trace(2), trace(1)], version, 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|(of, step)| (*of, step.name.as_deref().unwrap())).collect();
    assert_eq!(told, [(trace(1), "new")]);
    assert!(reader.since(store.scope(), vec![], version, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_execution_that_was_computed_from_less_does_not_replace_a_newer_one() {
    let store = Store::new().await;
    for (version, name) in [(2, "newer"), (1, "older"), (2, "newest")] {
        store.put(version, execution(1, name, 10)).await;
    }
    let found = store.handles.reader.execution(store.scope(), trace(1)).await.unwrap().unwrap();
    assert_eq!(found, execution(1, "newest", 10));
}

#[tokio::test]
async fn an_execution_without_steps_is_none_until_it_has_some_again() {
    let store = Store::new().await;
    let empty = |number| Execution { steps: 0, ..execution(number, "run", 10) };
    store.put(1, execution(1, "run", 10)).await;
    store.put(2, empty(1)).await;
    assert_eq!(store.execution(1).await, None);
    assert_eq!(store.list(ExecutionFilter::default()).await, [""; 0]);
    // What was computed before comes too late.
    store.put(1, execution(1, "run", 10)).await;
    assert_eq!(store.execution(1).await, None);
    store.put(3, execution(1, "again", 10)).await;
    assert_eq!(store.list(ExecutionFilter::default()).await, ["again"]);
}
