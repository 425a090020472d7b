//! An execution of 100,000 steps, read by window.

use std::collections::{BTreeMap, HashMap};

use treering_read::{Bones, Prices, Skeleton};
use treering_step::{SpanId, Summary};
use treering_store::SpanEntry;

use crate::support::{Store, at, span, trace};

const STEPS: u64 = 100_000;
const WINDOW: usize = 1_000;

fn id(number: u64) -> SpanId {
    SpanId::from_bytes(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).unwrap()
}

/// The parent of a step: a chain at first, then a bush; the parents of a few never came.
fn parent(number: u64) -> Option<u64> {
    match number {
        1 => None,
        2..=5_000 => Some(number - 1),
        _ if number.is_multiple_of(9_973) => Some(STEPS + number),
        _ => Some(number * 31 % (number - 1) + 1),
    }
}

/// Many steps begin at the same moment, and some at none that is known.
fn started(number: u64) -> Option<u64> {
    (!number.is_multiple_of(1_009)).then(|| number * 7_919 % 50_000 + 1)
}

fn entry(template: &SpanEntry, number: u64) -> SpanEntry {
    let mut summary = Summary { span_id: id(number), ..template.summary.clone() };
    summary.parent_span_id = parent(number).map(id);
    summary.started_at = started(number).and_then(at);
    summary.name = Some(format!("step {number}"));
    SpanEntry {
        trace_id: template.trace_id,
        span_id: id(number),
        ended_at: template.ended_at,
        record: template.record.clone(),
        summary,
    }
}

async fn skeleton(store: &Store) -> Skeleton {
    let prices = Prices::default();
    let add = move |bones: &mut Bones, step| bones.add(step, &prices);
    let bones: Bones = store.handles.reader.skeleton(store.scope(), trace(1), add).await.unwrap();
    bones.joined()
}

/// The numbers of the steps in the order that the words of the interface ask for: parents before children, siblings by
/// their beginning.
fn expected() -> Vec<u64> {
    let mut children: HashMap<Option<u64>, BTreeMap<_, u64>> = HashMap::new();
    for number in 1..=STEPS {
        let parent = parent(number).filter(|parent| *parent <= STEPS);
        let age = (started(number).is_none(), started(number), id(number));
        children.entry(parent).or_default().insert(age, number);
    }
    let (mut order, mut open) = (Vec::new(), vec![None]);
    while let Some(step) = open.pop() {
        order.extend(step);
        open.extend(children.remove(&step).into_iter().flat_map(BTreeMap::into_values).rev().map(Some));
    }
    order
}

#[tokio::test]
async fn every_step_of_a_giant_is_shown_once_and_in_its_place() {
    let store = Store::new().await;
    let template = span(1, 1, "template", 60_000);
    let mut numbers: Vec<u64> = (1..=STEPS).collect();
    // They come in no order.
    numbers.sort_by_key(|number| number.wrapping_mul(0xd134_2543_de82_ef95));
    for part in numbers.chunks(10_000) {
        let spans = part.iter().map(|number| entry(&template, *number)).collect();
        store.append(spans, vec![]).await;
    }
    let skeleton = skeleton(&store).await;
    let order: Vec<_> = skeleton.tree().iter().map(|place| skeleton.bones()[place.index].span_id).collect();
    let mut shown = Vec::new();
    for window in order.chunks(WINDOW) {
        let reader = &store.handles.reader;
        let told = reader.summaries_of(store.scope(), trace(1), window.to_vec()).await.unwrap();
        let told: HashMap<_, _> = told.into_iter().map(|step| (step.span_id, step)).collect();
        assert_eq!(told.len(), window.len());
        shown.extend(window.iter().map(|span| told[span].name.clone().unwrap()));
    }
    let expected: Vec<_> = expected().into_iter().map(|number| format!("step {number}")).collect();
    assert_eq!(expected.len() as u64, STEPS);
    assert!(shown == expected, "each step once, below its parent, beside its siblings");
}
