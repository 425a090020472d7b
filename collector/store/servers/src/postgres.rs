use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::database::{self, ADMINISTRATOR};
use crate::program::{Account, postgres_folder};
use crate::watched::{Program, Signal, Watched};
use crate::{Error, port};

/// Whether what was committed outlives the machine. What only ends the server, even [`Shutdown::Kill`], loses nothing
/// committed either way: the system keeps what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No waiting for disks: for tests that look at something else.
    None,
    /// As PostgreSQL is delivered: for tests of faults, and for measuring.
    Full,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Connections are ended and everything is written.
    Fast,
    /// Everything is left as it is; the next start recovers.
    Immediate,
    /// All its processes are killed, as when memory runs out; the next start recovers.
    Kill,
}

/// A PostgreSQL server of one's own on a loopback port. It ends, with its data, when it is dropped or when this process
/// ends, however that comes.
#[derive(Debug)]
pub struct PostgresServer {
    running: Mutex<Option<Watched>>,
    account: Account,
    programs: PathBuf,
    address: SocketAddr,
    pub(crate) password: String,
    pub(crate) databases: AtomicU32,
    // After the server that runs in it, since fields are dropped in this order.
    folder: TempDir,
}

impl PostgresServer {
    /// Makes a server and starts it. Logins are asked for passwords, the roles that Supabase has are there, and so are
    /// both kinds of [owner](crate::Owner).
    pub fn start(durability: Durability) -> Result<Self, Error> {
        let (programs, account) = (postgres_folder()?, Account::unprivileged()?);
        let mut server = Self {
            running: Mutex::new(None),
            folder: account.folder()?,
            account,
            programs,
            address: port::free(),
            password: database::password()?,
            databases: AtomicU32::new(0),
        };
        server.initialise()?;
        server.configure(durability)?;
        // Between our look at a port and its use another may take it.
        while let Err(error) = server.start_again() {
            match error {
                Error::Ended { said, .. } if said.contains("Address already in use") => {
                    server.address = port::free();
                }
                error => return Err(error),
            }
        }
        server.prepare()?;
        Ok(server)
    }

    fn initialise(&self) -> Result<(), Error> {
        let password = self.folder.path().join("password");
        self.account.write(&password, &self.password)?;
        let mut command = self.account.command(self.programs.join("initdb"), self.folder.path());
        command.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        command.arg("--pgdata=data").arg("--pwfile=password").arg(format!("--username={ADMINISTRATOR}"));
        let output = command.output().map_err(Error::io("could not run initdb"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Error::Ended { program: "initdb", said })
    }

    /// What lies outside the folder would stay where the server is killed: no socket, and no memory with a name.
    fn configure(&self, durability: Durability) -> Result<(), Error> {
        let durability = match durability {
            Durability::None => "fsync = off\nfull_page_writes = off\n",
            Durability::Full => "",
        };
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 300\n\
             dynamic_shared_memory_type = mmap\nlogging_collector = off\n{durability}"
        );
        // Written anew: with its defaults alone, PostgreSQL needs no more than this.
        self.account.write(&self.folder.path().join("data/postgresql.conf"), &settings)
    }

    /// Speaks TLS from now on with whoever asks for it, with this certificate and its key, both in PEM.
    pub fn speak_tls(&self, certificate: &str, key: &str) -> Result<(), Error> {
        self.account.write(&self.folder.path().join("data/server.crt"), certificate)?;
        let path = self.folder.path().join("data/server.key");
        self.account.write(&path, key)?;
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, own).map_err(Error::io("could not make a key private"))?;
        self.administer("postgres", &["ALTER SYSTEM SET ssl = on"])?;
        self.restart(Shutdown::Fast)
    }

    /// Starts it where it was before, with the data that it had, and waits until it answers.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Err(Error::Running);
        }
        let arguments = ["-D".into(), "data".into(), "-p".into(), self.address.port().to_string().into()];
        let program = Program {
            name: "PostgreSQL",
            path: self.programs.join("postgres"),
            arguments: arguments.into(),
            ready: "database system is ready to accept connections",
            last: Signal::Quit,
        };
        *running = Some(Watched::start(self.account, self.folder.path(), program)?);
        Ok(())
    }

    /// Ends it and waits until nothing of it is left but its data.
    pub fn stop(&self, how: Shutdown) -> Result<(), Error> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let signal = match how {
            Shutdown::Fast => Signal::Int,
            Shutdown::Immediate => Signal::Quit,
            Shutdown::Kill => Signal::Kill,
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

    pub(crate) fn account(&self) -> Account {
        self.account
    }
}
