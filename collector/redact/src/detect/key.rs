//! Keys and tokens without a form of their own, beside their label.

use super::bytes::run;
use super::label::{Bond, word};
use super::{Detector, Label, Trigger};

pub(super) const GENERIC_API_KEY: Detector = Detector {
    rule: "GENERIC_API_KEY",
    reason: "the label says that it opens something",
    triggers: &[Trigger::Label(&Label {
        words: &[
            "api_key",
            "api-key",
            "apikey",
            "api key",
            "secret_key",
            "secret-key",
            "secretkey",
            "secret key",
            "access_key",
            "access-key",
            "accesskey",
            "auth_key",
            "authkey",
            "access_token",
            "access-token",
            "accesstoken",
            "access token",
            "auth_token",
            "auth-token",
            "authtoken",
            "api_token",
            "api-token",
            "apitoken",
            "api token",
            "refresh_token",
            "refresh-token",
            "refreshtoken",
            "id_token",
            "session_token",
            "sessiontoken",
            "bearer_token",
            "client_secret",
            "client-secret",
            "clientsecret",
            "client secret",
            "app_secret",
            "signing_secret",
            "webhook_secret",
            "encryption_key",
            "private_key",
            "master_key",
            "service_key",
            "account_key",
            "accountkey",
            "sharedaccesskey",
            "token",
            "secret",
            "klucz api",
            "ключ api",
            "api ключ",
            "clave de api",
            "clave api",
            "api-schlüssel",
            "api schlüssel",
            "clé api",
            "clé d'api",
            "clef api",
            "chave de api",
            "chave api",
            "chiave api",
            "api-nyckel",
            "api-nøgle",
            "api-nøkkel",
            "api-avain",
            "api kulcs",
            "api klíč",
            "api anahtarı",
            "apiキー",
            "api キー",
            "api密钥",
            "api 密钥",
            "api金鑰",
            "api 키",
            "api키",
            "subscription-key",
            "subscription key",
            "api secret",
            "api_secret",
            "app_key",
            "appkey",
            "app key",
            "auth key",
            "auth_secret",
            "consumer_secret",
            "shared_secret",
            "shared secret",
            "jwt_secret",
            "session_secret",
            "license_key",
            "deploy_key",
            "storage_key",
            "x-auth-token",
            "csrf_token",
            "csrftoken",
            "xsrf-token",
            "personal access token",
            "personal_access_token",
            "oauth_token",
            "_authtoken",
            "_auth",
        ],
        loose: false,
        accept: accept_key,
    })],
};

pub(super) const AWS_SECRET_KEY: Detector = Detector {
    rule: "AWS_SECRET_KEY",
    reason: "with its id it signs any request to the cloud",
    triggers: &[Trigger::Label(&Label {
        words: &[
            "secret_access_key",
            "secret-access-key",
            "secretaccesskey",
            "secret access key",
            "aws_secret_key",
            "aws_secret",
        ],
        loose: true,
        accept: accept_aws,
    })],
};

fn accept_key(text: &[u8], bond: Bond) -> Option<usize> {
    let value = word(text, bond);
    let in_alphabet = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.+/=~:".contains(byte));
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    // Twenty letters without a digit are one key in a hundred.
    let turns =
        value.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    let mixed = has(u8::is_ascii_digit) || bond != Bond::Said && turns >= 4 && value.len() <= 64;
    let random = mixed && has(u8::is_ascii_alphabetic) && distinct(value) >= 8;
    let constant =
        value.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            && value.iter().filter(|byte| **byte == b'_').count() > 1;
    let code = bond == Bond::Said && is_name(value) || bond != Bond::Key && constant;
    (value.len() >= 16 && in_alphabet && random && !code).then_some(value.len())
}

/// `node.colon2_token`, `super::Win32::Handle`: words, each with a number at most at its end.
fn is_name(value: &[u8]) -> bool {
    let parts = || value.split(|byte| !byte.is_ascii_alphanumeric());
    parts().count() > 1
        && parts().all(|part| part.iter().skip_while(|byte| !byte.is_ascii_digit()).all(u8::is_ascii_digit))
}

fn accept_aws(text: &[u8], _: Bond) -> Option<usize> {
    let end = run(text, 0, 41, |byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    (end == 40 && distinct(&text[..end]) >= 16).then_some(end)
}

/// How many different bytes: a stand-in for entropy that needs no logarithm.
fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.into_iter().filter(|seen| *seen).count()
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_keys_beside_their_label() {
        found("use api_key=xXrwPLsCPUtuc5yFkGBL93rn", "GENERIC_API_KEY", &["xXrwPLsCPUtuc5yFkGBL93rn"]);
        found(
            "the API key is d732fd69e3007071ecd5ed2645107c1a",
            "GENERIC_API_KEY",
            &["d732fd69e3007071ecd5ed2645107c1a"],
        );
        found(
            r#"{"X-Api-Key": "xXrwPLsCPUtuc5yFkGBL93rn"}"#,
            "GENERIC_API_KEY",
            &["xXrwPLsCPUtuc5yFkGBL93rn"],
        );
        found(
            r#"{"authToken":"xXrwPLsCPUtuc5yFkGBL93rn"}"#,
            "GENERIC_API_KEY",
            &["xXrwPLsCPUtuc5yFkGBL93rn"],
        );
        found("?access_token=tok_fake9f8e7d6c5b4a&x=1", "GENERIC_API_KEY", &["tok_fake9f8e7d6c5b4a"]);
        let secret = concat!("wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY");
        found(&format!("aws_secret_access_key={secret}"), "AWS_SECRET_KEY", &[secret]);
    }

    #[test]
    fn leaves_counters_templates_and_ids() {
        for text in [
            "\"max_tokens\": 104471",
            "gen_ai.usage.input_tokens: 101734",
            "tokens_per_second=348",
            r#"{"max_tokens": 4096, "token_count": 12, "token": 1763368826120696935}"#,
            "api_key_id: 42",
            "API_KEY=YOUR_API_KEY_0123456789",
            "api_key=${{ secrets.NPM_TOKEN_1234 }}",
            "os.environ['API_KEY']",
            r#"{"api_key": "sk-...", "token": "<token>"}"#,
            "generate_private_key: x25519_generate_private_key",
            "self.colon2_token == other.colon2_token",
            "secret santa list",
            r#"{"token": "<|endoftext|>", "eos_token": "</s>"}"#,
        ] {
            nothing(text);
        }
    }
}
