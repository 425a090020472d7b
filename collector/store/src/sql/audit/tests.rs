//! Whoever can write the file but has no key changes nothing unseen.

use proptest::prelude::*;
use rusqlite::Connection;
use treering_seal::MasterKey;

use treering_step::Timestamp;

use crate::{Act, Action, Audit, Broken, Checkpoint, Handles, KeyUse, MasterSource, StoreUrl, Verdict};

struct House {
    handles: Handles,
    folder: tempfile::TempDir,
}

impl House {
    /// With five rows.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(folder.path().join("store.db"));
        let master = MasterSource::Key(MasterKey::generate().unwrap());
        let handles = crate::open(&url, master).await.unwrap();
        let project = handles.keeper.ensure_project("default").await.unwrap();
        for number in 2..=5 {
            let act = Act::new(Action::Backup).within(project.id).on(format!("copy {number}"));
            handles.audit.append("cli:ada", act).await.unwrap();
        }
        Self { handles, folder }
    }

    fn audit(&self) -> &Audit {
        &self.handles.audit
    }

    /// What is found after somebody did this to the file.
    async fn after(sql: &str) -> Verdict {
        let house = Self::new().await;
        Connection::open(house.folder.path().join("store.db")).unwrap().execute_batch(sql).unwrap();
        house.audit().verify(vec![]).await.unwrap()
    }
}

fn changed(row: i64) -> Verdict {
    Verdict { sound: row.unsigned_abs() - 1, checked: None, broken: Some(Broken::Changed { row }) }
}

#[tokio::test]
async fn rows_as_they_were_written_are_sound_and_come_in_pages() {
    let house = House::new().await;
    assert_eq!(
        house.audit().verify(vec![]).await.unwrap(),
        Verdict { sound: 5, checked: None, broken: None }
    );
    let page = house.audit().page(None, 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), [5, 4]);
    assert_eq!(page[0].project_name.as_deref(), Some("default"));
    assert_eq!((page[0].actor.as_str(), page[0].action.as_str()), ("cli:ada", "backup"));
    let rest = house.audit().page(Some(4), 100).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!((rest[2].actor.as_str(), rest[2].action.as_str()), ("treering", "project.create"));
}

#[tokio::test]
async fn no_field_of_a_row_can_be_changed_unseen() {
    for field in [
        "at = at + 1",
        "actor = 'cli:eve'",
        "action = 'export'",
        "project = NULL",
        "project = 7",
        "subject = 'another'",
        "subject = NULL",
        "detail = ''",
        "outcome = 'failed'",
        "chain = zeroblob(32)",
        "chain = x''",
        "at = 0",
    ] {
        assert_eq!(
            House::after(&format!("UPDATE audit SET {field} WHERE id = 3")).await,
            changed(3),
            "{field}"
        );
    }
}

#[tokio::test]
async fn no_row_can_be_taken_out_unseen() {
    let missing = |row: i64| {
        let sound = row.unsigned_abs() - 2;
        Verdict { sound, checked: None, broken: Some(Broken::Missing { before: row }) }
    };
    assert_eq!(House::after("DELETE FROM audit WHERE id = 1").await, missing(2));
    assert_eq!(House::after("DELETE FROM audit WHERE id = 3").await, missing(4));
    let closed = "DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3";
    assert_eq!(House::after(closed).await, changed(3));
}

#[tokio::test]
async fn no_row_can_be_moved_or_put_in_unseen() {
    let swapped = "UPDATE audit SET id = 9 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3;
        UPDATE audit SET id = 3 WHERE id = 9";
    assert_eq!(House::after(swapped).await, changed(2));
    let forged = "INSERT INTO audit SELECT 6, at, actor, action, project, subject, detail, outcome, chain
        FROM audit WHERE id = 5";
    assert_eq!(House::after(forged).await, changed(6));
}

#[tokio::test]
async fn rows_cut_from_the_end_are_missed_by_their_number_alone() {
    let cut = House::after("DELETE FROM audit WHERE id > 3").await;
    assert_eq!(cut, Verdict { sound: 3, checked: None, broken: None });
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_row_and_a_row_that_fails_leaves_no_change() {
    let house = House::new().await;
    let keeper = &house.handles.keeper;
    let project = keeper.project("default").await.unwrap().unwrap().project;
    let connection = Connection::open(house.folder.path().join("store.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END";
    connection.execute_batch(refuse).unwrap();
    assert!(keeper.put_member(project.id, "ada", crate::Role::Owner).await.is_err());
    assert!(keeper.create_project("other").await.is_err());
    assert_eq!(keeper.members(None).await.unwrap(), []);
    assert_eq!(keeper.projects().await.unwrap().len(), 1);
    connection.execute_batch("DROP TRIGGER refuse").unwrap();
    assert!(keeper.create_project(" ").await.is_err());
    assert_eq!(house.audit().verify(vec![]).await.unwrap().sound, 5);
}

impl House {
    async fn checkpoint(&self) -> Checkpoint {
        self.audit().checkpoint().await.unwrap().unwrap()
    }

    fn execute(&self, sql: &str) {
        Connection::open(self.folder.path().join("store.db")).unwrap().execute_batch(sql).unwrap();
    }
}

#[tokio::test]
async fn a_checkpoint_finds_rows_that_were_cut_from_the_end() {
    let house = House::new().await;
    let checkpoint = house.checkpoint().await;
    let line: Checkpoint = checkpoint.to_string().parse().unwrap();
    assert_eq!(line, checkpoint);
    house.audit().append("cli:ada", Act::new(Action::Backup)).await.unwrap();
    let verdict = house.audit().verify(vec![checkpoint.clone()]).await.unwrap();
    assert_eq!((verdict.sound, verdict.checked, verdict.broken), (6, Some((5, checkpoint.at)), None));
    house.execute("DELETE FROM audit WHERE id > 4");
    let broken = house.audit().verify(vec![checkpoint]).await.unwrap().broken;
    assert_eq!(broken, Some(Broken::Cut { count: 5 }));
}

#[tokio::test]
async fn a_checkpoint_finds_a_log_that_somebody_with_the_key_wrote_anew() {
    let house = House::new().await;
    let checkpoint = house.checkpoint().await;
    // Whoever has the key writes the last rows anew, by the very program.
    house.execute("DELETE FROM audit WHERE id > 3");
    for _ in 4..=6 {
        house.audit().append("cli:ada", Act::new(Action::Export)).await.unwrap();
    }
    assert_eq!(house.audit().verify(vec![]).await.unwrap().broken, None, "the chain alone cannot tell");
    let broken = house.audit().verify(vec![checkpoint]).await.unwrap().broken;
    assert_eq!(broken, Some(Broken::Restamped { row: 5 }));
}

#[tokio::test]
async fn a_checkpoint_that_somebody_made_up_is_found() {
    let (house, other) = (House::new().await, House::new().await);
    let (own, foreign) = (house.checkpoint().await, other.checkpoint().await);
    let mut later = own.clone();
    later.count = 4;
    for forged in [foreign, later] {
        let broken = house.audit().verify(vec![own.clone(), forged]).await.unwrap().broken;
        assert!(matches!(broken, Some(Broken::Forged { line: 2 } | Broken::Restamped { .. })), "{broken:?}");
    }
    for line in ["", "1 5", "2 5 1 00 00 00", "é é é é é é"] {
        assert!(line.parse::<Checkpoint>().is_err(), "{line}");
    }
}

#[tokio::test]
async fn a_witness_adds_rows_and_can_do_nothing_else() {
    let house = House::new().await;
    let witness = &house.handles.witness;
    let acts = (0..3).map(|_| ("key:1".to_owned(), Act::new(Action::ExecutionRead))).collect();
    witness.append_all(acts).await.unwrap();
    assert_eq!(house.audit().verify(vec![]).await.unwrap().sound, 8);
    let key = crate::ApiKey::generate().unwrap();
    let project = house.handles.keeper.ensure_project("default").await.unwrap();
    let scopes = crate::Scopes { ingest: true, read: false };
    let id = house.handles.keeper.create_key(project, &key, scopes).await.unwrap().id;
    let at = |seconds: u64| Timestamp::from_nanos(seconds * 1_000_000_000).unwrap();
    for seconds in [100, 200, 150] {
        witness.note_uses(vec![(id, at(seconds)), (99, at(1))]).await.unwrap();
    }
    let uses = house.handles.keeper.key_uses().await.unwrap();
    assert_eq!(uses.into_iter().collect::<Vec<_>>(), [(id, KeyUse { first_at: at(100), last_at: at(200) })]);
    let first = house.audit().since(0, Action::KeyFirstUse).await.unwrap();
    assert_eq!(first.iter().map(|row| row.actor.as_str()).collect::<Vec<_>>(), [format!("key:{id}")]);
    for sql in [
        "DELETE FROM audit",
        "UPDATE audit SET actor = 'eve'",
        "UPDATE key_use SET first_at = 0",
        "DELETE FROM span",
        "INSERT INTO member (project, person, role, since) VALUES (1, 1, 'owner', 0)",
        "UPDATE api_key SET scopes = 'ingest,read'",
        "DROP TABLE audit",
        "PRAGMA writable_schema = 1",
        "ATTACH ':memory:' AS other",
    ] {
        let refused = witness.pool.with(move |connection| connection.execute(sql, rusqlite::params![])).await;
        assert!(refused.is_err(), "{sql}");
    }
}

/// What somebody may do who can write the file.
#[derive(Debug, Clone)]
enum Tampering {
    Delete {
        row: usize,
    },
    /// The rows behind it close the gap.
    DeleteAndClose {
        row: usize,
    },
    Edit {
        row: usize,
        field: usize,
    },
    /// A copy of a row, in the place of another one, which moves on with all behind it.
    Insert {
        row: usize,
        of: usize,
    },
    Swap {
        row: usize,
        with: usize,
    },
    /// The links from this row on computed anew, by somebody who has no key.
    Restamp {
        row: usize,
        secret: [u8; 32],
    },
    Cut {
        rows: usize,
    },
    /// All of it gone.
    Empty,
}

const ROWS: usize = 40;
const FIELDS: [&str; 7] = [
    "at = at + 1",
    "actor = actor || '.'",
    "action = 'backup.'",
    "project = coalesce(project, 0) + 1",
    "subject = coalesce(subject, '') || '.'",
    "detail = 'another'",
    "outcome = 'failed'",
];

fn tampering() -> impl Strategy<Value = Tampering> {
    let row = || 1..=ROWS;
    prop_oneof![
        row().prop_map(|row| Tampering::Delete { row }),
        row().prop_map(|row| Tampering::DeleteAndClose { row }),
        (row(), 0..FIELDS.len()).prop_map(|(row, field)| Tampering::Edit { row, field }),
        (row(), row()).prop_map(|(row, of)| Tampering::Insert { row, of }),
        (row(), 1..ROWS).prop_map(|(row, by)| Tampering::Swap { row, with: (row - 1 + by) % ROWS + 1 }),
        (row(), any::<[u8; 32]>()).prop_map(|(row, secret)| Tampering::Restamp { row, secret }),
        (1..=ROWS).prop_map(|rows| Tampering::Cut { rows }),
        Just(Tampering::Empty),
    ]
}

impl Tampering {
    fn apply(&self, file: &Connection) {
        let run = |sql: &str| file.execute_batch(sql).unwrap();
        // Numbers move beyond all others first, so that none comes twice.
        let close = |row: usize, by: i64| {
            run(&format!(
                "UPDATE audit SET id = id + 1000 WHERE id > {row};
                 UPDATE audit SET id = id - 1000 + {by} WHERE id > 1000"
            ));
        };
        match self {
            Self::Delete { row } => run(&format!("DELETE FROM audit WHERE id = {row}")),
            Self::DeleteAndClose { row } => {
                run(&format!("DELETE FROM audit WHERE id = {row}"));
                close(*row, -1);
            }
            Self::Edit { row, field } => {
                run(&format!("UPDATE audit SET {} WHERE id = {row}", FIELDS[*field]));
            }
            Self::Insert { row, of } => {
                run(&format!("CREATE TEMP TABLE one AS SELECT * FROM audit WHERE id = {of}"));
                close(row - 1, 1);
                run(&format!(
                    "UPDATE one SET id = {row}; INSERT INTO audit SELECT * FROM one; DROP TABLE one"
                ));
            }
            Self::Swap { row, with } => run(&format!(
                "UPDATE audit SET id = 1000 WHERE id = {row}; UPDATE audit SET id = {row} WHERE id = {with};
                 UPDATE audit SET id = {with} WHERE id = 1000"
            )),
            Self::Restamp { row, secret } => restamp(file, *row, secret),
            Self::Cut { rows } => run(&format!("DELETE FROM audit WHERE id > {}", ROWS - rows)),
            Self::Empty => run("DELETE FROM audit"),
        }
    }
}

/// As the chain is made, with a key that is not the one.
fn restamp(file: &Connection, first: usize, secret: &[u8; 32]) {
    for id in first..=ROWS {
        let sql = "UPDATE audit SET chain = ?2 WHERE id = ?1";
        let link = blake3::keyed_hash(secret, &id.to_le_bytes());
        file.execute(sql, rusqlite::params![i64::try_from(id).unwrap(), link.as_bytes()]).unwrap();
    }
}

#[test]
fn whatever_is_done_to_the_log_behind_its_back_is_found() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (house, checkpoints) = runtime.block_on(async {
        let house = House::new().await;
        let mut checkpoints = vec![house.checkpoint().await];
        for number in 6..=ROWS {
            let act = Act::new(Action::ExecutionRead).on(format!("{number:032x}"));
            house.audit().append("key:1", act).await.unwrap();
            if number % 15 == 0 || number == ROWS {
                checkpoints.push(house.checkpoint().await);
            }
        }
        (house, checkpoints)
    });
    let file = Connection::open(house.folder.path().join("store.db")).unwrap();
    file.execute_batch("CREATE TABLE whole AS SELECT * FROM audit").unwrap();
    let verify = || runtime.block_on(house.audit().verify(checkpoints.clone())).unwrap().broken;
    assert_eq!(verify(), None);
    let cases = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) };
    proptest!(cases, |(tampering in tampering())| {
        tampering.apply(&file);
        let broken = verify();
        file.execute_batch("DELETE FROM audit; INSERT INTO audit SELECT * FROM whole").unwrap();
        prop_assert!(broken.is_some(), "{tampering:?}");
    });
    assert_eq!(verify(), None);
}
