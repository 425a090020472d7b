//! What a request is refused for, and everything that follows from it.

use std::time::Duration;

use http::StatusCode;
use tonic::Code;
use treering_otlp::Malformed;

use crate::outcome::Outcome;

/// When a client may come again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why a request was not taken. One `match` each turns it into a status, into what the client reads, and into
/// what is counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no API key; send one as `Authorization: Bearer trk_…` or `x-api-key: trk_…`")]
    NoKey,
    #[error("the API key is not valid; `treering key create` makes one")]
    UnknownKey,
    #[error("the API key may not send; make one with `treering key create --scope ingest`")]
    WrongScope,
    #[error(
        "this project takes signed requests alone; sign them (RFC 9421), or send a certificate that it knows"
    )]
    Unsigned,
    #[error("the signature is not valid: {0}")]
    BadSignature(&'static str),
    #[error(
        "the signature was made more than five minutes ago or ahead; check the clock, and sign each attempt anew"
    )]
    Untimely,
    #[error("the request was signed before this collector began; sign it once more")]
    SignedBefore,
    #[error("a request with this signature came before; sign each attempt anew, with a nonce of its own")]
    Replayed,
    #[error("the certificate lets into another project than the key; send one of the two, or let them agree")]
    ForeignCertificate,
    #[error("{limit}; come again in {} s", seconds(*delay))]
    Limited { limit: Limit, delay: Duration },
    #[error("keys cannot be looked up at the moment; try again")]
    KeysUnavailable,
    #[error("the redaction rules of this project are not understood by this collector; try again later")]
    RulesUnreadable,
    #[error("the request is larger than {max_bytes} bytes, compressed or not; send smaller batches")]
    TooLarge { max_bytes: usize },
    #[error("the body was cut off, or its compression is damaged")]
    Damaged,
    #[error("the body did not arrive within a minute; send smaller batches")]
    TooSlow,
    #[error("{0}")]
    Malformed(Malformed),
    #[error("{0}")]
    TooMuch(Malformed),
    #[error("this path is of no signal; OTLP goes to /v1/traces and /v1/logs")]
    NoSuchPath,
    #[error("OTLP has no such method")]
    NoSuchMethod,
    #[error("send OTLP with POST")]
    Method,
    #[error("content type not supported; send application/x-protobuf or application/json")]
    ContentType,
    #[error("compression not supported; send gzip, zstd or none")]
    Encoding,
    #[error("too many requests at the moment; try again")]
    Busy,
    #[error("the collector has no room at the moment; try again")]
    JournalFull,
    #[error("the collector cannot write at the moment; try again")]
    JournalFailed,
    #[error("the collector cannot seal at the moment; try again")]
    Unsealed,
    #[error("the store has not taken it yet; try again")]
    Unconfirmed,
    #[error("the collector is closing; try again")]
    Closing,
    #[error("the collector failed on this request")]
    Defect,
}

/// What somebody sent more than.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Limit {
    #[error("this key has sent what it may in a second")]
    Key,
    #[error("this project has taken what it may in a second")]
    Project,
    #[error("this project has taken what it may in a day")]
    Quota,
}

/// No client comes too early.
fn seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

impl From<Malformed> for Refusal {
    fn from(reason: Malformed) -> Self {
        if reason.is_too_large() { Self::TooMuch(reason) } else { Self::Malformed(reason) }
    }
}

impl From<treering_queue::Error> for Refusal {
    fn from(error: treering_queue::Error) -> Self {
        match error {
            treering_queue::Error::Full { .. } => Self::JournalFull,
            treering_queue::Error::Closed => Self::Closing,
            _ => Self::JournalFailed,
        }
    }
}

impl Refusal {
    /// The gRPC code, from which the HTTP status follows. Of these codes exporters try only `Unavailable` again.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::NoKey
            | Self::UnknownKey
            | Self::Unsigned
            | Self::BadSignature(_)
            | Self::Untimely
            | Self::Replayed => Code::Unauthenticated,
            Self::WrongScope | Self::ForeignCertificate => Code::PermissionDenied,
            Self::TooLarge { .. } | Self::TooMuch(_) => Code::ResourceExhausted,
            Self::Damaged | Self::TooSlow | Self::Malformed(_) | Self::ContentType => Code::InvalidArgument,
            Self::Encoding | Self::NoSuchPath | Self::NoSuchMethod | Self::Method => Code::Unimplemented,
            Self::Limited { .. }
            | Self::SignedBefore
            | Self::KeysUnavailable
            | Self::RulesUnreadable
            | Self::Busy
            | Self::JournalFull
            | Self::JournalFailed
            | Self::Unsealed
            | Self::Unconfirmed
            | Self::Closing => Code::Unavailable,
            Self::Defect => Code::Internal,
        }
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::NoKey
            | Self::UnknownKey
            | Self::Unsigned
            | Self::BadSignature(_)
            | Self::Untimely
            | Self::Replayed => StatusCode::UNAUTHORIZED,
            Self::WrongScope | Self::ForeignCertificate => StatusCode::FORBIDDEN,
            Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge { .. } | Self::TooMuch(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Damaged | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::ContentType | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoSuchPath | Self::NoSuchMethod => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignedBefore
            | Self::KeysUnavailable
            | Self::RulesUnreadable
            | Self::Busy
            | Self::JournalFull
            | Self::JournalFailed
            | Self::Unsealed
            | Self::Unconfirmed
            | Self::Closing => StatusCode::SERVICE_UNAVAILABLE,
            Self::Defect => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When to come again, where coming again helps.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited { delay, .. } => Some(Duration::from_secs(seconds(*delay))),
            _ => (self.code() == Code::Unavailable).then_some(RETRY_AFTER),
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::NoKey => Outcome::NoKey,
            Self::UnknownKey => Outcome::UnknownKey,
            Self::WrongScope => Outcome::WrongScope,
            Self::Unsigned => Outcome::Unsigned,
            Self::BadSignature(_) | Self::Untimely | Self::SignedBefore => Outcome::BadSignature,
            Self::Replayed => Outcome::Replayed,
            Self::ForeignCertificate => Outcome::ForeignCertificate,
            Self::Limited { limit: Limit::Key, .. } => Outcome::KeyRate,
            Self::Limited { limit: Limit::Project, .. } => Outcome::ProjectRate,
            Self::Limited { limit: Limit::Quota, .. } => Outcome::Quota,
            Self::KeysUnavailable => Outcome::KeysUnavailable,
            Self::RulesUnreadable => Outcome::RulesUnreadable,
            Self::TooLarge { .. } | Self::TooMuch(_) => Outcome::TooLarge,
            Self::Damaged | Self::Malformed(_) => Outcome::Malformed,
            Self::TooSlow => Outcome::TooSlow,
            Self::ContentType | Self::Encoding => Outcome::Unsupported,
            Self::NoSuchPath | Self::NoSuchMethod | Self::Method => Outcome::Misdirected,
            Self::Busy => Outcome::Busy,
            Self::JournalFull => Outcome::JournalFull,
            Self::JournalFailed => Outcome::JournalFailed,
            Self::Unsealed => Outcome::Unsealed,
            Self::Unconfirmed => Outcome::Unconfirmed,
            Self::Closing => Outcome::Closing,
            Self::Defect => Outcome::Defect,
        }
    }
}
