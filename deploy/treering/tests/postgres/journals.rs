//! Journals: each collector has one, on its own disk, with keys of its own.

use crate::house::{House, Pages, send};

fn master_of(house: &House, data: &str) -> serde_json::Value {
    house.run(&format!("seal state --json --data {data}")).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_fill_one_store_each_from_a_journal_of_its_own() {
    let Some(house) = House::new() else { return };
    let one = house.up("one");
    let (ingest, pages) = (house.key("one", "ingest"), house.pages(&one));
    // Without the master key of the first one, or with another, there is no second one.
    let lost = house.fails("two").err;
    assert!(lost.contains("every collector of the same store has it"), "{lost}");
    house.run("seal create --file other.key").well();
    std::fs::rename(house.at("other.key"), house.at("two/master.key")).unwrap();
    let other = house.fails("two").err;
    assert!(other.contains("the same for all collectors of a store"), "{other}");

    std::fs::copy(house.at("one/master.key"), house.at("two/master.key")).unwrap();
    let two = house.up("two");
    for number in 0..40 {
        let http = if number % 2 == 0 { &one.http } else { &two.http };
        assert!(send(http, &ingest, number).await);
    }
    pages.show(0..40).await;
    Pages { address: two.dashboard.clone(), key: pages.key.clone() }.show(0..40).await;
    let wrapped = |data: &str| std::fs::read(house.at(data).join("treering.keys")).unwrap();
    assert_ne!(wrapped("one"), wrapped("two"));
    // One goes, and what it took last is in the store; the other one goes on.
    assert!(one.terminate().success());
    assert!(send(&two.http, &ingest, 40).await);
    Pages { address: two.dashboard.clone(), ..pages }.show([40]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_journal_opens_after_the_master_key_was_changed() {
    let Some(house) = House::new() else { return };
    let server = house.up("data");
    let (ingest, pages) = (house.key("data", "ingest"), house.pages(&server));
    assert!(send(&server.http, &ingest, 0).await);
    pages.show([0]).await;
    // The store takes nothing, and so it waits.
    house.close();
    for number in 1..4 {
        assert!(send(&server.http, &ingest, number).await);
    }
    server.kill();
    house.open();

    let (keys, away) = (house.at("data/treering.keys"), house.at("away"));
    std::fs::rename(&keys, &away).unwrap();
    let lost = house.fails("data").err;
    assert!(lost.contains("treering.keys is missing"), "{lost}");
    std::fs::rename(&away, &keys).unwrap();

    let before = master_of(&house, "data");
    let told = house.run("seal rotate --data data").well().out;
    assert!(told.contains("each other collector of this store"), "{told}");
    let after = master_of(&house, "data");
    assert_ne!(after["master_key"], before["master_key"]);
    assert_eq!(after["master_key"], after["journal"]["master_key"]);
    let server = house.up("data");
    Pages { address: server.dashboard.clone(), ..pages }.show(0..4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_collector_follows_a_new_master_key_by_the_same_command() {
    let Some(house) = House::new() else { return };
    assert!(house.up("one").terminate().success());
    std::fs::create_dir(house.at("two")).unwrap();
    std::fs::copy(house.at("one/master.key"), house.at("two/master.key")).unwrap();
    let server = house.up("two");
    assert!(send(&server.http, &house.key("two", "ingest"), 1).await);
    house.pages(&server).show([1]).await;
    assert!(server.terminate().success());
    house.run("seal rotate --data one").well();
    assert!(house.fails("two").err.contains("not the master key"));
    house.run("seal rotate --data two --new-key-file one/master.key").well();
    std::fs::copy(house.at("one/master.key"), house.at("two/master.key")).unwrap();
    assert_eq!(master_of(&house, "one")["master_key"], master_of(&house, "two")["journal"]["master_key"]);
    let server = house.up("two");
    house.pages(&server).show([1]).await;
}

#[test]
fn a_folder_with_an_embedded_store_is_no_place_for_another_ones_journal() {
    let Some(house) = House::new() else { return };
    let embedded = house.up_on(&format!("sqlite:{}", house.at("data/treering.db").display()), "data");
    assert!(embedded.terminate().success());
    let refused = house.fails("data").err;
    assert!(refused.contains("name another folder with --data"), "{refused}");
}
