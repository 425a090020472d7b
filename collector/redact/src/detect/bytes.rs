//! Small questions about bytes that every detector asks.

use crate::steps;
use std::ops::Range;

pub(super) fn before(text: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|previous| text.get(previous)).copied()
}

pub(super) fn is_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn is_alphanumeric(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}

pub(super) fn is_digit(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_digit())
}

/// The end of the run of bytes from `start` that pass, at most `limit` of them.
pub(super) fn run(text: &[u8], start: usize, limit: usize, pass: impl Fn(u8) -> bool) -> usize {
    let window = &text[start.min(text.len())..text.len().min(start + limit)];
    let length = window.iter().take_while(|&&byte| pass(byte)).count();
    steps::read(length + 1);
    start + length
}

/// The start of the run of bytes up to `end` that pass, at most `limit` of them.
pub(super) fn run_back(text: &[u8], end: usize, limit: usize, pass: impl Fn(u8) -> bool) -> usize {
    let window = &text[end.saturating_sub(limit)..end];
    let length = window.iter().rev().take_while(|&&byte| pass(byte)).count();
    steps::read(length + 1);
    end - length
}

/// Whether `text` goes on at `at` with this.
pub(super) fn starts(text: &[u8], at: usize, with: &[u8]) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(with))
}

/// A number written in groups: its digits, the length of each group, and the place it takes.
#[derive(Debug)]
pub(super) struct Grouped {
    pub(super) digits: Vec<u8>,
    pub(super) groups: Vec<usize>,
    pub(super) place: Range<usize>,
}

/// Reads digits in groups with one and the same separator between them, at most `limit` digits.
pub(super) fn grouped(text: &[u8], start: usize, limit: usize, separators: &[u8]) -> Grouped {
    let mut number = Grouped { digits: Vec::with_capacity(limit), groups: Vec::new(), place: start..start };
    let mut separator = None;
    let mut at = start;
    loop {
        let end = run(text, at, limit + 1 - number.digits.len().min(limit), |byte| byte.is_ascii_digit());
        number.digits.extend_from_slice(&text[at..end]);
        number.groups.push(end - at);
        number.place.end = end;
        let next = text.get(end).copied().filter(|byte| separators.contains(byte));
        let same = next.is_some() && (separator.is_none() || separator == next);
        if !same || !is_digit(text.get(end + 1).copied()) || number.digits.len() >= limit {
            return number;
        }
        separator = next;
        at = end + 1;
    }
}

/// The check digit of cards.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().rev().enumerate().map(|(place, &digit)| doubled(place, digit)).sum();
    sum.is_multiple_of(10)
}

fn doubled(place: usize, digit: u8) -> u32 {
    let value = u32::from(digit - b'0') << (place % 2);
    value / 10 + value % 10
}
