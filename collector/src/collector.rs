use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use treering_queue::Journal;
use treering_read::Prices;
use treering_redact::Rules;
use treering_store::{Audit, Damaged, Keys, Vault, Writer};

use crate::admit::Keyring;
use crate::connections::serve;
use crate::deliver::{
    Breaker, Computing, Delivery, Fleet, Gate, Identity, causes, keep_counts, keep_erased, keep_indexed,
    keep_passing, keep_present, keep_salvaged, keep_swept, keep_uses, keep_watch,
};
use crate::memory::Memory;
use crate::outcome::{Ledger, Outcome};
use crate::receipt::Receipts;
use crate::receive::{Manners, router};
use crate::retention::keep_retained;
use crate::tls::Tls;
use crate::way::{Acknowledge, Limits, Way};

/// How long requests that are under way may take once the collector is told to stop.
const DRAIN: Duration = Duration::from_secs(8);

/// How long the delivery of what was accepted may take after that.
const LAST_DELIVERY: Duration = Duration::from_secs(1);

/// Where a collector listens, and what it lets in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name under which its outcomes are counted.
    pub name: String,
    /// Which one it is, where the store may have others.
    pub identity: Option<Identity>,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
    pub limits: Limits,
    pub manners: Manners,
    pub acknowledge: Acknowledge,
    /// How both addresses are encrypted. There is a third one then, in the clear and for this machine alone: for what
    /// runs beside the collector and has no certificates.
    pub tls: Option<Tls>,
}

/// Why a collector did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{address} cannot be listened on; is another process there? name another port, or 0 for a free one"
    )]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("keys and rules could not be read from the store")]
    Keys(#[from] treering_store::Error),
}

/// What a collector may do with its store.
#[derive(Debug)]
pub struct StoreHandles {
    pub writer: Writer,
    pub keys: Keys,
    /// Writes down what happens without anybody asking for it.
    pub witness: Audit,
}

/// A collector that has its places, and serves nobody yet.
#[derive(Debug)]
pub struct Collector {
    settings: Settings,
    grpc: TcpListener,
    http: TcpListener,
    local: Option<TcpListener>,
}

/// A collector at work.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    journal: Journal,
    background: JoinSet<()>,
    delivery: Delivery,
    name: String,
}

impl Collector {
    /// Takes its places.
    pub async fn bind(settings: Settings) -> Result<Self, Error> {
        let grpc = listen(settings.otlp_grpc).await?;
        let http = listen(settings.otlp_http).await?;
        let local = match settings.tls {
            Some(_) => Some(listen((Ipv4Addr::LOCALHOST, 0).into()).await?),
            None => None,
        };
        Ok(Self { settings, grpc, http, local })
    }

    /// Where it will serve OTLP/gRPC.
    pub fn grpc_address(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Where it will serve OTLP/HTTP.
    pub fn http_address(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Where it will serve this machine in the clear, where the others are encrypted.
    pub fn local_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.local.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Serves, and delivers what the journal holds, which is sealed with these keys: the store's own, or, where that may
    /// have other collectors, those of a file beside the journal.
    pub async fn start(
        self,
        rules: watch::Receiver<Arc<Rules>>,
        prices: Arc<Prices>,
        journal: Journal,
        seals: Vault,
        StoreHandles { writer, keys, witness }: StoreHandles,
    ) -> Result<Running, Error> {
        let ledger = Arc::new(Ledger::default());
        let receipts = Arc::new(Receipts::new(ledger.clone()));
        tell_of_damage(&journal, &ledger);
        let limits = self.settings.limits;
        let memory = Arc::new(Memory::for_requests_of(limits.max_request_bytes));
        let gate = Gate::default();
        let (name, identity) = (self.settings.name, self.settings.identity);
        let (writer, fleet) = match identity {
            None => (writer, None),
            Some(identity) => {
                let writer = writer.on_behalf_of(&identity.id);
                let fleet = Fleet::join(identity, &journal, &writer).await?;
                (writer, Some(Arc::new(fleet)))
            }
        };
        let way = Arc::new(Way {
            keyring: Keyring::load(keys, rules).await?,
            names: writer.vault().clone(),
            seals: seals.clone(),
            journal: journal.clone(),
            acknowledge: self.settings.acknowledge,
            ledger: ledger.clone(),
            receipts: receipts.clone(),
            memory: memory.clone(),
            gate: gate.clone(),
            manners: self.settings.manners,
            limits,
        });
        let (stop, stopped) = watch::channel(false);
        let tls = self.settings.tls;
        let listeners = [(Some(self.grpc), tls.clone()), (Some(self.http), tls), (self.local, None)];
        let servers = listeners.into_iter().filter_map(|(listener, tls)| {
            let (router, connections, mut stopped) =
                (router(way.clone()), way.limits.connections.clone(), stopped.clone());
            let until = async move { drop(stopped.wait_for(|stop| *stop).await) };
            Some(tokio::spawn(serve(listener?, router, connections, tls, until)))
        });
        let servers = servers.collect();
        let computing = Arc::new(Computing::new(writer.clone(), prices));
        let delivery = Delivery {
            journal: journal.clone(),
            seals,
            writer: writer.clone(),
            computing,
            ledger: ledger.clone(),
            receipts,
            memory,
            breaker: Arc::new(Breaker::default()),
            witness: witness.clone(),
            fleet: fleet.clone(),
        };
        let mut background = JoinSet::new();
        background.spawn(delivery.clone().run());
        background.spawn(keep_swept(delivery.clone()));
        if let Some(fleet) = fleet.clone() {
            background.spawn(keep_present(fleet.clone(), writer.clone()));
            background.spawn(keep_passing(fleet, delivery.clone(), gate.clone()));
        }
        background.spawn(keep_erased(delivery.clone(), gate));
        background.spawn(keep_retained(delivery.clone()));
        background.spawn(keep_watch(journal.clone()));
        background.spawn(keep_indexed(writer.clone(), ledger.clone(), fleet));
        background.spawn(keep_uses(way.clone(), witness));
        background.spawn(async move { way.keyring.keep_fresh().await });
        background.spawn(keep_counts(delivery.clone(), name.clone()));
        Ok(Running { stop, servers, journal, background, delivery, name })
    }
}

/// What the journal lost before it was opened is said once, and counted.
fn tell_of_damage(journal: &Journal, ledger: &Ledger) {
    let told = journal.salvage();
    if told.damaged_places > 0 {
        let (places, bytes) = (told.damaged_places, told.damaged_bytes);
        tracing::error!(places, bytes, "the journal was damaged; what could be read of it is kept");
        ledger.count(Outcome::DamagedJournal, usize::try_from(places).unwrap_or(usize::MAX));
    }
    if told.unfinished_bytes > 0 {
        let bytes = told.unfinished_bytes;
        tracing::warn!(
            bytes,
            "the journal ends in a write that was not finished; nobody was answered for it"
        );
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
}

impl Running {
    /// Carries over what damaged stores hold, those included that will be found damaged. A remote store has none.
    pub fn salvage(&mut self, damaged: Option<Damaged>) {
        let Some(damaged) = damaged else { return };
        self.background.spawn(keep_salvaged(self.delivery.clone(), damaged, self.name.clone()));
    }

    /// Returns if a part of the collector ended, which none does but by a defect. Whoever runs it must end too,
    /// rather than take in what is delivered no more.
    pub async fn failed(&mut self) {
        self.background.join_next().await;
    }

    /// Takes no more requests, answers those that are under way, and ends. What the journal still holds then is
    /// delivered after the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let drained = async {
            for server in self.servers {
                if let Err(error) = server.await {
                    tracing::error!(%error, "a server ended badly");
                }
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("some connections were still open; their requests were not answered");
        }
        // A store that is stuck is not waited for: the journal keeps what it has.
        let last = async {
            self.journal.delivered().await;
            if let Err(error) = self.delivery.computing.stale_at_once().await {
                tracing::warn!(%error, "some executions show what is new only after the next start");
            }
        };
        tokio::time::timeout(LAST_DELIVERY, last).await.ok();
        self.background.shutdown().await;
        if let Err(error) = self.journal.rest().await {
            let error = causes(&error);
            tracing::warn!(%error, "the journal could not be tidied up");
        }
        self.delivery.write_down(&self.name).await;
        if let Some(fleet) = &self.delivery.fleet {
            let left = fleet.leave(&self.journal, &self.delivery.writer);
            if !matches!(tokio::time::timeout(LAST_DELIVERY, left).await, Ok(Ok(()))) {
                tracing::warn!(
                    "erasures wait until this collector has started again: the store could not be told"
                );
            }
        }
    }
}
