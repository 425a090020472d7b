//! `treering`: the collector, the dashboard and their tools in one binary.
//!
//! **In and out.** A command line, the environment and a file of settings come in; the rooms are opened, given
//! their handles, started and drained. This is the only place that sees every handle of a store.
//!
//! **May not touch.** What a span is: that is the rooms' business.
//!
//! **How to test it.** `cargo test -p treering` starts this very binary on free ports.

mod actor;
mod allocator;
mod announce;
mod audit;
mod backup;
mod bench;
mod checkpoints;
mod cli;
mod copy;
mod data;
mod demo;
mod erase;
mod error;
mod export;
mod exposure;
mod import;
mod intake;
mod key;
mod login;
mod manifest;
mod master;
mod member;
mod migrate;
mod owner;
mod pages;
mod progress;
mod project;
mod prune;
mod redact;
mod reread;
mod restore;
mod rules;
mod seal;
mod sealed;
mod sender;
mod serve;
mod session;
mod settings;
mod stop;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::error::Error;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(tell_of_panic));
    let cli = Cli::parse();
    if matches!(cli.command, Command::Up(_) | Command::Collect(_) | Command::Dash(_)) {
        allocator::make_frugal();
    }
    match run(cli) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            error.explain();
            ExitCode::from(2)
        }
    }
}

/// Where a panic was, and not what it said: its words may hold what somebody sent.
#[expect(clippy::print_stderr, reason = "a panic may come before anything else can be told")]
fn tell_of_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    eprintln!("treering: a part of it panicked at {place}; this is a defect");
}

/// What a command that asks something says: exit code 0 or 1. Wrong usage and set-up are an [`Error`]: 2.
pub(crate) enum Answer {
    Yes,
    No,
}

fn run(cli: Cli) -> Result<Answer, Error> {
    let file = settings::File::read(cli.config.as_deref())?;
    match cli.command {
        Command::Redact(options) if options.stored => wait_for(redact::stored(options, file)),
        Command::Redact(options) => redact::run(&options, &file),
        Command::Reread(options) => wait_for(reread::run(options, file)),
        Command::Erase(options) => wait_for(erase::run(options, file)),
        Command::Migrate(options) => wait_for(migrate::run(options, file)),
        Command::Prune(options) => wait_for(prune::run(options, file)),
        Command::Export(options) => wait_for(export::run(options, file)),
        Command::Import(options) => wait_for(import::run(options, file)),
        Command::Bench(options) => wait_for(bench::run(options, file)),
        Command::Up(options) => wait_for(serve::up(options, file)),
        Command::Collect(options) => wait_for(serve::collect(options, file)),
        Command::Dash(options) => wait_for(serve::dash(options, file)),
        Command::Key(command) => wait_for(key::run(command, file)),
        Command::Project(command) => wait_for(project::run(command, file)),
        Command::Member(command) => wait_for(member::run(command, file)),
        Command::Seal(command) => wait_for(seal::run(command, file)),
        Command::Audit(command) => wait_for(audit::run(command, file)),
        Command::Session(command) => wait_for(session::run(command, file)),
        Command::Backup(options) => wait_for(backup::run(options, file)),
        Command::Restore(options) => wait_for(restore::run(options, file)),
    }
}

/// Threads for what blocks: reading, redacting, SQLite. Few, since an allocator keeps memory for each of them.
const BLOCKING: usize = 8;

/// Two threads serve; what blocks has threads of its own.
fn wait_for(work: impl Future<Output = Result<Answer, Error>>) -> Result<Answer, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let answer = runtime.block_on(work);
    // Work on a thread that blocks cannot be stopped; it is not waited for longer than this.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    answer
}
