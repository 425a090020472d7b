use std::error::Error as _;
use std::path::PathBuf;

/// Why a command did not do what it was asked: wrong usage or set-up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} cannot be written")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a valid file of settings; {fault}")]
    Settings { path: PathBuf, fault: String },
    #[error("{path} is not a valid file of rules")]
    Rules { path: PathBuf, source: treering_redact::Error },
    #[error("{path} is not a valid file of prices")]
    Prices { path: PathBuf, source: treering_read::PricesError },
    #[error("another treering uses {0}; stop it, or name another folder with --data")]
    InUse(PathBuf),
    #[error(
        "{0} does not exist; start `treering up` or `treering collect` on it first, or name another --data"
    )]
    NoData(PathBuf),
    #[error(
        "{0} holds an embedded store, treering.db, and its keys; name another folder with --data for the journal of a \
         collector whose store is a remote one"
    )]
    OtherStore(PathBuf),
    #[error(
        "an embedded store is brought up to date by its server, when that starts; name a remote one with --store \
         postgres://…"
    )]
    NothingToMigrate,
    #[error(
        "a remote store is put back by its server's own tools. Bring the schema into an empty database with `treering \
         migrate`, put rows and keys back with `pg_restore --data-only`, and then copy journal and treering.keys from \
         {0} into an empty folder for the collector whose journal they were"
    )]
    RestoredElsewhere(PathBuf),
    #[error(
        "{0} is a copy of a collector's journal, whose store is a remote one; name that one with --store"
    )]
    OfRemote(PathBuf),
    #[error(
        "there is no project {0:?}; `treering project list` shows them, `treering project create` makes one"
    )]
    NoProject(String),
    #[error("name what to set: --keep, --keep-content, --rate, --quota or --signed")]
    NothingToSet,
    #[error("{0} exists; a master key is never written over another file")]
    Exists(PathBuf),
    #[error("{0} is not empty; name a new folder, since a copy is never mixed with other files")]
    NotEmpty(PathBuf),
    #[error(
        "{0} holds files; a copy is restored into a new or empty folder alone (a master key may lie in it), so name \
         another --data"
    )]
    Occupied(PathBuf),
    #[error("{0} is no copy that `treering backup` finished; name a folder with a backup.json")]
    NoBackup(PathBuf, #[source] std::io::Error),
    #[error(
        "{path} is damaged: it is not what the copy's backup.json says; nothing was restored, take another copy"
    )]
    DamagedCopy { path: PathBuf },
    #[error(transparent)]
    Store(#[from] treering_store::Error),
    #[error(transparent)]
    Seal(treering_seal::Error),
    #[error(transparent)]
    Journal(#[from] treering_queue::Error),
    #[error(transparent)]
    Collector(#[from] treering_collector::Error),
    #[error(
        "{0} cannot be listened on; is another process there? name another address with --dashboard, or port 0"
    )]
    Bind(std::net::SocketAddr, #[source] std::io::Error),
    #[error("the system's generator of random numbers does not answer")]
    Random(#[source] getrandom::Error),
    #[error("the address of a server cannot be told")]
    Address(#[source] std::io::Error),
    #[error(
        "a part of the collector has ended, which is a defect; what was accepted is in the journal, start again"
    )]
    Defect,
    #[error("the system does not let this process hear when it is told to stop")]
    Signal(#[source] std::io::Error),
    #[error("the program's threads cannot be started")]
    Runtime(#[source] std::io::Error),
    #[error(
        "{address} can be reached from other machines, in the clear; name a certificate with --tls-cert and --tls-key, \
         put a proxy with TLS in front and say so with --behind-proxy, or listen on 127.0.0.1"
    )]
    Exposed { address: std::net::SocketAddr },
    #[error(
        "the dashboard on {address} can be reached from other machines, and nobody asks who they are; configure a log-in, \
         say with --behind-proxy that a proxy does it, or name 127.0.0.1 with --dashboard"
    )]
    NoLogIn { address: std::net::SocketAddr },
    #[error(
        "line {line} of {path} is no checkpoint of an audit log; name the file with --audit-checkpoints or --checkpoints"
    )]
    Checkpoint { path: PathBuf, line: usize },
    #[error("a request could not be signed")]
    Unsigned(#[source] treering_layer::Error),
    #[error("a log-in needs {0} as well")]
    HalfOfLogin(&'static str),
    #[error("nobody could log in with these settings")]
    Login(#[from] treering_dashboard::LoginError),
    #[error("TLS needs both a certificate and its key: name --tls-cert and --tls-key")]
    HalfOfTls,
    #[error("the certificates cannot be used")]
    Tls(#[from] treering_collector::TlsError),
    #[error(
        "`{origin}` is no origin of a page; name scheme and host, such as https://app.example.com, or `none`"
    )]
    Origin { origin: String },
    #[error("`{0}` is no scope; use ingest, read, or both as ingest,read")]
    Scope(String),
    #[error("the input is not OTLP/JSON with resourceSpans or resourceLogs")]
    NotOtlp,
    #[error(transparent)]
    Malformed(#[from] treering_otlp::Malformed),
    #[error("line {line} of the input is not a JSON object with `id` and `text`")]
    Line { line: usize, source: serde_json::Error },
    #[error("standard input is no terminal where it could be asked; say --yes if it is meant")]
    Unconfirmed,
    #[error("the request to erase is there no more; ask again")]
    RequestGone,
    #[error("{0} exists; name a new file, since an export is never written over another one")]
    OutputExists(PathBuf),
    #[error("this is no file that `treering export` sealed, or it was changed")]
    NotSealed,
    #[error("the running server takes no OTLP over HTTP; stop it, and this command takes its place")]
    NoDoor,
    #[error("the server at {address} cannot be reached")]
    Unreachable { address: std::net::SocketAddr, source: std::io::Error },
    #[error("the server did not take line {line}: {reason}; run it again, what it took is not taken twice")]
    NotTaken { line: usize, reason: String },
    #[error("line {line} is longer than {most} bytes")]
    LongLine { line: usize, most: usize },
    #[error("{0:?} is no address of a server; name one such as http://127.0.0.1:4317")]
    BenchUrl(String),
    #[error("a server takes spans with an API key alone; name one with TREERING_API_KEY")]
    BenchKey,
    #[error("the server at {address} cannot be reached; does it speak the --protocol that was named?")]
    BenchUnreachable { address: String, source: std::io::Error },
    #[error("a server to measure could not be started; what it said stands above")]
    BenchServer,
    #[error("this program cannot be started once more")]
    Program(#[source] std::io::Error),
    #[error("standard input or output failed")]
    Stream(#[from] std::io::Error),
}

impl Error {
    /// The message with every cause, for the log.
    pub(crate) fn with_causes(&self) -> String {
        let (mut text, mut cause) = (self.to_string(), self.source());
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    /// Tells the user, with every cause.
    #[expect(clippy::print_stderr, reason = "this is the program's last word")]
    pub(crate) fn explain(&self) {
        eprintln!("treering: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            eprintln!("  because: {error}");
            cause = error.source();
        }
    }
}
