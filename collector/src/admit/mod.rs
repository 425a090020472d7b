//! Keys: who may send, and to which project.

mod keyring;

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
        let text = presented(headers).ok_or(Refusal::NoKey)?;
        let key = ApiKey::parse(&text).ok_or(Refusal::UnknownKey)?;
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

/// The key as the exporters of the field send it: `Authorization: Bearer KEY`, `x-api-key: KEY`, the bare value
/// of `Authorization`, or the password of Basic.
fn presented(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.to_str().ok()?.trim().to_owned());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Some(rest.trim().to_owned()),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => password(rest.trim()),
        _ => Some(value.to_owned()),
    }
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
        assert_eq!(presented(&headers("authorization", "Bearer trk_1")).as_deref(), Some("trk_1"));
        assert_eq!(presented(&headers("authorization", "bearer  trk_1")).as_deref(), Some("trk_1"));
        assert_eq!(presented(&headers("authorization", "trk_1")).as_deref(), Some("trk_1"));
        assert_eq!(presented(&headers("x-api-key", "trk_1")).as_deref(), Some("trk_1"));
        let basic = format!("Basic {}", BASE64.encode("public:trk_1"));
        assert_eq!(presented(&headers("authorization", &basic)).as_deref(), Some("trk_1"));
        assert_eq!(presented(&headers("accept", "trk_1")), None);
    }
}
