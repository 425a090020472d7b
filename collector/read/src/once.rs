//! Which of the steps that report tokens or a cost are counted, so that each call is, and is once.

use std::collections::{HashMap, HashSet};

use treering_step::{Kind, Timestamp};

use crate::skeleton::{Bone, Skeleton};
use crate::tree::{Forest, Placed};
use crate::word::{Word, Words};

/// The leaf-most steps that report: frameworks repeat on a step the sum of what is below it.
pub(crate) fn leaves<'a>(
    forest: &Forest<'_, Bone>,
    placed: &[Placed],
    Skeleton { bones: steps, words }: &'a Skeleton,
    reports: fn(&Bone) -> bool,
) -> Vec<&'a Bone> {
    let mut below = vec![Below::default(); steps.len()];
    let mut answers: HashMap<Word, usize> = HashMap::new();
    // Children stand after their parents, so that from the back each step is complete when it is reached.
    for Placed { index, .. } in placed.iter().rev() {
        let step = &steps[*index];
        let here = below[*index].with(step, reports(step));
        if let Some(id) = step.answer.filter(|_| reports(step)) {
            *answers.entry(id).or_default() += 1;
        }
        if let Some(parent) = forest.parents[*index] {
            below[parent] = below[parent].or(here);
        }
    }
    let repeats = |index: usize| below[index].repeats(&steps[index], &answers);
    let mut counted = Counted { words, answers: HashSet::new(), siblings: HashMap::new() };
    let leaves = placed.iter().map(|placed| placed.index).filter(|index| !repeats(*index));
    let reporting = leaves.filter(|index| reports(&steps[*index]));
    reporting
        .filter(|index| counted.is_new(forest.parents[*index], &steps[*index]))
        .map(|index| &steps[index])
        .collect()
}

/// What the steps below one report.
#[derive(Debug, Clone, Copy, Default)]
struct Below {
    /// Some of them do.
    any: bool,
    /// Some do that do not say of which answer.
    nameless: bool,
}

impl Below {
    fn with(self, step: &Bone, reports: bool) -> Self {
        self.or(Self { any: reports, nameless: reports && step.answer.is_none() })
    }

    fn or(self, other: Self) -> Self {
        Self { any: self.any || other.any, nameless: self.nameless || other.nameless }
    }

    /// A step above those that report says what they say, unless it is a call with an answer of its own, of which
    /// none of them tells.
    fn repeats(self, step: &Bone, answers: &HashMap<Word, usize>) -> bool {
        let answer = step.answer.filter(|_| step.kind == Some(Kind::Llm) && !self.nameless);
        self.any && answer.is_none_or(|id| answers.get(&id).is_some_and(|times| *times > 1))
    }
}

/// Calls that were counted already. Two instrumentations of one call both report it: mostly as parent and
/// child, but of a streamed call, and in JavaScript of any, also side by side.
struct Counted<'a> {
    words: &'a Words,
    answers: HashSet<Word>,
    /// Of calls with the same parent, input and output: who told of one, and when it ended.
    siblings: HashMap<Call, Vec<(Teller, Timestamp)>>,
}

/// The place of a parent, and the tokens of the input and the output.
type Call = (usize, Option<u64>, Option<u64>);

/// By what the tellings of two instrumentations differ.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Teller {
    dialect: Option<Word>,
    model: Option<Word>,
    /// An instrumentation either names answers or does not.
    names_answer: bool,
}

/// Nobody tells of one call in more ways than this.
const MAX_TELLERS: usize = 16;

impl Counted<'_> {
    fn is_new(&mut self, parent: Option<usize>, step: &Bone) -> bool {
        let is_new = step.answer.is_none_or(|id| self.answers.insert(id));
        is_new && !self.is_told_by_another(parent, step)
    }

    /// Siblings that ran at the same time with the same result, told by two instrumentations, are one call; told
    /// by the same one they are two.
    fn is_told_by_another(&mut self, parent: Option<usize>, step: &Bone) -> bool {
        let (Some(start), Some(end), Some(parent)) = (step.started_at, step.ended_at, parent) else {
            return false;
        };
        let told = self.siblings.entry((parent, step.tokens.input, step.tokens.output)).or_default();
        let teller = Teller::of(step);
        if told.iter().any(|(other, ended)| *ended > start && teller.differs_from(other, self.words)) {
            return true;
        }
        match told.iter().position(|(other, _)| *other == teller) {
            Some(at) => told[at].1 = end,
            None if told.len() < MAX_TELLERS => told.push((teller, end)),
            None => {}
        }
        false
    }
}

impl Teller {
    fn of(step: &Bone) -> Self {
        Self { dialect: step.dialect, model: step.model, names_answer: step.answer.is_some() }
    }

    /// Another instrumentation, of the same model: one may tell which was asked for, and one which answered.
    fn differs_from(&self, other: &Self, words: &Words) -> bool {
        let text = |word: Option<Word>| word.map(|word| words.text(word));
        let same_model = match (text(self.model), text(other.model)) {
            (Some(one), Some(two)) => one.starts_with(two) || two.starts_with(one),
            (one, two) => one == two,
        };
        same_model && (self.dialect != other.dialect || self.names_answer != other.names_answer)
    }
}
