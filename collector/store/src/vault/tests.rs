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
    assert_eq!(vault.key(ONE, id).unwrap().unwrap().open(b"", &sealed).unwrap(), b"text");
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
    assert_eq!(vault.rotate(&new, None).unwrap(), 2);
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
    vault.rotate(&MasterKey::generate().unwrap(), None).unwrap();
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
    assert!(!holds(&ids[0].0) && vault.key(ONE, ids[0]).unwrap().is_none());
    assert_eq!(vault.drop_project(ONE).unwrap(), 2);
    assert!(!holds(&ids[1].0) && vault.key(ONE, ids[1]).unwrap().is_none());
    assert!(vault.key(TWO, ids[2]).unwrap().is_some());
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
    assert!(vault.key(ONE, old).unwrap().is_some());
    assert_eq!(vault.drop_retired(ONE, 7).unwrap(), 1);
    assert!(vault.key(ONE, old).unwrap().is_none() && vault.key(ONE, new).unwrap().is_some());
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

impl House {
    fn master_path(&self) -> std::path::PathBuf {
        self.folder.path().join("master.key")
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

#[test]
fn a_renewed_master_key_takes_the_place_of_the_old_one_in_its_file() {
    let house = House::new();
    let (vault, running) = (house.vault(), house.vault());
    let sealed = vault.data_key(ONE, 7).unwrap().seal(b"", b"text").unwrap();
    let old = house.source().read().unwrap();
    assert_eq!(vault.renew(None).unwrap(), 1);
    let new = house.source().read().unwrap();
    assert_ne!(new.id(), old.id());
    assert_eq!(house.vault().state().unwrap().master, new.id());
    assert_eq!(house.files(), 2);
    // Who held it open follows, in whatever it does next; a rotation by it comes on top.
    assert_eq!(running.data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    assert_eq!(running.renew(None).unwrap(), 1);
    assert_eq!(vault.data_key(TWO, 7).unwrap().id(), house.vault().data_key(TWO, 7).unwrap().id());
    assert!(matches!(vault.rotate(&house.source().read().unwrap(), None), Err(Error::SameMaster)));
}

#[cfg(unix)]
#[test]
fn a_renewed_master_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    house.vault().renew(None).unwrap();
    assert_eq!(std::fs::metadata(house.master_path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_rotation_that_ended_before_the_key_took_its_place_is_ended_by_the_next_opening() {
    let house = House::new();
    let sealed = house.vault().data_key(ONE, 7).unwrap().seal(b"", b"text").unwrap();
    let new = MasterKey::generate().unwrap();
    super::master_file::write_beside(&house.master_path(), &new).unwrap();
    house.vault().rotate(&new, None).unwrap();
    assert_ne!(house.source().read().unwrap().id(), new.id());
    // Who only reads does not mend, and reads all the same.
    let path = house.folder.path().join("store.keys");
    let reading = Vault::open_read_only(&path, house.source()).unwrap();
    let id = treering_seal::key_of(&sealed).unwrap();
    assert_eq!(reading.key(ONE, id).unwrap().unwrap().open(b"", &sealed).unwrap(), b"text");
    assert_ne!(house.source().read().unwrap().id(), new.id());
    assert_eq!(house.vault().data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    assert_eq!(house.source().read().unwrap().id(), new.id());
    assert_eq!(house.files(), 2);
}

#[test]
fn a_rotation_that_ended_before_anything_was_wrapped_changed_nothing() {
    let house = House::new();
    let old = house.vault().state().unwrap().master;
    super::master_file::write_beside(&house.master_path(), &MasterKey::generate().unwrap()).unwrap();
    assert_eq!(house.vault().state().unwrap().master, old);
    house.vault().renew(None).unwrap();
    assert_eq!(house.vault().state().unwrap().master, house.source().read().unwrap().id());
}

#[cfg(unix)]
#[test]
fn where_the_new_master_key_cannot_be_written_nothing_is_wrapped_with_it() {
    let house = House::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("master.key");
    std::fs::rename(house.master_path(), &path).unwrap();
    let open = || Vault::open(&house.folder.path().join("store.keys"), MasterSource::File(path.clone()));
    let vault = open().unwrap();
    let before = vault.state().unwrap();
    // The folder is gone: not even who may do everything can write there.
    let kept = std::fs::read(&path).unwrap();
    elsewhere.close().unwrap();
    assert!(matches!(vault.renew(None), Err(Error::MasterNotWritten { .. })));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, kept).unwrap();
    assert_eq!(open().unwrap().state().unwrap(), before);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_thousand_keys_are_wrapped_anew_within_a_second() {
    let house = House::new();
    let vault = house.vault();
    for day in 0..1000 {
        vault.data_key(ONE, day).unwrap();
    }
    assert_eq!(vault.state().unwrap().days, Some((0, 999)));
    let begun = std::time::Instant::now();
    assert_eq!(vault.renew(None).unwrap(), 1000);
    let took = begun.elapsed();
    println!("1,000 keys were wrapped anew in {took:?}");
    assert!(took < std::time::Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_key_file_that_lost_its_rows_is_no_new_one() {
    let house = House::new();
    let path = house.folder.path().join("store.keys");
    assert!(matches!(Vault::open_existing(&path, house.source()), Err(Error::KeysLost { .. })));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Vault::open_existing(&path, house.source()), Err(Error::KeysLost { .. })));
    house.vault();
    assert!(Vault::open_existing(&path, house.source()).is_ok());
}

#[test]
fn keys_beside_those_of_a_store_get_the_new_master_key_along_with_them() {
    let house = House::new();
    let beside = || Vault::open_beside(&house.folder.path().join("journal.keys"), house.source()).unwrap();
    let (store, journal) = (house.vault(), beside());
    store.data_key(ONE, 7).unwrap();
    let sealed = journal.data_key(ONE, 7).unwrap().seal(b"", b"text").unwrap();
    assert_eq!(store.renew(Some(&journal)).unwrap(), 2);
    assert_eq!(house.files(), 3);
    assert_eq!(beside().data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    assert_eq!(beside().state().unwrap().master, house.vault().state().unwrap().master);
}

#[test]
fn a_rotation_that_ended_between_two_places_opens_both_and_the_next_one_ends_it() {
    let house = House::new();
    let beside = || Vault::open_beside(&house.folder.path().join("journal.keys"), house.source()).unwrap();
    let sealed = beside().data_key(ONE, 7).unwrap().seal(b"", b"text").unwrap();
    house.vault().data_key(ONE, 7).unwrap();
    let new = MasterKey::generate().unwrap();
    super::master_file::write_beside(&house.master_path(), &new).unwrap();
    beside().rotate(&new, None).unwrap();
    // The store's keys are still wrapped with the old one, which must stay where it is.
    let (store, journal) = (house.vault(), beside());
    assert_eq!(journal.data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
    assert_ne!(store.state().unwrap().master, new.id());
    // One that is handed in, for a second time.
    assert_eq!(store.rotate(&new, Some(&journal)).unwrap(), 1);
    assert_eq!(house.vault().state().unwrap().master, new.id());
    assert_eq!(beside().data_key(ONE, 7).unwrap().open(b"", &sealed).unwrap(), b"text");
}
