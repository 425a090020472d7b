//! The master key: made, lost, mistaken, rotated, and kept elsewhere.

use std::path::Path;
use std::process::Command;

use crate::send::{Load, assert_kept, send};
use crate::support::{Server, key, treering};
use crate::{Ran, command, run, up};

fn master_of(data: &Path) -> String {
    run("seal state --json", data).json()["master_key"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_start_makes_the_master_key_for_its_owner_alone_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let server = Server::start(folder.path(), &[]);
    assert!(server.printed.join("\n").contains(&format!("Master key {}", path.display())));
    assert!(server.terminate().success());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let key = std::fs::read(&path).unwrap();
    let again = Server::start(folder.path(), &[]);
    assert!(!again.printed.join("\n").contains("Master key"));
    assert_eq!(std::fs::read(&path).unwrap(), key);
}

#[test]
fn without_its_master_key_or_its_wrapped_keys_nothing_starts_and_nothing_is_made_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert!(Server::start(data, &[]).terminate().success());
    let [master, keys] = ["master.key", "treering.keys"].map(|name| data.join(name));
    let wrapped = std::fs::read(&keys).unwrap();

    std::fs::rename(&master, data.join("put away")).unwrap();
    let lost = up(data);
    assert_eq!(lost.code, 2);
    assert!(lost.err.contains("put the file back"), "{}", lost.err);
    assert!(!master.exists());

    let other = Ran::of(treering_with(&["seal", "create", "--file"], &master)).well();
    assert!(other.out.contains("keep a copy elsewhere"));
    let wrong = up(data);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("not the master key"), "{}", wrong.err);
    assert_eq!(std::fs::read(&keys).unwrap(), wrapped);

    std::fs::rename(data.join("put away"), &master).unwrap();
    std::fs::remove_file(&keys).unwrap();
    let lost = up(data);
    assert_eq!(lost.code, 2);
    assert!(lost.err.contains("treering.keys is missing"), "{}", lost.err);
    // Both lost are no first start.
    std::fs::remove_file(&master).unwrap();
    assert_eq!(up(data).code, 2);
    assert!(!keys.exists() && !master.exists());
    std::fs::write(&keys, wrapped).unwrap();
}

fn treering_with(args: &[&str], path: &Path) -> Command {
    let mut command = treering();
    command.args(args).arg(path);
    command
}

#[test]
fn a_master_key_is_never_written_over_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    std::fs::write(&path, "dear").unwrap();
    let refused = Ran::of(treering_with(&["seal", "create", "--file"], &path));
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("never written over another file"), "{}", refused.err);
    assert_eq!(std::fs::read(&path).unwrap(), b"dear");
    let mut print = treering();
    let printed = Ran::of({
        print.args(["seal", "create"]);
        print
    });
    assert_eq!(printed.well().out.trim().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_while_its_master_key_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data, &[]);
    let mut load = Load::start(&server);
    let before = load.until(50).await;
    let (old, old_key) = (master_of(data), std::fs::read(data.join("master.key")).unwrap());
    let rotated = run("seal rotate", data).well();
    assert!(rotated.out.contains("a running server follows by itself"), "{}", rotated.out);
    assert_ne!(std::fs::read(data.join("master.key")).unwrap(), old_key);
    let new = master_of(data);
    assert!(new != old && rotated.out.contains(&new));
    let enough = load.until(before.len() as u64 + 50).await;
    // A project that nobody sealed for before needs keys that only the new master key wraps.
    let made = run("key create --project other --scope ingest,read --json", data).json();
    let other = made["key"].as_str().unwrap();
    assert!(send(&server.http, other, 1_000_000).await);
    let answered = load.end().await;
    assert!(answered.len() >= enough.len());
    assert_kept(&server, &answered).await;
    assert!(server.terminate().success());
    assert_kept(&Server::start(data, &[]), &answered).await;
    assert!(run("audit verify", data).well().out.contains("as they were written"));
    let rows = run("audit list --limit 100000 --json", data).json();
    let row = rows.as_array().unwrap().iter().find(|row| row["action"] == "seal.rotate").unwrap();
    assert_eq!(row["subject"], format!("master key {new}"));
}

#[test]
fn a_master_key_from_a_variable_is_rotated_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let [old, new] = ["5a", "a5"].map(|byte| byte.repeat(32));
    let with = |key: &str, mut command: Command| {
        command.env("TREERING_MASTER_KEY", key);
        command
    };
    let server = Server::start_as(with(&old, treering()), data, &[]);
    assert!(!data.join("master.key").exists());
    assert!(server.terminate().success());
    let state = Ran::of(with(&old, command(["seal", "state"], data))).well();
    assert!(state.out.contains("from the environment variable TREERING_MASTER_KEY"), "{}", state.out);
    let refused = Ran::of(with(&old, command(["seal", "rotate"], data)));
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--new-key-file"), "{}", refused.err);
    let file = folder.path().join("next");
    std::fs::write(&file, &new).unwrap();
    let mut rotate = command(["seal", "rotate"], data);
    rotate.arg("--new-key-file").arg(&file);
    let rotated = Ran::of(with(&old, rotate)).well();
    assert!(rotated.out.contains("now set TREERING_MASTER_KEY to the new key"), "{}", rotated.out);
    assert_eq!(Ran::of(with(&old, command(["seal", "state"], data))).code, 2);
    let server = Server::start_as(with(&new, treering()), data, &[]);
    assert!(server.terminate().success());
}

#[test]
fn a_master_key_may_come_from_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let said = folder.path().join("said");
    std::fs::write(&said, "5a".repeat(32)).unwrap();
    let flag = format!("cat '{}'", said.display());
    assert!(Server::start(data, &["--master-key-command", &flag]).terminate().success());
    assert!(!data.join("master.key").exists());
    let seal = |words: &[&str]| {
        let mut command = command(["seal"].iter().chain(words), data);
        command.args(["--master-key-command", &flag]);
        Ran::of(command)
    };
    assert!(seal(&["state"]).well().out.contains("from a command"));
    let rotated = seal(&["rotate", "--new-key-command", "printf %064d 7"]).well();
    assert!(rotated.out.contains("have the command of --master-key-command print the new key"));
    assert_eq!(seal(&["state"]).code, 2);
    std::fs::write(&said, format!("{:064}", 7)).unwrap();
    seal(&["state"]).well();
    let failing = Ran::of({
        let mut state = command(["seal", "state"], data);
        state.args(["--master-key-command", "exit 3"]);
        state
    });
    assert_eq!(failing.code, 2);
    assert!(failing.err.contains("the command that should print the master key failed"), "{}", failing.err);
}

#[test]
fn keys_can_be_made_where_the_master_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert!(Server::start(data, &[]).terminate().success());
    key(data, "read");
    std::fs::rename(data.join("master.key"), data.join("elsewhere.key")).unwrap();
    assert_eq!(run("key create", data).code, 2);
    run("key list", data).well();
    let mut named = command(["key", "create"], data);
    named.arg("--master-key-file").arg(data.join("elsewhere.key"));
    Ran::of(named).well();
}
