//! Read the settings without binding, open, bind, announce, serve, drain.

use treering_collector::{Collector, Running, StoreHandles};
use treering_queue::Journal;
use treering_store::{ApiKey, Handles, Keeper, Keys, ProjectId, ReadHandles, Scopes, Terms, Vault};

use crate::announce::{Announcement, Listening};
use crate::checkpoints::Checkpoints;
use crate::cli::{Collect, Dash, Up};
use crate::data::Data;
use crate::error::Error;
use crate::exposure::Guard;
use crate::intake::IntakeSettings;
use crate::pages::{Dashboard, PagesSettings, Serving};
use crate::rules::RuleFile;
use crate::settings::File;
use crate::stop::Stop;
use crate::{Answer, demo};

const DEFAULT_PROJECT: &str = "default";

/// `treering up`: both halves in one process.
pub(crate) async fn up(options: Up, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.common.place, &file)?;
    let mut guard = Guard::of(&options.common, &file)?;
    let intake = IntakeSettings::of(&options.intake, &options.common, &guard, &file)?;
    let pages = PagesSettings::of(&options.pages, &options.common, &guard, &file)?;
    let stop = Stop::listen()?;
    let _lock = data.take()?;
    let made_master = data.ensure_master()?;
    data.keep_private()?;
    let (Handles { writer, reader, keys, keeper, witness, vault, .. }, damaged) =
        treering_store::open_and_mend(&data.store, data.master.clone()).await?;
    let seals = data.seals(&vault)?;
    let journal = journal(&data, &intake, &seals).await?;
    let rules = intake.rules.watched();
    let in_force = rules.in_force();
    let redaction_off = !in_force.borrow().builtin_enabled();
    let checkpoints = Checkpoints::of(&data, &options.common, &file, witness.clone())?;
    let collector = Collector::bind(data.known_by_id(intake.collector)?).await?;
    let seeing = ReadHandles { reader, keys: keys.clone(), witness: witness.clone(), vault };
    let dashboard = Dashboard::bind(pages, seeing, in_force.clone()).await?.after_delivery(journal.clone());
    let listening = Listening {
        pid: std::process::id(),
        otlp_grpc: Some(collector.grpc_address().map_err(Error::Address)?),
        otlp_http: Some(collector.http_address().map_err(Error::Address)?),
        dashboard: Some(dashboard.address),
        tls: guard.tls.is_some(),
        otlp_local: collector.local_address().map_err(Error::Address)?,
    };
    let (token, key) = (dashboard.token.clone(), first_key(&keeper, &keys).await?);
    let store = StoreHandles { writer, keys, witness: witness.clone() };
    let mut running = collector.start(in_force, intake.prices, journal, seals, store).await?;
    tokio::spawn(rules.keep_fresh(witness.clone()));
    checkpoints.keep();
    guard.keep_fresh();
    running.salvage(damaged);
    let serving = dashboard.serve();
    Announcement {
        data: &data,
        listening: &listening,
        token: token.as_deref(),
        key: key.as_ref(),
        made_master: made_master.as_deref(),
        redaction_off,
    }
    .announce()?;
    if options.demo {
        demo(&keeper, &listening).await?;
    }
    let ended = until_told_or_failed(stop, &mut running).await;
    drain(Some(running), Some(serving)).await;
    ended
}

/// `treering collect`: the half that writes.
pub(crate) async fn collect(options: Collect, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.common.place, &file)?;
    let mut guard = Guard::of(&options.common, &file)?;
    let intake = IntakeSettings::of(&options.intake, &options.common, &guard, &file)?;
    let stop = Stop::listen()?;
    let _lock = data.take()?;
    let made_master = data.ensure_master()?;
    data.keep_private()?;
    let (Handles { writer, keys, keeper, witness, vault, .. }, damaged) =
        treering_store::open_and_mend(&data.store, data.master.clone()).await?;
    let seals = data.seals(&vault)?;
    let journal = journal(&data, &intake, &seals).await?;
    let rules = intake.rules.watched();
    let in_force = rules.in_force();
    let redaction_off = !in_force.borrow().builtin_enabled();
    let checkpoints = Checkpoints::of(&data, &options.common, &file, witness.clone())?;
    let collector = Collector::bind(data.known_by_id(intake.collector)?).await?;
    let listening = Listening {
        pid: std::process::id(),
        otlp_grpc: Some(collector.grpc_address().map_err(Error::Address)?),
        otlp_http: Some(collector.http_address().map_err(Error::Address)?),
        dashboard: None,
        tls: guard.tls.is_some(),
        otlp_local: collector.local_address().map_err(Error::Address)?,
    };
    let key = first_key(&keeper, &keys).await?;
    let store = StoreHandles { writer, keys, witness: witness.clone() };
    let mut running = collector.start(in_force, intake.prices, journal, seals, store).await?;
    tokio::spawn(rules.keep_fresh(witness.clone()));
    checkpoints.keep();
    guard.keep_fresh();
    running.salvage(damaged);
    Announcement {
        data: &data,
        listening: &listening,
        token: None,
        key: key.as_ref(),
        made_master: made_master.as_deref(),
        redaction_off,
    }
    .announce()?;
    let ended = until_told_or_failed(stop, &mut running).await;
    drain(Some(running), None).await;
    ended
}

/// `treering dash`: the half that reads. It opens the store read-only, and leaves the folder's files alone.
pub(crate) async fn dash(options: Dash, file: File) -> Result<Answer, Error> {
    log_to_stderr();
    let data = Data::of(&options.common.place, &file)?;
    let mut guard = Guard::of(&options.common, &file)?;
    let pages = PagesSettings::of(&options.pages, &options.common, &guard, &file)?;
    let rules = RuleFile::open(options.rules.as_deref().or(file.rules.as_deref()))?.watched();
    let in_force = rules.in_force();
    let redaction_off = !in_force.borrow().builtin_enabled();
    let stop = Stop::listen()?;
    data.must_exist()?;
    let seeing = treering_store::open_read_only(&data.store, data.master.clone()).await?;
    let witness = seeing.witness.clone();
    // It leaves the folder's own files alone, and writes where it is told to.
    let checkpoints = Checkpoints::named(&options.common, &file, witness.clone())?;
    let dashboard = Dashboard::bind(pages, seeing, in_force).await?;
    tokio::spawn(rules.keep_fresh(witness.clone()));
    checkpoints.into_iter().for_each(Checkpoints::keep);
    guard.keep_fresh();
    let listening = Listening {
        pid: std::process::id(),
        dashboard: Some(dashboard.address),
        tls: guard.tls.is_some(),
        ..Listening::default()
    };
    let token = dashboard.token.clone();
    let announcement = Announcement {
        data: &data,
        listening: &listening,
        token: token.as_deref(),
        key: None,
        made_master: None,
        redaction_off,
    };
    let serving = dashboard.serve();
    announcement.print()?;
    stop.told().await;
    drain(None, Some(serving)).await;
    Ok(Answer::Yes)
}

/// The project and the key of a first start; later starts have keys already. Made only once nothing can keep the key
/// from being printed.
async fn first_key(keeper: &Keeper, keys: &Keys) -> Result<Option<ApiKey>, Error> {
    // A login that only collects may not ask the keeper for anything.
    if !keys.all().await?.is_empty() {
        return Ok(None);
    }
    let project = keeper.ensure_project(DEFAULT_PROJECT).await?;
    let key = ApiKey::generate()?;
    keeper.create_key(project, &key, Scopes { ingest: true, read: false }).await?;
    Ok(Some(key))
}

/// The journal, with what an older version left.
pub(crate) async fn journal(data: &Data, intake: &IntakeSettings, seals: &Vault) -> Result<Journal, Error> {
    const MILLISECONDS_A_DAY: u64 = 24 * 60 * 60 * 1000;
    let journal = Journal::open(&data.journal(), &intake.journal)?;
    data.seals_must_be_there(&journal, seals)?;
    let key = |project, at| {
        let day = u32::try_from(at / MILLISECONDS_A_DAY).unwrap_or(u32::MAX);
        Ok(seals.data_key(ProjectId::from_i64(project), day)?)
    };
    let taken: Result<u64, Error> = journal.take_over(&data.old_journal(), &key).await;
    if taken? > 0 {
        tracing::warn!("what waited in the journal of an older version was taken over");
    }
    Ok(journal)
}

/// The demo sends as any agent would, with a key of its own that ends by itself.
async fn demo(keeper: &Keeper, listening: &Listening) -> Result<(), Error> {
    const GOOD_FOR: u64 = 60 * 60 * 1_000_000_000;
    let key = ApiKey::generate()?;
    let project = keeper.ensure_project(DEFAULT_PROJECT).await?;
    let end = treering_step::Timestamp::from_nanos(treering_step::Timestamp::now().as_nanos() + GOOD_FOR);
    keeper.create_key(project, &key, Terms::from(Scopes { ingest: true, read: false }).until(end)).await?;
    let address = listening.otlp_local.or(listening.otlp_grpc).expect("`up` listens for OTLP");
    let run = move || match demo::run(&format!("http://{address}"), key.reveal()) {
        Ok(stats) => tracing::info!(?stats, "the demo has ended"),
        Err(error) => tracing::error!(%error, "the demo failed"),
    };
    std::thread::Builder::new().name("demo".into()).spawn(run).map_err(Error::Runtime)?;
    Ok(())
}

/// A collector of which a part has ended would take in what it no longer delivers: better that the process ends.
async fn until_told_or_failed(stop: Stop, running: &mut Running) -> Result<Answer, Error> {
    tokio::select! {
        () = stop.told() => Ok(Answer::Yes),
        () = running.failed() => Err(Error::Defect),
    }
}

async fn drain(collector: Option<Running>, dashboard: Option<Serving>) {
    // Readers can come back; nobody waits for them.
    if let Some(dashboard) = dashboard {
        dashboard.end();
    }
    if let Some(collector) = collector {
        collector.stop().await;
    }
}

/// Warnings and errors of this process, one line each. No line ever holds a payload or a key.
pub(crate) fn log_to_stderr() {
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(LevelFilter::WARN).with(lines).init();
}
