//! A folder whose store is a database of PostgreSQL, and what may be done to that from outside.

use std::path::Path;

use tempfile::TempDir;
use treering_test_servers::{Database, Held, Owner, PostgresServer, shared};

use crate::support::store;

/// Executions whose records are looked at in the end: all of them.
pub(crate) const LOOKED_INTO: usize = usize::MAX;

/// A data folder of one's own, or the folder of one, and the database of its store.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) database: Database,
}

/// Nothing here can run without PostgreSQL, which is said once.
pub(crate) fn server() -> &'static PostgresServer {
    shared().unwrap_or_else(|| std::process::exit(0))
}

pub(crate) fn folder() -> Folder {
    Folder::on(server())
}

impl Folder {
    pub(crate) fn on(server: &PostgresServer) -> Self {
        let (folder, database) =
            (tempfile::tempdir().unwrap(), server.create_database(Owner::Plain).unwrap());
        store::put(folder.path(), &database.url);
        Self { folder, database }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps every writer of the store waiting, as long as it is held.
    pub(crate) fn lock(&self) -> Held {
        server().hold(&self.database.name, "LOCK TABLE treering.version IN SHARE MODE").unwrap()
    }

    /// From now on the store fails on the span with this id, as it would on a defect of ours.
    pub(crate) fn refuse(&self, span_id: &str) {
        self.change(&[
            &format!(
                r"CREATE FUNCTION treering.refusal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                  IF NEW.span_id = '\x{span_id}' THEN
                      RAISE EXCEPTION 'not this one' USING ERRCODE = 'check_violation';
                  END IF;
                  RETURN NEW; END $$"
            ),
            "CREATE TRIGGER refusal BEFORE INSERT ON treering.span
             FOR EACH ROW EXECUTE FUNCTION treering.refusal()",
        ]);
    }

    pub(crate) fn accept(&self) {
        self.change(&["DROP TRIGGER refusal ON treering.span"]);
    }

    fn change(&self, statements: &[&str]) {
        server().administer(&self.database.name, statements).unwrap();
    }
}
