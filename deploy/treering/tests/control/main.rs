//! Who keeps an installation: projects, people, the master key, the audit log, copies. All by the very binary.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod chain;
mod copies;
mod people;
#[path = "../support/ran.rs"]
mod ran;
mod rules;
mod seal;
mod send;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use ran::Ran;
use rusqlite::Connection;

fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, data: &Path) -> Command {
    let mut command = support::treering();
    command.args(args).arg("--data").arg(data);
    command
}

/// Runs the words of this line on a data folder.
fn run(line: &str, data: &Path) -> Ran {
    Ran::of(command(line.split_whitespace(), data))
}

/// A server that is meant not to start.
fn up(data: &Path) -> Ran {
    run("up --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0 --dashboard 127.0.0.1:0", data)
}

/// Brings what a server leaves in the log of its database into the database: a process may end before it has.
fn into_one_file(store: &Path) {
    let connection = Connection::open(store).unwrap();
    let busy: i64 = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}
