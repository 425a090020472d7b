//! Projects, people, and the log of what was done.

use serde_json::json;

use crate::support::Server;
use crate::{Ran, command, into_one_file, run};

#[test]
fn a_project_is_told_how_long_it_keeps_what() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data, &[]);
    let made = run("project create checkout --keep 90d --keep-content 2weeks", data).well();
    assert_eq!(made.out, "project checkout keeps steps 90d, and their content 14d\n");
    let again = run("project create checkout", data);
    assert_eq!(again.code, 1, "{}", again.out);
    assert!(again.out.contains("`treering project set` changes it"));
    run("project set checkout --keep 30d --keep-content 7d", data).well();
    run("project set checkout --keep forever", data).well();
    let longer = run("project set checkout --keep 6d", data);
    assert_eq!(longer.code, 2);
    assert!(longer.err.contains("keep steps longer or content shorter"), "{}", longer.err);
    for wrong in ["set checkout", "set checkout --keep 36h", "set checkout --keep 0d", "set absent --keep 3d"]
    {
        assert_eq!(run(&format!("project {wrong}"), data).code, 2, "{wrong}");
    }
    let absent = run("project set absent --keep 3d", data);
    assert!(absent.err.contains("`treering project create` makes one"), "{}", absent.err);
    let listed = run("project list --json", data).json();
    let fields = ["name", "keep_days", "keep_content_days"].map(|field| listed[0][field].clone());
    assert_eq!(fields, [json!("checkout"), json!(null), json!(7)]);
    assert_eq!(listed[1]["name"], "default");
    assert!(run("project list", data).well().out.contains("forever"));
    drop(server);
}

#[test]
fn roles_are_given_changed_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    drop(Server::start(data, &[]));
    let of = "--project default --subject auth0|5f7c";
    let added = run(&format!("member add {of} --role viewer"), data).well();
    assert_eq!(added.out, "auth0|5f7c is viewer of project default\n");
    let changed = run(&format!("member add {of} --role owner"), data).well();
    assert_eq!(changed.out, "auth0|5f7c is owner of project default, and no longer viewer\n");
    let wrong = run(&format!("member add {of} --role king"), data);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("name one of auditor, viewer, reader, owner"), "{}", wrong.err);
    let listed = run("member list --json", data).json();
    let fields = ["project", "subject", "role"].map(|field| listed[0][field].clone());
    assert_eq!(fields, ["default", "auth0|5f7c", "owner"].map(|text| json!(text)));
    assert_eq!(run("member list --project absent", data).code, 2);
    run(&format!("member remove {of}"), data).well();
    assert_eq!(run(&format!("member remove {of}"), data).code, 1);
    assert_eq!(run("member list --json", data).json(), json!([]));
}

#[test]
fn what_was_done_stands_in_the_audit_log_and_a_changed_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data, &[]);
    run("key create --scope read", data).well();
    run("key revoke 1", data).well();
    assert_eq!(run("key revoke 1", data).code, 1);
    run("member add --project default --subject mallory --role owner", data).well();
    let rows = run("audit list --json", data).json();
    let rows = rows.as_array().unwrap();
    let told =
        |field: &str| rows.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(told("action"), ["member.add", "key.revoke", "key.create", "key.create", "project.create"]);
    let user = Ran::of({
        let mut id = std::process::Command::new("id");
        id.arg("-un");
        id
    });
    let by = format!("cli:{}", user.well().out.trim());
    assert_eq!(told("actor"), [&by, &by, &by, "treering", "treering"]);
    assert!(rows.iter().all(|row| row["project"] == "default" && row["outcome"] == "done"));
    let page = run("audit list --limit 1 --before 3 --json", data).json();
    assert_eq!((page[0]["row"].as_i64(), page.as_array().unwrap().len()), (Some(2), 1));
    assert!(run("audit verify", data).well().out.starts_with("5 rows are as they were written"));
    assert!(server.terminate().success());
    // Somebody who can write the file makes it another one.
    let store = data.join("treering.db");
    into_one_file(&store);
    let mut bytes = std::fs::read(&store).unwrap();
    let places: Vec<_> = (0..bytes.len() - 7).filter(|at| bytes[*at..].starts_with(b"mallory")).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 7].copy_from_slice(b"alice  ");
    }
    std::fs::write(&store, bytes).unwrap();
    let verdict = run("audit verify", data);
    assert_eq!(verdict.code, 1);
    assert!(verdict.out.starts_with("row 5 is not what was written there"), "{}", verdict.out);
    let verdict = Ran::of(command(["audit", "verify", "--json"], data));
    assert_eq!(verdict.out, "{\"sound\":4,\"broken_row\":5,\"reason\":\"changed\",\"checkpoint\":null}\n");
}
