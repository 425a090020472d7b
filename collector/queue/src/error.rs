/// Why the journal did not take a request, or did not give one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal holds {held} of at most {bound} bytes; the store must take some first")]
    Full { held: u64, bound: u64 },
    #[error("the journal at {path} cannot be opened; check that the folder exists and is yours to write")]
    Open { path: String, source: rusqlite::Error },
    /// One failure may concern many requests that shared a commit; its text is all that they need.
    #[error("the journal could not be written: {0}")]
    Write(String),
    #[error("the journal could not be read")]
    Read(#[from] rusqlite::Error),
    #[error("the journal has been closed")]
    Closed,
    #[error("{path} cannot be written")]
    Copy { path: String, source: std::io::Error },
}
