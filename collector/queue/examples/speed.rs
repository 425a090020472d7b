//! What the journal costs, beside what SQLite takes for the same promise: each group is on disk, fsynced.
//!
//! `cargo run --release -p treering-queue --example speed -- FOLDER [REQUESTS] [BYTES] [SPANS A REQUEST]`

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use treering_otlp::Signal;
use treering_queue::{Journal, Sealed, Settings};
use treering_redact::Redacted;
use treering_seal::{DataKey, KeyId, Secret};

/// Clients that send at one time.
const CLIENTS: usize = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Copy)]
struct Load {
    requests: usize,
    bytes: usize,
    spans: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder on the disk to measure")?;
    let mut number = |or: usize| arguments.next().map_or(Ok(or), |text| text.parse());
    let (requests, bytes, spans) = (number(4000)?, number(155_000)?, number(100)?);
    let load = Load { requests, bytes, spans: f64::from(u32::try_from(spans)?) };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    journal(folder, load).await?;
    database(folder, load)
}

async fn journal(folder: &Path, load: Load) -> Result<(), Failure> {
    let path = folder.join("journal");
    let key = DataKey::new(KeyId([1; 8]), &Secret::generate()?);
    let measure = Measure::begin()?;
    for _ in 0..load.requests.min(1000) {
        std::hint::black_box(Sealed::new(1, 0, request(load.bytes)?, &key)?);
    }
    measure.tell("sealing alone", load.requests.min(1000), load, &[])?;
    let journal = Journal::open(&path, &Settings { max_bytes: u64::MAX })?;
    let measure = Measure::begin()?;
    let clients = (0..CLIENTS).map(|_| tokio::spawn(client(journal.clone(), key.clone(), load)));
    let mut waits = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        waits.extend(client.await??);
    }
    measure.tell("sealing and appending", waits.len(), load, &waits)?;
    drop(journal);
    let start = Instant::now();
    let journal = Journal::open(&path, &Settings { max_bytes: u64::MAX })?;
    println!("opening {:?}: {:?}", journal.depth(), start.elapsed());
    drop(journal);
    Ok(std::fs::remove_dir_all(path)?)
}

async fn client(journal: Journal, key: DataKey, load: Load) -> Result<Vec<Duration>, Failure> {
    let mut waits = Vec::new();
    for _ in 0..load.requests / CLIENTS {
        let sealed = Sealed::new(1, 0, request(load.bytes)?, &key)?;
        let start = Instant::now();
        journal.append(sealed).await?;
        waits.push(start.elapsed());
    }
    Ok(waits)
}

/// The same bytes in groups of as many as there are clients, which is kinder than what arrives by chance.
fn database(folder: &Path, load: Load) -> Result<(), Failure> {
    let path = folder.join("speed.db");
    let mut database = Connection::open(&path)?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "full")?;
    database.execute_batch("CREATE TABLE entry (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")?;
    let bytes = vec![1_u8; load.bytes];
    let (measure, mut waits) = (Measure::begin()?, Vec::new());
    for _ in 0..load.requests / CLIENTS {
        let start = Instant::now();
        let transaction = database.transaction()?;
        for _ in 0..CLIENTS {
            transaction.prepare_cached("INSERT INTO entry (bytes) VALUES (?1)")?.execute(params![bytes])?;
        }
        transaction.commit()?;
        waits.push(start.elapsed());
    }
    measure.tell("SQLite, without sealing", waits.len() * CLIENTS, load, &waits)?;
    drop(database);
    Ok(std::fs::remove_file(path)?)
}

/// One resource whose schema URL has so many bytes.
#[expect(clippy::disallowed_methods, reason = "a measure of the journal needs what it would be given")]
fn request(length: usize) -> Result<Redacted, Failure> {
    let field = |number: u8, payload: &[u8]| -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![number << 3 | 2];
        for shift in [0, 7, 14] {
            bytes.push(u8::try_from(payload.len() >> shift & 127)? | 128);
        }
        bytes.push(u8::try_from(payload.len() >> 21)?);
        bytes.extend(payload);
        Ok(bytes)
    };
    Ok(Redacted::from_journal(Signal::Traces, field(1, &field(3, &vec![b'x'; length])?)?.into())?)
}

struct Measure {
    start: Instant,
    cpu: Duration,
}

impl Measure {
    fn begin() -> Result<Self, Failure> {
        Ok(Self { start: Instant::now(), cpu: cpu()? })
    }

    fn tell(&self, what: &str, requests: usize, load: Load, waits: &[Duration]) -> Result<(), Failure> {
        let spans = f64::from(u32::try_from(requests)?) * load.spans;
        let (cpu, wall) = (cpu()?.saturating_sub(self.cpu).as_secs_f64(), self.start.elapsed().as_secs_f64());
        let worst = waits.iter().max().copied().unwrap_or_default();
        println!(
            "{what}: {:.0} spans/s, {:.2} CPU-µs a span, longest wait {worst:?}",
            spans / wall,
            cpu / spans * 1e6
        );
        Ok(())
    }
}

/// What all threads of this process ran, by the word of Linux.
fn cpu() -> Result<Duration, Failure> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split_whitespace().next().ok_or("Linux tells it first")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}
