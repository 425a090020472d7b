//! Protobuf: any field anywhere, with lengths that stay right.

use super::Random;

#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

/// Changes a few fields of a message; `None` where the bytes are none.
pub fn protobuf(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut root = parse(bytes, 0)?;
    for _ in 0..=random.below(4) {
        let other = fields(&mut root, random).first().cloned();
        let list = fields(&mut root, random);
        let at = random.below(list.len() + 1);
        match random.below(7) {
            0 if at < list.len() => drop(list.remove(at)),
            1 if at < list.len() => list.push(list[at].clone()),
            2 if at < list.len() => list[at].number = number(random),
            3 if at < list.len() => list[at].value = value(random),
            4 if at < list.len() => {
                list[at] = Field { number: list[at].number, value: Value::Message(vec![list[at].clone()]) }
            }
            5 => list.extend(other),
            _ => list.insert(at, Field { number: number(random), value: value(random) }),
        }
    }
    let mut out = Vec::new();
    write(&root, &mut out);
    Some(out)
}

fn number(random: &mut Random) -> u64 {
    if random.below(16) == 0 { random.next() >> 32 } else { 1 + random.below(17) as u64 }
}

fn value(random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::Varint(random.next()),
        1 => Value::Varint(random.below(8) as u64),
        2 => Value::Fixed64(random.next().to_le_bytes()),
        3 => Value::Fixed32((random.next() as u32).to_le_bytes()),
        4 => Value::Bytes(vec![random.next() as u8; random.below(17)]),
        5 => Value::Bytes(vec![7; *random.one_of(&[0, 8, 16])]),
        6 => Value::Bytes(
            random.one_of(&["text", "ada@example.com", "é\u{200b}", "{\"a\":[1]}"]).as_bytes().to_vec(),
        ),
        _ => Value::Message(Vec::new()),
    }
}

/// The fields of any message within this one, itself included.
fn fields<'a>(root: &'a mut Vec<Field>, random: &mut Random) -> &'a mut Vec<Field> {
    let inner = |field: &Field| matches!(field.value, Value::Message(_));
    let messages: Vec<usize> = (0..root.len()).filter(|at| inner(&root[*at])).collect();
    if messages.is_empty() || random.below(6) == 0 {
        return root;
    }
    let at = *random.one_of(&messages);
    match &mut root[at].value {
        Value::Message(inner) => fields(inner, random),
        _ => unreachable!("only messages were chosen"),
    }
}

/// Bytes that can be read as a message are taken for one.
fn parse(mut bytes: &[u8], depth: u8) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed64(*bytes.split_off(..8)?.first_chunk()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let payload = bytes.split_off(..length)?;
                let inner = (depth < 100).then(|| parse(payload, depth + 1)).flatten();
                inner.map_or_else(|| Value::Bytes(payload.to_vec()), Value::Message)
            }
            5 => Value::Fixed32(*bytes.split_off(..4)?.first_chunk()?),
            _ => return None,
        };
        fields.push(Field { number: tag >> 3, value });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn write(fields: &[Field], out: &mut Vec<u8>) {
    for Field { number, value } in fields {
        let tag = |out: &mut Vec<u8>, wire_type| put_varint(number << 3 | wire_type, out);
        match value {
            Value::Varint(value) => {
                tag(out, 0);
                put_varint(*value, out);
            }
            Value::Fixed64(bytes) => {
                tag(out, 1);
                out.extend(bytes);
            }
            Value::Fixed32(bytes) => {
                tag(out, 5);
                out.extend(bytes);
            }
            Value::Bytes(bytes) => {
                tag(out, 2);
                put_varint(bytes.len() as u64, out);
                out.extend(bytes);
            }
            Value::Message(fields) => {
                let mut inner = Vec::new();
                write(fields, &mut inner);
                tag(out, 2);
                put_varint(inner.len() as u64, out);
                out.extend(inner);
            }
        }
    }
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
