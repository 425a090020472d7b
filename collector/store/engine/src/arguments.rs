//! What the command line says.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// How to call it.
pub(crate) const USAGE: &str = "treering-test-clickhouse --library PATH --data FOLDER --listen ADDRESS:PORT \
     --user NAME --password-file FILE [--reader NAME --reader-password-file FILE]";

/// Who may log in.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    /// As a user of ClickHouse whose profile has `readonly = 2`: it may read, and set what it needs to.
    pub(crate) reads_only: bool,
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) library: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) users: Vec<User>,
}

impl Arguments {
    pub(crate) fn read(given: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut named = Named(given.collect());
        let library = named.take("--library")?.into();
        let data = named.take("--data")?.into();
        let listen = text(named.take("--listen")?)?;
        let listen = listen.parse().map_err(|_| format!("{listen} is not an address with a port"))?;
        let mut users = vec![named.user("--user", "--password-file", false)?];
        if !named.0.is_empty() {
            users.push(named.user("--reader", "--reader-password-file", true)?);
        }
        match named.0.first() {
            Some(unknown) => Err(format!("{} is unknown or given twice", unknown.display())),
            None => Ok(Self { library, data, listen, users }),
        }
    }
}

/// Names, each with its value after it, that were not taken yet.
struct Named(Vec<OsString>);

impl Named {
    fn take(&mut self, name: &str) -> Result<OsString, String> {
        let missing = || format!("{name} and its value are missing");
        let place = self.0.iter().step_by(2).position(|given| given == name).ok_or_else(missing)?;
        let value = (2 * place + 1 < self.0.len()).then(|| self.0.remove(2 * place + 1));
        self.0.remove(2 * place);
        value.ok_or_else(missing)
    }

    fn user(&mut self, name: &str, password: &str, reads_only: bool) -> Result<User, String> {
        let (name, file) = (text(self.take(name)?)?, self.take(password)?);
        let password = std::fs::read_to_string(&file)
            .map_err(|error| format!("could not read {}: {error}", Path::new(&file).display()))?;
        Ok(User { name, password: password.trim_end().to_owned(), reads_only })
    }
}

fn text(value: OsString) -> Result<String, String> {
    value.into_string().map_err(|value| format!("{} is not text", value.display()))
}
