//! How far long work came: a line that changes on a terminal, else a line now and then.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a line tells how far it came, where nobody sees a line change.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    told_at: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), told_at: Instant::now() }
    }
}

impl Progress {
    /// A line that stays.
    pub(crate) fn say(&self, line: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{line}")
    }

    /// How far it is now.
    pub(crate) fn tell(&mut self, line: &str) -> io::Result<()> {
        if self.is_terminal {
            write!(io::stderr(), "\r\x1b[K{line}")
        } else if self.told_at.elapsed() >= BETWEEN_LINES {
            self.told_at = Instant::now();
            self.say(line)
        } else {
            Ok(())
        }
    }

    /// Leaves the line of a terminal to what comes.
    pub(crate) fn end(&self) -> io::Result<()> {
        if self.is_terminal { write!(io::stderr(), "\r\x1b[K") } else { Ok(()) }
    }
}
