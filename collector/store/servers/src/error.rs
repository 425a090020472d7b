use std::io::{self, Write};

use crate::PATIENCE;

/// Why a server could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} is not installed; deploy/test installs it on Debian")]
    Missing(&'static str),
    #[error("{doing}")]
    Io {
        doing: String,
        #[source]
        source: io::Error,
    },
    #[error("{program} ended and said:\n{said}")]
    Ended { program: &'static str, said: String },
    #[error("{program} was not ready after {PATIENCE:?} and said:\n{said}")]
    Late { program: &'static str, said: String },
    #[error("the server is not running; start it again first")]
    Stopped,
    #[error("the server runs already; stop it first")]
    Running,
    #[error("{statement}")]
    Refused {
        statement: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("{statement}: {said}")]
    Answered { statement: String, said: String },
    #[error("the server did not answer for {PATIENCE:?}")]
    Silent,
}

impl Error {
    /// Keeps the cause with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}

/// What was started, or nothing where a program for it is not installed: that is said in one line, past the test runner,
/// which keeps to itself what a test that passes prints.
///
/// # Panics
///
/// With any other error, and where `TREERING_TEST_COMPLETE` asks for everything.
pub fn or_left_out<T, E: std::borrow::Borrow<Error>>(what: &str, started: Result<T, E>) -> Option<T> {
    let error = match started {
        Ok(started) => return Some(started),
        Err(error) => error,
    };
    let error = error.borrow();
    assert!(matches!(error, Error::Missing(_)), "{what}: {error}: {:?}", std::error::Error::source(error));
    writeln!(io::stderr(), "left out: {what}: {error}").expect("stderr can be written");
    assert!(std::env::var_os("TREERING_TEST_COMPLETE").is_none(), "{what} was left out: {error}");
    None
}
