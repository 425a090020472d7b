//! Each contender runs in a process of its own, which waits while it is not its turn: only so can each be the global
//! subscriber, and all take turns on a machine that changes its pace.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use treering_test_allocator::{Asked, counted};

use crate::step::{SPANS, STEPS};
use crate::{Contender, Failure, Figures, Set, clock};

/// What makes a program a worker: its first argument, before the name of the contender and where it sends.
const WORD: &str = "--worker";

/// So many executions run before all is drained, which is not part of what is measured: no queue is full, the smallest
/// of which takes 2,048 spans.
const AT_ONCE: u64 = 1024 / SPANS;

/// What some executions cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    pub executions: u64,
    /// CPU time of the thread that runs the agent.
    pub agent: Duration,
    /// CPU time of all other threads.
    pub export: Duration,
    /// What the thread of the agent allocated.
    pub asked: Asked,
}

/// A process that measures one contender.
#[derive(Debug)]
pub struct Worker {
    pub contender: Contender,
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts this program anew, as a worker; where it sends, it sends to the endpoint.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(contender: Contender, endpoint: &str) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([WORD, contender.name(), endpoint])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take();
        let answers = process.stdout.take().ok_or("a process without an output")?;
        Ok(Self { contender, process, orders, answers: BufReader::new(answers) })
    }

    /// Has it run executions.
    ///
    /// # Errors
    /// It lost spans, or ended.
    pub fn round(&mut self, executions: u64) -> Result<Round, Failure> {
        let orders = self.orders.as_mut().ok_or("a process without an input")?;
        writeln!(orders, "{executions}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse()
    }
}

/// So many rounds of each worker, by turns, after one that is not counted.
///
/// # Errors
/// A worker lost spans, or ended.
pub fn take_turns(workers: &mut [Worker], rounds: usize, executions: u64) -> Result<Vec<Figures>, Failure> {
    let mut all = Vec::new();
    for worker in &mut *workers {
        worker.round(executions)?;
        all.push(Figures { contender: worker.contender, rounds: Vec::new() });
    }
    for _ in 0..rounds {
        for (figures, worker) in all.iter_mut().zip(&mut *workers) {
            figures.rounds.push(worker.round(executions)?);
        }
    }
    Ok(all)
}

impl Drop for Worker {
    /// The end of its orders is the end of its work.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Err(error) = self.process.wait() {
            let _ = writeln!(std::io::stderr(), "a worker did not end: {error}");
        }
    }
}

/// The worker's side, if this process was started as one.
///
/// # Errors
/// Spans were lost, or the orders cannot be read.
pub fn work() -> Result<bool, Failure> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(WORD) {
        return Ok(false);
    }
    let (name, endpoint) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let set = Contender::named(&name).ok_or("no such contender")?.set(&endpoint, Duration::ZERO)?;
    let mut so_far = 0;
    for order in std::io::stdin().lines() {
        let round = measure(&set, order?.trim().parse()?, &mut so_far)?;
        writeln!(std::io::stdout(), "{round}")?;
    }
    Ok(true)
}

fn measure(set: &Set, executions: u64, so_far: &mut u64) -> Result<Round, Failure> {
    let mut round = Round { executions, ..Round::default() };
    let (process, thread) = (clock::of_process(), clock::of_thread());
    let mut left = executions;
    while left > 0 {
        let now = left.min(AT_ONCE);
        let began = clock::of_thread();
        let ((), asked) = counted(|| set.run(now));
        round.agent += clock::of_thread() - began;
        round.asked.allocations += asked.allocations;
        round.asked.bytes += asked.bytes;
        *so_far += now;
        left -= now;
        set.drain(*so_far)?;
    }
    let others = clock::of_process() - process;
    round.export = others.saturating_sub(clock::of_thread() - thread);
    Ok(round)
}

impl Round {
    /// Nanoseconds a step of the thread that runs the agent.
    pub fn agent_nanos(&self) -> f64 {
        self.a_step(self.agent.as_nanos() as f64)
    }

    /// Nanoseconds a step of all other threads.
    pub fn export_nanos(&self) -> f64 {
        self.a_step(self.export.as_nanos() as f64)
    }

    pub fn allocations(&self) -> f64 {
        self.a_step(self.asked.allocations as f64)
    }

    pub fn bytes(&self) -> f64 {
        self.a_step(self.asked.bytes as f64)
    }

    /// Seconds of all other threads for a million spans.
    pub fn export_seconds_a_million(&self) -> f64 {
        self.a_million(self.export)
    }

    /// Seconds of all threads for a million spans.
    pub fn seconds_a_million(&self) -> f64 {
        self.a_million(self.agent + self.export)
    }

    fn a_million(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / (self.executions * SPANS) as f64
    }

    fn a_step(&self, all: f64) -> f64 {
        all / (self.executions * STEPS) as f64
    }
}

/// As it goes from the worker to the one who asked.
impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, agent, export, asked } = self;
        let (agent, export) = (agent.as_nanos(), export.as_nanos());
        write!(f, "{executions} {agent} {export} {} {}", asked.allocations, asked.bytes)
    }
}

impl FromStr for Round {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>();
        let Ok(&[executions, agent, export, allocations, bytes]) = numbers.as_deref() else {
            return Err(format!("a worker answered {text:?}; what it says about it stands above").into());
        };
        let (agent, export) = (Duration::from_nanos(agent), Duration::from_nanos(export));
        Ok(Self { executions, agent, export, asked: Asked { allocations, bytes } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_arrives_as_it_was_sent() {
        let asked = Asked { allocations: 4, bytes: 5 };
        let (agent, export) = (Duration::from_nanos(2), Duration::from_nanos(3));
        let round = Round { executions: 1, agent, export, asked };
        assert_eq!(round.to_string().parse::<Round>().expect("five numbers"), round);
        assert!("".parse::<Round>().is_err());
    }
}
