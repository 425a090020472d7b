use std::net::SocketAddr;

use tempfile::TempDir;

use crate::database::{ADMINISTRATOR, url};
use crate::watched::{Program, Signal, Watched};
use crate::{Error, PostgresServer, port, program};

/// Connections to the server for each login and database: so few that they are really shared.
const POOL: u32 = 5;

/// A pooler in transaction mode in front of a server: a connection is somebody else's after each transaction. It ends
/// when it is dropped or when this process ends.
#[derive(Debug)]
pub struct Pgbouncer {
    // Held, so that it runs.
    running: Watched,
    address: SocketAddr,
    password: String,
    _folder: TempDir,
}

impl Pgbouncer {
    /// Starts a pooler that lets in every login of the server, also those that are made later, to every database.
    pub fn start(server: &PostgresServer) -> Result<Self, Error> {
        let path = program::pgbouncer()?;
        loop {
            let address = port::free();
            let folder = server.account().folder()?;
            configure(server, address, &folder)?;
            let program = Program {
                name: "pgbouncer",
                path: path.clone(),
                arguments: vec!["pgbouncer.ini".into()],
                ready: "process up",
                // It keeps nothing, and its polite signals wait for its clients.
                last: Signal::Kill,
            };
            match Watched::start(server.account(), folder.path(), program) {
                Ok(running) => {
                    return Ok(Self { running, address, password: server.password.clone(), _folder: folder });
                }
                // Between our look at a port and its use another may take it.
                Err(Error::Ended { said, .. }) if said.contains("in use") => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The address of a database, through the pooler, for a login of the server.
    pub fn url(&self, database: &str, user: &str) -> String {
        url(self.address, database, user, &self.password)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last lines that it printed.
    pub fn log(&self) -> String {
        self.running.log.text()
    }
}

/// The pooler asks the server who may log in. What a client says at its start is refused where it would be lost in
/// transaction mode; `extra_float_digits` alone is let pass, as most do. A server that comes back is found in a second
/// and not in fifteen, since tests restart it.
fn configure(server: &PostgresServer, address: SocketAddr, folder: &TempDir) -> Result<(), Error> {
    let to = server.address();
    let settings = format!(
        "[databases]\n* = host={} port={} auth_user={ADMINISTRATOR}\n\
         [pgbouncer]\nlisten_addr = {}\nlisten_port = {}\nunix_socket_dir =\n\
         pool_mode = transaction\ndefault_pool_size = {POOL}\nmax_client_conn = 500\n\
         auth_type = scram-sha-256\nauth_file = logins.txt\n\
         auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1\n\
         ignore_startup_parameters = extra_float_digits\nserver_login_retry = 1\n",
        to.ip(),
        to.port(),
        address.ip(),
        address.port(),
    );
    let logins = format!("\"{ADMINISTRATOR}\" \"{}\"\n", server.password);
    server.account().write(&folder.path().join("logins.txt"), &logins)?;
    server.account().write(&folder.path().join("pgbouncer.ini"), &settings)
}
