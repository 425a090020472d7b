use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};
use openidconnect::core::{CoreGenderClaim, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm};
use openidconnect::core::{CoreIdTokenVerifier, CoreJwsSigningAlgorithm};
use openidconnect::{ClaimsVerificationError, ClientId, IdToken, IdTokenClaims, SignatureVerificationError};

use super::Tokens;
use super::claims::Claims;
use super::issuer::{ALGORITHMS, Issuer};
use crate::access::Person;
use crate::access::session::cookie_named;
use crate::error::Error;

/// A token that says who somebody is.
pub(super) type Token =
    IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
pub(super) type TokenClaims = IdTokenClaims<Claims, CoreGenderClaim>;

/// How far another clock may be from ours.
const SKEW: i64 = 60;
/// Longer ones do not fit a header anyway.
const LONGEST: usize = 16 * 1024;
/// The longest name of somebody, by OpenID Connect and in the control data.
const LONGEST_SUBJECT: usize = 255;

/// Believes the tokens of one issuer, as often as they are shown.
#[derive(Debug)]
pub(crate) struct SessionTokens {
    settings: Tokens,
    issuer: Issuer,
    roles_claim: Option<String>,
}

impl SessionTokens {
    pub(super) fn new(settings: Tokens, issuer: Issuer, roles_claim: Option<String>) -> Self {
        Self { settings, issuer, roles_claim }
    }

    /// The token in these headers: as `Authorization: Bearer`, else as a cookie.
    pub(crate) fn shown<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        bearer
            .or_else(|| cookie_named(headers, self.settings.cookie.as_deref()?))
            .filter(|text| looks_like_one(text))
    }

    /// Who that is.
    pub(crate) async fn person(&self, text: &str) -> Result<Person, Error> {
        let token = Token::from_str(text).map_err(|_| Error::Token("is none"))?;
        let claims = match self.checked(&token, &self.issuer.known().await?.keys) {
            Err(error) if is_by_unknown_key(&error) => match self.issuer.known_anew().await? {
                Some(known) => self.checked(&token, &known.keys).map_err(|error| refused(&error))?,
                None => return Err(refused(&error)),
            },
            checked => checked.map_err(|error| refused(&error))?,
        };
        self.is_for_us(&claims)?;
        person(&claims, self.roles_claim.as_deref())
    }

    fn checked(
        &self,
        token: &Token,
        keys: &CoreJsonWebKeySet,
    ) -> Result<TokenClaims, ClaimsVerificationError> {
        let audience = self.settings.audience.clone();
        let is_required = audience.is_some();
        let client = ClientId::new(audience.unwrap_or_default());
        let verifier = CoreIdTokenVerifier::new_public_client(client, self.issuer.url.clone(), keys.clone());
        let verifier = verifier
            .set_allowed_algs(ALGORITHMS)
            .require_audience_match(is_required)
            .set_other_audience_verifier_fn(|_| true);
        // A session has no nonce: nobody asked for it from here.
        token.claims(&verifier, |_: Option<&openidconnect::Nonce>| Ok(())).cloned()
    }

    fn is_for_us(&self, claims: &TokenClaims) -> Result<(), Error> {
        in_time(claims)?;
        let party = claims.authorized_party().map(|party| party.as_str());
        let parties = &self.settings.parties;
        // One that names no site may be of any.
        let is_ours = parties.is_empty() || parties.iter().any(|known| Some(known.as_str()) == party);
        if is_ours { Ok(()) } else { Err(Error::Token("was made for another site")) }
    }
}

/// Not of the future, however it was signed.
pub(super) fn in_time(claims: &TokenClaims) -> Result<(), Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let latest = i64::try_from(now).unwrap_or(i64::MAX).saturating_add(SKEW);
    let is_good = claims.additional_claims().not_before().is_none_or(|time| time <= latest as f64);
    if is_good && claims.issue_time().timestamp() <= latest {
        return Ok(());
    }
    Err(Error::Token("is not good yet"))
}

/// Who that is. What could be nobody's name, or anybody's, is none.
pub(super) fn person(claims: &TokenClaims, roles_claim: Option<&str>) -> Result<Person, Error> {
    let subject = claims.subject().as_str();
    if !(1..=LONGEST_SUBJECT).contains(&subject.chars().count()) || subject.chars().any(char::is_control) {
        return Err(Error::Token("does not say who that is"));
    }
    Ok(Person { subject: subject.into(), claimed: claims.additional_claims().roles(roles_claim).into() })
}

pub(super) fn is_by_unknown_key(error: &ClaimsVerificationError) -> bool {
    use SignatureVerificationError as Signature;
    // A key of the same name may have been changed for another one, and a token without a name fits several.
    let may_be_new = |error: &Signature| {
        matches!(error, Signature::NoMatchingKey | Signature::CryptoError(_) | Signature::AmbiguousKeyId(_))
    };
    matches!(error, ClaimsVerificationError::SignatureVerification(signature) if may_be_new(signature))
}

/// Why it is not believed, in words that do not repeat what it says.
pub(super) fn refused(error: &ClaimsVerificationError) -> Error {
    use ClaimsVerificationError as Refused;
    Error::Token(match error {
        Refused::Expired(_) => "has expired",
        Refused::InvalidAudience(_) => "was made for somebody else (audience)",
        Refused::InvalidIssuer(_) => "is of another issuer",
        Refused::InvalidNonce(_) => "belongs to another log-in (nonce)",
        Refused::SignatureVerification(SignatureVerificationError::DisallowedAlg(_)) => {
            "is signed in a way that is not taken"
        }
        Refused::SignatureVerification(_) => "is not signed by its issuer",
        _ => "is not to be used here",
    })
}

fn looks_like_one(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().filter(|byte| *byte == b'.').count() == 2
}
