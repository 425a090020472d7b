//! How a connection is made, and where it is served.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::Session;
use super::url::PostgresUrl;
use crate::Error;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may be heard before it is asked whether anybody is there.
const SILENCE: Duration = Duration::from_secs(30);

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

#[derive(Debug, Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Tls,
    /// For messages: without the password.
    place: Arc<str>,
    serving: Arc<Serving>,
}

#[derive(Clone)]
struct Tls(MakeRustlsConnect);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Where the connections of a store are served: apart from whoever waits for them, whatever thread that is.
#[derive(Debug)]
struct Serving(Option<Runtime>);

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Connector {
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, Error> {
        // First, since a runtime must not be dropped where it may not be waited for.
        let tls = Tls(url.tls()?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(|source| Error::Tls { reason: source.to_string() })?;
        let mut config = url.config().clone();
        config.application_name("treering").connect_timeout(PATIENCE).tcp_user_timeout(PATIENCE);
        Ok(Self { config, tls, place: url.to_string().into(), serving: Arc::new(Serving(Some(runtime))) })
    }

    /// A connection that its user serves by itself, and on which little is said: whether the other end is still there
    /// is asked now and then.
    pub(super) async fn connect_to_listen(&self) -> Result<(Client, Connection<Socket, TlsStream>), Error> {
        let mut config = self.config.clone();
        config.keepalives_idle(SILENCE);
        match tokio::time::timeout(PATIENCE, config.connect(self.tls.0.clone())).await {
            Ok(Ok(connected)) => Ok(connected),
            Ok(Err(source)) => Err(self.failed(source)),
            Err(_) => Err(Error::Silent),
        }
    }

    pub(super) fn connect(&self) -> Result<Session, Error> {
        let runtime = self.serving.0.as_ref().expect("it is there until it is dropped").handle().clone();
        let (config, tls) = (self.config.clone(), self.tls.0.clone());
        let (give, get) = std::sync::mpsc::sync_channel(1);
        runtime.spawn(async move {
            let connected = tokio::time::timeout(PATIENCE, config.connect(tls)).await;
            let connected = connected.map(|connected| {
                connected.map(|(client, connection)| {
                    tokio::spawn(async move {
                        // Whoever uses it is told.
                        connection.await.ok();
                    });
                    client
                })
            });
            give.send(connected).ok();
        });
        match get.recv() {
            Ok(Ok(Ok(client))) => Ok(Session::new(client, runtime)),
            Ok(Ok(Err(source))) => Err(self.failed(source)),
            Ok(Err(_)) | Err(_) => Err(Error::Silent),
        }
    }

    /// Why there is no connection, in the words of whoever has to mend it.
    fn failed(&self, source: tokio_postgres::Error) -> Error {
        let place = self.place.to_string();
        match source.code() {
            Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                Error::Login { place, source }
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => Error::NoDatabase { place, source },
            _ => match distrust(&source) {
                Some(reason) => Error::Tls { reason },
                None => Error::Connect { place, source },
            },
        }
    }
}

/// What is wrong with the other end's certificate, if that is what is wrong.
fn distrust(error: &tokio_postgres::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        let of_tls = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref()?.downcast_ref());
        if let Some(error) = of_tls {
            return Some(rustls::Error::to_string(error));
        }
        cause = error.source();
    }
    None
}
