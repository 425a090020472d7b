//! Disks that take nothing, files that are none, and what an older version left behind.

use std::fs;

use super::damage::{change, fill, opened, wait};
use super::{House, bytes, request};
use crate::entry::HEAD;
use crate::{Error, Salvage};

#[test]
fn what_is_delivered_is_forgotten_though_the_disk_takes_no_word_of_it() {
    let house = House::new();
    let journal = house.journal(1 << 30);
    let ids = [10, 20].map(|length| wait(journal.append(house.sealed(1, length))).unwrap());
    let elsewhere = house.folder.path().join("elsewhere");
    fs::rename(house.path(), &elsewhere).unwrap();
    // What failed is not gone on with, and without its folder no new file can be begun.
    assert!(wait(journal.set_aside(ids[0])).is_err());
    assert!(wait(journal.append(house.sealed(1, 30))).is_err());
    wait(journal.forget(vec![ids[0]])).unwrap();
    assert_eq!(journal.depth().entries, 1);
    fs::rename(&elsewhere, house.path()).unwrap();
    // The next commit makes up for the word.
    wait(journal.append(house.sealed(1, 40))).unwrap();
    drop(journal);
    assert_eq!(opened(&house, &house.journal(1 << 30)).0, bytes(&[20, 40]));
}

#[test]
fn files_go_though_the_disk_takes_no_word_of_it() {
    let house = House::new();
    fill(&house, &[10]);
    let journal = house.journal(1 << 30);
    let all = wait(journal.next(None, usize::MAX)).unwrap();
    // A folder stands where the next file would be begun.
    let blocked = house.path().join(format!("{:016x}.segment", all[0].id.end()));
    fs::create_dir(&blocked).unwrap();
    assert!(wait(journal.append(house.sealed(1, 20))).is_err());
    wait(journal.forget(vec![all[0].id])).unwrap();
    assert_eq!((house.files(), journal.depth().entries), (vec![blocked.clone()], 0));
    fs::remove_dir(blocked).unwrap();
    wait(journal.append(house.sealed(1, 20))).unwrap();
    assert_eq!(opened(&house, &journal).0, bytes(&[20]));
}

#[test]
fn what_is_no_file_is_put_away_and_nothing_ever_stands_in_its_place() {
    let house = House::new();
    fill(&house, &[10]);
    let end = fs::metadata(&house.files()[0]).unwrap().len();
    fs::create_dir(house.path().join(format!("{end:016x}.segment"))).unwrap();
    fs::create_dir(house.path().join("aside")).unwrap();
    let journal = house.journal(1 << 30);
    assert_eq!(journal.salvage().damaged_places, 2);
    let id = wait(journal.append(house.sealed(1, 20))).unwrap();
    assert!(id.at > end);
    assert_eq!(opened(&house, &journal).0, bytes(&[10, 20]));
    drop(journal);
    let again = house.journal(1 << 30);
    assert_eq!(again.salvage(), Salvage::default(), "it was told before");
    assert_eq!(opened(&house, &again).0, bytes(&[10, 20]));
}

#[test]
fn damage_of_the_last_entry_is_not_taken_for_a_write_that_nobody_was_answered_for() {
    let house = House::new();
    fill(&house, &[10, 20]);
    let last = bytes(&[20])[0] + treering_seal::OVERHEAD + HEAD;
    change(&house.files()[0], |bytes| {
        let at = bytes.len() - last + 20;
        bytes[at] ^= 1;
    });
    let told = house.journal(1 << 30).salvage();
    assert_eq!((told.damaged_places, told.unfinished_bytes), (1, 0));
}

#[test]
fn a_file_that_somebody_cuts_meanwhile_costs_what_was_cut_and_takes_no_more() {
    let house = House::new();
    let journal = house.journal(1 << 30);
    for length in [10, 20, 30] {
        wait(journal.append(house.sealed(1, length))).unwrap();
    }
    let first = bytes(&[10])[0] + treering_seal::OVERHEAD + HEAD;
    change(&house.files()[0], |bytes| bytes.truncate(first + HEAD + 5));
    // What would stand at a wrong place is not said to be kept.
    assert!(matches!(wait(journal.append(house.sealed(1, 40))), Err(Error::Write(_))));
    wait(journal.append(house.sealed(1, 50))).unwrap();
    let (open, unopened) = opened(&house, &journal);
    assert_eq!(open, bytes(&[10, 50]));
    assert_eq!(wait(journal.damaged()).unwrap() + unopened as u64, 2);
}

#[test]
fn what_an_older_version_accepted_is_taken_over_however_little_room_there_is() {
    let house = House::new();
    let old = house.folder.path().join("journal.db");
    let database = rusqlite::Connection::open(&old).unwrap();
    database
        .execute_batch("CREATE TABLE entry (id INTEGER PRIMARY KEY, project, form, accepted_at, bytes)")
        .unwrap();
    for _ in 0..3 {
        let sql = "INSERT INTO entry (project, form, accepted_at, bytes) VALUES (1, 1, 5, ?1)";
        database.execute(sql, [request(100).as_bytes()]).unwrap();
    }
    drop(database);
    let (key, journal) = (house.key.clone(), house.journal(200));
    let taken: Result<_, Error> = wait(journal.take_over(&old, &|_, _| Ok(key.clone())));
    assert_eq!(taken.unwrap(), 3);
    assert!(matches!(wait(journal.append(house.sealed(1, 1))), Err(Error::Full { .. })));
    assert_eq!(opened(&house, &journal).0, bytes(&[100; 3]));
}

#[test]
fn a_damaged_journal_of_an_older_version_is_put_away() {
    let house = House::new();
    let old = house.folder.path().join("journal.db");
    fs::write(&old, [7; 5000]).unwrap();
    let (key, journal) = (house.key.clone(), house.journal(1 << 20));
    let taken: Result<_, Error> = wait(journal.take_over(&old, &|_, _| Ok(key.clone())));
    assert_eq!(taken.unwrap(), 0);
    assert!(!old.exists() && house.folder.path().join("journal.db.damaged").exists());
}
