use proptest::collection::vec;
use proptest::prelude::*;

use crate::{ChainKey, DataKey, Error, HashKey, KeyId, MasterKey, OVERHEAD, Secret, key_of};

fn data_key(number: u8) -> DataKey {
    DataKey::new(KeyId([number; 8]), &Secret::generate().unwrap())
}

proptest! {
    #[test]
    fn what_was_sealed_opens_again_in_its_place(place: Vec<u8>, plain in vec(any::<u8>(), 0..500)) {
        let key = data_key(1);
        let sealed = key.seal(&place, &plain).unwrap();
        prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD);
        prop_assert_eq!(key_of(&sealed), Ok(key.id()));
        prop_assert_eq!(key.open(&place, &sealed), Ok(plain));
    }

    #[test]
    fn no_damage_opens(at: prop::sample::Index, bit in 0u8..8, plain in vec(any::<u8>(), 0..100)) {
        let key = data_key(1);
        let mut sealed = key.seal(b"here", &plain).unwrap();
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(key.open(b"here", &sealed).is_err());
        prop_assert!(key.open(b"here", &sealed[..at]).is_err());
    }
}

#[test]
fn nothing_opens_in_another_place_or_with_another_key() {
    let key = data_key(1);
    let sealed = key.seal(b"here", b"text").unwrap();
    assert_eq!(key.open(b"there", &sealed), Err(Error::NotOpened));
    assert_eq!(data_key(1).open(b"here", &sealed), Err(Error::NotOpened));
    assert_eq!(data_key(2).open(b"here", &sealed), Err(Error::NotOpened));
}

#[test]
fn equal_texts_have_different_seals_and_equal_names() {
    let (key, secret) = (data_key(1), Secret::generate().unwrap());
    assert_ne!(key.seal(b"", b"text").unwrap(), key.seal(b"", b"text").unwrap());
    let names = || HashKey::new(&secret).content(&[b"a", b"b"]);
    assert_eq!(names(), names());
    assert_ne!(names(), HashKey::new(&secret).content(&[b"ab", b""]));
    assert_ne!(names(), HashKey::new(&secret).pseudonym(&[b"a", b"b"]));
    assert_ne!(names(), HashKey::new(&Secret::generate().unwrap()).content(&[b"a", b"b"]));
}

#[test]
fn a_master_key_survives_its_text_and_wraps_secrets() {
    let master = MasterKey::generate().unwrap();
    let again = MasterKey::parse(&format!("{}\n", &*master.reveal())).unwrap();
    assert_eq!(master.id(), again.id());
    let secret = Secret::generate().unwrap();
    let wrapped = master.wrap(b"project 1", &secret).unwrap();
    let unwrapped = again.unwrap(b"project 1", &wrapped).unwrap();
    let sealed = DataKey::new(KeyId([0; 8]), &secret).seal(b"", b"text").unwrap();
    assert_eq!(DataKey::new(KeyId([0; 8]), &unwrapped).open(b"", &sealed).unwrap(), b"text");
    assert!(master.unwrap(b"project 2", &wrapped).is_err());
    assert!(MasterKey::generate().unwrap().unwrap(b"project 1", &wrapped).is_err());
}

#[test]
fn what_is_no_key_is_refused_and_no_key_prints_itself() {
    for wrong in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(MasterKey::parse(wrong).unwrap_err(), Error::NotAKey);
    }
    let master = MasterKey::parse(&"ab".repeat(32)).unwrap();
    let printed = format!("{master:?} {:?} {:?}", Secret::generate().unwrap(), data_key(1));
    assert!(!printed.contains("abab"), "{printed}");
}

#[test]
fn a_link_depends_on_the_key_the_row_before_and_every_part() {
    let secret = Secret::generate().unwrap();
    let key = ChainKey::new(&secret);
    let link = key.link(&[0; 32], &[Some(b"a"), None]);
    assert_eq!(ChainKey::new(&secret).link(&[0; 32], &[Some(b"a"), None]), link);
    assert_ne!(key.link(&[1; 32], &[Some(b"a"), None]), link);
    assert_ne!(key.link(&[0; 32], &[Some(b"a"), Some(b"")]), link);
    assert_ne!(key.link(&[0; 32], &[Some(b""), Some(b"a")]), link);
    assert_ne!(ChainKey::new(&Secret::generate().unwrap()).link(&[0; 32], &[Some(b"a"), None]), link);
}
