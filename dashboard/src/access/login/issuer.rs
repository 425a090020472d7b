//! What an issuer says of itself, and the keys that it signs with: asked for once an hour, and again where a token is signed
//! with a key that nobody knows yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm as Algorithm};
use openidconnect::{IssuerUrl, JsonWebKeySetUrl, ProviderMetadataWithLogout};
use tokio::sync::Mutex;

use super::fetch::Fetch;
use crate::error::Error;

/// How long what an issuer said is good without asking again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// How long it is good while the issuer does not answer.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often it is asked for keys that nobody knows: whoever makes tokens up must not make us ask for each.
const UNKNOWN: Duration = Duration::from_secs(60);
/// How often one that does not answer is asked.
const BREATH: Duration = Duration::from_secs(5);

/// What tokens may be signed with. Never a shared secret, and never nothing.
pub(super) const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// Somebody who vouches for people.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(super) url: IssuerUrl,
    /// Where its keys are, where that is not what it says itself.
    keys_url: Option<JsonWebKeySetUrl>,
    pub(super) fetch: Fetch,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<(Instant, Arc<Known>)>,
    asked_for_unknown: Option<Instant>,
    failed: Option<Instant>,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) keys: CoreJsonWebKeySet,
    /// Absent where only its keys were asked for.
    pub(super) metadata: Option<ProviderMetadataWithLogout>,
}

impl Issuer {
    pub(super) fn new(url: IssuerUrl, keys_url: Option<JsonWebKeySetUrl>, fetch: Fetch) -> Self {
        Self { url, keys_url, fetch, state: Mutex::default() }
    }

    /// What it said, within the hour if it answers.
    pub(super) async fn known(&self) -> Result<Arc<Known>, Error> {
        let mut state = self.state.lock().await;
        let age = |at: Option<Instant>| at.map_or(Duration::MAX, |at| at.elapsed());
        let held = state.known.clone();
        let is_fresh = held.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
        if let Some((_, known)) = held.as_ref().filter(|_| is_fresh || age(state.failed) < BREATH) {
            return Ok(known.clone());
        }
        match self.ask().await {
            Ok(known) => {
                *state = State { known: Some((Instant::now(), known.clone())), ..State::default() };
                Ok(known)
            }
            Err(error) => {
                state.failed = Some(Instant::now());
                tracing::warn!(error = %causes(&error), "the issuer of log-ins does not answer");
                let stale = held.filter(|(at, _)| at.elapsed() < STALE);
                stale.map(|(_, known)| known).ok_or(Error::IssuerAway)
            }
        }
    }

    /// The same after it was asked once more, for a token that no known key signed; `None` where it was just asked.
    pub(super) async fn known_anew(&self) -> Result<Option<Arc<Known>>, Error> {
        {
            let mut state = self.state.lock().await;
            if state.asked_for_unknown.is_some_and(|at| at.elapsed() < UNKNOWN) {
                return Ok(None);
            }
            state.asked_for_unknown = Some(Instant::now());
        }
        let Ok(known) = self.ask().await else { return Ok(None) };
        self.state.lock().await.known = Some((Instant::now(), known.clone()));
        Ok(Some(known))
    }

    async fn ask(&self) -> Result<Arc<Known>, AskError> {
        if let Some(url) = &self.keys_url {
            let keys = CoreJsonWebKeySet::fetch_async(url, &self.fetch).await?;
            return Ok(Arc::new(Known { keys, metadata: None }));
        }
        let metadata = ProviderMetadataWithLogout::discover_async(self.url.clone(), &self.fetch).await?;
        Ok(Arc::new(Known { keys: metadata.jwks().clone(), metadata: Some(metadata) }))
    }
}

type AskError = openidconnect::DiscoveryError<super::fetch::FetchError>;

pub(in crate::access) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
