use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use treering_step::{Summary, Usage};

use crate::fields::Place;

/// Hears which attributes are looked up, and what they were good for, while a reading is explained. At all other
/// times there is none, and a look-up costs one comparison more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Option<Rc<RefCell<Notes>>>);

/// An attribute: where it stands, and its key.
pub(crate) type Heard = (Place, String);

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Found since it last began to listen.
    recent: Vec<Heard>,
    /// Passed over since then, since another attribute said it already.
    passed: Vec<Heard>,
    /// Everything that was found.
    pub(crate) heard: BTreeSet<Heard>,
    /// What was told by which attributes.
    pub(crate) settled: Vec<(&'static str, Vec<Heard>)>,
}

impl Witness {
    pub(crate) fn attentive() -> Self {
        Self(Some(Rc::default()))
    }

    /// An attribute was looked up and is there.
    pub(crate) fn hear(&self, place: Place, key: &str) {
        if let Some(notes) = &self.0 {
            let mut notes = notes.borrow_mut();
            notes.recent.push((place, key.to_owned()));
            notes.heard.insert((place, key.to_owned()));
        }
    }

    /// An attribute is there that would have been asked next, had another one not answered.
    pub(crate) fn pass(&self, place: Place, key: &str) {
        if let Some(notes) = &self.0 {
            let mut notes = notes.borrow_mut();
            notes.passed.push((place, key.to_owned()));
            notes.heard.insert((place, key.to_owned()));
        }
    }

    /// True while a reading is explained.
    pub(crate) fn is_attentive(&self) -> bool {
        self.0.is_some()
    }

    /// Forgets what was found for other ends.
    pub(crate) fn listen(&self) {
        if let Some(notes) = &self.0 {
            let mut notes = notes.borrow_mut();
            notes.recent.clear();
            notes.passed.clear();
        }
    }

    /// What was found since it began to listen tells this.
    pub(crate) fn settle(&self, what: &'static str) {
        if let Some(notes) = &self.0 {
            let mut notes = notes.borrow_mut();
            let mut by = std::mem::take(&mut notes.recent);
            by.sort_unstable();
            by.dedup();
            notes.settled.push((what, by));
            let passed = std::mem::take(&mut notes.passed);
            if !passed.is_empty() {
                notes.settled.push((what, passed));
            }
        }
    }

    /// What it noted since it was asked before.
    pub(crate) fn take(&self) -> Notes {
        self.0.as_ref().map(|notes| notes.take()).unwrap_or_default()
    }
}

/// What dialects are asked to fill, in the presence of a witness.
#[derive(Debug)]
pub(crate) struct Told<T> {
    what: T,
    pub(crate) witness: Witness,
}

impl<T> Told<T> {
    pub(crate) fn new(what: T, witness: Witness) -> Self {
        Self { what, witness }
    }

    pub(crate) fn into_inner(self) -> T {
        self.what
    }
}

impl<T> Deref for Told<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.what
    }
}

impl<T> DerefMut for Told<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.what
    }
}

impl Told<Summary> {
    /// Of each class of tokens the number that nobody told before.
    pub(crate) fn use_tokens(&mut self, find: impl FnOnce() -> Usage) {
        self.witness.listen();
        let tokens = self.tokens.or(find());
        if tokens != self.tokens {
            self.tokens = tokens;
            self.witness.settle("tokens");
        }
    }
}

/// Fills a hole, and looks for what fills it only where there is one, or where somebody wants to know what would
/// have filled it.
macro_rules! fill {
    ($told:ident.$($hole:ident).+, $find:expr) => {
        if $told.$($hole).+.is_none() || $told.witness.is_attentive() {
            $told.witness.listen();
            let found = $find();
            if found.is_some() {
                $told.witness.settle(fill!(@first $($hole)+));
                if $told.$($hole).+.is_none() {
                    $told.$($hole).+ = found;
                }
            }
        }
    };
    (@first $hole:ident $($rest:ident)*) => { stringify!($hole) };
}

pub(crate) use fill;
