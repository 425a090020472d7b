//! Whoever can write the file but has no key changes nothing unseen.

use rusqlite::Connection;
use treering_seal::MasterKey;

use crate::{Act, Action, Audit, Broken, Handles, MasterSource, StoreUrl, Verdict};

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
        house.audit().verify().await.unwrap()
    }
}

fn changed(row: i64) -> Verdict {
    Verdict { sound: row.unsigned_abs() - 1, broken: Some(Broken::Changed { row }) }
}

#[tokio::test]
async fn rows_as_they_were_written_are_sound_and_come_in_pages() {
    let house = House::new().await;
    assert_eq!(house.audit().verify().await.unwrap(), Verdict { sound: 5, broken: None });
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
        Verdict { sound, broken: Some(Broken::Missing { before: row }) }
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
    assert_eq!(cut, Verdict { sound: 3, broken: None });
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
    assert_eq!(house.audit().verify().await.unwrap().sound, 5);
}
