//! Several collectors on one store: an erasure ends when the last of them has passed it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::house::{House, Pages, send, trace};
use crate::support::{PATIENCE, Server};

/// Two collectors, of which the second was killed with an execution of each number in its journal alone, and a key that
/// reads.
async fn one_and_a_dead_one(house: &House, waiting: std::ops::Range<u64>) -> (Server, Pages) {
    let one = house.up("one");
    let (ingest, pages) = (house.key("one", "ingest"), house.pages(&one));
    std::fs::create_dir(house.at("two")).unwrap();
    std::fs::copy(house.at("one/master.key"), house.at("two/master.key")).unwrap();
    let two = house.up("two");
    assert!(send(&one.http, &ingest, 0).await);
    pages.show([0]).await;
    house.close();
    for number in waiting {
        assert!(send(&two.http, &ingest, number).await);
    }
    two.kill();
    house.open();
    (one, pages)
}

impl House {
    fn id(&self, data: &str) -> String {
        std::fs::read_to_string(self.at(data).join("collector.id")).unwrap().trim().to_owned()
    }

    fn ask(&self, sql: &str) {
        self.server.administer(&self.database.name, &[sql]).unwrap();
    }
}

impl Pages {
    async fn has(&self, number: u64) -> bool {
        let found = self.get("/executions?limit=100").await;
        let all = found["executions"].as_array().unwrap();
        all.iter().any(|one| one["trace_id"] == trace(number))
    }

    /// Waits until what an erasure takes at once is gone.
    async fn lose(&self, number: u64) {
        let end = Instant::now() + PATIENCE;
        while self.has(number).await {
            assert!(Instant::now() < end, "{number} is still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_what_still_waits_in_another_journal_and_nothing_else() {
    let Some(house) = House::new() else { return };
    let (_one, pages) = one_and_a_dead_one(&house, 0..3).await;
    let mut command = house.on(&house.database.url);
    command.args(["erase", "--execution", &trace(0), "--yes", "--json", "--data"]).arg(house.at("one"));
    let mut erasing = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // What is in the store goes at once, and the request stays open.
    pages.lose(0).await;
    assert!(erasing.try_wait().unwrap().is_none(), "the other collector did not pass it");
    let two = house.up("two");
    pages.show(1..3).await;
    let erased = erasing.wait_with_output().unwrap();
    assert!(erased.status.success());
    assert!(!pages.has(0).await, "what came from the other journal is erased as well");
    Pages { address: two.dashboard.clone(), ..pages }.show(1..3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_was_given_up_brings_nothing_back() {
    let Some(house) = House::new() else { return };
    let (one, pages) = one_and_a_dead_one(&house, 0..2).await;
    let id = house.id("two");
    let at_work = house.run(&format!("erase --without {} --data one", house.id("one")));
    assert!(at_work.code == 1 && at_work.err.contains("is at work"), "{}", at_work.err);
    let unknown = house.run("erase --without nobody --data one");
    assert!(unknown.code == 1 && unknown.err.contains(&id), "{}", unknown.err);
    // It has been gone for long.
    house.ask(&format!("UPDATE treering.collector SET seen_at = seen_at - 60000000000 WHERE id = '{id}'"));
    house.run(&format!("erase --without {id} --data one")).well();
    assert!(house.run("audit list --data one").well().out.contains("collector.give_up"));
    house.run(&format!("erase --execution {} --yes --data one", trace(0))).well();
    let refused = house.fails("two");
    assert!(refused.err.contains("does not know this collector any more"), "{}", refused.err);
    assert!(!pages.has(0).await && !pages.has(1).await);
    // Who leaves ends well, and nobody waits for it.
    assert!(one.terminate().success());
    let erased = house.run(&format!("erase --execution {} --yes --data one", trace(0)));
    assert_eq!(erased.code, 1, "there is nothing left to erase: {}", erased.err);
}
