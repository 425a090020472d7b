//! Bytes → `Export`: decompressed and decoded, within the limit.

use std::io::Read;

use bytes::Bytes;
use treering_otlp::{Export, Malformed, Signal, Unkept};

use crate::memory::SMALL;
use crate::refusal::Refusal;

/// How the bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Protobuf,
    Json,
}

/// How the bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    None,
    Gzip,
    /// With the header of zlib, as HTTP means it.
    Deflate,
    Zstd,
}

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Signal(Signal),
    /// To be seen from the body itself.
    Any,
    /// Authenticated, counted, thrown away.
    Discard(Unkept),
}

/// What a body was read as.
#[derive(Debug)]
pub(crate) enum Decoded {
    Export(Export),
    Discarded(Unkept, usize),
}

/// A body that was read whole, and was not longer than allowed.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) form: Form,
    pub(crate) encoding: Encoding,
    pub(crate) bytes: Bytes,
}

/// Bytes of which zstd may ask us to remember so many, as a power of two: what RFC 8878 asks of everyone.
const ZSTD_WINDOW: u32 = 23;

/// A body without compression.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) form: Form,
    pub(crate) bytes: Bytes,
}

impl Body {
    /// Without its compression, if it then has at most so many bytes.
    pub(crate) fn decompress(self, max_bytes: usize) -> Result<Plain, Refusal> {
        let compressed = &self.bytes[..];
        let bytes = match self.encoding {
            Encoding::None => return Ok(Plain { form: self.form, bytes: self.bytes }),
            Encoding::Gzip => inflate(flate2::read::MultiGzDecoder::new(compressed), max_bytes),
            Encoding::Deflate => inflate(flate2::read::ZlibDecoder::new(compressed), max_bytes),
            Encoding::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(compressed).map_err(|_| Refusal::Damaged)?;
                decoder.window_log_max(ZSTD_WINDOW).map_err(|_| Refusal::Damaged)?;
                inflate(decoder, max_bytes)
            }
        };
        Ok(Plain { form: self.form, bytes: bytes?.into() })
    }
}

impl Plain {
    /// The request that it is.
    pub(crate) fn decode(self, purpose: Purpose) -> Result<Decoded, Refusal> {
        let Self { form, bytes } = self;
        let signal = match purpose {
            Purpose::Signal(signal) => signal,
            Purpose::Any => guess(form, &bytes).ok_or(Refusal::NoSuchPath)?,
            Purpose::Discard(unkept) => return Ok(Decoded::Discarded(unkept, count(unkept, form, &bytes)?)),
        };
        let export = match form {
            Form::Protobuf => Export::from_protobuf(signal, bytes),
            Form::Json => Export::from_json(signal, &bytes),
        };
        Ok(Decoded::Export(export?))
    }
}

fn guess(form: Form, bytes: &[u8]) -> Option<Signal> {
    match form {
        Form::Protobuf => Signal::guess_protobuf(bytes),
        Form::Json => Signal::guess_json(bytes),
    }
}

fn count(unkept: Unkept, form: Form, bytes: &[u8]) -> Result<usize, Malformed> {
    match form {
        Form::Protobuf => unkept.count_protobuf(bytes),
        Form::Json => unkept.count_json(bytes),
    }
}

/// The capacity to ask for where a buffer may become as large as this. A large one is asked for whole: the system then
/// maps it apart, touched only as far as it is filled, and has it back at once, while one that grew step by step would
/// leave its steps with the allocator.
pub(crate) fn at_most(max_bytes: usize) -> usize {
    if max_bytes > SMALL { max_bytes.max(MAPPED_APART) } else { 0 }
}

/// From here on the allocators of the field map a buffer apart, whatever came before.
const MAPPED_APART: usize = 40 << 20;

fn inflate(decoder: impl Read, max_bytes: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(at_most(max_bytes));
    // One byte more than allowed tells a body that is just long enough from one that is too long.
    decoder.take(max_bytes as u64 + 1).read_to_end(&mut bytes).map_err(|_| Refusal::Damaged)?;
    if bytes.len() > max_bytes { Err(Refusal::TooLarge { max_bytes }) } else { Ok(bytes) }
}
