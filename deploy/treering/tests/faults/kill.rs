//! `kill -9`, again and again, at random moments: of the work, and of the start.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::load::Load;
use crate::random::{Random, from_environment};
use crate::support::{Api, Server, store, treering};

/// How often it is killed, unless `TREERING_FAULT_KILLS` says otherwise.
const KILLS: u64 = 50;
/// The longest life, in milliseconds.
const LIFE: u64 = 600;
/// The longest start that is cut short, in milliseconds. Most take less.
const START: u64 = 250;
/// Each so-manieth kill comes during a start.
const STARTS: u64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_fifty_kills_at_random_moments() {
    let folder = crate::folder();
    let first = Server::start_to_stay(treering(), folder.path(), 11);
    let (addresses, key) = (first.addresses_to_send(), first.key("ingest"));
    let load = Load::start(&first.http, &key, 4, 0);
    let mut random = Random::of(0);
    let mut server = Some(first);
    for kill in 1..=from_environment("TREERING_FAULT_KILLS").unwrap_or(KILLS) {
        if kill % STARTS == 0 {
            server.take().into_iter().for_each(Server::kill);
            kill_at_start(folder.path(), &addresses, random.below(START)).await;
        } else {
            let alive = server.take().unwrap_or_else(|| Server::start_again(folder.path(), &addresses));
            tokio::time::sleep(Duration::from_millis(random.below(LIFE))).await;
            alive.kill();
        }
    }
    let server = Server::start_again(folder.path(), &addresses);
    load.more(20).await;
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
}

async fn kill_at_start(data: &Path, [grpc, http, dashboard]: &[String; 3], after: u64) {
    let mut command = treering();
    command.args(["up", "--otlp-grpc", grpc, "--otlp-http", http, "--dashboard", dashboard, "--data"]);
    command.arg(data).envs(store::environment(data));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(after)).await;
    child.kill().unwrap();
    child.wait().unwrap();
}
