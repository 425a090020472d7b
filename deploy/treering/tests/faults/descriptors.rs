//! No file descriptors left: many connections that say nothing, and a system that grants few.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::load::Load;
use crate::support::{Api, Server, leave_out, treering};

/// What the system grants the process, beside which it has its own files open.
const DESCRIPTORS: &str = "--nofile=96:96";
/// More than it is granted, and no more than the system lets wait at the door besides.
const IDLE: usize = 150;
const RECOVERY: Duration = Duration::from_secs(5);
/// How long it is watched while nobody can be let in.
const LOOK: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_every_descriptor_keeps_nobody_out_for_good() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        return leave_out("the want of descriptors", "there is no prlimit");
    }
    let binary = treering();
    let mut command = Command::new("prlimit");
    command.arg(DESCRIPTORS).arg(binary.get_program());
    for (name, _) in binary.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    let folder = crate::folder();
    let mut server = Server::start_as(command, folder.path(), &[]);
    let key = server.key("ingest");
    let early = Load::start(&server.http, &key, 2, 0);
    early.more(10).await;
    let idle: Vec<_> = (0..IDLE).map(|_| TcpStream::connect(&server.http).unwrap()).collect();
    // Who was let in before is served.
    early.more(50).await;
    let ledger = early.end().await;
    assert!(comes_to_rest(&server).await, "it is busy with nothing");
    drop(idle);
    assert!(server.is_up());
    let late = Load::start(&server.http, &key, 2, 1_000_000);
    late.more_within(10, RECOVERY).await;
    let api = Api::of(&server);
    let mut both = late.end().await;
    both.acknowledged.extend(ledger.acknowledged);
    both.uncertain.extend(ledger.uncertain);
    both.assert_kept(&api).await;
}

/// True once it does next to nothing; what was acknowledged may have to be delivered first.
async fn comes_to_rest(server: &Server) -> bool {
    for _ in 0..30 {
        let before = cpu_seconds(server);
        tokio::time::sleep(LOOK).await;
        if cpu_seconds(server) - before < LOOK.as_secs_f64() / 2.0 {
            return true;
        }
    }
    false
}

/// The time that the process had on a core.
fn cpu_seconds(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // The times of user and system, in hundredths of a second.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
