//! What needs the inside of this room: what holds where our own statements do not.
#![allow(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod house;
mod keys;
mod leak;
mod unguarded;

pub(super) use unguarded::Unguarded;
