use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenFields, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse,
};

use super::claims::Claims;
use super::issuer::{ALGORITHMS, Issuer, Known, causes};
use super::token::{Token, TokenClaims, in_time, is_by_unknown_key, person, refused};
use super::{LoginError, Oidc};
use crate::access::{Person, secret};
use crate::error::Error;

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Provider = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// How long somebody may be at the provider.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Log-ins under way at a time; the oldest makes room.
const MOST: usize = 1_000;

/// Log-ins by OpenID Connect: a code, for which the provider tells who that is, and PKCE, so that the code is worth
/// nothing to whoever sees it.
#[derive(Debug)]
pub(crate) struct CodeFlow {
    settings: Oidc,
    issuer: Issuer,
    callback: RedirectUrl,
    public_url: String,
    roles_claim: Option<String>,
    /// By the hash of the id that the browser has as a cookie.
    pending: Mutex<HashMap<blake3::Hash, Pending>>,
}

/// A log-in that somebody began. It is over with the first answer, whatever that is.
#[derive(Debug)]
struct Pending {
    began: Instant,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    next: String,
}

/// What a browser takes along to the provider.
#[derive(Debug)]
pub(crate) struct Started {
    /// Where to go.
    pub(crate) url: String,
    /// The id of this log-in, for its cookie.
    pub(crate) id: String,
}

impl CodeFlow {
    pub(super) fn new(
        settings: Oidc,
        issuer: Issuer,
        public_url: &str,
        roles_claim: Option<String>,
    ) -> Result<Self, LoginError> {
        let public_url = public_url.trim_end_matches('/').to_owned();
        let address = || LoginError::Address { what: "the public address", url: public_url.clone() };
        if !super::is_safe(&public_url) {
            return Err(address());
        }
        let callback = RedirectUrl::new(format!("{public_url}/login/callback")).map_err(|_| address())?;
        Ok(Self { settings, issuer, callback, public_url, roles_claim, pending: Mutex::default() })
    }

    /// The host of the provider, for its door.
    pub(crate) fn host(&self) -> String {
        self.issuer.url.url().host_str().unwrap_or_default().to_owned()
    }

    /// Begins a log-in that leads to this address.
    pub(crate) async fn start(&self, next: &str) -> Result<Started, Error> {
        let provider = self.provider(&*self.issuer.known().await?)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = provider.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let (id, now) = (secret()?, Instant::now());
        let pending = Pending { began: now, state, nonce, verifier, next: next.to_owned() };
        self.keep(&id, pending, now);
        Ok(Started { url: url.into(), id })
    }

    fn keep(&self, id: &str, pending: Pending, now: Instant) {
        let mut all = self.lock();
        all.retain(|_, pending| now.duration_since(pending.began) < LONGEST);
        let oldest = all.iter().min_by_key(|(_, pending)| pending.began).map(|(id, _)| *id);
        if let Some(oldest) = oldest.filter(|_| all.len() >= MOST) {
            all.remove(&oldest);
        }
        all.insert(blake3::hash(id.as_bytes()), pending);
    }

    /// Ends the log-in of this browser: who it was, and where that one wanted to go.
    pub(crate) async fn finish(
        &self,
        id: Option<&str>,
        state: Option<&str>,
        code: Option<String>,
    ) -> Result<(Person, String), Error> {
        let pending = id.and_then(|id| self.lock().remove(&blake3::hash(id.as_bytes())));
        let pending = pending.filter(|pending| pending.began.elapsed() < LONGEST).ok_or(Error::LoginOver)?;
        if state != Some(pending.state.secret().as_str()) {
            return Err(Error::LoginOver);
        }
        let code = code.ok_or(Error::ProviderRefused)?;
        let Pending { nonce, verifier, next, .. } = pending;
        let token = self.exchange(code, verifier).await?;
        let claims = self.claims(&token, &nonce).await?;
        in_time(&claims)?;
        Ok((person(&claims, self.roles_claim.as_deref())?, next))
    }

    async fn exchange(&self, code: String, verifier: PkceCodeVerifier) -> Result<Token, Error> {
        let provider = self.provider(&*self.issuer.known().await?)?;
        let request = provider.exchange_code(AuthorizationCode::new(code)).map_err(|_| Error::IssuerAway)?;
        let answer = request.set_pkce_verifier(verifier).request_async(&self.issuer.fetch).await;
        let answer = answer.map_err(|error| {
            // Without what the provider says, which may repeat what somebody sent.
            match error {
                RequestTokenError::ServerResponse(_) => Error::CodeRefused,
                RequestTokenError::Request(error) => {
                    tracing::warn!(error = %causes(&error), "the provider of log-ins does not answer");
                    Error::IssuerAway
                }
                _ => Error::Token("is not understood"),
            }
        })?;
        answer.id_token().cloned().ok_or(Error::Token("is missing"))
    }

    async fn claims(&self, token: &Token, nonce: &Nonce) -> Result<TokenClaims, Error> {
        match self.checked(token, nonce, &*self.issuer.known().await?)? {
            Err(error) if is_by_unknown_key(&error) => match self.issuer.known_anew().await? {
                Some(known) => self.checked(token, nonce, &known)?.map_err(|error| refused(&error)),
                None => Err(refused(&error)),
            },
            checked => checked.map_err(|error| refused(&error)),
        }
    }

    fn checked(
        &self,
        token: &Token,
        nonce: &Nonce,
        known: &Known,
    ) -> Result<Result<TokenClaims, openidconnect::ClaimsVerificationError>, Error> {
        let provider = self.provider(known)?;
        let verifier = provider.id_token_verifier().set_allowed_algs(ALGORITHMS);
        Ok(token.claims(&verifier, nonce).cloned())
    }

    fn provider(&self, known: &Known) -> Result<Provider, Error> {
        let metadata = known.metadata.clone().ok_or(Error::IssuerAway)?;
        let id = ClientId::new(self.settings.client_id.clone());
        let secret = self.settings.client_secret.clone().map(|secret| ClientSecret::new(secret.0));
        Ok(Client::from_provider_metadata(metadata, id, secret).set_redirect_uri(self.callback.clone()))
    }

    /// Where somebody logs out of the provider as well, where it has such a place.
    pub(crate) async fn end_session_url(&self) -> Option<String> {
        let known = self.issuer.known().await.ok()?;
        let end = known.metadata.as_ref()?.additional_metadata().end_session_endpoint.clone()?;
        let mut url = end.url().clone();
        let back = format!("{}/login", self.public_url);
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", &back);
        Some(url.into())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
