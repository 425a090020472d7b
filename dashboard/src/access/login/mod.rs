//! Who somebody is, by the word of an issuer: OpenID Connect with a code and PKCE, or the token of a session that another
//! part of the same site began (Clerk, Supabase Auth, any issuer with a JWKS).

mod claims;
mod code;
mod fetch;
mod issuer;
mod token;

use std::fmt;

use openidconnect::{IssuerUrl, JsonWebKeySetUrl};

use self::fetch::{Fetch, is_safe};
use self::issuer::Issuer;
pub(super) use self::issuer::causes;

/// Who vouches for people, and how they come.
#[derive(Debug, Clone, Default)]
pub struct LoginSettings {
    /// Where browsers reach the dashboard, such as `https://traces.example`.
    pub public_url: String,
    pub oidc: Option<Oidc>,
    pub tokens: Option<Tokens>,
    /// The claim that gives roles by project, where one does.
    pub roles_claim: Option<String>,
}

/// A client of an OpenID provider.
#[derive(Debug, Clone)]
pub struct Oidc {
    pub issuer: String,
    pub client_id: String,
    /// Absent for a public client.
    pub client_secret: Option<LoginSecret>,
    pub scopes: Vec<String>,
}

/// Tokens of sessions that begin elsewhere.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub issuer: String,
    /// For whom they are made, where they say so.
    pub audience: Option<String>,
    /// Where the keys are, where the issuer does not say that itself.
    pub keys_url: Option<String>,
    /// The cookie that holds them, beside `Authorization: Bearer`.
    pub cookie: Option<String>,
    /// The origins for which they may be made (`azp`); any where none is named.
    pub parties: Vec<String>,
}

/// A secret that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginSecret(String);

impl LoginSecret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for LoginSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginSecret(…)")
    }
}

/// Why nobody could log in with these settings.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("{what} is {url:?}; it has to be an address that begins with https://, or one on this machine")]
    Address { what: &'static str, url: String },
    #[error("the issuer cannot be asked")]
    Fetch(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The log-ins of a dashboard.
#[derive(Debug)]
pub struct Login {
    pub(crate) oidc: Option<code::CodeFlow>,
    tokens: Option<token::SessionTokens>,
}

impl Login {
    /// Nobody is asked for anything before somebody logs in.
    pub fn new(settings: LoginSettings) -> Result<Self, LoginError> {
        let LoginSettings { public_url, oidc, tokens, roles_claim } = settings;
        let fetch = Fetch::new().map_err(|error| LoginError::Fetch(error.into()))?;
        let issuer = |url: &str, keys: Option<&String>| {
            let address = |what, url: &str| LoginError::Address { what, url: url.to_owned() };
            let safe = |what, url: &str| if is_safe(url) { Ok(()) } else { Err(address(what, url)) };
            safe("the issuer", url)?;
            keys.map_or(Ok(()), |keys| safe("the address of its keys", keys))?;
            let keys_url = keys.map(|keys| JsonWebKeySetUrl::new(keys.clone())).transpose();
            let keys_url = keys_url.map_err(|_| address("the address of its keys", url))?;
            let issuer = IssuerUrl::new(url.to_owned()).map_err(|_| address("the issuer", url))?;
            Ok(Issuer::new(issuer, keys_url, fetch.clone()))
        };
        let tokens = match tokens {
            Some(tokens) => {
                let issuer = issuer(&tokens.issuer, tokens.keys_url.as_ref())?;
                Some(token::SessionTokens::new(tokens, issuer, roles_claim.clone()))
            }
            None => None,
        };
        let oidc = match oidc {
            Some(oidc) => {
                let issuer = issuer(&oidc.issuer, None)?;
                Some(code::CodeFlow::new(oidc, issuer, &public_url, roles_claim)?)
            }
            None => None,
        };
        Ok(Self { oidc, tokens })
    }

    /// The tokens that requests may hold.
    pub(crate) fn tokens(&self) -> Option<&token::SessionTokens> {
        self.tokens.as_ref()
    }
}
