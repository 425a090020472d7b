//! The half that reads: its settings, its place, its serving.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use treering_collector::ConnectionLimits;
use treering_dashboard::{Hosts, LocalLink};
use treering_queue::Journal;
use treering_read::Prices;
use treering_redact::Rules;
use treering_store::{Keys, Reader};

use crate::cli::{Common, Pages};
use crate::error::Error;
use crate::exposure;
use crate::settings::{File, address, prices};

/// How long a page waits for the delivery of what was accepted before.
const DELIVERY_PATIENCE: Duration = Duration::from_millis(300);

pub(crate) struct PagesSettings {
    address: SocketAddr,
    behind_proxy: bool,
    prices: Arc<Prices>,
}

impl PagesSettings {
    pub(crate) fn of(flags: &Pages, common: &Common, file: &File) -> Result<Self, Error> {
        let address = address(flags.dashboard, file.dashboard, 4319);
        let behind_proxy = common.behind_proxy || file.behind_proxy;
        exposure::check(&[address], behind_proxy)?;
        let prices = prices(common.prices.as_deref().or(file.prices.as_deref()))?;
        Ok(Self { address, behind_proxy, prices })
    }
}

/// A dashboard that has its place, and serves nobody yet.
pub(crate) struct Dashboard {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// The token of the one-time link.
    pub(crate) token: String,
    router: axum::Router,
}

/// A dashboard at work.
pub(crate) struct Serving {
    server: JoinHandle<()>,
}

impl Dashboard {
    pub(crate) async fn bind(
        pages: PagesSettings,
        reader: Reader,
        keys: Keys,
        rules: watch::Receiver<Arc<Rules>>,
    ) -> Result<Self, Error> {
        let bind = |source| Error::Bind(pages.address, source);
        let listener = TcpListener::bind(pages.address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(Error::Address)?;
        let (local_link, token) = LocalLink::new().map_err(Error::Random)?;
        let router = treering_dashboard::router(treering_dashboard::Settings {
            reader,
            keys,
            prices: pages.prices,
            local_link: Some(local_link),
            hosts: if pages.behind_proxy { Hosts::Any } else { Hosts::Loopback },
            rules,
            https: pages.behind_proxy,
        });
        Ok(Self { listener, address, token, router })
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
            server: tokio::spawn(treering_collector::serve(self.listener, self.router, limits, forever)),
        }
    }
}

impl Serving {
    /// Serves no more.
    pub(crate) fn end(self) {
        self.server.abort();
    }
}
