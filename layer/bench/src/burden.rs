//! A process that makes very many spans, so that its memory can be looked at.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Account, Contender, Failure, step};

/// What makes a program such a process: its first argument, before the name of the contender, where it sends, its
/// exporter's pause, how many spans it makes, and the bytes of each prompt.
const WORD: &str = "--burden";

/// What such a process is to do.
#[derive(Debug, Clone, Copy)]
pub struct Burden {
    pub contender: Contender,
    /// How long an exporter without a collector takes for 512 spans.
    pub pause: Duration,
    pub spans: u64,
    pub prompt_bytes: usize,
}

/// One that has made its spans.
#[derive(Debug)]
pub struct Burdened {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// How such a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// From its first span to its last.
    pub took: Duration,
    /// The most memory that it had at any time, in KiB.
    pub peak: u64,
    pub account: Account,
}

impl Burden {
    /// Starts this program anew to do it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(self, endpoint: &str) -> Result<Burdened, Failure> {
        let numbers =
            [self.pause.as_millis().to_string(), self.spans.to_string(), self.prompt_bytes.to_string()];
        let mut process = Command::new(std::env::current_exe()?)
            .args([WORD, self.contender.name(), endpoint])
            .args(numbers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("a process without an input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("a process without an output")?);
        Ok(Burdened { process, orders, answers })
    }
}

impl Burdened {
    /// Has it send what it can within this time, and tells how it stands then.
    ///
    /// # Errors
    /// It ended.
    pub fn flush(&mut self, timeout: Duration) -> Result<Standing, Failure> {
        writeln!(self.orders, "{}", timeout.as_millis())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let [took, peak, account] = answer.trim().splitn(3, ' ').collect::<Vec<_>>()[..] else {
            return Err(format!("a process answered {answer:?}; what it says about it stands above").into());
        };
        Ok(Standing {
            took: Duration::from_millis(took.parse()?),
            peak: peak.parse()?,
            account: account.parse()?,
        })
    }

    /// Lets it end by itself.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn finish(mut self) -> Result<(), Failure> {
        drop(self.orders);
        self.process.wait()?;
        Ok(())
    }

    /// Ends it at once: what else its exporter would do is of no interest.
    ///
    /// # Errors
    /// It cannot be ended.
    pub fn end(mut self) -> Result<(), Failure> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

/// The side of such a process, if this one was started as one.
///
/// # Errors
/// The orders cannot be read.
pub fn burden() -> Result<bool, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [word, name, endpoint, pause, spans, prompt_bytes] = arguments.as_slice() else { return Ok(false) };
    if word != WORD {
        return Ok(false);
    }
    let contender = Contender::named(name).ok_or("no such contender")?;
    let set = contender.set(endpoint, Duration::from_millis(pause.parse()?))?;
    let prompt = step::PROMPT.repeat(prompt_bytes.parse::<usize>()?.div_ceil(step::PROMPT.len()));
    let began = Instant::now();
    set.make(spans.parse()?, &prompt);
    let took = began.elapsed().as_millis();
    for order in std::io::stdin().lines() {
        set.flush(Duration::from_millis(order?.trim().parse()?));
        writeln!(std::io::stdout(), "{took} {} {}", peak()?, set.account())?;
    }
    Ok(true)
}

/// The most memory that this process had so far, in KiB.
fn peak() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
