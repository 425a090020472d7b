//! A ClickHouse of one's own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hyper::{Request, StatusCode};
use tempfile::TempDir;

use crate::program::Account;
use crate::watched::{Program, Signal, Watched};
use crate::{Error, Shutdown, database, engine, http, port};

const ADMINISTRATOR: &str = "administrator";
const READER: &str = "reader";

/// A ClickHouse of one's own on a loopback port: its real engine, behind as much of its HTTP interface as clients use.
/// It ends, with its data, when it is dropped or when this process ends, however that comes.
#[derive(Debug)]
pub struct ClickHouseServer {
    running: Mutex<Option<Watched>>,
    program: PathBuf,
    library: PathBuf,
    address: SocketAddr,
    password: String,
    reader_password: String,
    databases: AtomicU32,
    // After the server that runs in it, since fields are dropped in this order.
    folder: TempDir,
}

/// A database of one's own. Dropping it removes it.
#[derive(Debug)]
#[must_use]
pub struct ClickHouseDatabase {
    pub name: String,
    /// Where the administrator logs in.
    pub url: String,
    login: Login,
}

/// Who asks, and where.
#[derive(Debug, Clone)]
struct Login {
    address: SocketAddr,
    password: String,
}

impl Drop for ClickHouseDatabase {
    fn drop(&mut self) {
        // With a server that is away it goes later, with all of it.
        let _ = self.login.query("default", &format!("DROP DATABASE IF EXISTS {}", self.name));
    }
}

impl ClickHouseServer {
    /// Makes a server and starts it, with an administrator and with a user who may only read.
    pub fn start() -> Result<Self, Error> {
        let (library, account) = (engine::library()?, Account::own());
        let mut server = Self {
            running: Mutex::new(None),
            program: engine::program()?,
            library,
            address: port::free(),
            password: database::password()?,
            reader_password: database::password()?,
            databases: AtomicU32::new(0),
            folder: account.folder()?,
        };
        for (file, password) in [("password", &server.password), ("reader-password", &server.reader_password)]
        {
            account.write(&server.folder.path().join(file), password)?;
        }
        // Between our look at a port and its use another may take it.
        while let Err(error) = server.start_again() {
            match error {
                Error::Ended { said, .. } if said.contains("Address already in use") => {
                    server.address = port::free();
                }
                error => return Err(error),
            }
        }
        Ok(server)
    }

    /// Starts it where it was before, with the data that it had, and waits until it answers.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Err(Error::Running);
        }
        let listen = self.address.to_string();
        let named =
            ["--data", "data", "--listen", &listen, "--user", ADMINISTRATOR, "--password-file", "password"];
        let reader = ["--reader", READER, "--reader-password-file", "reader-password"];
        let mut arguments = vec!["--library".into(), self.library.clone().into()];
        arguments.extend(named.iter().chain(&reader).map(Into::into));
        let program = Program {
            name: "ClickHouse",
            path: self.program.clone(),
            arguments,
            ready: "ready for connections",
            last: Signal::Kill,
        };
        *running = Some(Watched::start(Account::own(), self.folder.path(), program)?);
        Ok(())
    }

    /// Ends it and waits until nothing of it is left but its data. [`Shutdown::Fast`] lets statements end that run;
    /// the others do not.
    pub fn stop(&self, how: Shutdown) -> Result<(), Error> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let signal = match how {
            Shutdown::Fast => Signal::Int,
            Shutdown::Immediate | Shutdown::Kill => Signal::Kill,
        };
        running.ok_or(Error::Stopped)?.end(signal)
    }

    /// Ends it and starts it again.
    pub fn restart(&self, how: Shutdown) -> Result<(), Error> {
        self.stop(how)?;
        self.start_again()
    }

    /// Where it listens, now or when it is started again.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last lines that it printed since it was started.
    pub fn log(&self) -> String {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|server| server.log.text()).unwrap_or_default()
    }

    /// The address of a database for the administrator.
    pub fn url(&self, database: &str) -> String {
        url(self.address, database, ADMINISTRATOR, &self.password)
    }

    /// The same for a user who may only read, and set what a statement needs.
    pub fn reader_url(&self, database: &str) -> String {
        url(self.address, database, READER, &self.reader_password)
    }

    /// Makes an empty database with a fresh name.
    pub fn create_database(&self) -> Result<ClickHouseDatabase, Error> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.query("default", &format!("CREATE DATABASE {name}"))?;
        let url = self.url(&name);
        Ok(ClickHouseDatabase { name, url, login: self.login() })
    }

    /// Runs a statement as the administrator and gives what it answers, columns with tabs between them.
    pub fn query(&self, database: &str, sql: &str) -> Result<String, Error> {
        self.login().query(database, sql)
    }

    fn login(&self) -> Login {
        Login { address: self.address, password: self.password.clone() }
    }
}

impl Login {
    fn query(&self, database: &str, sql: &str) -> Result<String, Error> {
        // Names of databases in tests are words: nothing in them means anything in an address.
        let request = Request::post(format!("/?database={database}"))
            .header("host", self.address.to_string())
            .header("x-clickhouse-user", ADMINISTRATOR)
            .header("x-clickhouse-key", &self.password)
            .body(Bytes::from(sql.to_owned()))
            .map_err(|error| Error::io(format!("{database} is no name"))(std::io::Error::other(error)))?;
        let (status, answer) = http::post(self.address, request)?;
        let said = String::from_utf8_lossy(&answer).into_owned();
        if status == StatusCode::OK {
            return Ok(said);
        }
        Err(Error::Answered { statement: sql.to_owned(), said })
    }
}

fn url(address: SocketAddr, database: &str, user: &str, password: &str) -> String {
    format!("clickhouse+http://{user}:{password}@{address}/{database}")
}
