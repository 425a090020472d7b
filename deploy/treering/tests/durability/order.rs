//! No answer of success leaves before the fsync that covers it: the process is watched at its system calls.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::otlp::{Exporter, span, traces};
use crate::support::{Server, leave_out, treering};

const REQUESTS: u64 = 25;
const CALLS: &str = "trace=fsync,fdatasync,write,pwrite64,writev,pwritev,sendto,sendmsg";
/// The files that the journal's commits go to.
const JOURNAL: &str = ".segment>";
/// How a head of the journal begins, in the words of strace; then follows what was sealed, by a call of its own.
const HEAD: &str = "\"TRE\\1";
/// Bytes of each call that are shown.
const SHOWN: &str = "64";

#[tokio::test(flavor = "multi_thread")]
async fn no_success_leaves_before_the_fsync_that_covers_it() {
    if let Some(why) = cannot_watch() {
        return leave_out("the order of fsync and answer", why);
    }
    let folder = tempfile::tempdir().unwrap();
    let watched = folder.path().join("calls");
    let server = Server::start_as(strace(&watched), &folder.path().join("data"), &[]);
    let exporter = Exporter::new(&server, &server.key("ingest"));
    let mut answers = Vec::new();
    // One after the other, so that each answer belongs to the request before it, and each entry to the one after it.
    for number in 0..REQUESTS {
        answers.push(exporter.send("/v1/traces", traces(vec![span(number, 0)])).await);
    }
    assert!(server.terminate().success());
    answers.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    let calls = std::fs::read_to_string(&watched).unwrap();
    let covered = covered_answers(&calls);
    assert_eq!(covered, vec![true; usize::try_from(REQUESTS).unwrap()], "answers that an fsync covers");
}

fn cannot_watch() -> Option<&'static str> {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    match tried {
        Err(_) => Some("strace is not installed"),
        Ok(status) if !status.success() => Some("strace may not watch a process here"),
        Ok(_) => None,
    }
}

fn strace(watched: &Path) -> Command {
    let binary = treering();
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", SHOWN, "-e", CALLS, "-o"]).arg(watched).arg(binary.get_program());
    // What the binary is not to see, strace must not hand on.
    for (name, _) in binary.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    command
}

/// Of each answer of success, in their order, whether the journal's file held what was sealed of its request at the
/// start of an fsync that had ended well by then.
fn covered_answers(calls: &str) -> Vec<bool> {
    let mut written = HashSet::new();
    let mut synced = HashSet::new();
    // What the fsyncs that are under way cover, by thread.
    let mut under_way: HashMap<&str, HashSet<u64>> = HashMap::new();
    let mut answers = Vec::new();
    for line in calls.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        if call.contains("HTTP/1.1 200 ") {
            answers.push(synced.contains(&(answers.len() as u64)));
        } else if is_sync(call) && call.contains(JOURNAL) {
            under_way.insert(thread, written.clone());
        } else if call.contains(JOURNAL) && !call.contains(HEAD) {
            written.insert(written.len() as u64);
        }
        if ends_sync(call) && call.ends_with("= 0") {
            synced.extend(under_way.remove(thread).unwrap_or_default());
        }
    }
    answers
}

fn is_sync(call: &str) -> bool {
    call.starts_with("fsync(") || call.starts_with("fdatasync(")
}

/// The end of an fsync stands on its own line, or on a later one where another thread's call came between.
fn ends_sync(call: &str) -> bool {
    is_sync(call) || call.starts_with("<... fsync resumed") || call.starts_with("<... fdatasync resumed")
}

/// An answer that leaves too early is found.
#[test]
fn the_watcher_tells_right_from_wrong() {
    let head = format!("7 write(9</d/{JOURNAL}, {HEAD}\\0..\", 48) = 48");
    let write = format!("7 write(9</d/{JOURNAL}, \"..\"..., 4096) = 4096");
    let sync = format!("7 fdatasync(9</d/{JOURNAL}) = 0");
    let begun = format!("7 fdatasync(9</d/{JOURNAL} <unfinished ...>");
    let ended = "7 <... fdatasync resumed>) = 0";
    let failed = "7 <... fdatasync resumed>) = -1 EIO (Input/output error)";
    let other = "7 fdatasync(8</d/treering.db-wal>) = 0";
    let answer = "8 sendto(12<socket:[1]>, \"HTTP/1.1 200 OK\\r\\n\", 17, MSG_NOSIGNAL, NULL, 0) = 17";
    let right = [vec![&*head, &write, &sync, answer], vec![&write, &begun, other, ended, answer]];
    let wrong = [
        vec![&*write, answer, &sync],
        vec![&head, &sync, &write, answer],
        vec![&sync, &write, answer],
        vec![&write, other, answer],
        vec![&write, &begun, answer, ended],
        vec![&write, &begun, failed, answer],
    ];
    for calls in right {
        assert_eq!(covered_answers(&calls.join("\n")), [true], "{calls:#?}");
    }
    for calls in wrong {
        assert_eq!(covered_answers(&calls.join("\n")), [false], "{calls:#?}");
    }
}
