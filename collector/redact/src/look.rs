//! What is decided about one place, and who wrote what stands there.

use std::ops::Range;
use std::sync::Arc;

use crate::action::Action;
use crate::json;
use crate::rules::{At, Layer, found};

/// The decisions about what is found in one text.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    layers: &'a [Arc<Layer>],
    at: At<'a>,
    roles: Roles,
}

impl<'a> Look<'a> {
    /// For a text at this place; of one that is messages in JSON, roles are known where they are asked for.
    pub(crate) fn new(layers: &'a [Arc<Layer>], at: At<'a>, text: &str) -> Look<'a> {
        let asks = layers.iter().any(|layer| layer.asks_for_roles());
        Look { layers, at, roles: if asks { Roles::of(text) } else { Roles::default() } }
    }

    /// What happens to a finding of this type that begins there.
    pub(crate) fn action(&self, rule: &str, start: usize) -> Action {
        found(self.layers, rule, &At { role: self.roles.at(start).or(self.at.role), ..self.at })
    }
}

/// Who wrote which part of a text: the objects of its JSON that have a `role`.
#[derive(Debug, Default)]
struct Roles(Vec<(Range<usize>, String)>);

/// A conversation has fewer messages. What stands in later ones has the role of no one, so that rules for all roles hold.
const MOST_ROLES: usize = 1_000;
/// Messages stand less deep.
const DEEPEST: usize = 64;

impl Roles {
    fn of(text: &str) -> Roles {
        let mut roles = Roles::default();
        if json::looks_like(text) {
            roles.read(text.as_bytes(), text);
            roles.0.sort_by_key(|(place, _)| place.start);
        }
        roles
    }

    fn read(&mut self, bytes: &[u8], text: &str) {
        let mut open: Vec<(usize, Option<String>)> = Vec::new();
        let (mut at, mut is_role) = (0, false);
        while let Some(offset) = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'{' | b'}')) {
            at += offset;
            match bytes[at] {
                b'{' if open.len() == DEEPEST || self.0.len() == MOST_ROLES => return,
                b'{' => open.push((at, None)),
                b'}' => {
                    let closed = open.pop();
                    self.0.extend(closed.and_then(|(from, role)| Some((from..at, role?))));
                }
                _ => {
                    let end = json::closing_quote(bytes, at + 1);
                    let string = &text[at + 1..end];
                    if let Some((_, role)) = open.last_mut().filter(|_| is_role) {
                        *role = Some(string.to_ascii_lowercase());
                    }
                    let after = bytes[bytes.len().min(end + 1)..].trim_ascii_start();
                    is_role = string == "role" && after.first() == Some(&b':');
                    at = end;
                }
            }
            at = bytes.len().min(at + 1);
        }
    }

    /// That of the innermost object around it.
    fn at(&self, place: usize) -> Option<&str> {
        let before = self.0.partition_point(|(object, _)| object.start <= place);
        let around = self.0[..before].iter().rev().find(|(object, _)| object.contains(&place));
        around.map(|(_, role)| role.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_object_with_a_role_tells_who_wrote_something() {
        let text = r#"[{"role":"User","parts":[{"text":"one \" {"}]},{"parts":[{"x":"two"}],"role" : "tool"},"three"]"#;
        let roles = Roles::of(text);
        let role = |word: &str| text.find(word).and_then(|at| roles.at(at));
        assert_eq!([role("one"), role("two"), role("three")], [Some("user"), Some("tool"), None]);
        assert!(Roles::of("no json: \"role\": \"user\"").0.is_empty());
    }
}
