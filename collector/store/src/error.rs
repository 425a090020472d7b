/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the store answered with an error")]
    Database(#[from] rusqlite::Error),
    #[error(
        "the store's schema is of version {found}, this treering needs {known}, and this login cannot change that; run \
         `treering migrate` with the one that owns it"
    )]
    NotMigrated { found: i64, known: i64, source: Box<Error> },
    #[error("the store answered with an error")]
    Postgres(#[source] tokio_postgres::Error),
    #[error("the store at {place} cannot be reached; check the address and what stands between")]
    Connect { place: String, source: tokio_postgres::Error },
    #[error("the store at {place} does not let this login in; check its name and its password")]
    Login { place: String, source: tokio_postgres::Error },
    #[error("there is no database {place}; make it, or name another one")]
    NoDatabase { place: String, source: tokio_postgres::Error },
    #[error(
        "this login may not act as {role}; name one that may with --store, or let the owner of the roles say \
         `GRANT {role} TO` its name. The first start needs treering_keeper as well, and so does who keeps projects and keys"
    )]
    MissingRole { role: &'static str, source: tokio_postgres::Error },
    #[error("the store does not answer; check its address and what stands between")]
    Silent,
    #[error("the store's URL cannot be read: {reason}; write postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    PostgresUrl { reason: String },
    #[error("the store's server cannot be trusted: {reason}")]
    Tls { reason: String },
    #[error(
        "the store was written by a newer treering (schema {found}, this one knows {known}); run that one"
    )]
    NewerRemote { found: i64, known: i64 },
    #[error(
        "the store's schema is of an older treering ({found}, this one needs {known}); bring it up to date with \
         `treering migrate`, whose login may change the schema"
    )]
    OlderRemote { found: i64, known: i64 },
    #[error(
        "a remote store is copied and put back by its server's own tools: pg_dump and pg_restore, or the backups of \
         whoever runs it"
    )]
    NoFile,
    #[error("the keys that this was named with were dropped meanwhile; it is read once more")]
    KeysChanged,
    #[error("a row that should be there is not")]
    NoRow,
    #[error(
        "the store does not know this collector any more: it was given up, or put back from a copy; what the journal \
         holds may have been erased since. To begin anew without that, move the folder `journal` and the file \
         `collector.id` away; who moves `collector.id` alone keeps it, and brings back what was erased of it"
    )]
    GivenUp,
    #[error("content is withheld from this viewer")]
    Withheld,
    #[error("the store at {path} cannot be opened; check that the folder exists and is yours to write")]
    Open { path: String, source: rusqlite::Error },
    #[error(
        "the store at {path} was written by a newer treering (schema {found}, this one knows {known}); run that one"
    )]
    Newer { path: String, found: i64, known: i64 },
    #[error(
        "the store at {path} was written by an older treering (schema {found}, this one needs {known}); \
         start `treering up` or `treering collect` of this version on it first"
    )]
    Older { path: String, found: i64, known: i64 },
    #[error("the damaged store at {path} cannot be moved aside; check that the folder is yours to write")]
    Mend { path: String, source: std::io::Error },
    #[error(
        "the wrapped keys at {path} are damaged or gone, and without them nothing that is sealed can be read; nothing \
         was changed: put the file back from a backup, or name an empty folder with --data to begin anew"
    )]
    Keys { path: String },
    #[error("a row of the store is damaged: {0}")]
    Damaged(&'static str),
    #[error("the key that sealed this content was dropped, and the content with it")]
    KeyGone,
    #[error(
        "somebody reads from the store without end, so that its log cannot be emptied; end whoever that is"
    )]
    Busy,
    #[error("content could not be compressed")]
    Compress(#[source] std::io::Error),
    #[error("the system's generator of random numbers does not answer")]
    Random(#[source] getrandom::Error),
    #[error("the store's thread ended before it answered")]
    Gone(#[from] tokio::task::JoinError),
    #[error(
        "`{0}…` is not a store; write sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or \
         clickhouse+https://USER:PASSWORD@HOST/DATABASE"
    )]
    Url(String),
    #[error(
        "the store's URL cannot be read: {reason}; write clickhouse+https://USER:PASSWORD@HOST:PORT/DATABASE, or \
         clickhouse+http://… within a network that is yours"
    )]
    ClickHouseUrl { reason: String },
    #[error("ClickHouse refused a statement: {name}, number {code} of its errors; its log says more")]
    ClickHouse { code: u32, name: String },
    #[error("the ClickHouse at {place} cannot be reached; check the address and what stands between")]
    ClickHouseUnreachable { place: String, source: Box<clickhouse::error::Error> },
    #[error("the ClickHouse at {place} does not let this user in; check its name and its password")]
    ClickHouseLogin { place: String },
    #[error("there is no database {place}; make it, or name another one")]
    ClickHouseDatabase { place: String },
    #[error(
        "this user may not do that at {place}; give it SELECT, INSERT, ALTER DELETE, ALTER UPDATE and CREATE TABLE on the \
         database, in a cluster CLUSTER and REMOTE as well, or SELECT alone where it only reads"
    )]
    ClickHouseRights { place: String },
    #[error(
        "a ClickHouse keeps steps, and its control data (projects, keys, rules, people, audit) stand elsewhere: name that \
         with --control sqlite:PATH or --control postgres://…"
    )]
    NoControl,
    #[error("only a ClickHouse is on a cluster; leave --cluster out, or name one with --store")]
    NoCluster,
    #[error("control data cannot be in a ClickHouse; name sqlite:PATH or postgres://… with --control")]
    ControlInClickHouse,
    #[error("this store keeps its own control data; leave --control out, or name a ClickHouse with --store")]
    ControlElsewhere,
    #[error(transparent)]
    Seal(treering_seal::Error),
    #[error(
        "this is not the master key that the store's keys are wrapped with; name the right one with --master-key-file, \
         which is the same for all collectors of a store"
    )]
    OtherMaster,
    #[error(
        "the master key cannot be read from {path}; without it nothing that is sealed can be read: put the file back \
         (every collector of the same store has it), or name another place with --master-key-file"
    )]
    MasterFile { path: String, source: std::io::Error },
    #[error(
        "{path} is missing, and with it the keys of everything that is sealed; put the file back, from a backup too: \
         a new one could read nothing"
    )]
    KeysLost { path: String },
    #[error(
        "a new master key cannot be written beside {path}; name the new one with --new-key-file or --new-key-command"
    )]
    MasterNotWritten { path: String, source: std::io::Error },
    #[error(
        "the master key does not come from a file; name the new one with --new-key-file or --new-key-command"
    )]
    MasterElsewhere,
    #[error("this is the master key already; name another one")]
    SameMaster,
    #[error("{path} cannot be written")]
    Copy { path: String, source: std::io::Error },
    #[error("a project's name has 1 to 100 characters, none of them a control, and no space at its ends")]
    ProjectName,
    #[error("the rules of a project have {most} bytes at the most; make their lists of words shorter")]
    RulesTooLong { most: usize },
    #[error("these are no valid rules")]
    Rules(#[source] Box<treering_redact::Error>),
    #[error("a subject has 1 to 255 characters, none of them a control, and no space at its ends")]
    Subject,
    #[error(
        "the name of a client has 1 to 2048 visible characters of ASCII, such as agent.shop.example or \
         spiffe://shop/agent"
    )]
    ClientName,
    #[error("clients of this name are let into another project; take it away there first")]
    ClientNameTaken,
    #[error(
        "content cannot be kept for {content} days where steps are kept for {steps}: it goes with its step; \
         keep steps longer or content shorter"
    )]
    ContentOutlives { steps: u32, content: u32 },
    #[error("the environment variable {name} should hold the master key and does not")]
    MasterVariable { name: String },
    #[error("the command that should print the master key failed: {reason}")]
    MasterCommand { reason: String },
}

impl Error {
    /// True where the file of the database is not what was written to it.
    pub(crate) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Database(source) | Self::Open { source, .. } => {
                matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
            }
            _ => false,
        }
    }

    /// True where a statement does not fit what it is about, such as a table that is not there.
    pub(crate) fn is_of_a_statement(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, Unknown};
        match self {
            Self::Database(error @ rusqlite::Error::SqliteFailure(..)) => {
                matches!(error.sqlite_error_code(), Some(ConstraintViolation | Unknown))
            }
            Self::Database(rusqlite::Error::SqlInputError { .. }) => true,
            _ => false,
        }
    }

    /// True where the store refuses this batch for what it is, and would have another one. A full disk, a lock or
    /// a broken file is no such thing: it is waited for.
    pub fn is_of_the_batch(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
        match self {
            Self::Database(error) => {
                matches!(error.sqlite_error_code(), Some(ConstraintViolation | TooBig | TypeMismatch))
            }
            Self::Postgres(error) => error.code().is_some_and(is_of_the_values),
            Self::ClickHouse { code, .. } => IS_OF_THE_VALUES.contains(code),
            Self::Damaged(_) => true,
            // It panicked on it, and would again.
            Self::Gone(error) => error.is_panic(),
            _ => false,
        }
    }
}

/// The same of ClickHouse: values that cannot be read, of another type, too large, or against a
/// constraint.
const IS_OF_THE_VALUES: [u32; 7] = [6, 27, 33, 53, 117, 131, 469];

/// Values that do not fit, contradict what is there, or are too many or too large: those of this batch.
fn is_of_the_values(code: &tokio_postgres::error::SqlState) -> bool {
    ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}
