//! What one collector does to another at the worst moment.

use std::collections::BTreeMap;

use proptest::prelude::*;
use treering_step::{Source, Summary};
use treering_store::{Batch, Erasure, Error, Handles, LogEntry, Presence, Share, Target, Touched, identity};

use crate::backend::left_out;
use crate::support::{Store, at, log, master, span, trace, typed};

const DAY: u32 = 20_000;

async fn other(store: &Store) -> Handles {
    treering_store::open(&store.url, master()).await.unwrap()
}

async fn read(store: &Store, handles: &Handles, number: u8) -> usize {
    handles.reader.records(store.scope(), trace(number)).await.unwrap().len()
}

/// A log record as a collector with these keys names it.
fn named(handles: &Handles, store: &Store, number: u8, text: &str) -> LogEntry {
    let log = log(number, 1, text);
    let name = identity(&handles.vault.hash_key(store.project.id).unwrap(), &log.record);
    let summary = Summary::new(log.summary.span_id, Source::Log(name));
    LogEntry { record: log.record.known_as(name), summary, ..log }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_write_a_day_anew_at_once_drop_no_key_that_is_needed() {
    if left_out("two_that_write_a_day_anew_at_once_drop_no_key_that_is_needed") {
        return;
    }
    let store = Store::new().await;
    let other = other(&store).await;
    for number in 1..20 {
        store.append(vec![span(number, 1, "what many say alike", 5)], vec![]).await;
    }
    let rewriting = async |handles: &Handles| {
        for _ in 0..6 {
            handles.writer.retire_day(store.project.id, DAY).await.unwrap();
            assert_eq!(handles.writer.rewrite_day(store.project.id, DAY).await.unwrap(), 0);
        }
    };
    let appending = async |handles: &Handles, numbers: std::ops::Range<u8>| {
        for number in numbers {
            let batch = store.batch(vec![span(number, 1, "what many say alike", 5)], vec![]);
            handles.writer.append(vec![batch]).await.unwrap();
        }
    };
    tokio::join!(
        rewriting(&store.handles),
        rewriting(&other),
        appending(&store.handles, 20..40),
        appending(&other, 40..60)
    );
    for number in 1..60 {
        assert_eq!(read(&store, &store.handles, number).await, 1, "execution {number}");
        assert_eq!(read(&store, &other, number).await, 1, "execution {number}");
    }
    store.handles.writer.rewrite_day(store.project.id, DAY).await.unwrap();
    assert_eq!(store.handles.vault.state().unwrap().data_keys, 1, "no key is left over");
}

#[tokio::test]
async fn what_was_named_with_a_dropped_key_is_named_once_more() {
    let store = Store::new().await;
    let other = other(&store).await;
    let batch = |log| store.batch(vec![], vec![log]);
    other.writer.append(vec![batch(named(&other, &store, 1, "before"))]).await.unwrap();
    let late = named(&other, &store, 2, "on its way");
    store.handles.writer.erase(store.project.id, Target::Project).await.unwrap();
    let refused = other.writer.append(vec![batch(late)]).await;
    assert!(matches!(refused, Err(Error::KeysChanged)), "{refused:?}");
    other.vault.look_again();
    other.writer.append(vec![batch(named(&other, &store, 2, "on its way"))]).await.unwrap();
    store.handles.writer.append(vec![batch(named(&store.handles, &store, 3, "new"))]).await.unwrap();
    for handles in [&store.handles, &other] {
        let found = [read(&store, handles, 1).await, read(&store, handles, 2).await];
        assert_eq!((found, read(&store, handles, 3).await), ([0, 1], 1));
    }
    // It is known when it comes again, by whomever.
    store.handles.writer.append(vec![batch(named(&store.handles, &store, 2, "on its way"))]).await.unwrap();
    assert_eq!(read(&store, &other, 2).await, 1);
}

#[tokio::test]
async fn a_reader_of_before_reads_and_finds_what_is_named_anew() {
    let store = Store::new().await;
    let other = other(&store).await;
    let say = async |number, text| {
        let log = named(&store.handles, &store, number, text);
        store.deliver(store.batch(vec![], vec![log])).await;
        store.index().await;
    };
    say(1, "oak").await;
    let find =
        async |word| other.reader.executions(store.scope(), typed(word)).await.unwrap().executions.len();
    assert_eq!((read(&store, &other, 1).await, find("oak").await), (1, 1));
    store.handles.writer.erase(store.project.id, Target::Project).await.unwrap();
    say(2, "ash").await;
    assert_eq!((read(&store, &other, 2).await, find("ash").await, find("oak").await), (1, 1, 0));
}

#[tokio::test]
async fn words_are_not_named_with_a_dropped_key() {
    let store = Store::new().await;
    let other = other(&store).await;
    let index = async || {
        for _ in 0..3 {
            let waiting = other.writer.unindexed(9).await.unwrap();
            other.writer.index(waiting, crate::support::WORDING).await.unwrap();
        }
        assert!(other.writer.unindexed(9).await.unwrap().is_empty());
    };
    store.deliver(store.batch(vec![], vec![named(&store.handles, &store, 1, "oak")])).await;
    index().await;
    store.handles.writer.erase(store.project.id, Target::Project).await.unwrap();
    store.deliver(store.batch(vec![], vec![named(&store.handles, &store, 2, "ash")])).await;
    index().await;
    assert_eq!(store.search("ash").await.len(), 1);
}

#[tokio::test]
async fn a_day_of_which_more_was_erased_meanwhile_is_written_anew_once_more() {
    let store = Store::new().await;
    store.append(vec![span(1, 1, "one", 5), span(2, 1, "two", 5), span(3, 1, "stays", 5)], vec![]).await;
    let writer = &store.handles.writer;
    writer.erase(store.project.id, Target::Execution(trace(1))).await.unwrap();
    let before = writer.erased_days().await.unwrap();
    writer.retire_day(store.project.id, DAY).await.unwrap();
    writer.rewrite_day(store.project.id, DAY).await.unwrap();
    writer.erase(store.project.id, Target::Execution(trace(2))).await.unwrap();
    writer.day_is_rewritten(before[0]).await.unwrap();
    let again = writer.erased_days().await.unwrap();
    assert_eq!(again.iter().map(|erased| erased.day).collect::<Vec<_>>(), [DAY]);
    writer.day_is_rewritten(again[0]).await.unwrap();
    assert_eq!(writer.erased_days().await.unwrap(), []);
}

#[tokio::test]
async fn nothing_comes_from_a_collector_that_was_given_up() {
    if left_out("nothing_comes_from_a_collector_that_was_given_up") {
        return;
    }
    let store = Store::new().await;
    let writer = store.handles.writer.on_behalf_of("lost");
    let batch = || store.batch(vec![span(1, 1, "late", 5)], vec![]);
    assert!(matches!(writer.append(vec![batch()]).await, Err(Error::GivenUp)), "nobody knows it yet");
    writer.enroll(presence("lost", 0)).await.unwrap();
    writer.append(vec![store.batch(vec![span(2, 1, "in time", 5)], vec![])]).await.unwrap();
    assert!(store.handles.keeper.give_up_collector("lost").await.unwrap());
    assert!(matches!(writer.append(vec![batch()]).await, Err(Error::GivenUp)));
    assert!(matches!(writer.report(presence("lost", 9)).await, Err(Error::GivenUp)));
    assert_eq!((read(&store, &store.handles, 1).await, read(&store, &store.handles, 2).await), (0, 1));
}

#[tokio::test]
async fn shares_are_all_of_it_and_nothing_twice() {
    let store = Store::new().await;
    let numbers: Vec<u8> = (1..=200).collect();
    store.append(numbers.iter().map(|number| span(*number, 1, "step", 5)).collect(), vec![]).await;
    store.handles.writer.mark_stale(store.touched(&numbers)).await.unwrap();
    let (mut stale, mut unindexed) = (Vec::new(), Vec::new());
    for place in 0..3 {
        let share = Share::new(place, 3);
        let mine = store.handles.writer.stale_of(share).await.unwrap();
        assert!(mine.len() > 20, "{}", mine.len());
        stale.extend(mine);
        let waiting = store.handles.writer.unindexed_of(share, 1_000).await.unwrap();
        unindexed.extend(waiting.into_iter().map(|one| one.of));
    }
    let sorted = |mut all: Vec<Touched>| {
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(stale), store.touched(&numbers));
    assert_eq!(sorted(unindexed), store.touched(&numbers));
}

fn presence(id: &str, passed: i64) -> Presence {
    Presence { id: id.into(), name: "collector".into(), passed, delivered_at: at(1).unwrap() }
}

/// What happens to one of two collectors.
#[derive(Debug, Clone)]
enum Step {
    /// It accepts a step of an execution.
    Accept(u8),
    Deliver,
    /// Somebody asks to erase an execution.
    Ask(u8),
    /// It passes what was asked.
    Pass,
    /// It erases, as far as that is possible.
    Erase,
    /// It writes the days anew of which something was erased.
    Rewrite,
}

fn step() -> impl Strategy<Value = (bool, Step)> {
    let step = prop_oneof![
        4 => (1..6u8).prop_map(Step::Accept),
        3 => Just(Step::Deliver),
        1 => (1..4u8).prop_map(Step::Ask),
        2 => Just(Step::Pass),
        3 => Just(Step::Erase),
        2 => Just(Step::Rewrite),
    ];
    (any::<bool>(), step)
}

/// What must be there of each execution, what must not, and what may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Gone,
    /// It was accepted between the request and its end.
    Either,
}

struct Two {
    store: Store,
    other: Handles,
    /// What each accepted and did not deliver.
    journals: [Vec<Batch>; 2],
    /// What was accepted, by execution.
    fates: BTreeMap<(u8, u8), Fate>,
    accepted: u8,
    /// Of each execution the last request.
    asked: BTreeMap<u8, i64>,
}

impl Two {
    async fn new() -> Self {
        let store = Store::new().await;
        let other = other(&store).await;
        for id in ["0", "1"] {
            other.writer.enroll(presence(id, 0)).await.unwrap();
        }
        let (journals, fates, asked) = Default::default();
        Self { store, other, journals, fates, accepted: 0, asked }
    }

    fn handles(&self, of: usize) -> &Handles {
        [&self.store.handles, &self.other][of]
    }

    async fn step(&mut self, of: usize, step: Step) {
        let writer = self.handles(of).writer.clone();
        match step {
            Step::Accept(number) => {
                self.accepted += 1;
                let name = format!("step {}", self.accepted);
                let batch = self.store.batch(vec![span(number, self.accepted, &name, 5)], vec![]);
                self.journals[of].push(batch);
                let fate = if self.is_being_erased(number).await { Fate::Either } else { Fate::Stays };
                self.fates.insert((number, self.accepted), fate);
            }
            Step::Deliver => self.deliver(of).await,
            Step::Ask(number) => {
                let target = Target::Execution(trace(number));
                let asked = self.handles(of).keeper.ask_to_erase(self.store.project.id, target);
                self.asked.insert(number, asked.await.unwrap());
                let before = self.fates.iter_mut().filter(|((one, _), _)| *one == number);
                before.for_each(|(_, fate)| *fate = Fate::Gone);
            }
            Step::Pass => {
                let newest = writer.erasures_after(0).await.unwrap().last().map_or(0, |last| last.0);
                self.deliver(of).await;
                writer.report(presence(&of.to_string(), newest)).await.unwrap();
            }
            Step::Erase => {
                for erasure in writer.erasures().await.unwrap() {
                    self.erase(of, erasure).await;
                }
            }
            Step::Rewrite => self.rewrite(of).await,
        }
    }

    async fn is_being_erased(&self, number: u8) -> bool {
        let Some(asked) = self.asked.get(&number) else { return false };
        let state = self.store.handles.keeper.erasure(*asked).await.unwrap();
        state.is_some_and(|state| !state.is_done)
    }

    async fn deliver(&mut self, of: usize) {
        let batches = std::mem::take(&mut self.journals[of]);
        self.handles(of).writer.append(batches).await.unwrap();
    }

    async fn erase(&self, of: usize, erasure: Erasure) {
        let writer = &self.handles(of).writer;
        let is_last = writer.behind(erasure.id).await.unwrap().is_empty();
        writer.carry_out(&erasure).await.unwrap();
        if is_last {
            let id = erasure.id;
            writer.forget_target(erasure).await.unwrap();
            self.rewrite(of).await;
            writer.erasure_is_done(id).await.unwrap();
        }
    }

    async fn rewrite(&self, of: usize) {
        let writer = &self.handles(of).writer;
        for erased in writer.erased_days().await.unwrap() {
            writer.retire_day(erased.project, erased.day).await.unwrap();
            assert_eq!(writer.rewrite_day(erased.project, erased.day).await.unwrap(), 0);
            writer.day_is_rewritten(erased).await.unwrap();
        }
    }

    async fn check(&self) {
        for number in 1..6u8 {
            let of = self.fates.iter().filter(|((one, _), _)| *one == number).map(|(_, fate)| *fate);
            let fates: Vec<_> = of.collect();
            let count = |fate| fates.iter().filter(|one| **one == fate).count();
            let least = count(Fate::Stays);
            for handles in [&self.store.handles, &self.other] {
                let found = read(&self.store, handles, number).await;
                assert!((least..=least + count(Fate::Either)).contains(&found), "{found} of {fates:?}");
            }
        }
    }
}

#[test]
fn whatever_two_collectors_do_in_turns_nothing_is_lost_and_nothing_erased_comes_back() {
    if left_out("whatever_two_collectors_do_in_turns_nothing_is_lost_and_nothing_erased_comes_back") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        runtime.block_on(async {
            let mut two = Two::new().await;
            for (of, step) in steps {
                two.step(usize::from(of), step).await;
            }
            for of in [0, 1, 0] {
                two.step(of, Step::Pass).await;
                two.step(of, Step::Erase).await;
            }
            assert_eq!(two.store.handles.writer.erasures().await.unwrap(), []);
            assert_eq!(two.store.handles.writer.erased_days().await.unwrap(), []);
            two.check().await;
        });
    });
}
