//! One and the same step by each contender: `cargo bench --bench step`.

use std::io::Write as _;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use treering_bench::step::STEPS;
use treering_bench::{Contender, Failure, Worker, table, take_turns, work};
use treering_test_allocator::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// In how many processes each contender runs, one after the other: where its code and its memory come to lie makes a
/// difference of some percent for all the life of a process.
const PROCESSES: usize = 5;

/// How often each contender has its turn in each of them, and for how many executions.
const ROUNDS: usize = 12;
const EXECUTIONS: u64 = 64;

fn main() -> Result<(), Failure> {
    if work()? {
        return Ok(());
    }
    let mut figures = take_turns(&mut start()?, ROUNDS, EXECUTIONS)?;
    for _ in 1..PROCESSES {
        let more = take_turns(&mut start()?, ROUNDS, EXECUTIONS)?;
        figures.iter_mut().zip(more).for_each(|(all, more)| all.rounds.extend(more.rounds));
    }
    start()?.iter_mut().for_each(criterion);
    Criterion::default().configure_from_args().final_summary();
    let other = figures.iter().find(|figures| figures.contender == Contender::OpenTelemetry);
    let table = table(&figures, other.ok_or("nothing to compare with")?);
    Ok(write!(std::io::stdout(), "\nthe ratio is that to tracing-opentelemetry\n\n{table}")?)
}

fn start() -> Result<Vec<Worker>, Failure> {
    Contender::DROPPING.into_iter().map(|contender| Worker::start(contender, "")).collect()
}

/// The CPU time of the agent's thread, by execution. A contender that loses spans ends the run.
fn criterion(worker: &mut Worker) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(STEPS));
    group.bench_function(worker.contender.name(), |bencher| {
        bencher.iter_custom(|executions| worker.round(executions).expect("no span is lost").agent);
    });
    group.finish();
}
