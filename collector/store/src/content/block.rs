//! Blocks: compressed, then sealed for their place.

use std::sync::LazyLock;

use treering_seal::DataKey;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use crate::{Error, ProjectId};

const LEVEL: i32 = 3;
/// Blocks up to this length begin with the dictionary; longer ones soon are their own.
const SMALL: usize = 16 << 10;
/// No block is larger, compressed or not.
const LARGEST: usize = 1 << 30;

/// The first byte of a block tells how it is compressed. None of these texts is ever changed.
const ALONE: u8 = 0;
const WITH_DICTIONARY: u8 = 1;
const DICTIONARY: &[u8] = include_bytes!("dictionary_1.txt");

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

/// Compresses blocks.
pub(crate) struct Press {
    alone: Compressor<'static>,
    with_dictionary: Compressor<'static>,
}

impl Press {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            alone: Compressor::new(LEVEL).map_err(Error::Compress)?,
            with_dictionary: Compressor::with_prepared_dictionary(&ENCODER).map_err(Error::Compress)?,
        })
    }

    /// A block for this place, sealed.
    pub(crate) fn seal(
        &mut self,
        key: &DataKey,
        (project, day, id): (ProjectId, u32, i64),
        block: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let is_small = block.len() <= SMALL;
        let press = if is_small { &mut self.with_dictionary } else { &mut self.alone };
        let mut plain = vec![if is_small { WITH_DICTIONARY } else { ALONE }];
        plain.extend(press.compress(block).map_err(Error::Compress)?);
        key.seal(&place(project, day, id), &plain).map_err(Error::Seal)
    }
}

/// The bytes of a sealed block. It opens at its place and at no other.
pub(crate) fn open(
    key: &DataKey,
    (project, day, id): (ProjectId, u32, i64),
    sealed: &[u8],
) -> Result<Vec<u8>, Error> {
    const TORN: Error = Error::Damaged("a block of content");
    let plain = key.open(&place(project, day, id), sealed).map_err(|_| TORN)?;
    let (form, frame) = plain.split_first().ok_or(TORN)?;
    let mut decompressor = match *form {
        ALONE => Decompressor::new(),
        WITH_DICTIONARY => Decompressor::with_prepared_dictionary(&DECODER),
        _ => return Err(TORN),
    }
    .map_err(Error::Compress)?;
    let length = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten().ok_or(TORN)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= LARGEST).ok_or(TORN)?;
    decompressor.decompress(frame, length).map_err(|_| TORN)
}

/// What a block is bound to.
fn place(project: ProjectId, day: u32, id: i64) -> Vec<u8> {
    [b"block", &project.0.to_le_bytes()[..], &day.to_le_bytes(), &id.to_le_bytes()].concat()
}
