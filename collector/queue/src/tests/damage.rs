//! Crashes and damage: whatever happens to the files, every whole entry comes back, in order and once, and the rest is
//! told.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{House, bytes};
use crate::entry::HEAD;
use crate::{EntryId, Journal, Salvage};

pub(super) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Appends entries of these lengths and tells where they lie.
pub(super) fn fill(house: &House, lengths: &[usize]) -> Vec<EntryId> {
    let journal = house.journal(1 << 30);
    let ids = lengths.iter().map(|length| wait(journal.append(house.sealed(1, *length))).unwrap()).collect();
    drop(journal);
    ids
}

/// The lengths of the entries that open, and how many do not.
pub(super) fn opened(house: &House, journal: &Journal) -> (Vec<usize>, usize) {
    let entries = wait(journal.next(None, usize::MAX)).unwrap();
    let (open, damaged): (Vec<_>, Vec<_>) =
        entries.iter().map(|entry| entry.open(&house.key)).partition(Result::is_ok);
    (open.into_iter().map(|request| request.unwrap().len()).collect(), damaged.len())
}

pub(super) fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Which entries a range of bytes of their file touches.
fn touched(ids: &[EntryId], from: usize, until: usize) -> Vec<bool> {
    let (from, until) = (from as u64, until as u64);
    ids.iter().map(|id| id.at < until && from < id.end()).collect()
}

fn whole(lengths: &[usize], touched: &[bool]) -> Vec<usize> {
    let whole = lengths.iter().zip(touched).filter(|(_, touched)| !**touched);
    bytes(&whole.map(|(length, _)| *length).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_that_was_cut_keeps_what_lies_before_the_cut(
        lengths in vec(1usize..400, 1..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let house = House::new();
        let ids = fill(&house, &lengths);
        let file = &house.files()[0];
        let length = fs::metadata(file).unwrap().len();
        let cut = cut.index(usize::try_from(length).unwrap());
        change(file, |bytes| bytes.truncate(cut));
        let journal = house.journal(1 << 30);
        let expected = whole(&lengths, &touched(&ids, cut, usize::MAX));
        prop_assert_eq!(opened(&house, &journal), (expected.clone(), 0));
        prop_assert_eq!(journal.depth().entries, expected.len() as u64);
        // It goes on, and what comes now stands behind.
        wait(journal.append(house.sealed(1, 77))).unwrap();
        drop(journal);
        let again = house.journal(1 << 30);
        prop_assert_eq!(again.salvage(), Salvage::default(), "it was told before");
        prop_assert_eq!(opened(&house, &again).0, [expected, bytes(&[77])].concat());
    }

    #[test]
    fn damage_costs_what_it_covers_and_nothing_else(
        lengths in vec(1usize..400, 2..20),
        at in any::<prop::sample::Index>(),
        size in 1usize..600,
        garbage: bool,
    ) {
        let house = House::new();
        let ids = fill(&house, &lengths);
        let file = &house.files()[0];
        let mut hit = (0, 0);
        change(file, |bytes| {
            let from = at.index(bytes.len());
            hit = (from, bytes.len().min(from + size));
            for (place, byte) in bytes[hit.0..hit.1].iter_mut().enumerate() {
                *byte = if garbage { byte.wrapping_add(u8::try_from(place % 255).unwrap() + 1) } else { !*byte };
            }
        });
        let touched = touched(&ids, hit.0, hit.1);
        let journal = house.journal(1 << 30);
        let (open, damaged) = opened(&house, &journal);
        prop_assert_eq!(open, whole(&lengths, &touched));
        let head_hit = |id: &&EntryId| (hit.0 as u64) < id.at + HEAD as u64 && id.at < hit.1 as u64;
        let heads = ids.iter().filter(head_hit).count();
        prop_assert_eq!(damaged, touched.iter().filter(|hit| **hit).count() - heads);
        let told = journal.salvage();
        prop_assert_eq!(told.damaged_places + told.unfinished_bytes > 0, heads > 0);
        // What does not open is found at its opening, is forgotten, and is never given again.
        let all = wait(journal.next(None, usize::MAX)).unwrap();
        wait(journal.forget(all.iter().map(|entry| entry.id).collect())).unwrap();
        prop_assert_eq!(journal.depth().entries, 0);
        drop(journal);
        let again = house.journal(1 << 30);
        prop_assert_eq!(opened(&house, &again), (vec![], 0));
        prop_assert_eq!(again.salvage(), Salvage::default(), "it was told before");
    }

    #[test]
    fn whatever_lies_in_the_folder_a_journal_opens_and_goes_on(
        junk in vec(any::<u8>(), 0..300),
        base in 0u64..3,
        lengths in vec(1usize..100, 0..4),
    ) {
        let house = House::new();
        fill(&house, &lengths);
        fs::create_dir_all(house.path()).unwrap();
        let name = format!("{:016x}.segment", base << 40);
        fs::write(house.path().join(name), &junk).unwrap();
        fs::write(house.path().join("aside"), &junk).unwrap();
        let journal = house.journal(1 << 30);
        wait(journal.append(house.sealed(1, 50))).unwrap();
        drop(journal);
        let again = house.journal(1 << 30);
        prop_assert_eq!(opened(&house, &again).0.last().copied(), Some(bytes(&[50])[0]));
    }
}

#[test]
fn a_missing_file_is_told_and_the_others_are_kept() {
    let house = House::new();
    for length in [10, 20, 30] {
        fill(&house, &[length]);
    }
    fs::remove_file(&house.files()[1]).unwrap();
    let journal = house.journal(1 << 30);
    assert_eq!(opened(&house, &journal).0, bytes(&[10, 30]));
    assert_eq!(journal.salvage().damaged_places, 1);
}

#[test]
fn a_crash_between_the_word_and_the_removal_of_a_file_costs_a_repetition_at_the_most() {
    let house = House::new();
    let ids = fill(&house, &[10, 20]);
    let copy = fs::read(&house.files()[0]).unwrap();
    let name = house.files()[0].clone();
    let journal = house.journal(1 << 30);
    wait(journal.append(house.sealed(1, 30))).unwrap();
    wait(journal.forget(ids)).unwrap();
    assert!(!name.exists());
    drop(journal);
    // The file is there again, as if its removal had not reached the disk; the word that it is delivered has.
    fs::write(&name, copy).unwrap();
    let again = house.journal(1 << 30);
    assert_eq!(opened(&house, &again).0, bytes(&[30]));
    assert!(!name.exists());
}

#[test]
fn damage_that_happens_while_it_is_open_is_counted_once_and_nobody_waits_for_it() {
    let house = House::new();
    let journal = house.journal(1 << 30);
    let ids: Vec<_> =
        [10, 20, 30].map(|length| wait(journal.append(house.sealed(1, length))).unwrap()).into();
    let at = usize::try_from(ids[1].at).unwrap();
    change(&house.files()[0], |bytes| bytes[at] ^= 1);
    assert_eq!(opened(&house, &journal).0, bytes(&[10, 30]));
    assert_eq!(wait(journal.damaged()).unwrap(), 1);
    assert_eq!(wait(journal.damaged()).unwrap(), 0);
    wait(journal.forget(vec![ids[0], ids[2]])).unwrap();
    wait(journal.delivered());
    assert_eq!(journal.depth().entries, 0);
}

#[cfg(unix)]
#[test]
fn a_disk_that_takes_nothing_is_an_error_and_the_journal_recovers() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let journal = house.journal(1 << 30);
    wait(journal.append(house.sealed(1, 10))).unwrap();
    let aside = house.folder.path().join("elsewhere");
    // Without its folder no new file can be begun; the file that is open goes on.
    fs::rename(house.path(), &aside).unwrap();
    let blocked = wait(journal.set_aside(wait(journal.next(None, 1)).unwrap()[0].id));
    assert!(blocked.is_err());
    assert_eq!(journal.depth().entries, 1, "what failed has changed nothing");
    fs::rename(&aside, house.path()).unwrap();
    assert!(fs::metadata(house.path()).unwrap().permissions().mode() & 0o077 == 0);
    wait(journal.append(house.sealed(1, 20))).unwrap();
    assert_eq!(opened(&house, &journal).0, bytes(&[10, 20]));
    drop(journal);
    assert_eq!(opened(&house, &house.journal(1 << 30)).0, bytes(&[10, 20]));
}
