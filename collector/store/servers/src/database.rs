//! Databases, and who may log in to them.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use tokio_postgres::NoTls;

use crate::{Error, PATIENCE, PostgresServer};

/// The superuser, by the name that Supabase's has.
pub(crate) const ADMINISTRATOR: &str = "supabase_admin";

/// What every project of Supabase has before anything of ours comes.
const SUPABASE: &[&str] = &[
    "CREATE ROLE anon NOLOGIN NOINHERIT",
    "CREATE ROLE authenticated NOLOGIN NOINHERIT",
    "CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS",
];

/// Databases are copies of this one: whoever makes something in `public` gives it to the roles of the Data API, as
/// in a project of Supabase.
const TEMPLATE: &[&str] = &[
    "GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role",
    "ALTER DEFAULT PRIVILEGES FOR ROLE postgres, plain IN SCHEMA public
         GRANT ALL ON TABLES TO anon, authenticated, service_role",
];

/// Whose a database is. None of them but the administrator is a superuser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The superuser, whom row-level security never stops.
    Administrator,
    /// `postgres` as Supabase has it: may make roles and databases, and goes past row-level security.
    Postgres,
    /// The same without BYPASSRLS, as elsewhere.
    Plain,
}

impl Owner {
    /// The name of the login.
    pub fn name(self) -> &'static str {
        match self {
            Self::Administrator => ADMINISTRATOR,
            Self::Postgres => "postgres",
            Self::Plain => "plain",
        }
    }
}

/// A database of one's own. Dropping it ends whoever uses it, and removes it.
#[derive(Debug)]
#[must_use]
pub struct Database {
    pub name: String,
    /// Where its owner logs in.
    pub url: String,
    owner: Owner,
    administration: String,
}

impl Drop for Database {
    fn drop(&mut self) {
        // With a server that is away it goes later, with all of it.
        let _ = administer(&self.administration, &[&format!("DROP DATABASE {} WITH (FORCE)", self.name)]);
    }
}

impl PostgresServer {
    /// The address of a database for a login that this server made.
    pub fn url(&self, database: &str, user: &str) -> String {
        url(self.address(), database, user, &self.password)
    }

    /// The same for the superuser.
    pub fn admin_url(&self, database: &str) -> String {
        self.url(database, ADMINISTRATOR)
    }

    /// Makes an empty database with a fresh name.
    pub fn create_database(&self, owner: Owner) -> Result<Database, Error> {
        self.make_database(owner, "")
    }

    /// Copies the files of the template, which is quicker than to log them.
    fn make_database(&self, owner: Owner, template: &str) -> Result<Database, Error> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let create = format!("CREATE DATABASE {name} OWNER {} STRATEGY FILE_COPY {template}", owner.name());
        let administration = self.admin_url("postgres");
        administer(&administration, &[&create])?;
        let url = self.url(&name, owner.name());
        Ok(Database { name, url, owner, administration })
    }

    /// Ends whoever uses a database and lets in nobody again: it can be copied now.
    pub fn close_database(&self, database: &Database) -> Result<(), Error> {
        let name = &database.name;
        let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        self.administer("postgres", &[&close, &end])
    }

    /// Makes a copy, with the same owner, of a database that was closed.
    pub fn copy_database(&self, of: &Database) -> Result<Database, Error> {
        self.make_database(of.owner, &format!("TEMPLATE {}", of.name))
    }

    /// Makes a login without any right, with the password of all logins of this server.
    pub fn create_login(&self, name: &str) -> Result<(), Error> {
        self.administer("postgres", &[&self.login(name, "")])
    }

    /// Runs statements as the superuser, each a transaction of its own.
    pub fn administer(&self, database: &str, statements: &[&str]) -> Result<(), Error> {
        administer(&self.admin_url(database), statements)
    }

    /// What a new server needs before anybody uses it.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        self.administer("postgres", SUPABASE)?;
        let rights = [(Owner::Postgres, "BYPASSRLS"), (Owner::Plain, "NOBYPASSRLS")];
        for (owner, bypass) in rights {
            let rights = format!("NOSUPERUSER CREATEROLE CREATEDB REPLICATION {bypass}");
            self.administer("postgres", &[&self.login(owner.name(), &rights)])?;
        }
        self.administer("template1", TEMPLATE)
    }

    fn login(&self, name: &str, rights: &str) -> String {
        format!(r#"CREATE ROLE "{name}" LOGIN {rights} PASSWORD '{}'"#, self.password)
    }
}

pub(crate) fn url(address: SocketAddr, database: &str, user: &str, password: &str) -> String {
    format!("postgres://{user}:{password}@{address}/{database}")
}

/// A password that nobody guesses, in letters and digits.
pub(crate) fn password() -> Result<String, Error> {
    let mut bytes = [0; 16];
    let filled = getrandom::fill(&mut bytes).map_err(std::io::Error::other);
    filled.map_err(Error::io("the system gives no random bytes"))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// On a thread and a runtime of its own, since the caller may be on one already, where nothing may block.
fn administer(url: &str, statements: &[&str]) -> Result<(), Error> {
    std::thread::scope(|scope| scope.spawn(|| run(url, statements)).join()).expect("it does not panic")
}

#[tokio::main(flavor = "current_thread")]
async fn run(url: &str, statements: &[&str]) -> Result<(), Error> {
    tokio::time::timeout(PATIENCE, execute(url, statements)).await.map_err(|_| Error::Silent)?
}

async fn execute(url: &str, statements: &[&str]) -> Result<(), Error> {
    let refused = |statement: &str| {
        let statement = statement.to_owned();
        |source| Error::Refused { statement, source }
    };
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(refused("connecting"))?;
    // What ends a connection is told to the statement that waits for it.
    tokio::spawn(async move { connection.await.ok() });
    for statement in statements {
        client.batch_execute(statement).await.map_err(refused(statement))?;
    }
    Ok(())
}
