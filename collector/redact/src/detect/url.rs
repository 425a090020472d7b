//! Secrets in addresses: the password of a connection string, a webhook that anybody may call.

use super::bytes::{is_alphanumeric, run, run_back};
use super::{Detector, Trigger};
use std::ops::Range;

pub(super) const URL_PASSWORD: Detector = Detector {
    rule: "URL_PASSWORD",
    reason: "the connection string opens the database",
    triggers: &[
        Trigger::Literal(&["://"], credentials),
        Trigger::Literal(&["oracle:thin:", "oracle:oci:"], oracle),
    ],
};

pub(super) const SLACK_WEBHOOK: Detector = Detector {
    rule: "SLACK_WEBHOOK",
    reason: "whoever has the address can post",
    triggers: &[Trigger::Literal(&["hooks.slack.com/"], webhook)],
};

pub(super) const WEBHOOK: Detector = Detector {
    rule: "WEBHOOK",
    reason: "whoever has the address can post",
    triggers: &[Trigger::Literal(
        &[
            "discord.com/api/webhooks/",
            "discordapp.com/api/webhooks/",
            ".webhook.office.com/",
            ".logic.azure.com/workflows/",
            "hooks.zapier.com/",
            "maker.ifttt.com/trigger/",
            "chat.googleapis.com/v1/spaces/",
            "oapi.dingtalk.com/robot/",
            "open.feishu.cn/open-apis/bot/",
            "qyapi.weixin.qq.com/cgi-bin/webhook/",
        ],
        any_webhook,
    )],
};

/// The password, or the user's name where it stands alone and is a token.
fn credentials(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let authority = run(text, at.end, text.len(), |byte| byte > b' ' && !b"/?#\"'<>`|\\".contains(&byte));
    let user_end = at.end + memchr::memrchr(b'@', &text[at.end..authority])?;
    let userinfo = &text[at.end..user_end];
    let host = text.get(user_end + 1).copied();
    let secret = match memchr::memchr(b':', userinfo) {
        Some(colon) if colon + 1 < userinfo.len() => at.end + colon + 1..user_end,
        _ if is_token(userinfo) => at.end..at.end + memchr::memchr(b':', userinfo).unwrap_or(userinfo.len()),
        _ => return None,
    };
    let template = matches!(text[secret.start], b'$' | b'<' | b'{' | b'*' | b'[' | b'%');
    (!template && (is_alphanumeric(host) || matches!(host, Some(b'[' | b'$' | b'{' | b'_' | b'(' | b':'))))
        .then_some(secret)
}

/// `jdbc:oracle:thin:scott/tiger@//db:1521/XE`
fn oracle(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let user = run(text, at.end, 64, |byte| byte > b' ' && !b"/@\"'".contains(&byte));
    let end = run(text, user + 1, 128, |byte| byte > b' ' && !b"@\"'".contains(&byte));
    let is_password = text.get(user) == Some(&b'/') && text.get(end) == Some(&b'@') && end > user + 1;
    (is_password && !matches!(text[user + 1], b'$' | b'<' | b'{' | b'*')).then(|| user + 1..end)
}

fn is_token(user: &[u8]) -> bool {
    user.len() >= 20 && user.iter().any(u8::is_ascii_digit) && user.iter().any(u8::is_ascii_alphabetic)
}

fn webhook(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let start = run_back(text, at.start, 8, |byte| byte.is_ascii_alphabetic() || b":/".contains(&byte));
    let end = run(text, at.end, 200, |byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte));
    let path = text[at.end..end].splitn(2, |byte| *byte == b'/').nth(1)?;
    (path.len() >= 24).then_some(start..end)
}

/// The whole address, with what it asks.
fn any_webhook(text: &[u8], at: Range<usize>) -> Option<Range<usize>> {
    let of_address = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?=&%+@".contains(&byte);
    let start = run_back(text, at.start, 128, of_address);
    let end = run(text, at.end, 600, of_address);
    let stops = text[at.end..end].iter().rev().take_while(|byte| b".?:".contains(byte)).count();
    let path = &text[at.end..end - stops];
    let random = path.iter().any(u8::is_ascii_digit) && path.iter().any(u8::is_ascii_alphabetic);
    (path.len() >= 24 && random).then_some(start..end - stops)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_the_password_and_leaves_the_host() {
        found(
            "postgres://svc:hunter2-Tr33ring@db.example.internal:5432/crm",
            "URL_PASSWORD",
            &["hunter2-Tr33ring"],
        );
        found("https://deploy:k8h!BmkSPD@git.acme.io/x.git", "URL_PASSWORD", &["k8h!BmkSPD"]);
        found("redis://:p%40ss@cache:6379", "URL_PASSWORD", &["p%40ss"]);
        let long = "hunter2-é".repeat(200);
        found(&format!("redis://svc:{long}@cache:6379"), "URL_PASSWORD", &[&long]);
        let token = "0123456789abcdef0123456789abcdef";
        found(&format!("https://{token}@o1.ingest.example.io/2"), "URL_PASSWORD", &[token]);
    }

    #[test]
    fn finds_webhooks() {
        let hook =
            concat!("https://hooks.slack.com/serv", "ices/T12345678/B12345678/abcdefghijklmnopqrstuvwx");
        found(&format!("post to {hook}."), "SLACK_WEBHOOK", &[hook]);
    }

    #[test]
    fn leaves_addresses_without_a_secret() {
        for text in [
            "https://example.com/@ada",
            "postgres://svc@db/crm",
            "http://localhost:4318/v1/traces",
            "postgres://svc:$PASSWORD@db/crm",
            "https://hooks.slack.com/services",
            "see http://a:8080, mail b @ c",
        ] {
            nothing(text);
        }
    }
}
