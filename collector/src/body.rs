//! Bytes → `Export`: decompressed and decoded, within the limit.

use std::io::Read;

use bytes::Bytes;
use treering_otlp::{Export, Signal};

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
    Zstd,
}

/// A body that was read whole, and was not longer than allowed.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) form: Form,
    pub(crate) encoding: Encoding,
    pub(crate) bytes: Bytes,
}

impl Body {
    /// The request that it is, which has at most so many bytes once it is decompressed.
    pub(crate) fn decode(self, signal: Signal, max_bytes: usize) -> Result<Export, Refusal> {
        let bytes = match self.encoding {
            Encoding::None => Vec::from(self.bytes),
            Encoding::Gzip => inflate(flate2::read::MultiGzDecoder::new(&self.bytes[..]), max_bytes)?,
            Encoding::Zstd => {
                let decoder =
                    zstd::stream::read::Decoder::new(&self.bytes[..]).map_err(|_| Refusal::Damaged)?;
                inflate(decoder, max_bytes)?
            }
        };
        let export = match self.form {
            Form::Protobuf => Export::from_protobuf(signal, bytes),
            Form::Json => Export::from_json(signal, &bytes),
        };
        Ok(export?)
    }
}

fn inflate(decoder: impl Read, max_bytes: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a body that is just long enough from one that is too long.
    decoder.take(max_bytes as u64 + 1).read_to_end(&mut bytes).map_err(|_| Refusal::Damaged)?;
    if bytes.len() > max_bytes { Err(Refusal::TooLarge { max_bytes }) } else { Ok(bytes) }
}
