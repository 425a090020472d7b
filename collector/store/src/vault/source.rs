use std::path::PathBuf;
use std::process::{Command, Stdio};

use treering_seal::MasterKey;
use zeroize::Zeroizing;

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
