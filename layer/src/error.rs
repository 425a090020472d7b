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
