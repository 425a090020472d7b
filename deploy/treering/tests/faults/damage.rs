//! Files that are damaged, nine ways: the server starts on them, keeps what is whole, names and counts the rest, and
//! goes on.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::ledger::{Ledger, STEPS, records, sent, spans, try_records, visible};
use crate::load::Load;
use crate::otlp::{Exporter, traces};
use crate::place::StoreLock;
use crate::random::Random;
use crate::support::{Api, PATIENCE, Server, client, outcomes, treering};

/// How soon it must listen and take a span.
const START: Duration = Duration::from_secs(5);
/// Requests in each part of the store, and further ones that only the journal has.
const STORED: u64 = 120;
const WAITING: u64 = 60;
/// The execution that is sent to the mended server.
const NEW: u64 = 5_000_000;
/// How long nothing may change before an account is taken for the last one.
const QUIET: Duration = Duration::from_secs(2);
/// How long anything may take that is still to be counted.
const LAST: Duration = Duration::from_secs(15);
const PAGE: u64 = 4096;
/// The names under which such losses are counted.
const LOST: [&str; 3] = ["lost.damaged_store", "lost.missing_store", "lost.damaged_journal"];

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    TruncatedInTheMiddle,
    TruncatedByOne,
    ZeroedTail,
    GarbageTail,
    FlippedBits,
    Hole,
    Empty,
    Missing,
    ReadOnly,
}

impl Damage {
    const ALL: [Self; 9] = [
        Self::TruncatedInTheMiddle,
        Self::TruncatedByOne,
        Self::ZeroedTail,
        Self::GarbageTail,
        Self::FlippedBits,
        Self::Hole,
        Self::Empty,
        Self::Missing,
        Self::ReadOnly,
    ];

    fn inflict(self, path: &Path, random: &mut Random) {
        if self == Self::Missing {
            return fs::remove_file(path).unwrap();
        }
        let mut file = File::options().read(true).write(true).open(path).unwrap();
        let length = file.metadata().unwrap().len();
        let mut write = |at: u64, bytes: &[u8]| {
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(bytes).unwrap();
        };
        match self {
            Self::TruncatedInTheMiddle => file.set_len(length * 2 / 3 + random.below(97)).unwrap(),
            Self::TruncatedByOne => file.set_len(length - 1).unwrap(),
            Self::ZeroedTail => write(length - length.min(PAGE), &vec![0; as_size(length.min(PAGE))]),
            Self::GarbageTail => {
                write(length, &(0..777).map(|_| random.next().to_le_bytes()[0]).collect::<Vec<_>>());
            }
            Self::FlippedBits => (0..5).for_each(|_| flip(&mut file, random.below(length), random)),
            Self::Hole => write(length / 2 / PAGE * PAGE, &vec![0; as_size(PAGE)]),
            Self::Empty => file.set_len(0).unwrap(),
            Self::Missing => {}
            Self::ReadOnly => {
                let mut permissions = file.metadata().unwrap().permissions();
                permissions.set_readonly(true);
                file.set_permissions(permissions).unwrap();
            }
        }
    }
}

fn as_size(length: u64) -> usize {
    usize::try_from(length).unwrap()
}

fn flip(file: &mut File, at: u64, random: &mut Random) {
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    byte[0] ^= 1 << random.below(8);
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&byte).unwrap();
}

/// A data folder as a kill leaves it: executions in the store, and others in the journal alone.
struct Original {
    folder: tempfile::TempDir,
    keys: [String; 2],
    ledger: Ledger,
}

impl Original {
    async fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &[]);
        let keys = [server.key("ingest"), server.key("read")];
        let load = Load::start(&server.http, &keys[0], 2, 0);
        load.more(STORED).await;
        // The older ones in the database itself, the younger ones in its log.
        check_point(folder.path());
        load.more(STORED).await;
        let mut ledger = load.end().await;
        ledger.assert_kept(&Api::with(&server, &keys[1])).await;
        let lock = StoreLock::take(folder.path());
        let load = Load::start(&server.http, &keys[0], 2, 1_000_000);
        load.more(WAITING).await;
        let later = load.end().await;
        server.kill();
        drop(lock);
        ledger.acknowledged.extend(later.acknowledged);
        ledger.uncertain.extend(later.uncertain);
        Self { folder, keys, ledger }
    }

    /// A copy of it.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.folder.path(), copy.path());
        copy
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn check_point(data: &Path) {
    let connection = Connection::open(data.join("treering.db")).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// The largest file of the journal, whatever it is made of.
fn journal(data: &Path) -> PathBuf {
    let folder = data.join("journal");
    let files = fs::read_dir(if folder.is_dir() { &folder } else { data }).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let of_journal = |path: &PathBuf| {
        folder.is_dir() || path.file_name().unwrap().to_string_lossy().starts_with("journal.db")
    };
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    files.filter(of_journal).max_by_key(size).unwrap()
}

/// What became of a folder with a damaged file.
#[derive(Debug, PartialEq, Eq)]
struct Account {
    /// Steps that were acknowledged and are not visible.
    missing: u64,
    /// Those of them for which an error is answered, rather than less than there was.
    said: u64,
    /// What the store says is lost.
    lost: u64,
    /// The keys go on working.
    keys: bool,
    /// The log tells of damage. Counts are written each second, and may be lost with a kill; a line is not.
    logged: bool,
}

/// Damages a file, and checks what must hold: see the top of this file.
async fn mend(original: &Original, path: fn(&Path) -> PathBuf, damage: Damage, at: u64) -> Account {
    let copy = original.copy();
    let data = copy.path();
    damage.inflict(&path(data), &mut Random::of(at));
    let said = data.join("said");
    let start = || {
        let mut command = treering();
        command.stderr(File::options().create(true).append(true).open(&said).unwrap());
        Server::start_as(command, data, &[])
    };
    let begun = Instant::now();
    let server = start();
    // Where the pages with the keys are gone, there are new ones.
    let [ingest, read] = match is_known(&server, &original.keys[1]).await {
        true => original.keys.clone(),
        false => [server.key("ingest"), server.key("read")],
    };
    Exporter::new(&server, &ingest).send("/v1/traces", traces(spans(NEW))).await.unwrap();
    assert!(begun.elapsed() < START, "{damage:?}: the start took {:?}", begun.elapsed());
    // Once more, in the middle of whatever it does.
    server.kill();
    let server = start();
    let api = Api::with(&server, &read);
    let mut account = settle(&original.ledger, &api, data).await;
    account.keys = read == original.keys[1];
    account.logged = fs::read_to_string(&said).unwrap().contains("damaged");
    assert_eq!(records(&api, NEW).await, sent(NEW), "{damage:?}");
    if account.lost > 0 {
        assert_page(&server, &read, "lost").await;
        let said = fs::read_to_string(&said).unwrap();
        assert!(said.contains("damaged") || said.contains("lost"), "{damage:?} is not said: {said}");
    }
    account
}

async fn is_known(server: &Server, key: &str) -> bool {
    let asked = client().get(format!("http://{}/api/v1/executions", server.dashboard)).bearer_auth(key);
    asked.send().await.unwrap().status().as_u16() == 200
}

/// Waits until nothing is missing, or until what is missing is accounted for and nothing more comes.
async fn settle(ledger: &Ledger, api: &Api<'_>, data: &Path) -> Account {
    let end = Instant::now() + LAST;
    let (mut before, mut since) = (None, Instant::now());
    loop {
        let account = account(ledger, api, data).await;
        if before.as_ref() != Some(&account) {
            since = Instant::now();
        }
        let is_last = account.is_settled() && since.elapsed() > QUIET || Instant::now() > end;
        if account.missing == 0 || is_last {
            return account;
        }
        before = Some(account);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl Account {
    /// Nothing is missing in silence.
    fn is_settled(&self) -> bool {
        self.lost > 0 || self.said == self.missing
    }
}

async fn account(ledger: &Ledger, api: &Api<'_>, data: &Path) -> Account {
    let visible = visible(api).await;
    let (mut missing, mut said) = (0, 0);
    for &execution in &ledger.acknowledged {
        if !visible.contains_key(&execution) {
            missing += STEPS;
        } else if let Some(records) = try_records(api, execution).await {
            let sent = sent(execution);
            assert!(
                records.iter().all(|one| sent.contains(one)),
                "execution {execution} is not what was sent"
            );
            missing += STEPS - sent.iter().filter(|one| records.contains(one)).count() as u64;
        } else {
            (missing, said) = (missing + STEPS, said + STEPS);
        }
    }
    Account {
        missing,
        said,
        lost: outcomes(data, |name| LOST.contains(&name)).await,
        keys: true,
        logged: false,
    }
}

async fn assert_page(server: &Server, key: &str, text: &str) {
    let request = client().get(format!("http://{}/", server.dashboard)).bearer_auth(key);
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains(text), "no `{text}` on {page}");
}

/// Each way, on this file. Gives what became of it.
async fn all_ways(path: fn(&Path) -> PathBuf) -> Vec<(Damage, Account)> {
    let original = Original::make().await;
    let mut accounts = Vec::new();
    for (damage, at) in Damage::ALL.into_iter().zip(1_000..) {
        let account = mend(&original, path, damage, at).await;
        let harmless = matches!(damage, Damage::GarbageTail | Damage::ReadOnly);
        assert!(!harmless || account.missing == 0, "{damage:?} took {account:?}");
        accounts.push((damage, account));
    }
    accounts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_begun_anew_with_all_that_is_whole() {
    for (damage, account) in all_ways(|data| data.join("treering.db")).await {
        assert!(account.is_settled(), "{damage:?} took {account:?}");
        let is_gone = matches!(damage, Damage::Empty | Damage::Missing);
        assert!(account.keys || is_gone, "after {damage:?}, exporters would be sent away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_of_the_database_costs_what_was_damaged() {
    for (damage, account) in all_ways(|data| data.join("treering.db-wal")).await {
        assert!(account.is_settled(), "{damage:?} took {account:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_costs_what_was_damaged() {
    for (damage, account) in all_ways(journal).await {
        // A journal that ends too early looks as if it had been killed in the middle of a write; nothing tells it apart.
        let ends_early = matches!(
            damage,
            Damage::TruncatedInTheMiddle
                | Damage::TruncatedByOne
                | Damage::ZeroedTail
                | Damage::Empty
                | Damage::Missing
        );
        assert!(account.is_settled() || account.logged || ends_early, "{damage:?} took {account:?}");
        // What was in the store is not touched by it.
        let most = if damage == Damage::TruncatedByOne { 10 } else { WAITING + 10 } * STEPS;
        assert!(account.missing <= most, "{damage:?} took {account:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_keys_are_not_begun_anew() {
    let original = Original::make().await;
    for damage in [Damage::TruncatedInTheMiddle, Damage::Empty, Damage::Missing] {
        let copy = original.copy();
        damage.inflict(&copy.path().join("treering.keys"), &mut Random::of(1));
        let mut up = treering();
        up.args([
            "up",
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--dashboard",
            "127.0.0.1:0",
        ]);
        let ended = up.arg("--data").arg(copy.path()).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success() && said.contains("put the file back"), "{damage:?}: {said}");
        fs::copy(original.folder.path().join("treering.keys"), copy.path().join("treering.keys")).unwrap();
        let server = Server::start(copy.path(), &[]);
        original.ledger.assert_kept(&Api::with(&server, &original.keys[1])).await;
    }
}
