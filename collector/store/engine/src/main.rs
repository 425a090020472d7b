//! The engine of ClickHouse behind its HTTP interface, for tests: the real storage, parser and planner, without a server.
//!
//! **In and out.** `libchdb.so`, a folder and a port go in; ClickHouse's HTTP interface comes out, as far as its Rust
//! client and curl use it: statements with settings and parameters, data of INSERTs with and without LZ4, answers with
//! and without LZ4, logins with a reader among them, error codes with their status. A line on stdout says that it is
//! ready. Answers are whole, as with `wait_end_of_query`; there are no sessions, roles, quotas and no native protocol.
//!
//! **May not touch.** The rooms of the house: it knows nothing of treering. Unsafe code stands in `library.rs` alone.
//!
//! **How to test it.** `cargo test -p treering-test-clickhouse` for what needs no engine; the tests of
//! `treering-test-servers`, which starts it, for the rest.

mod arguments;
mod compression;
mod engine;
mod library;
mod refusal;
mod request;
mod serve;
mod statement;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, USAGE};
use crate::engine::Engine;
use crate::serve::Server;

/// How many statements run at once.
const AT_ONCE: usize = 16;

/// The engine parses and plans by recursion.
const STACK: usize = 8 << 20;

/// How long statements may still run after they were told to end.
const FAREWELL: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let ended = Arguments::read(std::env::args_os().skip(1))
        .map_err(|wrong| format!("{wrong}\n{USAGE}"))
        .and_then(run);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            writeln!(io::stderr(), "{why}").expect("stderr can be written");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    // The port first: with another's there is no need to start an engine.
    let listener = std::net::TcpListener::bind(arguments.listen);
    let listener = listener.map_err(|error| format!("could not listen at {}: {error}", arguments.listen))?;
    let (engine, first) = Engine::start(&arguments.library, &arguments.data)?;
    let server = Server { engine, users: arguments.users };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(AT_ONCE)
        .thread_stack_size(STACK)
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| runtime.block_on(serve(listener, server)));
    drop(first);
    served.map_err(|error| format!("could not serve: {error}"))
}

/// Nobody waits for ever for a statement that does not end.
#[expect(clippy::disallowed_methods, reason = "a deadline is all that it waits for")]
fn end_at_last() {
    std::thread::sleep(FAREWELL);
    std::process::abort();
}

async fn serve(listener: std::net::TcpListener, server: Server) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = TcpListener::from_std(listener)?.tap_io(|stream| {
        // Without it an answer waits for what the other side has no reason to say.
        let _ = stream.set_nodelay(true);
    });
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    writeln!(io::stdout(), "ready for connections at {address}")?;
    let end = async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        std::thread::spawn(end_at_last);
    };
    axum::serve(listener, serve::router(server)).with_graceful_shutdown(end).await
}
