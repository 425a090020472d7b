//! Who may send, to which project, how much, and what is redacted there.

mod keyring;
mod meter;
mod rulebook;
mod signature;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use treering_step::Timestamp;
use treering_store::{ApiKey, ProjectId};

use keyring::HeldKey;
pub(crate) use keyring::Keyring;
use meter::Meter;
use signature::{Claim, Replays, Signed};

use crate::connections::ClientNames;
use crate::refusal::Refusal;

/// The head of a request, which is all that decides who comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// What the certificate of the client says, where it showed one.
    pub(crate) client: Option<&'a ClientNames>,
}

impl<'a> Head<'a> {
    pub(crate) fn of(parts: &'a http::request::Parts) -> Self {
        let client = parts.extensions.get();
        Self { method: &parts.method, path: parts.uri.path(), headers: &parts.headers, client }
    }
}

/// What somebody was let in with.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(crate) project: ProjectId,
    pub(crate) meter: Meter,
    /// What was signed, and what came signed before.
    signed: Option<(Signed, Arc<Replays>)>,
}

impl Pass {
    /// True for the body that this pass was given for.
    pub(crate) fn confirm(&self, body: &[u8]) -> Result<(), Refusal> {
        self.signed.as_ref().map_or(Ok(()), |(signed, replays)| signed.confirm(body, replays))
    }
}

impl Keyring {
    /// The pass of a request, by its head alone: without one, its body is not even read.
    pub(crate) async fn admit(&self, head: Head<'_>) -> Result<Pass, Refusal> {
        let by_certificate = head.client.and_then(|client| self.project_of(client.names()));
        let (key, signed) = if signature::is_claimed(head.headers) {
            let claim = Claim::of(head.method, head.path, head.headers)?;
            let key = self.signing(&claim.verifier).await?.ok_or(Refusal::UnknownKey)?;
            (Some(key), Some((claim.verify(&self.replays)?, self.replays.clone())))
        } else {
            (self.presented(head.headers, by_certificate.is_some()).await?, None)
        };
        let now = Timestamp::now();
        if let Some(key) = &key {
            may_send(key, by_certificate, now)?;
        }
        let project = key.as_ref().map(|key| key.record.project.id).or(by_certificate);
        let project = project.ok_or(Refusal::NoKey)?;
        let gauge = self.gauge(project);
        if gauge.entrance.signed && signed.is_none() && by_certificate.is_none() {
            return Err(Refusal::Unsigned);
        }
        Ok(Pass { project, meter: Meter { key: key.and_then(|key| key.bucket.clone()), gauge }, signed })
    }

    /// The key that these headers hold; none, and no refusal, where it may be absent.
    async fn presented(
        &self,
        headers: &HeaderMap,
        may_be_absent: bool,
    ) -> Result<Option<Arc<HeldKey>>, Refusal> {
        let presented = presented(headers);
        if presented.is_empty() && may_be_absent {
            return Ok(None);
        }
        let key = presented.iter().find_map(|text| ApiKey::parse(text));
        let key = key.ok_or(if presented.is_empty() { Refusal::NoKey } else { Refusal::UnknownKey })?;
        self.find(&key).await?.ok_or(Refusal::UnknownKey).map(Some)
    }
}

fn may_send(key: &HeldKey, by_certificate: Option<ProjectId>, now: Timestamp) -> Result<(), Refusal> {
    let record = &key.record;
    if !record.is_live(now) {
        return Err(Refusal::UnknownKey);
    }
    if !record.scopes.ingest {
        return Err(Refusal::WrongScope);
    }
    if by_certificate.is_some_and(|project| project != record.project.id) {
        return Err(Refusal::ForeignCertificate);
    }
    key.is_used(now);
    Ok(())
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
