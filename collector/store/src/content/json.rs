//! Where elements of JSON end, without parsing it: what is none is cut anywhere, to no harm.

use memchr::memchr2;

/// Elements deeper down are not told apart below this length.
const FINE: usize = 256;

/// The places before the commas that part the elements of the outermost array or object, and of those deeper down
/// where they are not small; last the end. An element is the same whether another one follows or none: so what is
/// outermost is over before the bracket that closes it, where the second value is true.
pub(super) fn ends(text: &[u8]) -> impl Iterator<Item = (usize, bool)> {
    let (mut at, mut last, mut depth) = (0, 0, 0usize);
    std::iter::from_fn(move || {
        while let Some(byte) = text.get(at) {
            at += 1;
            match byte {
                b'"' => at += string(&text[at..]),
                b'[' | b'{' => depth += 1,
                b']' | b'}' | b',' => {
                    let is_fine = depth <= 1 || at - last > FINE;
                    let is_over = depth == 1 && *byte != b',';
                    depth -= usize::from(depth > 0 && *byte != b',');
                    if is_fine && at - 1 > last {
                        last = at - 1;
                        return Some((last, is_over));
                    }
                }
                _ => {}
            }
        }
        let end = (last < text.len()).then_some((text.len(), false));
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
