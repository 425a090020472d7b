//! Where elements of JSON end, without parsing it: what is none is cut anywhere, to no harm.

use memchr::memchr2;

/// Elements deeper down are not told apart below this length.
const FINE: usize = 256;

/// The places behind the commas that part the elements of the outermost array or object, and of those deeper down
/// where they are not small; last the end.
pub(super) fn ends(text: &[u8]) -> impl Iterator<Item = usize> {
    let (mut at, mut last, mut depth) = (0, 0, 0usize);
    std::iter::from_fn(move || {
        while let Some(byte) = text.get(at) {
            at += 1;
            match byte {
                b'"' => at += string(&text[at..]),
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' if depth <= 1 || at - last >= FINE => {
                    last = at;
                    return Some(at);
                }
                _ => {}
            }
        }
        let end = (last < text.len()).then_some(text.len());
        last = text.len();
        end
    })
}

/// The length of the rest of a string, its closing quote included.
fn string(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr2(b'"', b'\\', &rest[at..]) {
        if rest[at + found] == b'"' {
            return at + found + 1;
        }
        at = (at + found + 2).min(rest.len());
    }
    rest.len()
}
