//! What stands on a card or a statement beside its label, and what a bank sends by message.

use super::bytes::{is_alphanumeric, run};
use super::label::Bond;
use super::{Detector, Label, Trigger};

pub(super) const BANK_ACCOUNT: Detector = Detector {
    rule: "BANK_ACCOUNT",
    reason: "an account names its holder and can be debited",
    triggers: &[
        Trigger::Label(&Label {
            words: &[
                "account number",
                "account no",
                "bank account",
                "acct number",
                "acct no",
                "routing number",
                "routing no",
                "aba number",
                "sort code",
                "bsb number",
                "kontonummer",
                "kontonr",
                "bankleitzahl",
                "numéro de compte",
                "número de cuenta",
                "numero di conto",
                "número da conta",
                "rekeningnummer",
                "numer konta",
                "číslo účtu",
                "hesap no",
                "номер счета",
                "номер рахунку",
                "银行账号",
                "口座番号",
                "계좌번호",
            ],
            loose: true,
            accept: accept_account,
        }),
        Trigger::Label(&Label {
            words: &["bic", "swift", "swift code", "bic/swift", "swift/bic", "bic code", "swift_bic"],
            loose: false,
            accept: accept_bic,
        }),
    ],
};

pub(super) const PIN: Detector = Detector {
    rule: "PIN",
    reason: "the last lock between a stranger and an account",
    triggers: &[Trigger::Label(&Label {
        words: &[
            "pin",
            "pin code",
            "pin number",
            "card pin",
            "cvv",
            "cvv2",
            "cvc",
            "cvc2",
            "card verification",
            "security code",
            "verification code",
            "one-time code",
            "one time code",
            "one-time password",
            "one time password",
            "otp",
            "otp code",
            "2fa code",
            "mfa code",
            "login code",
            "auth code",
            "confirmation code",
            "bestätigungscode",
            "prüfziffer",
            "code de vérification",
            "código de verificación",
            "codice di verifica",
            "código de verificação",
            "verificatiecode",
            "kod weryfikacyjny",
            "код подтверждения",
            "doğrulama kodu",
            "验证码",
            "認証コード",
            "인증번호",
        ],
        loose: false,
        accept: accept_pin,
    })],
};

fn accept_account(text: &[u8], _: Bond) -> Option<usize> {
    let end = run(text, 0, 34, |byte| byte.is_ascii_digit() || byte == b'-' || byte == b' ' || byte == b'/');
    let end = end - text[..end].iter().rev().take_while(|byte| b" -/".contains(byte)).count();
    let digits = text[..end].iter().filter(|byte| byte.is_ascii_digit()).count();
    ((6..=20).contains(&digits) && !is_alphanumeric(text.get(end).copied())).then_some(end)
}

/// Four letters of the bank, two of the country, two of the place, and three of the branch where there is one.
fn accept_bic(text: &[u8], _: Bond) -> Option<usize> {
    let end = run(text, 0, 12, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let letters = text.get(..6)?.iter().all(u8::is_ascii_uppercase);
    (matches!(end, 8 | 11) && letters && !is_alphanumeric(text.get(end).copied())).then_some(end)
}

/// Three to eight digits, a dash or a space between them at the most.
fn accept_pin(text: &[u8], _: Bond) -> Option<usize> {
    let first = run(text, 0, 9, |byte| byte.is_ascii_digit());
    let parted = first == 3 && matches!(text.get(first), Some(b'-' | b' '));
    let end = if parted { run(text, first + 1, 4, |byte| byte.is_ascii_digit()) } else { first };
    let end = if parted && end != 7 { first } else { end };
    let fraction = matches!(text.get(end), Some(b'.' | b',' | b':' | b'/' | b'-' | b'%'))
        && text.get(end + 1).is_some_and(u8::is_ascii_digit);
    ((3..=8).contains(&end) && !fraction && !is_alphanumeric(text.get(end).copied())).then_some(end)
}

#[cfg(test)]
mod tests {
    use crate::tests::{found, nothing};

    #[test]
    fn finds_accounts_and_codes_beside_their_label() {
        found("account number: 0532 0130 00", "BANK_ACCOUNT", &["0532 0130 00"]);
        found("sort code 20-00-00", "BANK_ACCOUNT", &["20-00-00"]);
        found("BIC: COBADEFFXXX", "BANK_ACCOUNT", &["COBADEFFXXX"]);
        found("your verification code is 588-106", "PIN", &["588-106"]);
        found(r#"{"cvv": "123"}"#, "PIN", &["123"]);
    }

    #[test]
    fn leaves_talk_about_accounts_and_codes() {
        for text in [
            "account number missing",
            "error code: 404",
            "pin: 2.5",
            "swift: a language",
            "otp required",
            "the pin 1234 is an input",
        ] {
            nothing(text);
        }
    }
}
