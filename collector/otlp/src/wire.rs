//! The protobuf wire format: fields of a message, and how to write them.

/// The bytes are not protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn;

/// One field as it stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawField<'a> {
    pub(crate) number: u32,
    /// Where the field begins, its tag included.
    pub(crate) start: usize,
    /// Where its payload begins.
    pub(crate) payload: usize,
    pub(crate) end: usize,
    pub(crate) value: RawValue<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RawValue<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of the message that stands in `bytes[start..end]`; positions are positions in `bytes`.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { bytes: message, at: 0, end: message.len() }
    }

    pub(crate) fn within(bytes: &'a [u8], start: usize, end: usize) -> Self {
        Self { bytes, at: start, end }
    }

    fn varint(&mut self) -> Result<u64, Torn> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes[..self.end].get(self.at).ok_or(Torn)?;
            self.at += 1;
            // The tenth byte has room for one bit; what stands above it is no number of 64 bits.
            if shift == 63 && byte > 1 {
                return Err(Torn);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Torn)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Torn> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end).ok_or(Torn)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Torn> {
        self.take(N)?.try_into().map_err(|_| Torn)
    }

    fn field(&mut self) -> Result<RawField<'a>, Torn> {
        let start = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Torn)?;
        if number == 0 {
            return Err(Torn);
        }
        let mut payload = self.at;
        let value = match tag & 7 {
            0 => RawValue::Varint(self.varint()?),
            1 => RawValue::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Torn)?;
                payload = self.at;
                RawValue::Bytes(self.take(length)?)
            }
            5 => RawValue::Fixed32(u32::from_le_bytes(self.array()?)),
            // Groups (3, 4) were never a part of OTLP.
            _ => return Err(Torn),
        };
        Ok(RawField { number, start, payload, end: self.at, value })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<RawField<'a>, Torn>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the loop left less than 0x80")]
    out.push(value as u8);
}

pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type));
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, payload: &[u8]) {
    put_tag(out, number, 2);
    put_varint(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

/// Begins a message within a message; its payload begins at the place that is returned.
pub(crate) fn open(out: &mut Vec<u8>, number: u32) -> usize {
    put_tag(out, number, 2);
    out.push(0);
    out.len()
}

/// Ends the message whose payload begins there: its length is known now. Where one byte does not hold it, the
/// payload moves, which costs less than a buffer for each level of nesting.
pub(crate) fn close(out: &mut Vec<u8>, payload: usize) {
    let mut length = Vec::with_capacity(5);
    put_varint(&mut length, (out.len() - payload) as u64);
    out.splice(payload - 1..payload, length);
}
