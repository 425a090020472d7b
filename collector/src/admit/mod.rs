//! Keys and rules: who may send, to which project, and what is redacted there.

mod keyring;
mod rulebook;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use treering_store::{ApiKey, ProjectId};

pub(crate) use keyring::Keyring;

use crate::refusal::Refusal;

/// What a key opens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) project: ProjectId,
}

impl Keyring {
    /// The pass of a request, by its headers alone: without one, its body is not even read.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Pass, Refusal> {
        let presented = presented(headers);
        let key = presented.iter().find_map(|text| ApiKey::parse(text));
        let key = key.ok_or(if presented.is_empty() { Refusal::NoKey } else { Refusal::UnknownKey })?;
        let record = self.find(&key).await?.ok_or(Refusal::UnknownKey)?;
        if !record.is_live(treering_step::Timestamp::now()) {
            return Err(Refusal::UnknownKey);
        }
        if !record.scopes.ingest {
            return Err(Refusal::WrongScope);
        }
        Ok(Pass { project: record.project.id })
    }
}

/// What may be a key, wherever the exporters of the field put it: `Authorization: Bearer KEY`, `x-api-key: KEY`,
/// the bare value of `Authorization`, or the password of Basic.
fn presented(headers: &HeaderMap) -> Vec<String> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim().to_owned());
    let authorization = text(AUTHORIZATION.as_str()).map(|value| match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().to_owned(),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
            password(rest.trim()).unwrap_or_default()
        }
        _ => value,
    });
    authorization.into_iter().chain(text("x-api-key")).collect()
}

fn password(encoded: &str) -> Option<String> {
    let pair = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_key_is_found_wherever_exporters_put_it() {
        let found = |name, value: &str| presented(&headers(name, value));
        assert_eq!(found("authorization", "Bearer trk_1"), ["trk_1"]);
        assert_eq!(found("authorization", "bearer  trk_1"), ["trk_1"]);
        assert_eq!(found("authorization", "trk_1"), ["trk_1"]);
        assert_eq!(found("x-api-key", "trk_1"), ["trk_1"]);
        let basic = format!("Basic {}", BASE64.encode("public:trk_1"));
        assert_eq!(found("authorization", &basic), ["trk_1"]);
        assert_eq!(found("accept", "trk_1"), [""; 0]);
    }
}
