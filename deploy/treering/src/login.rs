//! Who may log in: what flags, variables and the file of settings say together.

use treering_dashboard::{Login, LoginSecret, LoginSettings, Oidc, Tokens};

use crate::cli::LoginFlags;
use crate::error::Error;
use crate::settings::read_text;

/// The log-in of people, where one is configured.
pub(crate) fn login(flags: &LoginFlags, file: &LoginFlags) -> Result<Option<Login>, Error> {
    let LoginFlags {
        public_url,
        oidc_issuer,
        oidc_client_id,
        oidc_client_secret_file,
        oidc_scope,
        jwt_issuer,
        jwt_audience,
        jwt_keys_url,
        jwt_cookie,
        jwt_party,
        roles_claim,
    } = together(flags, file);
    let oidc = match (oidc_issuer, oidc_client_id) {
        (Some(issuer), Some(client_id)) => {
            let file = oidc_client_secret_file.as_deref().map(read_text).transpose()?;
            let secret = std::env::var("TREERING_OIDC_CLIENT_SECRET").ok().or(file);
            let client_secret = secret.map(|secret| LoginSecret::new(secret.trim()));
            Some(Oidc { issuer, client_id, client_secret, scopes: scopes(oidc_scope) })
        }
        (None, None) => None,
        _ => return Err(Error::HalfOfLogin("--oidc-issuer and --oidc-client-id")),
    };
    let tokens = jwt_issuer.map(|issuer| Tokens {
        issuer,
        audience: jwt_audience.clone(),
        keys_url: jwt_keys_url.clone(),
        cookie: jwt_cookie.clone(),
        parties: jwt_party.clone(),
    });
    if tokens.is_none() && [&jwt_audience, &jwt_keys_url, &jwt_cookie].iter().any(|set| set.is_some()) {
        return Err(Error::HalfOfLogin("--jwt-issuer"));
    }
    // An issuer may have many applications: a token for one of them is none for us.
    if tokens.is_some() && jwt_audience.is_none() && jwt_party.is_empty() {
        return Err(Error::HalfOfLogin("--jwt-audience or --jwt-party"));
    }
    if oidc.is_none() && tokens.is_none() {
        return Ok(None);
    }
    let public_url = match (public_url, &oidc) {
        (Some(url), _) => url,
        (None, None) => String::new(),
        (None, Some(_)) => return Err(Error::HalfOfLogin("--public-url")),
    };
    Ok(Some(Login::new(LoginSettings { public_url, oidc, tokens, roles_claim })?))
}

/// A flag or variable counts before the file.
fn together(flags: &LoginFlags, file: &LoginFlags) -> LoginFlags {
    fn one<T: Clone>(flag: &Option<T>, file: &Option<T>) -> Option<T> {
        flag.as_ref().or(file.as_ref()).cloned()
    }
    let all =
        |flags: &[String], file: &[String]| if flags.is_empty() { file.to_vec() } else { flags.to_vec() };
    LoginFlags {
        public_url: one(&flags.public_url, &file.public_url),
        oidc_issuer: one(&flags.oidc_issuer, &file.oidc_issuer),
        oidc_client_id: one(&flags.oidc_client_id, &file.oidc_client_id),
        oidc_client_secret_file: one(&flags.oidc_client_secret_file, &file.oidc_client_secret_file),
        oidc_scope: all(&flags.oidc_scope, &file.oidc_scope),
        jwt_issuer: one(&flags.jwt_issuer, &file.jwt_issuer),
        jwt_audience: one(&flags.jwt_audience, &file.jwt_audience),
        jwt_keys_url: one(&flags.jwt_keys_url, &file.jwt_keys_url),
        jwt_cookie: one(&flags.jwt_cookie, &file.jwt_cookie),
        jwt_party: all(&flags.jwt_party, &file.jwt_party),
        roles_claim: one(&flags.roles_claim, &file.roles_claim),
    }
}

fn scopes(named: Vec<String>) -> Vec<String> {
    if named.is_empty() { vec!["profile".into(), "email".into()] } else { named }
}
