//! Where the programs are, and as whom they run: neither server starts as root.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// The folder of PostgreSQL's programs: the newest of Debian's, else the one that the path names.
pub(crate) fn postgres_folder() -> Result<PathBuf, Error> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |name: &std::ffi::OsStr| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let newest = versions
        .filter_map(|entry| Some((version(&entry.file_name())?, entry.path().join("bin"))))
        .filter(|(version, folder)| *version >= 15 && folder.join("postgres").exists())
        .max();
    let on_path = || Some(find("postgres", &[])?.parent()?.to_owned());
    newest.map(|(_, folder)| folder).or_else(on_path).ok_or(Error::Missing("PostgreSQL 15 or newer"))
}

pub(crate) fn pgbouncer() -> Result<PathBuf, Error> {
    // Debian's is where only the path of root looks.
    find("pgbouncer", &["/usr/sbin"]).ok_or(Error::Missing("pgbouncer"))
}

fn find(name: &str, besides: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(besides.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Who the servers run as: the user `postgres` where these tests run as root, else whoever runs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account(Option<(u32, u32)>);

impl Account {
    /// Whoever runs these tests, for a server that does not mind.
    pub(crate) fn own() -> Self {
        Self(None)
    }

    pub(crate) fn unprivileged() -> Result<Self, Error> {
        if id(&["-u"])? != Some(0) {
            return Ok(Self(None));
        }
        let (user, group) = (id(&["-u", "postgres"])?, id(&["-g", "postgres"])?);
        let ids = user.zip(group).ok_or(Error::Missing("the user `postgres`, to run servers as root,"))?;
        Ok(Self(Some(ids)))
    }

    /// A command of this account that nothing of the developer's own settings reaches.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }

    /// A temporary folder that is this account's.
    pub(crate) fn folder(self) -> Result<tempfile::TempDir, Error> {
        let folder = tempfile::Builder::new().prefix("treering-server").tempdir();
        let folder = folder.map_err(Error::io("could not make a temporary folder"))?;
        self.give(folder.path())?;
        Ok(folder)
    }

    /// Writes a file that this account reads.
    pub(crate) fn write(self, path: &Path, text: &str) -> Result<(), Error> {
        std::fs::write(path, text).map_err(Error::io(format!("could not write {}", path.display())))?;
        self.give(path)
    }

    fn give(self, path: &Path) -> Result<(), Error> {
        let Some((user, group)) = self.0 else { return Ok(()) };
        let given = std::os::unix::fs::chown(path, Some(user), Some(group));
        given.map_err(Error::io(format!("could not give {} to `postgres`", path.display())))
    }
}

/// The number that `id` prints; nothing where it knows no such user.
fn id(arguments: &[&str]) -> Result<Option<u32>, Error> {
    let output = Command::new("id").args(arguments).output().map_err(Error::io("could not run `id`"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}
