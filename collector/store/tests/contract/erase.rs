//! What is erased is gone, with everything that told of it; the rest is as it was.

use treering_seal::{KeyId, key_of};
use treering_step::Execution;
use treering_store::{Batch, Erased, ExecutionFilter, Scope, SpanEntry, Target, Touched};

use crate::backend::left_out;
use crate::support::{Store, alone, at, execution, files, id, log, master, offering, span, trace, url};

fn of_user(mut span: SpanEntry, user: &str) -> SpanEntry {
    span.summary.user_id = Some(user.to_owned());
    span
}

fn of_session(mut span: SpanEntry, session: &str) -> SpanEntry {
    span.summary.session_id = Some(session.to_owned());
    span
}

fn erased(executions: u64, records: u64) -> Erased {
    Erased { executions, records, days: [20_000].into() }
}

impl Store {
    async fn erase(&self, target: Target) -> Erased {
        let expected = self.handles.keeper.would_erase(self.project.id, target.clone()).await.unwrap();
        let erased = self.handles.writer.erase(self.project.id, target).await.unwrap();
        assert_eq!(erased, expected, "what was told before");
        self.rewrite().await;
        erased
    }

    /// What the collector does after rows went.
    async fn rewrite(&self) {
        let writer = &self.handles.writer;
        for erased in writer.erased_days().await.unwrap() {
            writer.retire_day(erased.project, erased.day).await.unwrap();
            assert_eq!(writer.rewrite_day(erased.project, erased.day).await.unwrap(), 0);
            writer.day_is_rewritten(erased).await.unwrap();
        }
        assert_eq!(writer.erased_days().await.unwrap(), []);
        writer.scrub().await.unwrap();
    }

    async fn records(&self, trace_number: u8) -> usize {
        self.handles.reader.records(self.scope(), trace(trace_number)).await.unwrap().len()
    }

    async fn has(&self, text: &str) -> bool {
        let found = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.kept().await.iter().any(|(_, bytes)| found(bytes))
    }
}

#[tokio::test]
async fn an_execution_goes_and_its_neighbour_stays() {
    let store = Store::new().await;
    let spans = vec![span(1, 2, "search", 5), span(1, 3, "answer", 6), span(4, 2, "other", 5)];
    store.deliver(store.batch(spans, vec![log(1, 2, "a line"), log(4, 2, "another")])).await;
    assert_eq!(store.erase(Target::Execution(trace(1))).await, erased(1, 3));
    assert_eq!((store.records(1).await, store.records(4).await), (0, 2));
    assert_eq!(store.execution(1).await, None);
    assert_eq!(store.steps(1).await, []);
    assert_eq!(store.list(ExecutionFilter::default()).await.len(), 1);
    assert_eq!(
        store.erase(Target::Execution(trace(1))).await,
        Erased::default(),
        "once more, nothing is left"
    );
}

#[tokio::test]
async fn everybody_of_a_session_or_user_goes_with_the_whole_execution() {
    for (target, named) in [
        (Target::User("ada".into()), of_user as fn(SpanEntry, &str) -> SpanEntry),
        (Target::Session("ada".into()), of_session),
    ] {
        let store = Store::new().await;
        let spans = vec![
            span(1, 2, "root", 9),
            named(span(1, 3, "her step", 5), "ada"),
            named(span(4, 2, "hers too", 5), "ada"),
            named(span(5, 2, "of somebody else", 5), "adam"),
        ];
        store.deliver(store.batch(spans, vec![log(1, 2, "a line")])).await;
        assert_eq!(store.erase(target).await, erased(2, 4));
        let left: Vec<_> = [store.records(1).await, store.records(4).await, store.records(5).await].into();
        assert_eq!(left, [0, 0, 1]);
    }
}

#[tokio::test]
async fn an_execution_whose_row_alone_names_a_user_goes() {
    let store = Store::new().await;
    let row = Execution { user_id: Some("ada".into()), ..execution(1, "run", 10) };
    store.put(1, row).await;
    assert_eq!(store.erase(Target::User("ada".into())).await.executions, 1);
    assert_eq!(store.execution(1).await, None);
}

#[tokio::test]
async fn log_records_that_came_elsewhere_go_with_the_execution_that_takes_them() {
    let store = Store::new().await;
    store.deliver(store.batch(vec![offering(span(1, 2, "chat", 5), &[7])], vec![])).await;
    store
        .deliver(store.batch(vec![], vec![alone(3, Some(7), "cost"), alone(3, None, "a line of its own")]))
        .await;
    store.deliver(store.batch(vec![], vec![alone(4, Some(7), "price")])).await;
    assert_eq!(store.erase(Target::Execution(trace(1))).await, erased(1, 3));
    assert_eq!([store.records(3).await, store.records(4).await], [1, 0]);
    assert_eq!(store.handles.writer.stale().await.unwrap(), store.touched(&[3]), "it lost a record");
    store.sweep(9).await;
    assert_eq!(store.execution(3).await.unwrap().steps, 1);
    assert_eq!(store.execution(4).await, None);
}

#[tokio::test]
async fn who_took_a_log_record_of_what_is_erased_is_computed_anew() {
    let store = Store::new().await;
    store.deliver(store.batch(vec![offering(span(1, 2, "chat", 5), &[7])], vec![])).await;
    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "cost")])).await;
    assert_eq!(store.steps(1).await[0].1.len(), 2);
    assert_eq!(store.erase(Target::Execution(trace(3))).await, erased(1, 1));
    assert_eq!(store.handles.writer.stale().await.unwrap(), store.touched(&[1]));
    assert_eq!(store.steps(1).await, [(id(2), vec!["chat".into()])]);
}

#[tokio::test]
async fn the_next_span_takes_what_one_that_is_erased_would_have_taken() {
    let store = Store::new().await;
    let spans = vec![offering(span(1, 2, "first", 5), &[7]), offering(span(4, 2, "second", 5), &[7])];
    store.deliver(store.batch(spans, vec![])).await;
    store.erase(Target::Execution(trace(1))).await;
    store.sweep(9).await;
    store.deliver(store.batch(vec![], vec![alone(3, Some(7), "cost")])).await;
    assert_eq!(store.steps(4).await, [(id(2), vec!["second".into(), "cost".into()])]);
}

#[tokio::test]
async fn a_user_whom_only_a_log_record_names_is_found_at_both_ends_of_its_join() {
    let store = Store::new().await;
    let mut log = alone(3, Some(7), "cost");
    log.summary.user_id = Some("ada".into());
    store.deliver(store.batch(vec![offering(span(1, 2, "chat", 5), &[7])], vec![log])).await;
    assert_eq!(store.erase(Target::User("ada".into())).await.executions, 2);
    assert_eq!([store.records(1).await, store.records(3).await], [0, 0]);
}

#[tokio::test]
async fn a_whole_project_goes_and_another_one_stays() {
    let store = Store::new().await;
    let other = store.handles.keeper.ensure_project("other").await.unwrap();
    let theirs = store.batch(vec![span(1, 2, "theirs", 5)], vec![]);
    store.append_batch(Batch { project: other.id, ..theirs }).await;
    store.deliver(store.batch(vec![span(1, 2, "ours", 5)], vec![log(3, 2, "a line")])).await;
    let vault = &store.handles.vault;
    let before = vault.data_key(store.project.id, 20_000).unwrap();
    let kept = vault.data_key(other.id, 20_000).unwrap();
    assert_eq!(store.erase(Target::Project).await, erased(2, 2));
    assert_eq!(store.list(ExecutionFilter::default()).await.len(), 0);
    assert_eq!(store.records(1).await, 0);
    let scope = Scope::of(other.id);
    assert_eq!(store.handles.reader.records(scope, trace(1)).await.unwrap().len(), 1);
    assert!(vault.key(store.project.id, before.id()).unwrap().is_none(), "no copy of what it sealed opens");
    assert!(vault.key(other.id, kept.id()).unwrap().is_some());
    store.deliver(store.batch(vec![span(1, 2, "again", 5)], vec![])).await;
    assert_eq!(store.records(1).await, 1, "what is sent afterwards is new");
}

#[tokio::test]
async fn what_was_computed_before_an_erasure_does_not_come_back() {
    let store = Store::new().await;
    let touched = store.append(vec![of_user(span(1, 2, "chat", 5), "ada")], vec![]).await;
    let late = |(): (), _| Execution { user_id: Some("ada".into()), ..execution(1, "late", 10) };
    let late = store.handles.writer.compute(touched, |(): &mut (), _| (), late).await.unwrap();
    store.erase(Target::User("ada".into())).await;
    store.handles.writer.put_executions(late).await.unwrap();
    assert_eq!(store.execution(1).await, None);
    store.deliver(store.batch(vec![span(1, 2, "sent again", 5)], vec![])).await;
    assert_eq!(store.execution(1).await.unwrap().steps, 1, "it is new");
}

#[tokio::test]
async fn no_file_holds_a_name_that_was_erased() {
    let store = Store::new().await;
    let (user, tool) = ("ada-of-the-erased", "a-tool-of-hers");
    for number in 1..40 {
        let mut hers = of_user(span(number, 2, "chat", 5), user);
        hers.summary.tool = Some(tool.to_owned());
        store.deliver(store.batch(vec![hers, span(number + 100, 2, "chat", 5)], vec![])).await;
    }
    let row = Execution { user_id: Some(user.to_owned()), ..execution(1, tool, 10) };
    store.put(u64::MAX >> 2, row).await;
    let request = store.ask(Target::User(user.to_owned())).await;
    assert!(store.has(user).await && store.has(tool).await);
    store.carry_out().await;
    assert!(!store.has(user).await && !store.has(tool).await);
    assert_eq!(store.list(ExecutionFilter::default()).await.len(), 39);
    let state = store.handles.keeper.erasure(request).await.unwrap().unwrap();
    assert_eq!((state.executions, state.records, state.is_done), (39, 39, true));
}

impl Store {
    async fn ask(&self, target: Target) -> i64 {
        self.handles.keeper.acting_as("a test").ask_to_erase(self.project.id, target).await.unwrap()
    }

    /// What the collector does with requests.
    async fn carry_out(&self) {
        let writer = &self.handles.writer;
        for erasure in writer.erasures().await.unwrap() {
            writer.carry_out(&erasure).await.unwrap();
            if erasure.target == Some(Target::Project) {
                writer.carry_out_to_the_end(&erasure).await.unwrap();
            }
            let id = erasure.id;
            writer.forget_target(erasure).await.unwrap();
            self.rewrite().await;
            writer.erasure_is_done(id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_request_that_was_interrupted_is_told_again_and_names_nobody_once_it_is_done() {
    let store = Store::new().await;
    store.deliver(store.batch(vec![of_session(span(1, 2, "chat", 5), "s")], vec![])).await;
    store.ask(Target::Session("s".into())).await;
    store.ask(Target::Project).await;
    let told = store.handles.writer.erasures().await.unwrap();
    assert_eq!(told[0].target, Some(Target::Session("s".into())));
    assert_eq!((told[1].target.clone(), told[1].actor.as_str()), (Some(Target::Project), "a test"));
    let pseudonym = store.handles.writer.forget_target(told[0].clone()).await.unwrap();
    assert_eq!(pseudonym.len(), 32);
    let told = store.handles.writer.erasures().await.unwrap();
    assert_eq!((told.len(), told[0].target.clone()), (2, None), "not done, and nobody is named");
    store.carry_out().await;
    assert_eq!(store.handles.writer.erasures().await.unwrap(), []);
}

#[tokio::test]
async fn a_process_that_ran_only_what_is_erased_is_forgotten() {
    let store = Store::new().await;
    let process = treering_step::ProcessId([9; 16]);
    let mut running = span(1, 2, "search", 5);
    running.summary.process = Some(process);
    running.summary.status = Some(treering_step::Status::Running);
    let sign = treering_store::Sign { process, seen_at: at(5).unwrap(), interval: None, ended: false };
    let batch = Batch { signs: vec![sign], ..store.batch(vec![running], vec![]) };
    store.deliver(batch).await;
    store.erase(Target::Execution(trace(1))).await;
    store.handles.writer.bury(at(10_000_000).unwrap(), at(1).unwrap()).await.unwrap();
    let of = Touched { project: store.project.id, trace_id: trace(1) };
    assert!(!store.handles.writer.stale().await.unwrap().contains(&of), "nobody waits for its end");
}

impl Store {
    /// A copy of every file, as it is now.
    async fn back_up(&self) -> tempfile::TempDir {
        self.handles.writer.scrub().await.unwrap();
        let copy = tempfile::tempdir().unwrap();
        for (path, bytes) in files(self.folder.path()) {
            let name = std::path::Path::new(&path).file_name().unwrap();
            std::fs::write(copy.path().join(name), bytes).unwrap();
        }
        copy
    }

    /// How many of the blocks of a copy any key opens that is left today.
    fn opened_blocks(&self, copy: &tempfile::TempDir) -> usize {
        let keys = rusqlite::Connection::open(copy.path().join("store.keys")).unwrap();
        let mut keys = keys.prepare("SELECT id FROM secret WHERE day IS NOT NULL").unwrap();
        let keys = keys.query_map([], |row| row.get(0)).unwrap().map(|id| KeyId(id.unwrap()));
        let vault = &self.handles.vault;
        let keys: Vec<_> =
            keys.map(|id| vault.key(self.project.id, id).unwrap().expect("a key of the file")).collect();
        let store = rusqlite::Connection::open(copy.path().join("store.db")).unwrap();
        let mut blocks = store.prepare("SELECT sealed FROM block").unwrap();
        let blocks =
            blocks.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().map(|block| block.unwrap());
        blocks.filter(|block| keys.iter().any(|key| key_of(block) == Ok(key.id()))).count()
    }
}

#[tokio::test]
async fn an_older_copy_of_the_store_opens_no_more_with_the_keys_that_are_left() {
    if left_out("an_older_copy_of_the_store_opens_no_more_with_the_keys_that_are_left") {
        return;
    }
    // Of the three executions, how many can still be read from the copy: days are erased from it as a whole.
    for (target, left) in [
        (Target::Execution(trace(1)), 1),
        (Target::User("ada".into()), 1),
        (Target::Session("ada".into()), 1),
        (Target::Project, 0),
    ] {
        let store = Store::new().await;
        let hers = of_session(of_user(span(1, 2, "hers", 5), "ada"), "ada");
        store
            .deliver(store.batch(vec![hers, span(4, 2, "of the same day", 5)], vec![log(1, 2, "a line")]))
            .await;
        let other_day = Batch { day: 20_001, ..store.batch(vec![span(5, 2, "of another day", 5)], vec![]) };
        store.deliver(other_day).await;
        let copy = store.back_up().await;
        assert!(store.opened_blocks(&copy) >= 2);
        store.erase(target.clone()).await;
        for file in ["store.keys", "store.keys-journal"] {
            std::fs::copy(store.folder.path().join(file), copy.path().join(file)).ok();
        }
        let old = treering_store::open_read_only(&url(&copy), master()).await.unwrap().reader;
        let mut read = Vec::new();
        for number in [1, 4, 5] {
            let records = old.records(store.scope(), trace(number)).await.unwrap();
            read.extend((!records.is_empty()).then_some(number));
        }
        assert_eq!(read.len(), left, "{target:?}: {read:?}");
        assert!(!read.contains(&1));
        assert_eq!(store.opened_blocks(&copy), left, "{target:?}");
        if target != Target::Project {
            assert_eq!(
                [store.records(4).await, store.records(5).await],
                [1, 1],
                "the store itself has the others"
            );
        }
    }
}
