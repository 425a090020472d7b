//! What a server says, kept to wait for and to show.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::{Error, PATIENCE};

/// Enough to see why a server ended.
const LINES: usize = 200;

/// The last lines that a server printed, and whether it said that it is ready.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    program: &'static str,
    shared: Arc<(Mutex<Said>, Condvar)>,
}

#[derive(Debug, Default)]
struct Said {
    lines: VecDeque<String>,
    ready: bool,
    ended: bool,
}

impl Log {
    /// Follows what is printed, until all who print have ended. A line with this text says that the server is ready.
    pub(crate) fn follow(
        program: &'static str,
        printed: impl Read + Send + 'static,
        ready: &'static str,
    ) -> Self {
        let log = Self { program, shared: Arc::default() };
        let following = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(printed).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                following.change(|said| said.hear(line, ready));
            }
            following.change(|said| said.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.shared.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.1.notify_all();
    }

    pub(crate) fn wait_until_ready(&self) -> Result<(), Error> {
        let (said, changed) = &*self.shared;
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(said, PATIENCE, |said| !said.ready && !said.ended);
        let (said, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*said {
            Said { ended: true, .. } => Err(Error::Ended { program: self.program, said: said.text() }),
            Said { ready: true, .. } => Ok(()),
            Said { .. } => Err(Error::Late { program: self.program, said: said.text() }),
        }
    }

    pub(crate) fn text(&self) -> String {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Said {
    fn hear(&mut self, line: String, ready: &str) {
        self.ready |= line.contains(ready);
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
