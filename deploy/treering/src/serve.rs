//! Read the settings without binding, open, bind, announce, serve, drain.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use treering_collector::{Collector, Limits, Running};
use treering_dashboard::{Hosts, LocalLink};
use treering_queue::Journal;
use treering_redact::Rules;
use treering_store::{ApiKey, Handles, Keeper, Keys, ReadHandles, Reader, Scopes};

use crate::announce::{Announcement, Listening};
use crate::cli::{Collect, Common, Dash, Intake, Pages, Up};
use crate::data::Data;
use crate::error::Error;
use crate::settings::{File, address, rules};
use crate::{Answer, demo, exposure};

const DEFAULT_PROJECT: &str = "default";
/// How long a page waits for the delivery of what was accepted before.
const DELIVERY_PATIENCE: Duration = Duration::from_millis(300);

/// `treering up`: both halves in one process.
pub(crate) async fn up(options: Up, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.common.place, &file)?;
    let intake = IntakeSettings::of(&options.intake, &options.common, &file)?;
    let pages = PagesSettings::of(&options.pages, &options.common, &file)?;
    let _lock = data.take()?;
    data.keep_private()?;
    let Handles { writer, reader, keys, keeper } = treering_store::open(&data.store).await?;
    let journal = Journal::open(&data.journal(), &intake.journal)?;
    let key = first_key(&keeper).await?;

    let redaction_off = !intake.rules.builtin_enabled();
    let collector = Collector::bind(intake.collector).await?;
    let dashboard =
        Dashboard::bind(pages, reader, keys.clone(), redaction_off).await?.after_delivery(journal.clone());
    let listening = Listening {
        pid: std::process::id(),
        otlp_grpc: Some(collector.grpc_address().map_err(Error::Address)?),
        otlp_http: Some(collector.http_address().map_err(Error::Address)?),
        dashboard: Some(dashboard.address),
    };
    let token = dashboard.token.clone();
    let mut running = collector.start(intake.rules, journal, writer, keys).await?;
    let serving = dashboard.serve();
    announce(&data.folder, &listening, Some(&token), key.as_ref(), redaction_off)?;
    if options.demo {
        demo(&keeper, &listening).await?;
    }
    let ended = until_told_or_failed(&mut running).await;
    drain(Some(running), Some(serving)).await;
    ended
}

/// `treering collect`: the half that writes.
pub(crate) async fn collect(options: Collect, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.common.place, &file)?;
    let intake = IntakeSettings::of(&options.intake, &options.common, &file)?;
    let _lock = data.take()?;
    data.keep_private()?;
    let Handles { writer, keys, keeper, .. } = treering_store::open(&data.store).await?;
    let journal = Journal::open(&data.journal(), &intake.journal)?;
    let key = first_key(&keeper).await?;
    let redaction_off = !intake.rules.builtin_enabled();
    let collector = Collector::bind(intake.collector).await?;
    let listening = Listening {
        pid: std::process::id(),
        otlp_grpc: Some(collector.grpc_address().map_err(Error::Address)?),
        otlp_http: Some(collector.http_address().map_err(Error::Address)?),
        dashboard: None,
    };
    let mut running = collector.start(intake.rules, journal, writer, keys).await?;
    announce(&data.folder, &listening, None, key.as_ref(), redaction_off)?;
    let ended = until_told_or_failed(&mut running).await;
    drain(Some(running), None).await;
    ended
}

/// `treering dash`: the half that reads. It opens the store read-only, and leaves the folder's files alone.
pub(crate) async fn dash(options: Dash, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.common.place, &file)?;
    let pages = PagesSettings::of(&options.pages, &options.common, &file)?;
    let rules = rules(options.rules.as_deref().or(file.rules.as_deref()))?;
    data.must_exist()?;
    let ReadHandles { reader, keys } = treering_store::open_read_only(&data.store).await?;
    let dashboard = Dashboard::bind(pages, reader, keys, !rules.builtin_enabled()).await?;
    let listening =
        Listening { pid: std::process::id(), dashboard: Some(dashboard.address), ..Listening::default() };
    let token = dashboard.token.clone();
    let announcement = Announcement {
        folder: &data.folder,
        listening: &listening,
        token: Some(&token),
        key: None,
        redaction_off: !rules.builtin_enabled(),
    };
    let serving = dashboard.serve();
    announcement.print()?;
    until_told_to_stop().await;
    drain(None, Some(serving)).await;
    Ok(Answer::Yes)
}

struct IntakeSettings {
    collector: treering_collector::Settings,
    journal: treering_queue::Settings,
    rules: Rules,
}

impl IntakeSettings {
    fn of(flags: &Intake, common: &Common, file: &File) -> Result<Self, Error> {
        let otlp_grpc = address(flags.otlp_grpc, file.otlp_grpc, 4317);
        let otlp_http = address(flags.otlp_http, file.otlp_http, 4318);
        exposure::check(&[otlp_grpc, otlp_http], common.behind_proxy || file.behind_proxy)?;
        let (mut limits, mut journal) = (Limits::default(), treering_queue::Settings::default());
        limits.max_request_bytes =
            flags.max_request_bytes.or(file.max_request_bytes).unwrap_or(limits.max_request_bytes);
        journal.max_bytes = flags.max_journal_bytes.or(file.max_journal_bytes).unwrap_or(journal.max_bytes);
        let name = "collector".to_owned();
        Ok(Self {
            collector: treering_collector::Settings { name, otlp_grpc, otlp_http, limits },
            journal,
            rules: rules(flags.rules.as_deref().or(file.rules.as_deref()))?,
        })
    }
}

struct PagesSettings {
    address: SocketAddr,
    behind_proxy: bool,
}

impl PagesSettings {
    fn of(flags: &Pages, common: &Common, file: &File) -> Result<Self, Error> {
        let address = address(flags.dashboard, file.dashboard, 4319);
        let behind_proxy = common.behind_proxy || file.behind_proxy;
        exposure::check(&[address], behind_proxy)?;
        Ok(Self { address, behind_proxy })
    }
}

/// A dashboard that has its place, and serves nobody yet.
struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
    token: String,
    router: axum::Router,
}

/// A dashboard at work.
struct Serving {
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Dashboard {
    async fn bind(
        pages: PagesSettings,
        reader: Reader,
        keys: Keys,
        redaction_off: bool,
    ) -> Result<Self, Error> {
        let bind = |source| Error::Bind(pages.address, source);
        let listener = TcpListener::bind(pages.address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(Error::Address)?;
        let (local_link, token) = LocalLink::new().map_err(Error::Random)?;
        let router = treering_dashboard::router(treering_dashboard::Settings {
            reader,
            keys,
            local_link: Some(local_link),
            hosts: if pages.behind_proxy { Hosts::Any } else { Hosts::Loopback },
            redaction_off,
            https: pages.behind_proxy,
        });
        Ok(Self { listener, address, token, router })
    }

    /// A page waits, a moment at the most, for what was accepted before it was asked for: whoever has just sent
    /// something sees it.
    fn after_delivery(mut self, journal: Journal) -> Self {
        let wait = async |State(journal): State<Journal>, request: Request, next: Next| {
            // A store that is stuck is no reason to show nothing.
            tokio::time::timeout(DELIVERY_PATIENCE, journal.delivered()).await.ok();
            next.run(request).await
        };
        self.router = self.router.layer(from_fn_with_state(journal, wait));
        self
    }

    fn serve(self) -> Serving {
        let (stop, mut stopped) = watch::channel(false);
        let until = async move { drop(stopped.wait_for(|stop| *stop).await) };
        let server = axum::serve(self.listener, self.router).with_graceful_shutdown(until);
        Serving { stop, server: tokio::spawn(server.into_future()) }
    }
}

/// The project and the key of a first start; later starts have keys already.
async fn first_key(keeper: &Keeper) -> Result<Option<ApiKey>, Error> {
    let project = keeper.ensure_project(DEFAULT_PROJECT).await?;
    if !keeper.keys().await?.is_empty() {
        return Ok(None);
    }
    let key = ApiKey::generate()?;
    keeper.create_key(project, &key, Scopes { ingest: true, read: false }, None).await?;
    Ok(Some(key))
}

fn announce(
    folder: &Path,
    listening: &Listening,
    token: Option<&str>,
    key: Option<&ApiKey>,
    redaction_off: bool,
) -> Result<(), Error> {
    listening.write(folder)?;
    Announcement { folder, listening, token, key, redaction_off }.print()?;
    Ok(())
}

/// The demo sends as any agent would, with a key of its own that ends by itself.
async fn demo(keeper: &Keeper, listening: &Listening) -> Result<(), Error> {
    const GOOD_FOR: u64 = 60 * 60 * 1_000_000_000;
    let key = ApiKey::generate()?;
    let project = keeper.ensure_project(DEFAULT_PROJECT).await?;
    let end = treering_step::Timestamp::from_nanos(treering_step::Timestamp::now().as_nanos() + GOOD_FOR);
    keeper.create_key(project, &key, Scopes { ingest: true, read: false }, end).await?;
    let address = listening.otlp_grpc.expect("`up` listens for OTLP");
    let run = move || match demo::run(&format!("http://{address}"), key.reveal()) {
        Ok(stats) => tracing::info!(?stats, "the demo has ended"),
        Err(error) => tracing::error!(%error, "the demo failed"),
    };
    std::thread::Builder::new().name("demo".into()).spawn(run).map_err(Error::Runtime)?;
    Ok(())
}

/// A collector of which a part has ended would take in what it no longer delivers: better that the process ends.
async fn until_told_or_failed(running: &mut Running) -> Result<Answer, Error> {
    tokio::select! {
        () = until_told_to_stop() => Ok(Answer::Yes),
        () = running.failed() => Err(Error::Defect),
    }
}

/// SIGINT or SIGTERM.
async fn until_told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signal) => drop(signal.recv().await),
                Err(error) => {
                    tracing::warn!(%error, "SIGTERM cannot be waited for");
                    std::future::pending().await
                }
            }
        };
        tokio::select! {
            _ = interrupt => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}

async fn drain(collector: Option<Running>, dashboard: Option<Serving>) {
    if let Some(Serving { stop, server }) = dashboard {
        // Readers can come back; nobody waits for them.
        stop.send_replace(true);
        server.abort();
    }
    if let Some(collector) = collector {
        collector.stop().await;
    }
}

/// Warnings and errors of this process, one line each. No line ever holds a payload or a key.
fn log_to_stderr() {
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(LevelFilter::WARN).with(lines).init();
}
