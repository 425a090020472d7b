//! Collector and dashboard apart, each with a login that may do no more than it needs.

use serde_json::json;

use crate::house::{Half, House, Pages, send};

#[tokio::test(flavor = "multi_thread")]
async fn each_half_needs_no_more_than_its_roles() {
    let Some(house) = House::new() else { return };
    assert_eq!(house.run("migrate --json").json(), json!({"from": 0, "to": 4}));
    assert_eq!(house.run("migrate --json").json(), json!({"from": 4, "to": 4}));
    let collect = house.login("collect", "treering_writer, treering_sweeper");
    let dash = house.login("dash", "treering_reader, treering_structure, treering_witness");
    // The first start is for somebody who may keep projects and keys.
    let ports = "--otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0";
    let first = house.run_on(&collect, &format!("collect --data first {ports}"));
    assert_eq!(first.code, 2);
    assert!(
        first.err.contains("may not act as treering_keeper") && first.err.contains("GRANT"),
        "{}",
        first.err
    );

    house.run("seal create --file master.key").well();
    let made = |scope: &str| {
        let made =
            house.run(&format!("key create --json --scope {scope} --master-key-file master.key")).json();
        made["key"].as_str().unwrap().to_owned()
    };
    let (ingest, read) = (made("ingest"), made("read"));
    let with_master = |store: &str| {
        let mut command = house.on(store);
        command.env("TREERING_MASTER_KEY_FILE", house.at("master.key"));
        command
    };
    let collector = Half::collect(with_master(&collect), &house.at("collector"));
    assert!(!collector.printed.contains("API key"));
    assert!(send(&collector.address("OTLP/HTTP"), &ingest, 1).await);
    let dashboard = Half::dash(with_master(&dash));
    Pages { address: dashboard.address("Dashboard"), key: read }.show([1]).await;
    // Who reads keeps nothing on its machine, and who keeps nothing may change nothing.
    assert!(!house.at("treering-data").exists());
    for (store, role) in [(&collect, "treering_keeper"), (&dash, "treering_keeper")] {
        let ran = house.run_on(store, "key list");
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(role), "{}", ran.err);
    }
}

#[test]
fn a_login_without_rights_is_told_what_to_do_in_an_empty_database() {
    let Some(house) = House::new() else { return };
    let name = format!("{}_nobody", house.database.name);
    house.server.create_login(&name).unwrap();
    let nobody = house.server.url(&house.database.name, &name);
    let ran = house.run_on(&nobody, "collect --data data --otlp-grpc 127.0.0.1:0 --otlp-http 127.0.0.1:0");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("run `treering migrate` with the one that owns it"), "{}", ran.err);
    let ran = house.run_on(&nobody, "project list");
    assert_eq!(ran.code, 2, "{}", ran.err);
}
