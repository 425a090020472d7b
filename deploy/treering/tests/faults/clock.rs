//! Clocks that jump: a day on, a day back, and to 1970.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::load::Load;
use crate::support::{Api, Server, leave_out, treering};

/// Where Debian puts it.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const FOLDERS: [&str; 3] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
/// In the order in which the clock jumps; the last one is the truth.
const JUMPS: [&str; 6] = ["+1d", "-1d", "@1970-01-02 00:00:00", "+1d", "@1970-01-01 00:00:01", "+0"];
/// How soon something new must be in the store: a timer that a jump stopped would stand for hours.
const SOON: Duration = crate::support::PATIENCE;

/// The binary, under a clock that is read from this file each time.
fn under_clock(library: &Path, clock: &Path) -> Command {
    let mut command = treering();
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", clock).env("FAKETIME_NO_CACHE", "1");
    // A clock that jumps is the one on the wall; the other one only ever goes on.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_loses_nothing_and_stops_nothing() {
    let libraries = FOLDERS.iter().map(|folder| Path::new(folder).join(LIBRARY));
    let Some(library) = { libraries }.find(|library| library.exists()) else {
        return leave_out("the jumps of the clock", "libfaketime is not installed");
    };
    let folder = crate::folder();
    let (data, clock) = (folder.path().join("data"), folder.path().join("clock"));
    let set = |time: &str| std::fs::write(&clock, format!("{time}\n")).unwrap();
    set("+0");
    let mut server = Server::start_to_stay(under_clock(&library, &clock), &data, 12);
    let (addresses, key) = (server.addresses_to_send(), server.key("ingest"));
    let load = Load::start(&server.http, &key, 1, 0);
    for time in JUMPS {
        set(time);
        load.more_within(10, SOON).await;
        assert_delivered(&server, &load).await;
        // A start under that clock, too.
        server.kill();
        server = Server::start_again_as(under_clock(&library, &clock), &data, &addresses, &[]);
        load.more_within(10, SOON).await;
        assert_delivered(&server, &load).await;
    }
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
}

/// What is acknowledged by now is in the store soon.
async fn assert_delivered(server: &Server, load: &Load) {
    let ledger = load.ledger();
    let api = Api::of(server);
    let all = tokio::time::timeout(SOON, ledger.wait_for_all(&api)).await;
    assert!(all.is_ok(), "the store does not get what was acknowledged");
}
