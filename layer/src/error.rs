use std::path::PathBuf;

/// What can go wrong between a program and its collector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A variable of the environment has a value that cannot be used.
    #[error("{name} is {value:?}; set it to {expected}, or leave it out")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// The exporter cannot be built from these settings.
    #[error("no exporter can be made of these settings: {0}; check endpoint, protocol and headers")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A key would be sent where others can read it.
    #[error(
        "the API key would be sent in the clear to {endpoint}; use https://, sign requests (Settings::sign), or say that it may be (TREERING_INSECURE=true)"
    )]
    KeyInTheClear {
        /// The address.
        endpoint: String,
    },
    /// A file that the settings name cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// A client's certificate without its key, or a key without its certificate.
    #[error(
        "a client has both a certificate and its key: set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY, or neither"
    )]
    HalfAnIdentity,
    /// Rules of redaction that cannot be used.
    #[cfg(feature = "redact")]
    #[error("these rules of redaction cannot be used: {0}")]
    Rules(#[source] treering_redact::Error),
    /// Steps would be written to a disk as they are.
    #[cfg(feature = "spill")]
    #[error(
        "steps that spill are sealed with the API key, and there is none; set TREERING_API_KEY, or capture less (Capture::Redacted or Capture::Structure)"
    )]
    SpillInTheClear,
    /// The folder for steps that spill cannot be used.
    #[cfg(feature = "spill")]
    #[error("steps cannot spill to {}: {source}", folder.display())]
    Spill {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The thread that exports could not be started.
    #[error("the thread that exports could not be started")]
    Thread(#[source] std::io::Error),
    /// A global subscriber is already set.
    #[error(
        "a global subscriber is already set; add treering_layer::layer() to it instead of calling init()"
    )]
    AlreadySet(#[source] tracing_subscriber::util::TryInitError),
    /// Steps were not delivered in time, or not taken.
    #[error(
        "{left} steps are not delivered; see that the collector runs and that the endpoint and the key are right"
    )]
    Undelivered {
        /// How many steps are still in the queue or were given up just now.
        left: u64,
    },
}
