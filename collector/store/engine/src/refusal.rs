//! An error as ClickHouse tells it over HTTP.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Its number and what is said; the name stands at the end in brackets.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: u16,
    said: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, name: &str, why: &str) -> Self {
        Self { code, said: format!("Code: {code}. DB::Exception: {why}. ({name})") }
    }

    /// What the engine says begins with the number.
    pub(crate) fn from_engine(said: String) -> Self {
        let number = said.strip_prefix("Code: ").and_then(|rest| rest.split_once('.'));
        // That of an exception which is none of ClickHouse's.
        let code = number.and_then(|(number, _)| number.parse().ok()).unwrap_or(1002);
        Self { code, said }
    }

    /// As ClickHouse 26 gives them.
    fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            // Who is not let in: UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED.
            192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
            // What cannot be understood: SYNTAX_ERROR, BAD_ARGUMENTS, whatever cannot be parsed.
            6
            | 8
            | 15
            | 25..=27
            | 36..=38
            | 41
            | 44
            | 53
            | 62
            | 72
            | 117
            | 123
            | 167
            | 168
            | 223
            | 321
            | 376
            | 427
            | 441
            | 675
            | 676 => StatusCode::BAD_REQUEST,
            // What nobody knows: tables, functions, identifiers, types, engines, databases, settings, formats.
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
            48 => StatusCode::NOT_IMPLEMENTED,
            159 => StatusCode::REQUEST_TIMEOUT,
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            76 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            381 => StatusCode::LENGTH_REQUIRED,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let headers = [("x-clickhouse-exception-code", HeaderValue::from(self.code))];
        (self.status(), headers, self.said + "\n").into_response()
    }
}
