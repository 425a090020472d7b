//! `treering up` on an empty database, and again.

use treering_test_servers::{Owner, shared_pgbouncer};

use crate::house::{House, Pages, send};
use crate::support::{Server, any_file_has};

/// The key that a first start printed.
fn printed_key(server: &Server) -> String {
    let line = server.printed.iter().find(|line| line.contains("API key")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_on_an_empty_database_shows_what_was_sent_and_tells_nobody_the_password() {
    let Some(house) = House::new() else { return };
    let server = house.up("data");
    let (printed, key) = (server.printed.join("\n"), printed_key(&server));
    assert!(printed.contains("· store postgres://plain@127.0.0.1:") && printed.contains("Master key"));
    assert!(send(&server.http, &key, 1).await);
    let pages = house.pages(&server);
    pages.show([1]).await;
    let found = pages.get("/executions").await;
    assert_eq!(found["executions"].as_array().unwrap().len(), 1, "{found}");
    let mut kept: Vec<_> =
        std::fs::read_dir(house.at("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    let expected = [
        "audit.checkpoints",
        "collector.id",
        "journal",
        "listening.json",
        "lock",
        "master.key",
        "treering.keys",
    ];
    assert_eq!(kept, expected);
    assert!(
        !printed.contains(house.password()) && !any_file_has(&house.at("data"), house.password().as_bytes())
    );
    assert!(server.terminate().success());
    // The next start makes nothing, and shows what was there.
    let server = house.up("data");
    let printed = server.printed.join("\n");
    assert!(!printed.contains("API key") && !printed.contains("Master key"), "{printed}");
    Pages { address: server.dashboard.clone(), ..pages }.show([1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn up_through_a_pooler_in_transaction_mode_is_the_same() {
    let (Some(house), Some(pooler)) = (House::new(), shared_pgbouncer()) else { return };
    let server = house.up_on(&pooler.url(&house.database.name, Owner::Plain.name()), "data");
    let key = printed_key(&server);
    for number in 0..20 {
        assert!(send(&server.http, &key, number).await);
    }
    house.pages(&server).show(0..20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let Some(house) = House::new() else { return };
    let server = house.up("data");
    let key = printed_key(&server);
    for number in 0..50 {
        assert!(send(&server.http, &key, number).await);
    }
    server.kill();
    let server = house.up("data");
    house.pages(&server).show(0..50).await;
}
