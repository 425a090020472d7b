use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use treering_seal::{MasterId, MasterKey};
use zeroize::Zeroizing;

use super::master_file;
use crate::Error;

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterSource {
    /// A file that holds its text.
    File(PathBuf),
    /// An environment variable that holds its text.
    Variable(String),
    /// A command of the system's shell that prints its text, such as one that asks a secret store.
    Command(String),
    /// The key itself.
    Key(MasterKey),
}

impl MasterSource {
    /// Reads the key.
    pub fn read(&self) -> Result<MasterKey, Error> {
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|source| Error::MasterFile { path: path.display().to_string(), source })?,
            Self::Variable(name) => {
                std::env::var(name).map_err(|_| Error::MasterVariable { name: name.clone() })?
            }
            Self::Command(command) => run(command)?,
            Self::Key(key) => return Ok(key.clone()),
        };
        MasterKey::parse(&Zeroizing::new(text)).map_err(Error::Seal)
    }
}

impl MasterSource {
    /// The key of this name: that of the source, or the one which is about to take its place.
    pub(super) fn find(&self, wanted: MasterId) -> Result<MasterKey, Error> {
        let next = |path: &PathBuf| master_file::read_beside(path, wanted);
        match (self.read(), self) {
            (Ok(key), _) if key.id() == wanted => Ok(key),
            (found, Self::File(path)) => match next(path) {
                Some(key) => Ok(key),
                None => found.and(Err(Error::OtherMaster)),
            },
            (found, _) => found.and(Err(Error::OtherMaster)),
        }
    }
}

impl fmt::Display for MasterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Command(_) => f.write_str("a command"),
            Self::Key(_) => f.write_str("the program"),
        }
    }
}

/// What the command prints is a secret, what it says beside that is for the user.
fn run(command: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::MasterCommand { reason };
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let output = Command::new(shell)
        .args([flag, command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("its output is not text".into()))
}
