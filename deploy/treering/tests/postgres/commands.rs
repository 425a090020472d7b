//! Every command with a place, on a remote store.

use std::fs;

use crate::house::{House, send, trace};

/// The master key of a server that has run, where commands find it.
async fn house_with(numbers: std::ops::Range<u64>) -> Option<House> {
    let house = House::new()?;
    let server = house.up("data");
    let key = house.key("data", "ingest");
    for number in numbers.clone() {
        assert!(send(&server.http, &key, number).await);
    }
    house.pages(&server).show(numbers).await;
    assert!(server.terminate().success());
    fs::copy(house.at("data/master.key"), house.at("master.key")).unwrap();
    Some(house)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_who_keeps_it_need_the_store_and_the_master_key_and_no_folder() {
    let Some(house) = house_with(0..3).await else { return };
    let run = |line: &str| house.run(&format!("{line} --master-key-file master.key"));
    run("project create shop --keep 30d").well();
    run("project set shop --keep-content 7d").well();
    assert_eq!(run("project list --json").json().as_array().unwrap().len(), 2);
    let key = run("key create --project shop --json").json();
    assert_eq!(run(&format!("key revoke {}", key["id"])).code, 0);
    assert!(run("key list").well().out.contains("revoked"));
    run("member add --project shop --subject ada --role owner").well();
    assert_eq!(run("member list --json").json()[0]["subject"], "ada");
    run("member remove --project shop --subject ada").well();
    assert!(run("audit verify").well().out.contains("as they were written"));
    assert!(run("audit list --json").json().as_array().unwrap().len() > 5);
    assert_eq!(run("seal state --json").json()["journal"], serde_json::Value::Null);
    assert_eq!(run("reread --json").json()["executions"], 3);
    assert_eq!(run("prune --dry-run --json").json()[0]["project"], "shop");
    run("prune").well();
    let exported = run("export").well();
    assert_eq!(exported.out.lines().count(), 3, "{}", exported.err);
    run("export --output sealed.treering").well();
    assert!(!house.at("treering-data").exists(), "none of them made a folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_erased_where_no_server_runs_and_an_import_brings_it_back() {
    let Some(house) = house_with(0..3).await else { return };
    fs::write(house.at("all.jsonl"), house.run("export --data data").well().out).unwrap();
    house.run("export --data data --output sealed.treering").well();
    let erased = house.run(&format!("erase --execution {} --yes --json --data data", trace(1))).json();
    assert_eq!((&erased["executions"], &erased["records"]), (&1.into(), &1.into()));
    assert_eq!(house.run(&format!("erase --execution {} --yes --data data", trace(1))).code, 1);
    // Its day was written anew, and with the old key the sealed file of that day is gone.
    let gone = house.run("import sealed.treering --data data --json");
    assert_eq!(gone.code, 1, "{}", gone.out);
    let imported = house.run("import all.jsonl --data data --json").json();
    assert_eq!(imported["records"], 3);
    let server = house.up("data");
    house.pages(&server).show(0..3).await;
    // A server that runs here is the one that does it.
    let erased = house.run(&format!("erase --execution {} --yes --json --data data", trace(2))).json();
    assert_eq!(erased["executions"], 1);
    assert_eq!(house.run("import all.jsonl --data data --json").json()["records"], 3);
    house.pages(&server).show(0..3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_holds_journal_and_keys_and_says_how_the_rows_are_copied() {
    let Some(house) = house_with(0..2).await else { return };
    let told = house.run("backup copy --data data").well().out;
    assert!(told.contains("pg_dump") && !told.contains(house.password()), "{told}");
    for name in ["backup.json", "journal", "store.keys", "treering.keys"] {
        assert!(house.at("copy").join(name).exists(), "{name}");
    }
    let restored = house.run("restore copy --data new");
    assert_eq!(restored.code, 2);
    assert!(restored.err.contains("pg_restore"), "{}", restored.err);
    let restored = house.run("restore copy --data new --store sqlite:new.db");
    assert_eq!(restored.code, 2);
    assert!(restored.err.contains("whose store is a remote one"), "{}", restored.err);
}

#[test]
fn an_embedded_store_is_migrated_by_its_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::treering();
    command.args(["migrate", "--data"]).arg(folder.path());
    let ran = crate::ran::Ran::of(command);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("by its server, when that starts"), "{}", ran.err);
}
