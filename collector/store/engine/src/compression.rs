//! LZ4 as ClickHouse takes it and gives it.

use std::io::Write;

use lz4_flex::block;

/// A checksum, a method, and the lengths of the block, once with these nine bytes and once as it was.
const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const LZ4: u8 = 0x82;
const NONE: u8 = 0x02;
/// As ClickHouse has it: a block that claims more is broken.
const LARGEST: usize = 1 << 30;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the body ends within a compressed block")]
    Short,
    #[error("the checksum of a compressed block does not match")]
    Checksum,
    #[error("the compression method {0:#04x} is not known here")]
    Method(u8),
    #[error("a compressed block would be larger than a gigabyte")]
    Large,
    #[error("a compressed block is broken")]
    Block(#[from] block::DecompressError),
}

/// Reads blocks one after another (`decompress=1`).
pub(crate) fn decompress(mut body: &[u8]) -> Result<Vec<u8>, Broken> {
    let mut data = Vec::new();
    while !body.is_empty() {
        let (checksum, rest) = body.split_first_chunk::<CHECKSUM>().ok_or(Broken::Short)?;
        let header = rest.first_chunk::<HEADER>().ok_or(Broken::Short)?;
        let (method, length, original) = (header[0], size(&header[1..5])?, size(&header[5..])?);
        let block = rest.get(..length).ok_or(Broken::Short)?;
        if *checksum != checksum_of(block) {
            return Err(Broken::Checksum);
        }
        let packed = block.get(HEADER..).ok_or(Broken::Short)?;
        match method {
            NONE => data.extend_from_slice(packed),
            LZ4 => data.extend(block::decompress(packed, original)?),
            other => return Err(Broken::Method(other)),
        }
        body = &rest[length..];
    }
    Ok(data)
}

fn size(bytes: &[u8]) -> Result<usize, Broken> {
    let bytes = bytes.try_into().map_err(|_| Broken::Short)?;
    let size = usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| Broken::Large)?;
    if size > LARGEST { Err(Broken::Large) } else { Ok(size) }
}

/// CityHash as it was at version 1.0.2, its two halves in the order in which C++ writes them.
fn checksum_of(block: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(block).rotate_right(64).to_le_bytes()
}

/// An LZ4 frame, as `Accept-Encoding: lz4` asks for it.
pub(crate) fn frame(data: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(data).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_of(method: u8, packed: &[u8], original: usize) -> Vec<u8> {
        let sizes = [packed.len() + HEADER, original].map(|size| u32::try_from(size).unwrap().to_le_bytes());
        let block = [&[method], sizes.as_flattened(), packed].concat();
        [&checksum_of(&block)[..], &block].concat()
    }

    #[test]
    fn blocks_of_both_methods_follow_each_other() {
        let text = b"again and again and again and again";
        let body =
            [block_of(LZ4, &block::compress(text), text.len()), block_of(NONE, text, text.len())].concat();
        assert_eq!(decompress(&body).unwrap(), text.repeat(2));
        assert!(matches!(decompress(&body[..body.len() - 1]), Err(Broken::Short)));
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut body = block_of(NONE, b"text", 4);
        *body.last_mut().unwrap() ^= 1;
        assert!(matches!(decompress(&body), Err(Broken::Checksum)));
        assert!(matches!(decompress(&block_of(0x90, b"", 0)), Err(Broken::Method(0x90))));
    }
}
