//! Keys and tokens that say who issued them. An issuer is a row.

use super::bytes::{before, is_word, run, run_back};
use crate::base64::{is_standard, is_url_safe};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) rule: &'static str,
    /// How every one of them begins, in this case.
    pub(crate) prefix: &'static str,
    /// What follows the prefix.
    alphabet: Alphabet,
    /// How much of it, at least and at most.
    length: (usize, usize),
}

#[derive(Debug, Clone, Copy)]
enum Alphabet {
    Hex,
    /// Capitals and digits.
    Upper,
    Alphanumeric,
    /// Letters, digits, `-` and `_`.
    Url,
    /// As before, and dots between the parts.
    Dotted,
}

const fn row(
    rule: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
) -> Token {
    Token { rule, prefix, alphabet, length: (least, most) }
}

use Alphabet::{Alphanumeric, Dotted, Hex, Upper, Url};

/// Where one prefix begins another, the longer one stands first.
pub(crate) const TOKENS: &[Token] = &[
    row("ANTHROPIC_KEY", "sk-ant-", Url, 32, 200),
    row("OPENROUTER_KEY", "sk-or-v1-", Hex, 64, 64),
    row("LANGFUSE_KEY", "sk-lf-", Url, 36, 36),
    row("OPENAI_KEY", "sk-proj-", Url, 40, 300),
    row("OPENAI_KEY", "sk-svcacct-", Url, 40, 300),
    row("OPENAI_KEY", "sk-admin-", Url, 40, 300),
    row("OPENAI_KEY", "sk-", Url, 20, 300),
    row("AWS_ACCESS_KEY_ID", "AKIA", Upper, 16, 16),
    row("AWS_ACCESS_KEY_ID", "ASIA", Upper, 16, 16),
    row("GITHUB_TOKEN", "github_pat_", Url, 40, 120),
    row("GITHUB_TOKEN", "ghp_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "gho_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "ghu_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "ghs_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "ghr_", Alphanumeric, 36, 255),
    row("GITLAB_TOKEN", "glpat-", Dotted, 20, 300),
    row("GITLAB_TOKEN", "gldt-", Url, 20, 64),
    row("GITLAB_TOKEN", "glrt-", Dotted, 20, 300),
    row("SLACK_TOKEN", "xoxb-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxp-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxa-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxr-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxs-", Url, 20, 255),
    row("SLACK_TOKEN", "xapp-", Url, 20, 255),
    row("GOOGLE_API_KEY", "AIza", Url, 35, 35),
    row("GOOGLE_OAUTH_SECRET", "GOCSPX-", Url, 28, 28),
    row("GOOGLE_OAUTH_TOKEN", "ya29.", Url, 20, 2048),
    row("STRIPE_KEY", "sk_live_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "rk_live_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "sk_test_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "rk_test_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "whsec_", Alphanumeric, 20, 255),
    row("HUGGINGFACE_TOKEN", "hf_", Alphanumeric, 30, 64),
    row("GROQ_KEY", "gsk_", Alphanumeric, 40, 80),
    row("XAI_KEY", "xai-", Alphanumeric, 70, 100),
    row("REPLICATE_TOKEN", "r8_", Alphanumeric, 37, 40),
    row("PERPLEXITY_KEY", "pplx-", Alphanumeric, 40, 64),
    row("LANGSMITH_KEY", "lsv2_pt_", Url, 40, 64),
    row("LANGSMITH_KEY", "lsv2_sk_", Url, 40, 64),
    row("NPM_TOKEN", "npm_", Alphanumeric, 36, 36),
    row("PYPI_TOKEN", "pypi-AgEIcHlwaS5vcmc", Url, 50, 600),
    row("SENDGRID_KEY", "SG.", Dotted, 60, 80),
    row("TWILIO_KEY", "SK", Hex, 32, 32),
    row("DIGITALOCEAN_TOKEN", "dop_v1_", Hex, 64, 64),
    row("SHOPIFY_TOKEN", "shpat_", Hex, 32, 32),
    row("DATABRICKS_TOKEN", "dapi", Hex, 32, 32),
    row("LINEAR_KEY", "lin_api_", Alphanumeric, 32, 48),
    row("NOTION_TOKEN", "ntn_", Alphanumeric, 40, 50),
    row("POSTMAN_KEY", "PMAK-", Url, 50, 64),
    row("VAULT_TOKEN", "hvs.", Url, 24, 200),
    row("TREERING_KEY", "trk_", Alphanumeric, 38, 38),
];

impl Token {
    /// The whole token, where the prefix at `at` begins one.
    pub(crate) fn find(&self, text: &[u8], at: &Range<usize>) -> Option<Range<usize>> {
        let glued = is_word(before(text, at.start));
        if &text[at.clone()] != self.prefix.as_bytes() || glued && !self.follows_data(text, at.start) {
            return None;
        }
        let (least, most) = self.length;
        let end = run(text, at.end, most + 1, |byte| self.alphabet.has(byte));
        let end = end - text[at.end..end].iter().rev().take_while(|&&byte| byte == b'.').count();
        let body = &text[at.end..end];
        let next = text.get(end).copied();
        let ends = if glued { !next.is_some_and(is_data) } else { !is_word(next) };
        let fits = (least..=most).contains(&body.len()) && ends;
        (fits && looks_random(body)).then_some(at.start..end)
    }

    /// Whether what stands before is Base64, and no word that the prefix may be a part of. The shorter the prefix,
    /// the more of it must be there.
    fn follows_data(&self, text: &[u8], start: usize) -> bool {
        let least = if self.prefix.len() < 4 { 256 } else { 64 };
        start - run_back(text, start, least, is_standard) == least
    }
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Hex => byte.is_ascii_hexdigit(),
            Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Alphanumeric => byte.is_ascii_alphanumeric(),
            Url => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
            Dotted => Url.has(byte) || byte == b'.',
        }
    }
}

fn is_data(byte: u8) -> bool {
    is_standard(byte) || is_url_safe(byte)
}

/// `sk-learn-is-a-python-library` is words; a token has digits or changes its case again and again.
fn looks_random(body: &[u8]) -> bool {
    let digits = body.iter().any(u8::is_ascii_digit);
    let turns =
        body.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    let letters = body.iter().any(u8::is_ascii_alphabetic);
    letters && (digits || turns >= 3 || body.iter().all(u8::is_ascii_uppercase))
}

#[cfg(test)]
mod tests {
    use super::{Alphabet, TOKENS, Token};
    use crate::tests::{found, nothing};

    /// A token of the row, with a body that nobody issued.
    fn sample(token: &Token) -> String {
        let body = match token.alphabet {
            Alphabet::Hex => "0a1b2c3d",
            Alphabet::Upper => "A1B2C3D4",
            _ => "aB3dE5gH",
        };
        let body: String = body.chars().cycle().take(token.length.0).collect();
        format!("{}{body}", token.prefix)
    }

    #[test]
    fn every_row_finds_its_own() {
        for token in TOKENS {
            let sample = sample(token);
            found(&format!("key {sample}, ok"), token.rule, &[&sample]);
            found(&format!("{{\"k\":\"{sample}\"}}"), token.rule, &[&sample]);
        }
    }

    #[test]
    fn every_row_leaves_a_body_that_is_too_short_or_inside_a_word() {
        for token in TOKENS {
            let sample = sample(token);
            nothing(&format!("x{sample}"));
            nothing(token.prefix);
            nothing(&format!("{}abc", token.prefix));
        }
    }

    #[test]
    fn every_row_is_found_where_data_runs_into_it() {
        let data = format!("{}Qx", "iVBORw0KGgo/AAAANSUhEUg+".repeat(20));
        for token in TOKENS {
            let sample = sample(token);
            for end in ["", "\"", " and so on"] {
                found(&format!("base64,{data}{sample}{end}"), token.rule, &[&sample]);
                found(&format!("base64,{data}=={sample}{end}"), token.rule, &[&sample]);
            }
            // In the middle of data it is data.
            nothing(&format!("base64,{data}{sample}/{data}"));
        }
    }

    #[test]
    fn leaves_words_that_begin_like_a_token() {
        for text in [
            "sk-learn-is-a-library-for-python",
            "task-20240611000123456789",
            "npm_config_registry",
            "hf_hub_download",
            "SKU 12",
            "call_hV7gmR4NZD2FeJgymL1Haq2k",
            "toolu_01AaTzXSxDDsGgQ4apijFUqQLq",
            "sk-...",
        ] {
            nothing(text);
        }
    }
}
