//! How people log in to the dashboard.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

/// Flags, and the same in the file of settings.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LoginFlags {
    /// Where browsers reach the dashboard, such as https://traces.example
    #[arg(long, env = "TREERING_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The OpenID provider by which people log in, such as https://accounts.example; its redirect address is
    /// PUBLIC-URL/login/callback
    #[arg(long, env = "TREERING_OIDC_ISSUER", value_name = "URL")]
    pub(crate) oidc_issuer: Option<String>,
    /// The dashboard's name at that provider
    #[arg(long, env = "TREERING_OIDC_CLIENT_ID", value_name = "ID")]
    pub(crate) oidc_client_id: Option<String>,
    /// The file of its secret there, unless the variable TREERING_OIDC_CLIENT_SECRET holds the secret itself [default: a
    /// public client, which has none]
    #[arg(long, env = "TREERING_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    pub(crate) oidc_client_secret_file: Option<PathBuf>,
    /// What is asked for beside who somebody is; may be given several times [default: profile, email]
    #[arg(long, env = "TREERING_OIDC_SCOPE", value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) oidc_scope: Vec<String>,
    /// Whose session tokens are believed, such as those of Clerk or of Supabase Auth
    #[arg(long, env = "TREERING_JWT_ISSUER", value_name = "URL")]
    pub(crate) jwt_issuer: Option<String>,
    /// For whom these tokens have to be made (`aud`), such as `authenticated` of Supabase; this or --jwt-party is needed
    #[arg(long, env = "TREERING_JWT_AUDIENCE", value_name = "AUDIENCE")]
    pub(crate) jwt_audience: Option<String>,
    /// Where the keys are that sign them [default: where the issuer says]
    #[arg(long, env = "TREERING_JWT_KEYS_URL", value_name = "URL")]
    pub(crate) jwt_keys_url: Option<String>,
    /// The cookie that holds them, such as __session [default: Authorization: Bearer alone]
    #[arg(long, env = "TREERING_JWT_COOKIE", value_name = "NAME")]
    pub(crate) jwt_cookie: Option<String>,
    /// An origin for which they may be made (`azp`), such as https://app.example of Clerk; may be given several
    /// times
    #[arg(long, env = "TREERING_JWT_PARTY", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) jwt_party: Vec<String>,
    /// The claim that gives roles by project, as {"shop": "reader"} or ["shop:reader"], where `treering member` says
    /// nothing of a person there; a point leads deeper, as in app_metadata.treering
    #[arg(long, env = "TREERING_ROLES_CLAIM", value_name = "NAME")]
    pub(crate) roles_claim: Option<String>,
}
