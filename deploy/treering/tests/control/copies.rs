//! Backup and restore.

use std::fs;
use std::path::{Path, PathBuf};

use crate::send::{Load, assert_kept};
use crate::support::{Server, treering};
use crate::{Ran, run};

/// A data folder with a server's work in it, and places beside it.
struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.at("data")
    }

    fn back_up(&self, to: &str) -> Ran {
        let mut command = treering();
        command.arg("backup").arg(self.at(to)).arg("--data").arg(self.data());
        Ran::of(command)
    }

    fn restore(&self, from: &str, to: &str, flags: &[&Path]) -> Ran {
        let mut command = treering();
        command.arg("restore").arg(self.at(from)).arg("--data").arg(self.at(to)).args(flags);
        Ran::of(command)
    }

    /// A new folder with the master key in it.
    fn with_master(&self, name: &str) -> PathBuf {
        fs::create_dir(self.at(name)).unwrap();
        fs::copy(self.data().join("master.key"), self.at(name).join("master.key")).unwrap();
        self.at(name)
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_has_everything_that_was_acknowledged_before() {
    let house = House::new();
    let server = Server::start(&house.data(), &[]);
    let mut load = Load::start(&server);
    let before = load.until(200).await;
    let made = house.back_up("copy").well();
    assert!(made.out.contains("the master key"), "{}", made.out);
    assert!(made.out.contains("is not in it"), "{}", made.out);
    let after = load.end().await;
    assert!(after.len() > before.len(), "nothing was sent meanwhile");
    drop(server);
    assert!(!crate::support::any_file_has(
        &house.at("copy"),
        fs::read_to_string(house.data().join("master.key")).unwrap().trim().as_bytes()
    ));
    #[cfg(unix)]
    for name in names(&house.at("copy")) {
        use std::os::unix::fs::PermissionsExt;
        let mode = house.at("copy").join(&name).metadata().unwrap().permissions().mode();
        assert!(mode & 0o077 == 0 || name == "backup.json", "{name}: {mode:o}");
    }
    let new = house.with_master("new");
    let restored = house.restore("copy", "new", &[]).well();
    assert!(restored.out.contains("starts it"), "{}", restored.out);
    let server = Server::start(&new, &[]);
    assert_kept(&server, &before).await;
    let rows = run("audit list --limit 100000 --json", &new).json();
    let restore = rows.as_array().unwrap().iter().find(|row| row["action"] == "restore");
    assert_eq!(restore.unwrap()["outcome"], "done");
    run("audit verify", &new).well();
    let rows = run("audit list --limit 100000 --json", &house.data()).json();
    assert_eq!((rows[0]["action"].as_str(), rows[0]["outcome"].as_str()), (Some("backup"), Some("done")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_opened_with_its_keys_and_its_master_key_alone() {
    let house = House::new();
    let server = Server::start(&house.data(), &[]);
    let mut load = Load::start(&server);
    load.until(5).await;
    let answered = load.end().await;
    assert_kept(&server, &answered).await;
    assert!(server.terminate().success());
    house.back_up("copy").well();
    assert_eq!(house.back_up("copy").code, 2, "a copy is not made over another one");

    // No master key: nothing is placed.
    let refused = house.restore("copy", "no-master", &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("the master key cannot be read"), "{}", refused.err);
    assert_eq!(names(&house.at("no-master")), ["lock"]);
    // Another one: the same.
    let mut create = treering();
    create.args(["seal", "create", "--file"]).arg(house.at("other.key"));
    Ran::of(create).well();
    let (flag, other, own) =
        (Path::new("--master-key-file"), house.at("other.key"), house.data().join("master.key"));
    let refused = house.restore("copy", "no-master", &[flag, &other]);
    assert_eq!((refused.code, refused.err.contains("not the master key")), (2, true), "{}", refused.err);
    assert_eq!(names(&house.at("no-master")), ["lock"]);
    // A folder in use.
    let refused = house.restore("copy", "data", &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("new or empty folder"), "{}", refused.err);

    // Without the wrapped keys, and with today's, after a rotation.
    fs::rename(house.at("copy").join("treering.keys"), house.at("apart.keys")).unwrap();
    let without = house.restore("copy", "without", &[]).well();
    assert!(without.out.contains("WITHOUT ITS WRAPPED KEYS: no content can be read"), "{}", without.out);
    assert_eq!(run("audit verify", &house.at("without")).code, 1);
    let server = Server::start(&house.at("without"), &[]);
    let api = crate::support::Api::of(&server);
    assert_eq!(api.executions(answered.len()).await.len(), answered.len());
    let whole = api.get(&format!("/executions/{}?content=1", crate::send::trace(answered[0]))).await;
    assert!(!whole.to_string().contains("asked"), "{whole}");
    drop(server);
    run("seal rotate", &house.data()).well();
    let keys = house.data().join("treering.keys");
    house.restore("copy", "with", &[Path::new("--keys"), &keys, flag, &own]).well();
    fs::copy(&own, house.at("with").join("master.key")).unwrap();
    assert_kept(&Server::start(&house.at("with"), &[]), &answered).await;
    run("audit verify", &house.at("with")).well();
}

#[test]
fn a_damaged_or_unfinished_copy_is_not_restored() {
    let house = House::new();
    assert!(Server::start(&house.data(), &[]).terminate().success());
    house.back_up("copy").well();
    house.with_master("new");
    for name in ["treering.db", "treering.keys"] {
        let path = house.at("copy").join(name);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        fs::write(&path, damaged).unwrap();
        let refused = house.restore("copy", "new", &[]);
        assert_eq!(refused.code, 2);
        assert!(refused.err.contains("take another copy"), "{}", refused.err);
        assert_eq!(names(&house.at("new")), ["lock", "master.key"]);
        fs::write(&path, whole).unwrap();
    }
    fs::rename(house.at("copy").join("backup.json"), house.at("backup.json")).unwrap();
    let refused = house.restore("copy", "new", &[]);
    assert_eq!((refused.code, refused.err.contains("backup.json")), (2, true), "{}", refused.err);
    let told = fs::read_to_string(house.at("backup.json")).unwrap();
    let outside = told.replace("\"treering.db\"", "\"../treering.db\"");
    fs::write(house.at("copy").join("backup.json"), outside).unwrap();
    assert_eq!(house.restore("copy", "new", &[]).code, 2);
    fs::write(house.at("copy").join("backup.json"), told).unwrap();
    house.restore("copy", "new", &[]).well();
}
