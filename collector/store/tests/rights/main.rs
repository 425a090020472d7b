//! Who may do what in the PostgreSQL store, asked of the database itself: no query here names a project, as if every
//! page had forgotten to.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod house;
mod migrating;
mod viewers;

use std::collections::BTreeSet;

use house::{House, connect, texts};
use treering_test_servers::{Owner, shared};
use viewers::{Sight, TABLES, VIEWERS, seen};

/// The roles that read, and those of the Data API.
const READING: [&str; 4] = ["treering_reader", "treering_structure", "anon", "authenticated"];

const ALL: [&str; 6] = [
    "treering_writer",
    "treering_sweeper",
    "treering_keeper",
    "treering_reader",
    "treering_structure",
    "treering_witness",
];

#[tokio::test]
async fn nobody_sees_a_row_that_is_somebody_elses() {
    let Some(server) = shared() else { return };
    // Whether or not row-level security stops the owner, as whom the policies look up who may see what.
    for owner in [Owner::Plain, Owner::Postgres] {
        let house = House::with_rows(server, owner).await;
        for role in READING {
            for viewer in VIEWERS {
                for (table, sight) in TABLES {
                    let found = house.seen_by(role, viewer.claims, table, *sight).await;
                    assert_eq!(found, seen(role, *sight, viewer), "{role}, {}, {table}", viewer.name);
                }
            }
        }
    }
}

#[tokio::test]
async fn nobody_reads_without_a_claim_and_none_is_left_from_before() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    for role in ["treering_reader", "treering_structure"] {
        let owner = house.seen_by(role, Some(r#"{"sub": "owner"}"#), "execution", Sight::Structure).await;
        assert_eq!(owner, Some(vec![1]));
        for (table, sight) in TABLES {
            let found = house.seen_by(role, None, table, *sight).await;
            assert!(found.is_none_or(|rows| rows.is_empty()), "{role}, {table}");
        }
    }
}

#[tokio::test]
async fn every_table_is_bound_by_row_level_security_and_stands_in_the_matrix() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    let sql = "SELECT relname FROM pg_class WHERE relnamespace = 'treering'::regnamespace AND relkind IN ('r', 'p')";
    let all: BTreeSet<_> = house.texts(sql).await.into_iter().collect();
    let bound = house.texts(&format!("{sql} AND relrowsecurity AND relforcerowsecurity")).await;
    assert_eq!(all, bound.into_iter().collect());
    assert_eq!(all, TABLES.iter().map(|(table, _)| (*table).to_owned()).collect());
    let views = "SELECT relname FROM pg_class WHERE relnamespace = 'treering'::regnamespace AND relkind IN ('v', 'm')";
    assert!(house.texts(views).await.is_empty(), "a view would be read with its owner's rights");
}

#[tokio::test]
async fn what_may_be_changed_by_whom_is_no_more_than_it_needs() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    let may = async |role: &str, right: &str| -> BTreeSet<String> {
        let sql = format!(
            "SELECT relname FROM pg_class WHERE relnamespace = 'treering'::regnamespace AND relkind = 'r'
                 AND has_table_privilege('{role}', oid, '{right}')"
        );
        house.texts(&sql).await.into_iter().collect()
    };
    for role in ALL.into_iter().chain(["anon", "authenticated", "service_role"]) {
        for right in ["TRUNCATE", "REFERENCES", "TRIGGER"] {
            assert_eq!(may(role, right).await, BTreeSet::new(), "{role}, {right}");
        }
    }
    for role in ["treering_reader", "treering_structure", "anon", "authenticated", "service_role"] {
        for right in ["INSERT", "UPDATE", "DELETE"] {
            assert_eq!(may(role, right).await, BTreeSet::new(), "{role}, {right}");
        }
    }
    assert_eq!(may("treering_writer", "DELETE").await, BTreeSet::new());
    for role in ALL {
        for right in ["UPDATE", "DELETE"] {
            assert!(!may(role, right).await.contains("audit"), "{role}, {right}");
        }
    }
    for table in ["project", "project_rules", "api_key", "person", "member", "master"] {
        for role in ["treering_writer", "treering_sweeper"] {
            for right in ["INSERT", "UPDATE", "DELETE"] {
                assert!(!may(role, right).await.contains(table), "{role}, {right}, {table}");
            }
        }
    }
}

#[tokio::test]
async fn who_writes_down_what_was_seen_sees_nothing_of_it() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    let may = async |right: &str| {
        let sql = format!(
            "SELECT relname FROM pg_class WHERE relnamespace = 'treering'::regnamespace AND relkind = 'r'
                 AND has_table_privilege('treering_witness', oid, '{right}') ORDER BY 1"
        );
        house.texts(&sql).await
    };
    assert_eq!(may("SELECT").await, ["api_key", "audit", "key_use", "project", "secret"]);
    assert_eq!(may("INSERT").await, ["audit", "key_use"]);
    assert_eq!(may("UPDATE").await, ["key_use"]);
    let secrets = house.as_role("treering_witness", "SELECT project FROM treering.secret").await;
    assert_eq!(secrets, ["0"], "that of the chain, and of no content");
}

#[tokio::test]
async fn what_was_done_cannot_be_changed_even_by_the_owner_of_the_table() {
    let Some(server) = shared() else { return };
    for owner in [Owner::Plain, Owner::Postgres] {
        let house = House::with_rows(server, owner).await;
        for change in
            ["UPDATE treering.audit SET at = 2", "DELETE FROM treering.audit", "TRUNCATE treering.audit"]
        {
            let error = house.client.batch_execute(change).await.unwrap_err();
            let said = error.as_db_error().unwrap().message();
            assert_eq!(said, "rows of audit stay as they were written", "{change}");
        }
    }
}

#[tokio::test]
async fn a_schema_that_is_not_ones_own_cannot_even_be_named() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    for role in ["anon", "authenticated", "service_role"] {
        for call in ["schema_version()", "projects_as('owner')", "projects_known()", "find_key('x')"] {
            let sql = format!("BEGIN; SET LOCAL ROLE {role}; SELECT treering.{call}");
            let error = house.admin.batch_execute(&sql).await.unwrap_err();
            assert_eq!(
                error.as_db_error().unwrap().message(),
                "permission denied for schema treering",
                "{role}"
            );
            house.admin.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    let sql = "SELECT proname FROM pg_proc WHERE pronamespace = 'treering'::regnamespace
        AND has_function_privilege('anon', oid, 'EXECUTE')";
    assert!(house.texts(sql).await.is_empty());
}

#[tokio::test]
async fn each_role_learns_the_version_and_who_holds_a_key_what_it_is() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    for role in ALL {
        assert_eq!(house.as_role(role, "SELECT treering.schema_version()::text").await, ["4"]);
    }
    let find = "SELECT concat_ws(' ', id, project, project_name, scopes) FROM treering.find_key";
    assert_eq!(
        house.as_role("treering_structure", &format!("{find}('key-2')")).await,
        ["2 1 one ingest,read"]
    );
    assert!(house.as_role("treering_structure", &format!("{find}('key')")).await.is_empty());
    let master = "SELECT encode(treering.master_id(), 'escape')";
    assert_eq!(house.as_role("treering_reader", master).await, ["0"]);
}

/// A policy that had to be asked of each row, or that kept a look-up from its index, would make every page slow.
#[tokio::test]
async fn policies_leave_the_indices_to_queries_and_are_asked_once() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    let list = "ORDER BY listed_at DESC, trace_id DESC LIMIT 51";
    for (index, sql) in [
        (
            "Index Only Scan Backward using execution_by_time",
            &*format!(
                "trace_id FROM treering.execution WHERE project = 1 AND steps > 0 AND status = 'ok' {list}"
            ),
        ),
        (
            "(ROW(listed_at, trace_id) < ROW('5'::bigint, '\\x'::bytea))",
            &format!(
                "trace_id FROM treering.execution WHERE project = 1 AND steps > 0
                     AND (listed_at, trace_id) < (5::bigint, ''::bytea) {list}"
            ),
        ),
        (
            "Index Cond: ((project = 1) AND (session_id = 'a'::text))",
            &format!(
                "trace_id FROM treering.execution WHERE project = 1 AND steps > 0 AND session_id = 'a'
                     AND length(session_id) <= 600 {list}"
            ),
        ),
        (
            "Index Cond: ((project = 1) AND (trace_id = '\\x61'::bytea))",
            "* FROM treering.summary WHERE project = 1 AND trace_id = 'a'::bytea ORDER BY span_id",
        ),
        (
            "using summary_by_join",
            "trace_id FROM treering.summary WHERE project = 1 AND joins = 'a'::bytea AND source <> ''::bytea",
        ),
        (
            "using span_by_day",
            "block FROM treering.span WHERE project = 1 AND block IS NOT NULL ORDER BY day DESC",
        ),
    ] {
        let sql = format!("EXPLAIN (COSTS OFF) SELECT {sql}");
        let begin = r#"BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
            SET LOCAL ROLE treering_reader; SET LOCAL "request.jwt.claims" = '{"treering_project": 1}'"#;
        house.admin.batch_execute(begin).await.unwrap();
        let plan = texts(&house.admin, &sql).await.join("\n");
        house.admin.batch_execute("ROLLBACK").await.unwrap();
        assert!(plan.contains(index), "{sql}\n{plan}");
        assert!(plan.contains("hashed SubPlan"), "{plan}");
    }
}

/// As the dashboard's login is made: what it does not take on, it may not do.
#[tokio::test]
async fn a_login_may_take_on_the_roles_that_it_was_given_and_no_other() {
    let Some(server) = shared() else { return };
    let house = House::with_rows(server, Owner::Plain).await;
    server.create_login("dash_of_rights").unwrap();
    let grant = "GRANT treering_reader, treering_structure TO dash_of_rights";
    house.client.batch_execute(grant).await.unwrap();
    let dash = connect(&server.url(&house.database.name, "dash_of_rights")).await;
    for role in ["treering_reader", "treering_structure"] {
        dash.batch_execute(&format!("SET ROLE {role}; RESET ROLE")).await.unwrap();
    }
    for role in ["treering_writer", "treering_sweeper", "treering_keeper", Owner::Plain.name()] {
        assert!(dash.batch_execute(&format!("SET ROLE {role}")).await.is_err(), "{role}");
    }
    assert!(texts(&dash, "SELECT trace_id::text FROM treering.execution").await.is_empty());
    assert!(dash.batch_execute("ALTER TABLE treering.execution NO FORCE ROW LEVEL SECURITY").await.is_err());
}
