//! What it costs to forget and to erase, and how long others have to wait meanwhile. Prints a table of a store in a file,
//! or of a PostgreSQL that it starts:
//!
//! ```sh
//! cargo run --release -p treering-store --example sweeping -- 1000000
//! cargo run --release -p treering-store --example sweeping -- 1000000 postgres
//! ```
//!
//! The spans are those of agents, 1.5 KB each, ten an execution, over ten days of ingest and two projects, indexed as
//! delivery does. While anything goes, a third project sends a span each 20 milliseconds.
#![expect(clippy::print_stdout, reason = "it is a program for the terminal")]

mod cost;
mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cost::{Cost, Processors};
use load::{DAY, DAYS, Load};
use treering_seal::MasterKey;
use treering_store::{Handles, MasterSource, ProjectId, StoreUrl, Target};
use treering_test_servers::{Database, Durability, Owner, PostgresServer};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Between two spans of somebody else.
const BREAK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let spans: u64 = arguments.next().as_deref().unwrap_or("1000000").parse()?;
    let folder = tempfile::tempdir()?;
    let place = match arguments.next().as_deref() {
        Some("postgres") => Place::postgres()?,
        _ => Place::Sqlite(StoreUrl::Sqlite(folder.path().join("treering.db"))),
    };
    sweep(&place, spans).await
}

/// Where the store is.
enum Place {
    Sqlite(StoreUrl),
    Postgres(Box<(PostgresServer, Database)>),
}

impl Place {
    fn postgres() -> Outcome<Self> {
        let server = PostgresServer::start(Durability::Full)?;
        let database = server.create_database(Owner::Plain)?;
        Ok(Self::Postgres(Box::new((server, database))))
    }

    fn url(&self) -> Outcome<StoreUrl> {
        match self {
            Self::Sqlite(url) => Ok(url.clone()),
            Self::Postgres(server) => Ok(server.1.url.parse()?),
        }
    }

    /// The processors of the server, where there is one.
    fn processors(&self) -> Outcome<Processors> {
        match self {
            Self::Sqlite(_) => Ok(Processors::default()),
            Self::Postgres(server) => Processors::of_server(&server.0.admin_url("postgres")),
        }
    }

    /// What a server does by itself sooner or later.
    fn vacuum(&self) -> Outcome<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(server) => {
                let (server, database) = &**server;
                Ok(server.administer(&database.name, &["VACUUM ANALYZE"])?)
            }
        }
    }
}

struct Sweeping<'a> {
    place: &'a Place,
    url: StoreUrl,
    handles: Handles,
    load: Arc<Load>,
    processors: Processors,
}

async fn sweep(place: &Place, spans: u64) -> Outcome<()> {
    let url = place.url()?;
    let handles = treering_store::open(&url, MasterSource::Key(MasterKey::generate()?)).await?;
    let mut projects = Vec::new();
    for name in ["even", "odd", "other"] {
        projects.push(handles.keeper.ensure_project(name).await?.id);
    }
    let odd = projects[1];
    let load = Arc::new(Load::new(handles.writer.clone(), projects));
    let sweeping = Sweeping { place, url, handles, load, processors: place.processors()? };
    println!(
        "{:34} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  gone",
        "", "wall s", "own CPU", "server", "wait ms", "MB", "MB then", "vacuumed"
    );
    sweeping.each(spans, odd).await
}

impl Sweeping<'_> {
    async fn each(&self, spans: u64, project: ProjectId) -> Outcome<()> {
        let writer = &self.handles.writer;
        self.measure("load", async { self.load.fill(spans).await }).await?;
        let asked = async { Ok(self.handles.keeper.would_erase(project, session()).await?.executions) };
        self.measure("tell what a session has", asked).await?;
        self.measure("erase a session", self.erase(project, session())).await?;
        self.measure("erase a user", self.erase(project, Target::User("ada".into()))).await?;
        self.measure("write a day of content anew", async {
            writer.retire_day(project, DAY + DAYS - 1).await?;
            Ok(writer.rewrite_day(project, DAY + DAYS - 1).await?)
        })
        .await?;
        self.measure("forget a day of content", async {
            Ok(writer.forget_days(project, Some(DAY + 1), None, false).await?.records)
        })
        .await?;
        self.measure("tell which executions are old", async {
            Ok(writer.forget_days(project, None, Some(DAY + 2), true).await?.executions)
        })
        .await?;
        self.measure("forget the executions of two days", async {
            Ok(writer.forget_days(project, None, Some(DAY + 2), false).await?.executions)
        })
        .await?;
        self.measure("erase a project", self.erase(project, Target::Project)).await
    }

    async fn erase(&self, project: ProjectId, target: Target) -> Outcome<u64> {
        let erased = self.handles.writer.erase(project, target).await?;
        self.handles.writer.scrub().await?;
        Ok(erased.executions)
    }

    /// Prints what this takes, and how long somebody else had to wait for the store at most.
    async fn measure(&self, what: &str, work: impl Future<Output = Outcome<u64>>) -> Outcome<()> {
        let before = treering_store::store_bytes(&self.url)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let waiting = tokio::spawn(longest_wait(self.load.clone(), is_over.clone()));
        let began = Cost::now(&self.processors)?;
        let gone = work.await?;
        let Cost { wall, own, server, .. } = Cost::now(&self.processors)?.since(&began);
        is_over.store(true, Ordering::Relaxed);
        let longest = waiting.await?;
        let after = treering_store::store_bytes(&self.url)?;
        self.place.vacuum()?;
        let vacuumed = treering_store::store_bytes(&self.url)?;
        let megabytes = |bytes: u64| bytes >> 20;
        println!(
            "{what:34} {:8.2} {:8.2} {:8.2} {:8.0} {:8} {:8} {:8}  {gone}",
            wall.as_secs_f64(),
            own.as_secs_f64(),
            server.as_secs_f64(),
            longest.as_secs_f64() * 1e3,
            megabytes(before),
            megabytes(after),
            megabytes(vacuumed),
        );
        Ok(())
    }
}

fn session() -> Target {
    Target::Session("conversation".into())
}

async fn longest_wait(load: Arc<Load>, is_over: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        if let Err(error) = load.one().await {
            println!("a span of somebody else was not kept: {error}");
        }
        longest = longest.max(began.elapsed());
        tokio::time::sleep(BREAK).await;
    }
    longest
}
