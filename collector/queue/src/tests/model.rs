//! A model of what a journal owes, held against one that crashes between and within its writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::damage::{opened, wait};
use super::{House, bytes};
use crate::{EntryId, Journal, Salvage};

#[derive(Debug, Clone)]
enum Event {
    Append,
    Forget(Index),
    SetAside(Index),
    /// The process ends; of a write that was under way, so much had reached the disk.
    Crash {
        torn: Index,
        zeros: bool,
        removals_are_undone: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Append),
        4 => any::<Index>().prop_map(Event::Forget),
        1 => any::<Index>().prop_map(Event::SetAside),
        2 => any::<(Index, bool, bool)>().prop_map(|(torn, zeros, removals_are_undone)| Event::Crash {
            torn,
            zeros,
            removals_are_undone,
        }),
    ]
}

/// Entries are told apart by their lengths, each of which is given once.
struct World {
    house: House,
    journal: Option<Journal>,
    given: usize,
    /// What must come, in this order.
    owed: Vec<(EntryId, usize)>,
    /// What must come behind it after the next opening.
    aside: Vec<usize>,
    /// What was forgotten before something that was not: a crash may bring it back.
    may_repeat: Vec<usize>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl World {
    fn new() -> Self {
        let house = House::new();
        let journal = Some(house.journal(1 << 30));
        let (owed, aside, may_repeat) = Default::default();
        Self { house, journal, given: 0, owed, aside, may_repeat, files: BTreeMap::new() }
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    fn length(number: usize) -> usize {
        bytes(&[number])[0]
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Append => {
                self.given += 1;
                let id = wait(self.journal().append(self.house.sealed(1, self.given))).unwrap();
                self.owed.push((id, Self::length(self.given)));
            }
            Event::Forget(at) if !self.owed.is_empty() => {
                self.remember_files();
                let (id, length) = self.owed.remove(at.index(self.owed.len()));
                wait(self.journal().forget(vec![id])).unwrap();
                if self.owed.iter().any(|(other, _)| *other < id) {
                    self.may_repeat.push(length);
                }
            }
            Event::SetAside(at) if !self.owed.is_empty() => {
                let (id, length) = self.owed.remove(at.index(self.owed.len()));
                wait(self.journal().set_aside(id)).unwrap();
                self.aside.push(length);
                // It may stand in the row twice, like all that was forgotten before something that was not.
                self.may_repeat.push(length);
            }
            Event::Crash { torn, zeros, removals_are_undone } => {
                self.crash(*torn, *zeros, *removals_are_undone);
            }
            Event::Forget(_) | Event::SetAside(_) => {}
        }
    }

    fn remember_files(&mut self) {
        for file in self.house.files() {
            self.files.insert(file.clone(), fs::read(&file).unwrap());
        }
    }

    fn crash(&mut self, torn: Index, zeros: bool, removals_are_undone: bool) {
        self.journal = None;
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|name| name == "segment");
        for (file, before) in std::mem::take(&mut self.files) {
            // The word of what is delivered is on disk before a file goes; only with all of them does it go itself.
            let is_told = self.house.files().iter().any(is_segment);
            if removals_are_undone && is_told && is_segment(&file) && !file.exists() {
                fs::write(file, before).unwrap();
            }
        }
        if let Some(last) = self.house.files().iter().rfind(|path| is_segment(path)) {
            let at = u64::from_str_radix(last.file_stem().unwrap().to_str().unwrap(), 16).unwrap();
            let mut bytes = fs::read(last).unwrap();
            let sealed = self.house.sealed(1, 100);
            let mut write = sealed.head(at + bytes.len() as u64).to_bytes().to_vec();
            write.extend(sealed.bytes());
            write.truncate(torn.index(write.len()));
            if zeros {
                write.fill(0);
            }
            bytes.extend(write);
            fs::write(last, bytes).unwrap();
        }
        self.reopen();
    }

    /// Everything that is owed comes, once and in order; of what was forgotten, some may.
    fn reopen(&mut self) {
        let journal = self.house.journal(1 << 30);
        let Salvage { damaged_places, .. } = journal.salvage();
        assert_eq!(damaged_places, 0, "nothing that was written whole is damaged");
        let entries = wait(journal.next(None, usize::MAX)).unwrap();
        assert_eq!(journal.depth().entries, entries.len() as u64);
        let (lengths, unopened) = opened(&self.house, &journal);
        assert_eq!(unopened, 0);
        let mut rest = lengths.iter();
        for (_, owed) in &self.owed {
            rest.find(|length| *length == owed).expect("everything that is owed comes in its order");
        }
        for owed in &self.aside {
            rest.find(|length| *length == owed).expect("what was set aside comes behind it");
        }
        let allowed: Vec<_> =
            self.owed.iter().map(|(_, length)| length).chain(&self.aside).chain(&self.may_repeat).collect();
        for length in &lengths {
            let count = lengths.iter().filter(|other| *other == length).count();
            let allowed = allowed.iter().filter(|other| **other == length).count();
            assert!(count <= allowed, "nothing comes that was forgotten for good, and nothing twice");
        }
        self.owed = entries.iter().map(|entry| entry.id).zip(lengths).collect();
        (self.aside, self.may_repeat) = Default::default();
        self.journal = Some(journal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_everything_owed_comes_once_and_in_order(events in vec(event(), 1..60)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.happens(event));
        world.journal = None;
        world.reopen();
    }
}
