//! Which stores there are, and what they leave out.

use std::io::Write;

use treering_store::StoreUrl;
use treering_test_servers::{
    ClickHouseDatabase, ClickHouseServer, Database, Owner, PostgresServer, shared, shared_clickhouse,
    shared_pgbouncer,
};

use crate::BACKEND;

/// The stores that the battery knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "each target runs the battery on one of them")]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    Pgbouncer,
    /// With its control data in SQLite.
    ClickHouse,
    /// With its control data in PostgreSQL, which several collectors share.
    ClickHouseBesidePostgres,
}

/// The cases that PostgreSQL leaves out, by name, each with the reason.
const NOT_ON_POSTGRES: &[(&str, &str)] = &[
    ("a_store_of_the_first_schema_opens_and_goes_on", OLD_SCHEMAS),
    ("what_was_kept_in_the_clear_is_sealed_and_moved", OLD_SCHEMAS),
    ("log_records_of_before_are_known_when_they_are_sent_again", OLD_SCHEMAS),
    ("a_migration_that_fails_leaves_the_old_store", OLD_SCHEMAS),
    ("content_goes_with_its_day_and_steps_stay", COPIES),
    ("a_day_that_is_rewritten_reads_as_before_and_its_copies_do_not_open", COPIES),
    ("an_older_copy_of_the_store_opens_no_more_with_the_keys_that_are_left", COPIES),
];

/// The cases that ClickHouse leaves out, whose control data are in SQLite.
const NOT_ON_CLICKHOUSE: &[(&str, &str)] = &[
    ("a_store_of_the_first_schema_opens_and_goes_on", OLD_SCHEMAS),
    ("what_was_kept_in_the_clear_is_sealed_and_moved", OLD_SCHEMAS),
    ("log_records_of_before_are_known_when_they_are_sent_again", OLD_SCHEMAS),
    ("a_migration_that_fails_leaves_the_old_store", OLD_SCHEMAS),
    ("content_goes_with_its_day_and_steps_stay", COPIES),
    ("a_day_that_is_rewritten_reads_as_before_and_its_copies_do_not_open", COPIES),
    ("an_older_copy_of_the_store_opens_no_more_with_the_keys_that_are_left", COPIES),
    ("two_that_write_a_day_anew_at_once_drop_no_key_that_is_needed", ONE_PROCESS),
    ("an_erasure_waits_for_who_has_not_passed_it_until_it_is_given_up", ONE_PROCESS),
    ("nothing_comes_from_a_collector_that_was_given_up", ONE_PROCESS),
    ("whatever_two_collectors_do_in_turns_nothing_is_lost_and_nothing_erased_comes_back", ONE_PROCESS),
];

/// The cases that SQLite leaves out.
const NOT_ON_SQLITE: &[(&str, &str)] = &[
    ("two_that_write_a_day_anew_at_once_drop_no_key_that_is_needed", ONE_PROCESS),
    ("an_erasure_waits_for_who_has_not_passed_it_until_it_is_given_up", ONE_PROCESS),
    ("nothing_comes_from_a_collector_that_was_given_up", ONE_PROCESS),
    ("whatever_two_collectors_do_in_turns_nothing_is_lost_and_nothing_erased_comes_back", ONE_PROCESS),
];

const ONE_PROCESS: &str = "one process owns its folder, and waits for no other";
const OLD_SCHEMAS: &str = "the schemas of before are SQLite's";
const COPIES: &str = "it copies files; a backup of PostgreSQL holds the wrapped keys as well";

impl Backend {
    fn leaves_out(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sqlite => NOT_ON_SQLITE,
            Self::Postgres | Self::Pgbouncer | Self::ClickHouseBesidePostgres => NOT_ON_POSTGRES,
            Self::ClickHouse => NOT_ON_CLICKHOUSE,
        }
    }

    /// Whose database it is: on one a login that row-level security stops, on the other one that it does not.
    pub(crate) fn owner(self) -> Owner {
        match self {
            Self::Sqlite | Self::Postgres | Self::ClickHouse | Self::ClickHouseBesidePostgres => Owner::Plain,
            Self::Pgbouncer => Owner::Postgres,
        }
    }

    /// Where a store is that lies in this folder, or in this database where it has one.
    pub(crate) fn url(
        self,
        folder: &tempfile::TempDir,
        database: Option<&Database>,
        steps: Option<&ClickHouseDatabase>,
    ) -> StoreUrl {
        let url = match (self, database) {
            (Self::Pgbouncer, Some(database)) => {
                let pooler = shared_pgbouncer().unwrap_or_else(|| leave_all_out());
                pooler.url(&database.name, self.owner().name())
            }
            (_, Some(database)) => database.url.clone(),
            (_, None) => format!("sqlite:{}", folder.path().join("store.db").display()),
        };
        let control: StoreUrl = url.parse().unwrap();
        match steps {
            Some(steps) => steps.url.parse::<StoreUrl>().unwrap().controlled_by(control).unwrap(),
            None => control,
        }
    }

    /// A new place for what comes in, for a store that has one apart.
    pub(crate) fn steps(self) -> Option<ClickHouseDatabase> {
        self.keeps_steps_apart().then(|| clickhouse().create_database().unwrap())
    }

    fn keeps_steps_apart(self) -> bool {
        matches!(self, Self::ClickHouse | Self::ClickHouseBesidePostgres)
    }

    /// So many cases of a property; fewer where each takes seconds, since the property is of code that all share.
    pub(crate) fn cases(self, usual: u32) -> u32 {
        if self.keeps_steps_apart() { usual / 4 } else { usual }
    }

    /// Whose processes share a store.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::Postgres | Self::Pgbouncer | Self::ClickHouseBesidePostgres)
    }

    /// The server of the databases, for a store that has one.
    pub(crate) fn server(self) -> Option<&'static PostgresServer> {
        self.is_shared().then(|| shared().unwrap_or_else(|| leave_all_out()))
    }
}

/// The server of what comes in, for a store that has one.
pub(crate) fn clickhouse() -> &'static ClickHouseServer {
    shared_clickhouse().unwrap_or_else(|| leave_all_out())
}

/// Nothing of the battery can run, which was said once: to say it for each case would drown it.
fn leave_all_out() -> ! {
    std::process::exit(0)
}

/// True where the store leaves this case out, which is said aloud, past the test runner.
pub(crate) fn left_out(case: &str) -> bool {
    let found = BACKEND.leaves_out().iter().find(|(name, _)| *name == case);
    if let Some((_, reason)) = found {
        writeln!(std::io::stderr(), "{BACKEND:?} leaves out {case}: {reason}")
            .expect("stderr can be written");
    }
    found.is_some()
}
