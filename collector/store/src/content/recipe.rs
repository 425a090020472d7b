//! How pieces become a body again.
//!
//! A recipe is the name of the record's context, and then parts: a number, whose lowest bit tells bytes that are
//! written out (the rest of it is their length) from a name (the rest is its height). A name of height 0 is that
//! of bytes; one above is that of a list of names, each of which is one lower.

use std::ops::Deref;

use super::Name;
use super::atoms::{put_varint, varint};
use crate::Error;

/// Lists of lists end here: of 64 names each, they name more than there is.
const HIGHEST: u64 = 12;

pub(super) fn put_literal(recipe: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(recipe, (bytes.len() as u64) << 1);
    recipe.extend(bytes);
}

pub(super) fn put_name(recipe: &mut Vec<u8>, height: u64, name: &Name) {
    put_varint(recipe, height << 1 | 1);
    recipe.extend(name);
}

/// The name of the context, and the bytes of the body. `fetch` tells the bytes of a name.
pub(crate) fn join<B: Deref<Target = [u8]>>(
    recipe: &[u8],
    fetch: &mut impl FnMut(&Name) -> Result<B, Error>,
) -> Result<(Name, Vec<u8>), Error> {
    let (context, mut rest) = recipe.split_first_chunk().ok_or(TORN)?;
    let mut body = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (head, width) = varint(rest).ok_or(TORN)?;
        rest = &rest[width..];
        if head & 1 == 0 {
            let length = usize::try_from(head >> 1).map_err(|_| TORN)?;
            let (bytes, after) = rest.split_at_checked(length).ok_or(TORN)?;
            body.extend(bytes);
            rest = after;
        } else {
            let (name, after) = rest.split_first_chunk().ok_or(TORN)?;
            put(&mut body, head >> 1, name, fetch)?;
            rest = after;
        }
    }
    Ok((*context, body))
}

const TORN: Error = Error::Damaged("the recipe of a record");

fn put<B: Deref<Target = [u8]>>(
    body: &mut Vec<u8>,
    height: u64,
    name: &Name,
    fetch: &mut impl FnMut(&Name) -> Result<B, Error>,
) -> Result<(), Error> {
    let bytes = fetch(name)?;
    if height == 0 {
        body.extend(&*bytes);
        return Ok(());
    }
    let (names, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() || height > HIGHEST {
        return Err(TORN);
    }
    names.iter().try_for_each(|name| put(body, height - 1, name, fetch))
}
