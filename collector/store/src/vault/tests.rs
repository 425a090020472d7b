use tempfile::TempDir;
use treering_seal::MasterKey;

use super::{MasterSource, Vault, VaultState};
use crate::{Error, ProjectId};

const ONE: ProjectId = ProjectId(1);
const TWO: ProjectId = ProjectId(2);

struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        house.put(&MasterKey::generate().unwrap());
        house
    }

    fn put(&self, master: &MasterKey) {
        std::fs::write(self.folder.path().join("master.key"), &*master.reveal()).unwrap();
    }

    fn source(&self) -> MasterSource {
        MasterSource::File(self.folder.path().join("master.key"))
    }

    fn vault(&self) -> Vault {
        Vault::open(&self.folder.path().join("store.keys"), self.source()).unwrap()
    }
}

#[test]
fn a_key_stays_the_same_for_a_project_and_a_day() {
    let house = House::new();
    let sealed = house.vault().data_key(ONE, 7).unwrap().seal(b"", b"text").unwrap();
    let vault = house.vault();
    assert_eq!(vault.data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    let id = treering_seal::key_of(&sealed).unwrap();
    assert_eq!(vault.key(id).unwrap().unwrap().open(b"", &sealed).unwrap(), b"text");
    assert_ne!(vault.data_key(ONE, 8).unwrap().id(), id);
    assert_ne!(vault.data_key(TWO, 7).unwrap().id(), id);
    let name = |vault: &Vault, project| vault.hash_key(project).unwrap().content(&[b"text"]);
    assert_eq!(name(&vault, ONE), name(&house.vault(), ONE));
    assert_ne!(name(&vault, ONE), name(&vault, TWO));
}

#[test]
fn a_rotated_master_key_opens_what_was_sealed_before_and_the_old_one_opens_nothing() {
    let house = House::new();
    let (vault, running) = (house.vault(), house.vault());
    let sealed = vault.data_key(ONE, 7).unwrap().seal(b"", b"text").unwrap();
    vault.hash_key(ONE).unwrap();
    let (old, new) = (house.source().read().unwrap(), MasterKey::generate().unwrap());
    assert_eq!(vault.rotate(&new).unwrap(), 2);
    house.put(&new);
    assert_eq!(house.vault().data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    // Who held it open follows, and makes keys that the new one opens.
    let made = running.data_key(ONE, 8).unwrap().id();
    assert_eq!(house.vault().data_key(ONE, 8).unwrap().id(), made);
    assert_eq!(running.data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    house.put(&old);
    let path = house.folder.path().join("store.keys");
    assert!(matches!(Vault::open(&path, house.source()), Err(Error::OtherMaster)));
}

#[test]
fn who_cannot_read_the_new_master_key_makes_no_key() {
    let house = House::new();
    let (vault, running) = (house.vault(), house.vault());
    vault.rotate(&MasterKey::generate().unwrap()).unwrap();
    assert!(matches!(running.data_key(ONE, 8), Err(Error::OtherMaster)));
}

#[test]
fn a_dropped_key_is_nowhere_in_the_file() {
    let house = House::new();
    let vault = house.vault();
    let ids = [(ONE, 7), (ONE, 8), (TWO, 7)].map(|(project, day)| vault.data_key(project, day).unwrap().id());
    vault.hash_key(ONE).unwrap();
    let holds = |id: &[u8]| {
        let bytes = std::fs::read(house.folder.path().join("store.keys")).unwrap();
        bytes.windows(id.len()).any(|window| window == id)
    };
    assert!(ids.iter().all(|id| holds(&id.0)));
    assert_eq!(vault.drop_before(ONE, 8).unwrap(), 1);
    assert!(!holds(&ids[0].0) && vault.key(ids[0]).unwrap().is_none());
    assert_eq!(vault.drop_project(ONE).unwrap(), 2);
    assert!(!holds(&ids[1].0) && vault.key(ids[1]).unwrap().is_none());
    assert!(vault.key(ids[2]).unwrap().is_some());
    let VaultState { data_keys, hash_keys, .. } = vault.state().unwrap();
    assert_eq!((data_keys, hash_keys), (1, 0));
}

#[test]
fn a_retired_key_opens_until_it_is_dropped() {
    let house = House::new();
    let vault = house.vault();
    let old = vault.data_key(ONE, 7).unwrap().id();
    let new = vault.retire(ONE, 7).unwrap().id();
    assert_ne!(old, new);
    assert_eq!(vault.data_key(ONE, 7).unwrap().id(), new);
    assert!(vault.key(old).unwrap().is_some());
    assert_eq!(vault.drop_retired(ONE, 7).unwrap(), 1);
    assert!(vault.key(old).unwrap().is_none() && vault.key(new).unwrap().is_some());
}

#[test]
fn a_command_may_tell_the_master_key() {
    let master = MasterKey::generate().unwrap();
    let command = format!("echo {}", &*master.reveal());
    assert_eq!(MasterSource::Command(command).read().unwrap().id(), master.id());
    for wrong in ["exit 3", "echo no key"] {
        assert!(MasterSource::Command(wrong.into()).read().is_err());
    }
}
