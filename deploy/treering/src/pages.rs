//! The half that reads: its settings, its place, its serving.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use treering_collector::{ConnectionLimits, Tls};
use treering_dashboard::{Hosts, LocalLink, Login};
use treering_queue::Journal;
use treering_read::Prices;
use treering_redact::Rules;
use treering_store::ReadHandles;

use crate::cli::{Common, Pages};
use crate::error::Error;
use crate::exposure::Guard;
use crate::login::login;
use crate::settings::{File, address, prices};

/// How long a page waits for the delivery of what was accepted before.
const DELIVERY_PATIENCE: Duration = Duration::from_millis(300);

pub(crate) struct PagesSettings {
    address: SocketAddr,
    hosts: Hosts,
    https: bool,
    tls: Option<Tls>,
    login: Option<Login>,
    prices: Arc<Prices>,
}

impl PagesSettings {
    pub(crate) fn of(flags: &Pages, common: &Common, guard: &Guard, file: &File) -> Result<Self, Error> {
        let address = address(flags.dashboard, file.dashboard, 4319);
        let login = login(&flags.login, &file.login)?;
        guard.check_pages(address, login.is_some())?;
        let prices = prices(common.prices.as_deref().or(file.prices.as_deref()))?;
        let is_own = address.ip().is_loopback() && !guard.behind_proxy;
        let hosts = if is_own { Hosts::Loopback } else { Hosts::Any };
        // Browsers have no certificates.
        let tls = guard.tls.as_ref().map(Tls::without_clients);
        Ok(Self { address, hosts, https: guard.is_https(), tls, login, prices })
    }
}

/// A dashboard that has its place, and serves nobody yet.
pub(crate) struct Dashboard {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// The token of the one-time link, where there is one.
    pub(crate) token: Option<String>,
    tls: Option<Tls>,
    router: axum::Router,
}

/// A dashboard at work.
pub(crate) struct Serving {
    server: JoinHandle<()>,
}

impl Dashboard {
    pub(crate) async fn bind(
        pages: PagesSettings,
        ReadHandles { reader, keys, witness, .. }: ReadHandles,
        rules: watch::Receiver<Arc<Rules>>,
    ) -> Result<Self, Error> {
        let bind = |source| Error::Bind(pages.address, source);
        let listener = TcpListener::bind(pages.address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(Error::Address)?;
        // Where people log in, or where strangers may ask, nobody comes in by a link.
        let has_link = pages.login.is_none() && pages.address.ip().is_loopback();
        let (local_link, token) = match has_link {
            true => LocalLink::new().map(|(link, token)| (Some(link), Some(token))).map_err(Error::Random)?,
            false => (None, None),
        };
        let router = treering_dashboard::router(treering_dashboard::Settings {
            reader,
            keys,
            witness,
            prices: pages.prices,
            local_link,
            login: pages.login,
            hosts: pages.hosts,
            rules,
            https: pages.https,
        });
        Ok(Self { listener, address, token, tls: pages.tls, router })
    }

    /// A page waits, a moment at the most, for what was accepted before it was asked for: whoever has just sent
    /// something sees it.
    pub(crate) fn after_delivery(mut self, journal: Journal) -> Self {
        let wait = async |State(journal): State<Journal>, request: Request, next: Next| {
            // A store that is stuck is no reason to show nothing.
            tokio::time::timeout(DELIVERY_PATIENCE, journal.delivered()).await.ok();
            next.run(request).await
        };
        self.router = self.router.layer(from_fn_with_state(journal, wait));
        self
    }

    pub(crate) fn serve(self) -> Serving {
        let (limits, forever) = (ConnectionLimits::default(), std::future::pending());
        Serving {
            server: tokio::spawn(treering_collector::serve(
                self.listener,
                self.router,
                limits,
                self.tls,
                forever,
            )),
        }
    }
}

impl Serving {
    /// Serves no more.
    pub(crate) fn end(self) {
        self.server.abort();
    }
}
