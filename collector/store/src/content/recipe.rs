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
    let (context, rest) = recipe.split_first_chunk().ok_or(TORN)?;
    let mut body = Vec::with_capacity(rest.len());
    for part in parts(rest) {
        match part? {
            Part::Literal(bytes) => body.extend(bytes),
            Part::Named(height, name) => put(&mut body, height, name, fetch)?,
        }
    }
    Ok((*context, body))
}

const TORN: Error = Error::Damaged("the recipe of a record");

/// The names in a recipe, each with its height, that of the context first; as far as it can be read.
pub(crate) fn names(recipe: &[u8]) -> impl Iterator<Item = (u64, Name)> {
    let (context, rest) =
        recipe.split_first_chunk().map_or((None, &[][..]), |(name, rest)| (Some(name), rest));
    let named = parts(rest).map_while(Result::ok).filter_map(|part| match part {
        Part::Literal(_) => None,
        Part::Named(height, name) => Some((height, *name)),
    });
    context.map(|context| (0, *context)).into_iter().chain(named)
}

/// The names in a list of this height.
pub(crate) fn names_in(height: u64, list: &[u8]) -> impl Iterator<Item = (u64, Name)> {
    let (names, _) = if height > HIGHEST { (&[][..], list) } else { list.as_chunks::<16>() };
    names.iter().map(move |name| (height.saturating_sub(1), *name))
}

enum Part<'a> {
    Literal(&'a [u8]),
    Named(u64, &'a Name),
}

fn parts(mut rest: &[u8]) -> impl Iterator<Item = Result<Part<'_>, Error>> {
    std::iter::from_fn(move || {
        let (part, after) = if rest.is_empty() { None? } else { split(rest).unzip() };
        // Nothing follows what is torn.
        rest = after.unwrap_or_default();
        Some(part.ok_or(TORN))
    })
}

fn split(rest: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let (head, width) = varint(rest)?;
    let rest = &rest[width..];
    if head & 1 == 0 {
        let (bytes, after) = rest.split_at_checked(usize::try_from(head >> 1).ok()?)?;
        Some((Part::Literal(bytes), after))
    } else {
        let (name, after) = rest.split_first_chunk()?;
        Some((Part::Named(head >> 1, name), after))
    }
}

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
