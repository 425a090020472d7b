//! The process that owns a data folder: a running server, or this command for as long as it takes. So there is one way
//! in and one way out, whoever goes it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use treering_collector::{Collector, Running, StoreHandles};
use treering_queue::Journal;
use treering_store::{Audit, Control, Handles, Keeper};

use crate::actor::actor;
use crate::announce::Listening;
use crate::cli::{Common, Intake, Place};
use crate::data::{Data, Lock};
use crate::error::Error;
use crate::exposure::Guard;
use crate::intake::IntakeSettings;
use crate::progress::Progress;
use crate::settings::File;

pub(crate) enum Owner {
    /// Another process; where it takes OTLP over HTTP.
    Other { keeper: Keeper, audit: Audit, otlp_http: Option<SocketAddr> },
    /// This one.
    Here {
        keeper: Keeper,
        audit: Audit,
        otlp_http: SocketAddr,
        journal: Journal,
        running: Box<Running>,
        _lock: Lock,
    },
}

impl Owner {
    /// Finds the process that owns this folder, or becomes it.
    pub(crate) async fn of(
        data: &Data,
        place: &Place,
        rules: Option<PathBuf>,
        file: &File,
    ) -> Result<Self, Error> {
        match data.take() {
            Ok(lock) => Self::here(lock, data, place, rules, file).await,
            Err(Error::InUse(_)) => {
                let Control { keeper, audit } = data.control().await?;
                Ok(Self::Other {
                    keeper,
                    audit,
                    otlp_http: Listening::read(&data.folder)?.in_the_clear().map(reachable),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The same for what any server of a remote store does, wherever it is.
    pub(crate) async fn anywhere(data: &Data, place: &Place, file: &File) -> Result<Self, Error> {
        if data.is_shared() {
            let Control { keeper, audit } = data.control().await?;
            if keeper.collectors_at_work().await? > 0 {
                return Ok(Self::Other { keeper, audit, otlp_http: None });
            }
        }
        Self::of(data, place, None, file).await
    }

    /// A collector on ports that nobody knows.
    async fn here(
        lock: Lock,
        data: &Data,
        place: &Place,
        rules: Option<PathBuf>,
        file: &File,
    ) -> Result<Self, Error> {
        let intake = intake(place, rules, file)?;
        if let Some(path) = data.ensure_master()? {
            Progress::default()
                .say(&format!("made the master key {}; keep a copy of it elsewhere", path.display()))?;
        }
        data.keep_private()?;
        let Handles { writer, keys, keeper, audit, witness, vault, .. } =
            treering_store::open(&data.store, data.master.clone()).await?;
        let seals = data.seals(&vault)?;
        let journal = crate::serve::journal(data, &intake, &seals).await?;
        let collector = Collector::bind(data.known_by_id(intake.collector)?).await?;
        let otlp_http = collector.http_address().map_err(Error::Address)?;
        let running = collector
            .start(
                intake.rules.watched().in_force(),
                intake.prices,
                journal.clone(),
                seals,
                StoreHandles { writer, keys, witness },
            )
            .await?;
        let keeper = keeper.acting_as(&actor());
        Ok(Self::Here { keeper, audit, otlp_http, journal, running: running.into(), _lock: lock })
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        match self {
            Self::Other { keeper, .. } | Self::Here { keeper, .. } => keeper,
        }
    }

    pub(crate) fn audit(&self) -> &Audit {
        match self {
            Self::Other { audit, .. } | Self::Here { audit, .. } => audit,
        }
    }

    /// Where it takes OTLP over HTTP.
    pub(crate) fn otlp_http(&self) -> Option<SocketAddr> {
        match self {
            Self::Other { otlp_http, .. } => *otlp_http,
            Self::Here { otlp_http, .. } => Some(*otlp_http),
        }
    }

    /// Delivers what it took in, and ends where it was this command.
    pub(crate) async fn end(self) {
        if let Self::Here { journal, running, .. } = self {
            journal.delivered().await;
            running.stop().await;
        }
    }
}

fn intake(place: &Place, rules: Option<PathBuf>, file: &File) -> Result<IntakeSettings, Error> {
    let free = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let intake = Intake {
        ack: None,
        otlp_grpc: free,
        otlp_http: free,
        rules,
        max_request_bytes: None,
        cors_origin: Vec::new(),
        report_discarded: false,
        max_journal_bytes: None,
    };
    // It listens on ports that nobody is told, on this machine alone.
    IntakeSettings::of(&intake, &Common::of(place.clone()), &Guard::default(), file)
}

/// A server that listens everywhere listens here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}
