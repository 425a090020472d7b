use std::future::Future;

use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

/// [`tokio::spawn`] in the current step: what the task does belongs to it, which a spawned task else does not.
///
/// # Panics
/// As [`tokio::spawn`], outside of a runtime.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_span())
}

/// [`tokio::task::spawn_blocking`] in the current step.
///
/// # Panics
/// As [`tokio::task::spawn_blocking`], outside of a runtime.
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(in_current(work))
}

/// The closure in the current step, wherever it is run: on a thread of its own, or in a pool.
///
/// ```
/// let thread = std::thread::spawn(treering_layer::in_current(|| 6 * 7));
/// assert_eq!(thread.join().unwrap(), 42);
/// ```
pub fn in_current<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let (span, dispatch) = (Span::current(), tracing::dispatcher::get_default(Clone::clone));
    move || tracing::dispatcher::with_default(&dispatch, || span.in_scope(work))
}
