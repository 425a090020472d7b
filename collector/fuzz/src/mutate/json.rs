//! JSON: any value anywhere, keys and texts mostly of the words that the code knows.

use serde_json::{Map, Value, json};

use super::Random;

/// Changes a few places of a JSON text; `None` where it is none.
pub fn json(bytes: &[u8], random: &mut Random, words: &[String]) -> Option<Vec<u8>> {
    let mut root: Value = serde_json::from_slice(bytes).ok()?;
    for _ in 0..=random.below(4) {
        let other = nth(&mut root, random).clone();
        change(nth(&mut root, random), other, random, words);
    }
    serde_json::to_vec(&root).ok()
}

fn change(place: &mut Value, other: Value, random: &mut Random, words: &[String]) {
    match (random.below(10), place) {
        (0, place) => *place = leaf(random, words),
        (1, place) => *place = other,
        (2, place) => *place = Value::from(place.to_string()),
        (3, place) => decode(place),
        (4, place) => *place = json!([place.take()]),
        (5, place) => *place = json!({ key(random, words): place.take() }),
        (_, Value::Array(list)) => change_list(list, other, random, words),
        (_, Value::Object(map)) => change_map(map, other, random, words),
        (_, place) => *place = leaf(random, words),
    }
}

fn change_list(list: &mut Vec<Value>, other: Value, random: &mut Random, words: &[String]) {
    let at = random.below(list.len() + 1);
    match random.below(5) {
        0 if at < list.len() => drop(list.remove(at)),
        1 if at < list.len() => list.push(list[at].clone()),
        2 => list.insert(at, other),
        3 => list.reverse(),
        _ => list.insert(at, leaf(random, words)),
    }
}

fn change_map(map: &mut Map<String, Value>, other: Value, random: &mut Random, words: &[String]) {
    let at = random.below(map.len() + 1);
    let own = map.keys().nth(at).cloned();
    match (random.below(5), own) {
        (0, Some(own)) => drop(map.shift_remove(&own)),
        (1, Some(own)) => {
            let value = map.shift_remove(&own).unwrap_or_default();
            map.insert(key(random, words), value);
        }
        (2, _) => drop(map.insert(key(random, words), other)),
        _ => drop(map.insert(key(random, words), leaf(random, words))),
    }
}

fn decode(place: &mut Value) {
    if let Some(inner) = place.as_str().and_then(|text| serde_json::from_str(text).ok()) {
        *place = inner;
    }
}

/// A word, or several with indices between, as flattened lists have them.
fn key(random: &mut Random, words: &[String]) -> String {
    let mut key = random.one_of(words).clone();
    while random.below(3) == 0 {
        let index =
            random.one_of(&["0", "1", "10", "02", "-1", "999999999", "18446744073709551616", "", "x"]);
        key = format!("{}.{index}.{}", key.trim_end_matches('.'), random.one_of(words));
    }
    key
}

fn leaf(random: &mut Random, words: &[String]) -> Value {
    match random.below(14) {
        0 => Value::Null,
        1 => Value::from(random.below(2) == 0),
        2 => Value::from(random.next() as i64),
        3 => Value::from(random.below(100)),
        4 => Value::from(f64::from_bits(random.next())),
        5 => Value::from(*random.one_of(&[1.5e18, 42.0, -1.0, 0.5, 1e300, 4_111_111_111_111_111.0])),
        6 => Value::from(*random.one_of(&[i64::MIN, i64::MAX, -1, 1_763_812_800_000_000_000])),
        7 => Value::from(u64::MAX),
        8 => Value::from(*random.one_of(&["NaN", "-Infinity", "1.5", "42", "-7", "3", "", "0.001", "1e400"])),
        9 => Value::from(*random.one_of(&[
            "5b8efff798038103d269b633813fc60c",
            "eee19b7ec3c1b174",
            "AQIDBAUGBwg=",
        ])),
        10 => json!([]),
        11 => json!({}),
        _ => Value::from(key(random, words)),
    }
}

/// Any value within the root, itself included.
fn nth<'a>(root: &'a mut Value, random: &mut Random) -> &'a mut Value {
    let mut left = random.below(count(root));
    let mut at = root;
    while left > 0 {
        left -= 1;
        let mut skip = |child: &&mut Value| {
            let within = count(child);
            let is_it = left < within;
            if !is_it {
                left -= within;
            }
            is_it
        };
        at = match at {
            Value::Array(list) => list.iter_mut().find(&mut skip),
            Value::Object(map) => map.values_mut().find(&mut skip),
            _ => None,
        }
        .expect("the count says that there are so many");
    }
    at
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}
