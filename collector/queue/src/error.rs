use std::path::{Path, PathBuf};

/// Why the journal did not take a request, or did not give one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the journal holds {held} of at most {bound} bytes; the store must take some first")]
    Full { held: u64, bound: u64 },
    #[error("the journal at {path} cannot be opened; check that the folder exists and is yours to write")]
    Open { path: PathBuf, source: std::io::Error },
    #[error("the journal of an older version at {path} cannot be taken over")]
    Before { path: PathBuf, source: rusqlite::Error },
    /// One failure may concern many requests that shared a commit; its text is all that they need.
    #[error("the journal could not be written: {0}")]
    Write(String),
    #[error("the journal could not be read")]
    Read(#[from] std::io::Error),
    #[error("an entry of the journal does not open")]
    Seal(#[from] treering_seal::Error),
    #[error("a request of more than 4 GiB is not kept")]
    TooLarge,
    #[error("the journal has been closed")]
    Closed,
}

impl Error {
    pub(crate) fn open(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Open { path, source }
    }
}
