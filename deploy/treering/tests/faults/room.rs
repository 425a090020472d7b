//! No room: in the journal's bound, and on the disk itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::load::Load;
use crate::stuck::assert_a_page;
use crate::support::{Api, Server, leave_out};

/// Small enough to be full soon.
const JOURNAL: &str = "2000000";
const DISK: &str = "size=32m";
/// What lies in the way until there is room again.
const FILLER: usize = 20 << 20;
/// How soon requests must be taken again once there is room.
const RECOVERY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_full_journal_says_when_to_come_again() {
    let folder = crate::folder();
    let server = Server::start(folder.path(), &["--max-journal-bytes", JOURNAL]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 4, 0);
    load.more(20).await;
    let lock = folder.lock();
    load.heard(503, 20).await;
    assert_a_page(&server, &read).await;
    drop(lock);
    load.more(50).await;
    let refused = load.ledger().statuses[&503];
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
    assert!(server.terminate().success());
    let counted = crate::support::outcome(folder.path(), "refused.journal_full").await;
    assert!(counted >= refused, "{counted} of {refused} refused requests were counted");
}

/// A small file system in memory; gone with this.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self, &'static str> {
        let mut mount = Command::new("mount");
        match mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(at).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(Self(at.to_owned())),
            Ok(_) => Err("mounting a small disk takes root"),
            Err(_) => Err("there is no command to mount a disk with"),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server may have been killed a moment ago: away from the tree at once, gone when nobody uses it.
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_for() {
    let folder = crate::folder();
    let _disk = match SmallDisk::mount(folder.path()) {
        Ok(disk) => disk,
        Err(why) => return leave_out("the full disk", why),
    };
    let filler = folder.path().join("filler");
    std::fs::write(&filler, vec![1; FILLER]).unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 4, 0);
    load.heard(503, 20).await;
    assert_a_page(&server, &read).await;
    assert!(server.is_up());
    std::fs::remove_file(&filler).unwrap();
    load.more_within(20, RECOVERY).await;
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
    assert!(server.terminate().success());
    ledger.assert_kept(&Api::of(&Server::start(&data, &[]))).await;
}
