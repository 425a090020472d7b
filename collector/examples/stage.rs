//! What each stage costs: nanoseconds on a processor a span, the median of the rounds and the range of them.
//!
//! `cargo run --release -p treering-collector --example stage -- [NAME]`. With a number of turns behind the name the
//! stage is gone through so often and nothing is told: for a program that counts instructions, which looks for the
//! function `counted`.

use std::io::Write;
use std::time::Duration;

#[path = "../benches/stages/mod.rs"]
mod stages;
use stages::{SPANS, Stage, Turn, Turns};

const ROUNDS: usize = 9;
const TURNS: u32 = 400;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let named = |name: String| Stage::ALL.into_iter().find(|stage| stage.name() == name).ok_or(name);
    let stage = arguments.next().map(named).transpose();
    let stage = stage.map_err(|name| format!("there is no stage {name}; without a name all are told"))?;
    if let (Some(stage), Some(count)) = (stage, arguments.next()) {
        let count: u64 = count.parse()?;
        let mut turns = Turns::of(stage, count.min(8));
        (0..count).for_each(|_| counted(turns.next()));
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    for stage in Stage::ALL.into_iter().filter(|one| stage.is_none_or(|stage| stage == *one)) {
        let rounds = rounds(stage)?;
        let [median, least, most] = [rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1]];
        writeln!(out, "{:<12} {median:>6} ns a span ({least}–{most})", stage.name())?;
    }
    Ok(())
}

#[inline(never)]
fn counted(turn: Turn) {
    turn();
}

/// Nanoseconds a span, in order.
fn rounds(stage: Stage) -> Result<Vec<u128>, Failure> {
    let mut turns = Turns::of(stage, 64);
    (0..TURNS).for_each(|_| counted(turns.next()));
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let work: Vec<_> = (0..TURNS).map(|_| turns.next()).collect();
        let start = on_processor()?;
        work.into_iter().for_each(counted);
        let took = on_processor()?.saturating_sub(start);
        rounds.push((took / TURNS).as_nanos() / SPANS as u128);
    }
    rounds.sort_unstable();
    Ok(rounds)
}

/// The time that this thread was on a processor, by the word of Linux.
fn on_processor() -> Result<Duration, Failure> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(told.split(' ').next().ok_or("Linux tells it first")?.parse()?))
}
