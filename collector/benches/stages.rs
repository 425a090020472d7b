//! What each stage of the way of a request costs: `cargo bench -p treering-collector`. A request has a hundred spans of
//! 1.5 KB, and no two spans have a text in common.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

#[path = "stages/mod.rs"]
mod stages;
use stages::{SPANS, Stage, Turns};

fn every_stage(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stage");
    group.throughput(Throughput::Elements(SPANS as u64));
    for stage in Stage::ALL {
        let mut turns = Turns::of(stage, 64);
        group.bench_function(stage.name(), |bencher| {
            bencher.iter_batched(|| turns.next(), |turn| turn(), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, every_stage);
criterion_main!(benches);
