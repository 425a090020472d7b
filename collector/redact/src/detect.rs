//! What is looked for: one file a kind of thing, each with its name, its trigger and the reason why it must go.

use std::ops::{Range, RangeInclusive};

mod address;
mod bank;
mod bearer;
mod bytes;
mod card;
mod email;
mod header;
mod iban;
mod identity;
mod jwt;
mod key;
mod label;
mod network;
mod odd;
mod paper;
mod password;
mod path;
mod pem;
mod person;
mod phone;
mod spelled;
mod ssn;
mod token;
mod url;
mod wallet;

pub(crate) use card::is_bare_card;
pub(crate) use label::{Label, WINDOW};
pub(crate) use token::{TOKENS, Token};

/// Looks at the text around a trigger and says what must go.
pub(crate) type Find = fn(&[u8], Range<usize>) -> Option<Range<usize>>;

#[derive(Debug)]
pub(crate) struct Detector {
    /// The type of its findings, as the mark names it.
    pub(crate) rule: &'static str,
    /// Why it must not be kept.
    pub(crate) reason: &'static str,
    pub(crate) triggers: &'static [Trigger],
}

/// What makes a detector look closer.
#[derive(Debug)]
pub(crate) enum Trigger {
    /// One of these, in any case.
    Literal(&'static [&'static str], Find),
    /// This byte.
    Byte(u8, Find),
    /// A run of so many digits that stands behind no letter. Most runs are none of anybody's length, and cost no call.
    Digits(RangeInclusive<usize>, Find),
    /// The same where it is the first group of a number: a sign or two and another digit follow, and it is no later group
    /// of an id, behind a letter or digit and a sign.
    Groups(RangeInclusive<usize>, Find),
    /// The same right behind a letter, as the check digits of an account stand behind its country.
    DigitsBehindLetter(RangeInclusive<usize>, Find),
    /// A word that says what the value beside it is.
    Label(&'static Label),
}

/// Where two findings overlap, the one that stands first here names both.
pub(crate) const DETECTORS: &[&Detector] = &[
    &pem::PRIVATE_KEY,
    &jwt::JWT,
    &url::SLACK_WEBHOOK,
    &url::WEBHOOK,
    &url::URL_PASSWORD,
    &bearer::BEARER_TOKEN,
    &bearer::BASIC_AUTH,
    &odd::TELEGRAM_TOKEN,
    &odd::MAILCHIMP_KEY,
    &odd::AZURE_SECRET,
    &odd::TERRAFORM_TOKEN,
    &odd::URL_SECRET,
    &key::AWS_SECRET_KEY,
    &key::GENERIC_API_KEY,
    &header::AUTHORIZATION,
    &header::SESSION_COOKIE,
    &password::PASSWORD,
    &email::EMAIL,
    &person::PERSON,
    &iban::IBAN,
    &card::CREDIT_CARD,
    &wallet::WALLET,
    &bank::BANK_ACCOUNT,
    &bank::PIN,
    &ssn::US_SSN,
    &identity::DATE_OF_BIRTH,
    &identity::PASSPORT,
    &identity::NATIONAL_ID,
    &paper::PAPER,
    &phone::PHONE,
    &address::IP_ADDRESS,
    &network::MAC_ADDRESS,
    &path::USER_PATH,
];
