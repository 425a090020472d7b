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
    /// Base64 of either alphabet, with its padding.
    Standard,
    /// Hexadecimal digits in groups with dashes, as a UUID has.
    HexDash,
    /// Hexadecimal digits in groups with dots.
    HexDot,
    /// Capitals and digits in groups with dashes.
    UpperDash,
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

use Alphabet::{Alphanumeric, Dotted, Hex, HexDash, HexDot, Standard, Upper, UpperDash, Url};

/// Where one prefix begins another, the longer one stands first. What issuers publish of their keys, as tools that look for
/// them know it (the rules of gitleaks, GitHub's and GitLab's lists of patterns, the issuers' own documents).
pub(crate) const TOKENS: &[Token] = &[
    row("ANTHROPIC_KEY", "sk-ant-", Url, 32, 200),
    row("OPENROUTER_KEY", "sk-or-v1-", Hex, 64, 64),
    row("LANGFUSE_KEY", "sk-lf-", Url, 36, 36),
    row("LANGFUSE_KEY", "pk-lf-", Url, 36, 36),
    row("CEREBRAS_KEY", "csk-", Alphanumeric, 40, 64),
    row("OPENAI_KEY", "sk-proj-", Url, 40, 300),
    row("OPENAI_KEY", "sk-svcacct-", Url, 40, 300),
    row("OPENAI_KEY", "sk-admin-", Url, 40, 300),
    row("OPENAI_KEY", "sk-", Url, 20, 300),
    row("OPENAI_KEY", "sess-", Alphanumeric, 40, 40),
    row("CARTESIA_KEY", "sk_car_", Url, 20, 40),
    row("CHROMA_KEY", "ck-", Alphanumeric, 40, 60),
    row("E2B_KEY", "e2b_", Hex, 40, 40),
    row("FIRECRAWL_KEY", "fc-", Hex, 32, 32),
    row("FIREWORKS_KEY", "fw_", Alphanumeric, 20, 48),
    row("GROQ_KEY", "gsk_", Alphanumeric, 40, 80),
    row("HUGGINGFACE_TOKEN", "hf_", Alphanumeric, 30, 64),
    row("HUGGINGFACE_TOKEN", "api_org_", Alphanumeric, 30, 64),
    row("JINA_KEY", "jina_", Url, 50, 80),
    row("LANGSMITH_KEY", "lsv2_pt_", Url, 40, 64),
    row("LANGSMITH_KEY", "lsv2_sk_", Url, 40, 64),
    row("LLAMACLOUD_KEY", "llx-", Alphanumeric, 40, 64),
    row("LOGFIRE_TOKEN", "pylf_v1_", Url, 30, 80),
    row("MODAL_TOKEN", "ak-", Alphanumeric, 22, 22),
    row("MODAL_TOKEN", "as-", Alphanumeric, 22, 22),
    row("NVIDIA_KEY", "nvapi-", Url, 60, 80),
    row("PERPLEXITY_KEY", "pplx-", Alphanumeric, 40, 64),
    row("PINECONE_KEY", "pcsk_", Url, 50, 100),
    row("REPLICATE_TOKEN", "r8_", Alphanumeric, 37, 40),
    row("RUNPOD_KEY", "rpa_", Alphanumeric, 36, 60),
    row("TAVILY_KEY", "tvly-", Url, 28, 64),
    row("TOGETHER_KEY", "tgp_v1_", Url, 40, 64),
    row("VOYAGE_KEY", "pa-", Url, 40, 48),
    row("WANDB_KEY", "wandb_v1_", Url, 40, 100),
    row("XAI_KEY", "xai-", Alphanumeric, 70, 100),
    row("AWS_ACCESS_KEY_ID", "AKIA", Upper, 16, 16),
    row("AWS_ACCESS_KEY_ID", "ASIA", Upper, 16, 16),
    row("AWS_ACCESS_KEY_ID", "ABIA", Upper, 16, 16),
    row("AWS_ACCESS_KEY_ID", "ACCA", Upper, 16, 16),
    row("AWS_BEDROCK_KEY", "ABSK", Standard, 100, 300),
    row("AIVEN_PASSWORD", "AVNS_", Url, 15, 30),
    row("ALIBABA_KEY", "LTAI", Alphanumeric, 16, 24),
    row("CLOUDFLARE_KEY", "v1.0-", HexDash, 160, 180),
    row("CLOUDFLARE_TOKEN", "cfut_", Alphanumeric, 36, 64),
    row("CLOUDFLARE_TOKEN", "cfat_", Alphanumeric, 36, 64),
    row("DATABRICKS_TOKEN", "dapi", HexDash, 32, 34),
    row("DIGITALOCEAN_TOKEN", "dop_v1_", Hex, 64, 64),
    row("DIGITALOCEAN_TOKEN", "doo_v1_", Hex, 64, 64),
    row("DIGITALOCEAN_TOKEN", "dor_v1_", Hex, 64, 64),
    row("FLY_TOKEN", "fo1_", Url, 43, 43),
    row("FLY_TOKEN", "fm1r_", Standard, 80, 2000),
    row("FLY_TOKEN", "fm1a_", Standard, 80, 2000),
    row("FLY_TOKEN", "fm2_", Standard, 80, 2000),
    row("GOOGLE_API_KEY", "AIza", Url, 35, 35),
    row("GOOGLE_OAUTH_SECRET", "GOCSPX-", Url, 28, 28),
    row("GOOGLE_OAUTH_TOKEN", "ya29.", Url, 20, 2048),
    row("GOOGLE_OAUTH_TOKEN", "1//0", Url, 60, 200),
    row("HEROKU_KEY", "HRKU-", Url, 36, 64),
    row("MONGODB_ATLAS_KEY", "mdb_sa_sk_", Url, 36, 64),
    row("NEON_KEY", "napi_", Alphanumeric, 40, 80),
    row("NEON_KEY", "npg_", Alphanumeric, 12, 20),
    row("NETLIFY_TOKEN", "nfp_", Alphanumeric, 36, 40),
    row("PLANETSCALE_TOKEN", "pscale_tkn_", Dotted, 32, 64),
    row("PLANETSCALE_TOKEN", "pscale_pw_", Dotted, 32, 64),
    row("PLANETSCALE_TOKEN", "pscale_oauth_", Dotted, 32, 64),
    row("RENDER_KEY", "rnd_", Alphanumeric, 28, 40),
    row("SCALINGO_TOKEN", "tk-us-", Url, 48, 48),
    row("SUPABASE_KEY", "sbp_", Hex, 40, 40),
    row("SUPABASE_KEY", "sb_secret_", Url, 24, 64),
    row("TENCENT_KEY", "AKID", Alphanumeric, 32, 32),
    row("VERCEL_TOKEN", "vcp_", Alphanumeric, 24, 64),
    row("VERCEL_TOKEN", "vck_", Alphanumeric, 24, 64),
    row("YANDEX_KEY", "AQVN", Url, 34, 38),
    row("YANDEX_KEY", "y0_", Url, 50, 80),
    row("BITBUCKET_TOKEN", "ATBB", Alphanumeric, 32, 36),
    row("BUILDKITE_TOKEN", "bkua_", Hex, 40, 40),
    row("CIRCLECI_TOKEN", "CCIPAT_", Url, 50, 80),
    row("CLOJARS_TOKEN", "CLOJARS_", Hex, 60, 60),
    row("CRATES_IO_TOKEN", "cio", Alphanumeric, 32, 32),
    row("CURSOR_KEY", "key_", Hex, 64, 64),
    row("DOCKER_TOKEN", "dckr_pat_", Url, 27, 36),
    row("DOCKER_TOKEN", "dckr_oat_", Url, 27, 36),
    row("GITHUB_TOKEN", "github_pat_", Url, 40, 120),
    row("GITHUB_TOKEN", "ghp_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "gho_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "ghu_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "ghs_", Alphanumeric, 36, 255),
    row("GITHUB_TOKEN", "ghr_", Alphanumeric, 36, 255),
    row("GITLAB_TOKEN", "glpat-", Dotted, 20, 300),
    row("GITLAB_TOKEN", "glptt-", Dotted, 20, 300),
    row("GITLAB_TOKEN", "gldt-", Url, 20, 64),
    row("GITLAB_TOKEN", "glrt-", Dotted, 20, 300),
    row("GITLAB_TOKEN", "glcbt-", Dotted, 20, 300),
    row("GITLAB_TOKEN", "glsoat-", Dotted, 20, 300),
    row("GITLAB_TOKEN", "glagent-", Url, 20, 64),
    row("GITLAB_TOKEN", "glimt-", Url, 20, 64),
    row("GITLAB_TOKEN", "glft-", Url, 20, 64),
    row("GITLAB_TOKEN", "glffct-", Url, 20, 64),
    row("GITLAB_TOKEN", "gloas-", Url, 20, 128),
    row("JFROG_KEY", "AKCp", Alphanumeric, 69, 80),
    row("JFROG_KEY", "cmVmdGtuO", Alphanumeric, 50, 64),
    row("NPM_TOKEN", "npm_", Alphanumeric, 36, 36),
    row("NUGET_KEY", "oy2", Alphanumeric, 43, 43),
    row("POSTMAN_KEY", "PMAK-", Url, 50, 64),
    row("PREFECT_KEY", "pnu_", Alphanumeric, 36, 36),
    row("PULUMI_TOKEN", "pul-", Hex, 40, 40),
    row("PYPI_TOKEN", "pypi-AgEIcHlwaS5vcmc", Url, 50, 600),
    row("PYPI_TOKEN", "pypi-AgENdGVzdC5weXBpLm9yZw", Url, 50, 600),
    row("README_KEY", "rdme_", Alphanumeric, 60, 80),
    row("RUBYGEMS_KEY", "rubygems_", Hex, 48, 48),
    row("SONAR_TOKEN", "sqp_", Hex, 40, 40),
    row("SONAR_TOKEN", "squ_", Hex, 40, 40),
    row("SONAR_TOKEN", "sqa_", Hex, 40, 40),
    row("SOURCEGRAPH_TOKEN", "sgp_", Url, 40, 64),
    row("ONEPASSWORD_TOKEN", "ops_eyJ", Standard, 200, 2000),
    row("ONEPASSWORD_KEY", "A3-", UpperDash, 36, 37),
    row("AGE_KEY", "AGE-SECRET-KEY-1", Upper, 58, 58),
    row("DEFINED_KEY", "dnkey-", Standard, 60, 100),
    row("DOPPLER_TOKEN", "dp.pt.", Alphanumeric, 40, 48),
    row("DOPPLER_TOKEN", "dp.ct.", Alphanumeric, 40, 48),
    row("DOPPLER_TOKEN", "dp.sa.", Alphanumeric, 40, 48),
    row("DOPPLER_TOKEN", "dp.scim.", Alphanumeric, 40, 48),
    row("DOPPLER_TOKEN", "dp.audit.", Alphanumeric, 40, 48),
    row("DOPPLER_TOKEN", "dp.st.", Dotted, 40, 80),
    row("INFISICAL_TOKEN", "st.", HexDot, 60, 200),
    row("TAILSCALE_KEY", "tskey-", Url, 30, 100),
    row("VAULT_TOKEN", "hvs.", Url, 24, 200),
    row("VAULT_TOKEN", "hvb.", Url, 24, 300),
    row("VAULT_TOKEN", "hvr.", Url, 24, 300),
    row("OPENSHIFT_TOKEN", "sha256~", Url, 43, 43),
    row("DYNATRACE_TOKEN", "dt0c01.", Dotted, 80, 100),
    row("DYNATRACE_TOKEN", "dt0s01.", Dotted, 80, 100),
    row("GRAFANA_TOKEN", "glsa_", Url, 40, 44),
    row("GRAFANA_TOKEN", "glc_", Standard, 32, 400),
    row("GRAFANA_TOKEN", "eyJrIjoi", Standard, 70, 400),
    row("HONEYCOMB_KEY", "hcaik_", Alphanumeric, 50, 70),
    row("HONEYCOMB_KEY", "hcamk_", Alphanumeric, 50, 70),
    row("LAUNCHDARKLY_KEY", "sdk-", HexDash, 36, 36),
    row("LAUNCHDARKLY_KEY", "api-", HexDash, 36, 36),
    row("NEW_RELIC_KEY", "NRAK-", Upper, 27, 27),
    row("NEW_RELIC_KEY", "NRJS-", Hex, 19, 19),
    row("NEW_RELIC_KEY", "NRII-", Url, 32, 32),
    row("POSTHOG_KEY", "phx_", Alphanumeric, 40, 60),
    row("POSTHOG_KEY", "phs_", Alphanumeric, 40, 60),
    row("SENTRY_TOKEN", "sntrys_", Standard, 60, 400),
    row("SENTRY_TOKEN", "sntryu_", Hex, 64, 64),
    row("ADOBE_SECRET", "p8e-", Alphanumeric, 32, 32),
    row("ATLASSIAN_TOKEN", "ATATT3", Standard, 150, 250),
    row("ATLASSIAN_TOKEN", "ATCTT3", Standard, 150, 250),
    row("TRELLO_TOKEN", "ATTA", Hex, 60, 80),
    row("CONTENTFUL_TOKEN", "CFPAT-", Url, 43, 43),
    row("DROPBOX_TOKEN", "sl.", Url, 120, 400),
    row("FIGMA_TOKEN", "figd_", Url, 36, 64),
    row("FIGMA_TOKEN", "figu_", Url, 36, 64),
    row("FRAMEIO_TOKEN", "fio-u-", Url, 64, 64),
    row("HUBSPOT_TOKEN", "pat-na1-", HexDash, 36, 36),
    row("HUBSPOT_TOKEN", "pat-eu1-", HexDash, 36, 36),
    row("LINEAR_KEY", "lin_api_", Alphanumeric, 32, 48),
    row("LINEAR_KEY", "lin_oauth_", Alphanumeric, 32, 80),
    row("MAPBOX_TOKEN", "sk.eyJ", Dotted, 60, 200),
    row("NOTION_TOKEN", "ntn_", Alphanumeric, 40, 50),
    row("NOTION_TOKEN", "secret_", Alphanumeric, 43, 43),
    row("TYPEFORM_TOKEN", "tfp_", Dotted, 40, 80),
    row("XATA_KEY", "xau_", Alphanumeric, 28, 48),
    row("EASYPOST_KEY", "EZAK", Alphanumeric, 54, 54),
    row("EASYPOST_KEY", "EZTK", Alphanumeric, 54, 54),
    row("DUFFEL_TOKEN", "duffel_live_", Url, 43, 43),
    row("DUFFEL_TOKEN", "duffel_test_", Url, 43, 43),
    row("FLUTTERWAVE_KEY", "FLWSECK-", Url, 32, 36),
    row("FLUTTERWAVE_KEY", "FLWSECK_TEST-", Url, 32, 36),
    row("LOB_KEY", "live_", Hex, 35, 35),
    row("LOB_KEY", "test_", Hex, 35, 35),
    row("PADDLE_KEY", "pdl_live_apikey_", Url, 40, 80),
    row("PADDLE_KEY", "pdl_sdbx_apikey_", Url, 40, 80),
    row("PLAID_TOKEN", "access-sandbox-", HexDash, 36, 36),
    row("PLAID_TOKEN", "access-production-", HexDash, 36, 36),
    row("PLAID_TOKEN", "access-development-", HexDash, 36, 36),
    row("POLAR_TOKEN", "polar_oat_", Url, 36, 64),
    row("POLAR_TOKEN", "polar_pat_", Url, 36, 64),
    row("RAZORPAY_KEY", "rzp_live_", Alphanumeric, 14, 24),
    row("RAZORPAY_KEY", "rzp_test_", Alphanumeric, 14, 24),
    row("SHIPPO_TOKEN", "shippo_live_", Hex, 40, 40),
    row("SHIPPO_TOKEN", "shippo_test_", Hex, 40, 40),
    row("SHOPIFY_TOKEN", "shpat_", Hex, 32, 32),
    row("SHOPIFY_TOKEN", "shpca_", Hex, 32, 32),
    row("SHOPIFY_TOKEN", "shppa_", Hex, 32, 32),
    row("SHOPIFY_TOKEN", "shpss_", Hex, 32, 32),
    row("SQUARE_TOKEN", "sq0atp-", Url, 22, 22),
    row("SQUARE_TOKEN", "sq0csp-", Url, 43, 43),
    row("SQUARE_TOKEN", "EAAA", Url, 60, 60),
    row("STRIPE_KEY", "sk_live_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "rk_live_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "sk_test_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "rk_test_", Alphanumeric, 20, 255),
    row("STRIPE_KEY", "whsec_", Standard, 20, 255),
    row("STYTCH_SECRET", "secret-live-", Standard, 32, 64),
    row("STYTCH_SECRET", "secret-test-", Standard, 32, 64),
    row("ELEVENLABS_KEY", "sk_", Hex, 48, 48),
    row("BREVO_KEY", "xkeysib-", Url, 70, 90),
    row("BREVO_KEY", "xsmtpsib-", Url, 70, 90),
    row("FACEBOOK_TOKEN", "EAA", Alphanumeric, 80, 400),
    row("INSTAGRAM_TOKEN", "IGQV", Url, 100, 300),
    row("MAILGUN_KEY", "key-", Hex, 32, 32),
    row("RESEND_KEY", "re_", Url, 30, 36),
    row("SENDGRID_KEY", "SG.", Dotted, 60, 80),
    row("SLACK_TOKEN", "xoxb-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxp-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxa-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxr-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxs-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxo-", Url, 20, 255),
    row("SLACK_TOKEN", "xoxe-", Url, 20, 400),
    row("SLACK_TOKEN", "xoxd-", Standard, 20, 400),
    row("SLACK_TOKEN", "xoxe.", Dotted, 20, 400),
    row("SLACK_TOKEN", "xapp-", Url, 20, 255),
    row("SLACK_TOKEN", "xwfp-", Url, 20, 255),
    row("TWILIO_KEY", "SK", Hex, 32, 32),
    row("TREERING_KEY", "trk_", Alphanumeric, 38, 38),
];

impl Token {
    /// Whether this may follow the prefix.
    pub(crate) fn goes_on_with(&self, byte: u8) -> bool {
        self.alphabet.has(byte)
    }

    /// The whole token, where the prefix at `at` begins one.
    pub(crate) fn find(&self, text: &[u8], at: &Range<usize>) -> Option<Range<usize>> {
        let glued = is_word(before(text, at.start));
        // One that is Base64 itself cannot be told from the data around it.
        let is_told = !glued || !matches!(self.alphabet, Standard) && self.follows_data(text, at.start);
        if &text[at.clone()] != self.prefix.as_bytes() || !is_told {
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
            Standard => Url.has(byte) || matches!(byte, b'+' | b'/' | b'='),
            HexDash => byte.is_ascii_hexdigit() || byte == b'-',
            HexDot => byte.is_ascii_hexdigit() || byte == b'.',
            UpperDash => Upper.has(byte) || byte == b'-',
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
            Alphabet::Hex | Alphabet::HexDash | Alphabet::HexDot => "0a1b2c3d",
            Alphabet::Upper | Alphabet::UpperDash => "A1B2C3D4",
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
        for token in TOKENS.iter().filter(|token| !matches!(token.alphabet, Alphabet::Standard)) {
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
