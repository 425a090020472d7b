//! Where a request over HTTP ends.

/// Whether this is a whole request: its head, and the body that the head announces.
pub(crate) fn is_whole(request: &[u8]) -> bool {
    let Some((head, body)) = split(request, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let header = |name: &str| {
        let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(given, _)| *given == name).map(|(_, value)| value.trim().to_owned())
    };
    if header("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked")) {
        return chunks_end(body);
    }
    let length = header("content-length").and_then(|length| length.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Each chunk has its length before it, in hexadecimal digits; the last has none.
fn chunks_end(mut body: &[u8]) -> bool {
    while let Some((line, rest)) = split(body, b"\r\n") {
        let digits = String::from_utf8_lossy(line);
        let length = usize::from_str_radix(digits.split(';').next().unwrap_or_default().trim(), 16);
        match length {
            Ok(length) if length > 0 => match rest.get(length + 2..) {
                Some(next) => body = next,
                None => return false,
            },
            // Lines may follow the last chunk, up to an empty one.
            Ok(_) => return rest.starts_with(b"\r\n") || split(rest, b"\r\n\r\n").is_some(),
            // It is none: nothing better is known than to let it pass.
            Err(_) => return true,
        }
    }
    false
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = memchr::memmem::find(bytes, at)?;
    Some((&bytes[..place], &bytes[place + at.len()..]))
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn a_request_is_whole_with_its_last_byte_and_not_before() {
        let requests: [&[u8]; 4] = [
            b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
            b"POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n4\r\nbo\r\n\r\nb;x=1\r\n0\r\n\r\n0\r\n\r\nd\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\ntrailer: 1\r\n\r\n",
        ];
        for request in requests {
            let whole = (0..=request.len()).find(|length| is_whole(&request[..*length]));
            assert_eq!(whole, Some(request.len()), "{}", String::from_utf8_lossy(request));
        }
    }
}
