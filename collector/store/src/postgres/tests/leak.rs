//! What a reader tells where our own statements ask for the rows of everybody. Each statement that is sent has lost its
//! condition on the project: what keeps one project from the other is the database alone.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use treering_redact::Record;
use treering_step::{Kind, Status, Summary};

use super::house::{House, SHARED, at, id, master, request, trace};
use super::unguarded::{Sent, Unguarded};
use crate::postgres::access::{Access, Role};
use crate::postgres::connector::Connector;
use crate::postgres::pool::{Idle, Pool};
use crate::postgres::{PostgresUrl, Remote};
use crate::sql::{self, Content};
use crate::{Error, ExecutionFilter, ProjectId, Reader, Role as MemberRole, Scope, Vault, Viewer};

/// A reader that row-level security binds, as the login that may only read. It remembers nothing of another one.
fn bound(url: &PostgresUrl, unguarded: Option<&Arc<Unguarded>>) -> Reader {
    let idle = idle(url, unguarded);
    let vault = Vault::remote(Remote::of(&idle, Role::Reader), master()).unwrap();
    Reader::new(pool(&idle, Access::reading(Role::Reader)), Content::new(vault))
}

/// A reader that it does not bind, with the keys of the house.
fn unbound(house: &House, unguarded: Option<&Arc<Unguarded>>) -> Reader {
    let pool = pool(&idle(&house.unbound(), unguarded), Access::nobody());
    Reader::new(pool, Content::new(house.handles.vault.clone()))
}

fn idle(url: &PostgresUrl, unguarded: Option<&Arc<Unguarded>>) -> Arc<Idle> {
    let connector = Connector::new(url).unwrap();
    match unguarded {
        Some(unguarded) => Idle::unguarded(connector, unguarded.clone()),
        None => Idle::new(connector),
    }
}

fn pool(idle: &Arc<Idle>, access: Access) -> sql::Pool {
    sql::Pool::Postgres(Pool::new(idle, 2, access, None))
}

/// What a method tells, in words.
type Told = (String, Result<String, String>);

fn told(method: impl Into<String>, answer: Result<impl Debug, Error>) -> Told {
    (method.into(), answer.map(|answer| format!("{answer:?}")).map_err(|error| error.to_string()))
}

fn words(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(record.body()).into_owned()).collect()
}

/// What every method of a reader tells of a project.
async fn everything(reader: &Reader, project: ProjectId) -> Vec<Told> {
    let scope = Scope::of(project);
    let mut all = vec![
        told("projects", reader.projects().await),
        told("search_lag", reader.search_lag(scope).await),
        told("outcomes", reader.outcomes(scope).await),
        told("receipt", reader.receipt(scope, request()).await),
        told("newest", reader.newest(scope, 100).await.map(|records| words(&records))),
    ];
    for (name, filter) in filters() {
        all.push(told(format!("executions by {name}"), reader.executions(scope, filter).await));
    }
    for number in [1, 3, 4, 6] {
        let of = trace(number);
        let add = |all: &mut Vec<Summary>, step: Vec<Summary>| all.extend(step);
        let spans = || vec![id(1), id(2), id(5), id(7)];
        all.push(told("execution", reader.execution(scope, of).await));
        all.push(told("computed", reader.computed(scope, of).await));
        all.push(told("skeleton", reader.skeleton(scope, of, add).await));
        all.push(told("summaries", reader.summaries(scope, of).await));
        all.push(told("summaries_of", reader.summaries_of(scope, of, spans()).await));
        let steps = reader.steps(scope, of, spans()).await.map(|steps| {
            let records = |step: &crate::StepRecords| {
                let all: Vec<_> = step.span.iter().chain(&step.logs).cloned().collect();
                (step.span_id, words(&all))
            };
            steps.iter().map(records).collect::<Vec<_>>()
        });
        all.push(told("steps", steps));
        all.push(told("records", reader.records(scope, of).await.map(|records| words(&records))));
        let dated = reader.dated_records(scope, of).await;
        let dated = dated.map(|records| {
            records.into_iter().map(|(day, record)| (day, words(&[record]))).collect::<Vec<_>>()
        });
        all.push(told("dated_records", dated));
    }
    all
}

/// Each of which finds what both projects have in common.
fn filters() -> Vec<(&'static str, ExecutionFilter)> {
    let any = ExecutionFilter::default;
    let some = |text: &str| Some(text.to_owned());
    vec![
        ("nothing", any()),
        ("text", ExecutionFilter { text: some(SHARED), ..any() }),
        ("words", ExecutionFilter { text: some("said"), words: vec!["said".into()], ..any() }),
        ("id", ExecutionFilter { text: some(&trace(1).to_string()), ..any() }),
        ("status", ExecutionFilter { status: Some(Status::Ok), ..any() }),
        ("kind", ExecutionFilter { kind: Some(Kind::Llm), ..any() }),
        ("model", ExecutionFilter { model: some(SHARED), ..any() }),
        ("agent", ExecutionFilter { agent: some(SHARED), ..any() }),
        ("session", ExecutionFilter { session: some(SHARED), ..any() }),
        ("user", ExecutionFilter { user: some(SHARED), ..any() }),
        ("from", ExecutionFilter { from: at(1), ..any() }),
        ("to", ExecutionFilter { to: at(2), ..any() }),
        ("duration", ExecutionFilter { min_duration_ns: Some(1), ..any() }),
        ("page", ExecutionFilter { limit: 3, ..any() }),
        ("cursor", ExecutionFilter { cursor: format!("{:x}-{}", i64::MAX, trace(9)).parse().ok(), ..any() }),
    ]
}

/// The tables that statements read.
fn tables(sent: &[Sent]) -> BTreeSet<&str> {
    let named = sent.iter().flat_map(|sent| {
        let words = sent.sql.split_whitespace();
        words.clone().zip(words.skip(1)).filter(|(before, _)| matches!(*before, "FROM" | "JOIN"))
    });
    named.map(|(_, table)| table.trim_end_matches([')', ','])).collect()
}

/// Every table with rows of projects that a reader may see, but for those whose rows are asked for by a number of their
/// own.
const TABLES: [&str; 12] = [
    "execution",
    "log",
    "outcome",
    "piece",
    "process",
    "receipt",
    "secret",
    "span",
    "span_join",
    "summary",
    "unindexed",
    "words",
];

fn says(of: &str, (_, answer): &Told) -> bool {
    answer.as_ref().is_ok_and(|text| text.contains(of))
}

fn tell<'a>(of: &str, all: &'a [Told]) -> Vec<&'a Told> {
    all.iter().filter(|told| says(of, told)).collect()
}

const NOTHING: [&Told; 0] = [];

/// But for the list of projects, which is of none.
fn of_a_project(all: Vec<Told>) -> Vec<Told> {
    all.into_iter().filter(|(method, _)| method != "projects").collect()
}

#[tokio::test]
async fn without_our_conditions_and_the_policies_every_method_tells_of_others() {
    let Some(house) = House::new().await else { return };
    let unguarded = Arc::new(Unguarded::default());
    let guarded = of_a_project(everything(&unbound(&house, None), house.mine.id).await);
    assert!(guarded.iter().all(|(_, answer)| answer.is_ok()), "{guarded:#?}");
    assert_eq!(tell("theirs", &guarded), NOTHING);

    let open = unbound(&house, Some(&unguarded));
    let of_mine = of_a_project(everything(&open, house.mine.id).await);
    let of_theirs = of_a_project(everything(&open, house.theirs.id).await);
    let is_open = |((before, mine), theirs): &((&Told, &Told), &Told)| {
        // Where one row is asked for, it is the same one of both.
        let leaks = says("theirs", mine) || says("mine", theirs);
        // A number and a tree without names say not whose they are.
        let differs = ["search_lag", "skeleton"].contains(&&*mine.0) && before.1 != mine.1;
        // What is sealed for one project opens with no key of another, even here.
        let is_sealed = ["newest", "steps", "records", "dated_records"].contains(&&*mine.0);
        leaks || differs || is_sealed && (mine.1.is_err() || theirs.1.is_err())
    };
    let methods: BTreeSet<_> = guarded.iter().map(|(method, _)| method).collect();
    let all = guarded.iter().zip(&of_mine).zip(&of_theirs);
    let open: BTreeSet<_> = all.filter(is_open).map(|(((method, _), _), _)| method).collect();
    assert_eq!(open, methods, "the others are not open, and what they do not tell proves nothing");
}

#[tokio::test]
async fn without_our_conditions_whoever_sees_one_project_sees_nothing_of_another() {
    let Some(house) = House::new().await else { return };
    let (mine, theirs) = (house.mine.id, house.theirs.id);
    let guarded = of_a_project(everything(&unbound(&house, None), mine).await);
    let url = house.reading();
    let withheld = bound(&url, None).withholding_content();
    let withheld = of_a_project(everything(&withheld, mine).await);
    assert!(withheld.iter().any(|(_, answer)| answer == &Err(Error::Withheld.to_string())));

    for (viewer, sees) in viewers(&house).await {
        let unguarded = Arc::new(Unguarded::default());
        let reader = bound(&url, Some(&unguarded)).seen_by(viewer.clone());
        let content = of_a_project(everything(&reader, mine).await);
        let structure = of_a_project(everything(&reader.withholding_content(), mine).await);
        match sees {
            Sees::Content => {
                assert_eq!((&content, &structure), (&guarded, &withheld), "{viewer:?}");
                everything_was_open(&unguarded.sent());
            }
            Sees::Structure => {
                assert_eq!(tell("mine", &content), NOTHING, "{viewer:?}");
                assert_eq!(structure, withheld, "{viewer:?}");
            }
            Sees::Nothing => {
                assert_eq!(tell("mine", &[content, structure].concat()), NOTHING, "{viewer:?}");
            }
        }
        // What is asked of the other project is asked of everything as well.
        for reader in [reader.clone(), reader.withholding_content()] {
            let mut asked = [everything(&reader, mine).await, everything(&reader, theirs).await].concat();
            if viewer == Viewer::Local {
                // The owner of the machine sees the names of all projects, and whichever of them was chosen.
                asked = of_a_project(everything(&reader, mine).await);
            }
            assert_eq!(tell("theirs", &asked), NOTHING, "{viewer:?}");
        }
    }
}

/// True of what a reader sends who sees everything of a project.
fn everything_was_open(sent: &[Sent]) {
    let asked = tables(sent);
    assert!(TABLES.iter().all(|table| asked.contains(table)), "{asked:?}");
    // Nothing else is asked for without a condition: rows by a number of their own, and those of no project.
    let others =
        ["FROM block WHERE id =", "FROM secret WHERE id =", "FROM project ", "FROM version", "master_id()"];
    for Sent { sql, without } in sent {
        assert!(
            *without > 0 || others.iter().any(|part| sql.contains(part)),
            "nothing was taken out of {sql}"
        );
    }
}

/// What somebody may see of the first project.
enum Sees {
    Content,
    Structure,
    Nothing,
}

/// Everybody who may see something of the first project, and none of whom may see anything of the second one.
async fn viewers(house: &House) -> Vec<(Viewer, Sees)> {
    let (_, key) = house.key(&house.mine, None).await;
    let mut all = vec![
        (Viewer::Local, Sees::Content),
        (Viewer::Key(key.id), Sees::Content),
        (Viewer::Key(key.id + 1_000), Sees::Nothing),
        (Viewer::Person("nobody".into()), Sees::Nothing),
    ];
    let roles = [
        (MemberRole::Owner, Sees::Content),
        (MemberRole::Reader, Sees::Content),
        (MemberRole::Viewer, Sees::Structure),
        (MemberRole::Auditor, Sees::Nothing),
    ];
    for (role, sees) in roles {
        let subject = format!("user_{}", role.as_str());
        house.handles.keeper.put_member(house.mine.id, &subject, role).await.unwrap();
        all.push((Viewer::Person(subject.into()), sees));
    }
    all
}
