use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Why somebody does not see what he asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("what your agents did is shown only to those who may see it")]
    NoAccess,
    #[error("this key is unknown, revoked or expired")]
    WrongKey,
    #[error("this key may send, but not read")]
    NoReadScope,
    #[error("this link was used already, or belongs to an earlier start")]
    LinkUsed,
    #[error("this form was sent from another site")]
    ForeignForm,
    #[error("this form holds no key")]
    NoForm,
    #[error("this dashboard does not answer under that host name")]
    WrongHost,
    #[error("{0}")]
    Query(&'static str),
    #[error("an execution's id has 32 hexadecimal digits and is not all zeros")]
    TraceId,
    #[error("a step's id has 16 hexadecimal digits and is not all zeros")]
    SpanId,
    #[error("a request's id has 32 hexadecimal digits")]
    RequestId,
    #[error("there is no such project among those that you may see")]
    NoProject,
    #[error("there is no such execution in this project")]
    NoExecution,
    #[error("there is no such step in this execution")]
    NoStep,
    #[error("there is no receipt of such a request in this project")]
    NoReceipt,
    #[error("there is nothing of that name in what was looked at")]
    NoGroup,
    #[error("there is no such page")]
    NoPage,
    #[error("this address does not take that method")]
    Method,
    #[error("this log-in took too long, was ended before, or began in another browser")]
    LoginOver,
    #[error("the provider did not let you in")]
    ProviderRefused,
    #[error("the provider does not take this code, which may have been used before")]
    CodeRefused,
    #[error("the token {0}")]
    Token(&'static str),
    #[error("who vouches for people does not answer")]
    IssuerAway,
    #[error("you are logged in, and have no role in any project")]
    NoRole,
    #[error("what happened in this project is withheld from you: you read its audit log alone")]
    NoStructure,
    #[error("it cannot be written down that you see this, and so it is not shown")]
    NotWritten,
    #[error("who did what in this project is not shown to you")]
    NoAudit,
    #[error("what was said in this project is withheld from you")]
    Withheld,
    #[error("as many pages are being kept up to date as can be")]
    TooManyStreams,
    #[error("the store does not answer")]
    Store(#[source] treering_store::Error),
    #[error("a page could not be written")]
    Template(#[from] minijinja::Error),
    #[error("an answer could not be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("the system's generator of random numbers does not answer")]
    Random(#[from] getrandom::Error),
    #[error("a handler ended in a panic")]
    Panicked,
}

impl Error {
    /// The status, and the stable name of it for programs.
    pub(crate) fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoAccess
            | Self::WrongKey
            | Self::LinkUsed
            | Self::LoginOver
            | Self::ProviderRefused
            | Self::CodeRefused
            | Self::Token(_) => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::NoReadScope
            | Self::ForeignForm
            | Self::NoRole
            | Self::NoStructure
            | Self::NoAudit
            | Self::Withheld => (StatusCode::FORBIDDEN, "forbidden"),
            Self::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "misdirected"),
            Self::NoForm | Self::Query(_) | Self::TraceId | Self::SpanId | Self::RequestId => {
                (StatusCode::BAD_REQUEST, "bad_request")
            }
            Self::NoProject
            | Self::NoExecution
            | Self::NoStep
            | Self::NoReceipt
            | Self::NoGroup
            | Self::NoPage => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::IssuerAway | Self::NotWritten | Self::TooManyStreams | Self::Store(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Template(_) | Self::Json(_) | Self::Random(_) | Self::Panicked => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }

    /// What to do next.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::NoAccess => {
                "open the link that `treering up` printed when it started, or give a key of scope read"
            }
            Self::WrongKey => {
                "check that it was pasted whole, or make one with `treering key create --scope read`"
            }
            Self::NoReadScope => "make one that may read with `treering key create --scope read`",
            Self::LinkUsed => {
                "give a key of scope read, or start `treering up` again, which prints a new link"
            }
            Self::ForeignForm => "open this dashboard itself and send the form from there",
            Self::NoForm => "paste one into its field and send it again",
            Self::WrongHost => "on this machine, ask for localhost or 127.0.0.1",
            Self::Query(_) => "mend the address and ask again",
            Self::TraceId | Self::SpanId => "copy it whole, or choose from the list of executions",
            Self::RequestId => "copy it whole, as the header `treering-request-id` of the answer has it",
            Self::NoProject => "leave `project` out, or write it as `treering project list` does",
            Self::NoExecution => {
                "it may be in another project, not have arrived yet, or be past its retention"
            }
            Self::NoStep => "it may not have arrived yet; look at the execution that it belongs to",
            Self::NoReceipt => {
                "it may be of another project or have had no good key, be older than 7 days, or not be written down yet, which takes about a second"
            }
            Self::NoPage => "go to the list of executions",
            Self::NoGroup => "look at all of them, or clear the search",
            Self::TooManyStreams => "close some of them, or load this page again by hand",
            Self::Method => "pages and the read API are asked with GET",
            Self::LoginOver => "begin once more; browsers have to keep cookies for that",
            Self::ProviderRefused => {
                "begin once more, or ask who runs the provider whether you may use this application"
            }
            Self::CodeRefused => "begin once more, from the page of the log-in",
            Self::Token(_) => {
                "log in once more; if it stays so, tell who runs this dashboard what this page says"
            }
            Self::IssuerAway => {
                "wait a moment and try again; who runs this dashboard finds the reason in its log"
            }
            Self::NoRole => {
                "ask an owner of a project to add you with `treering member add`, and then load this page again"
            }
            Self::NoStructure => "open the audit log, or ask an owner of the project for another role",
            Self::NotWritten => {
                "wait a moment and ask again; who runs this dashboard finds the reason in its log, such as a full disk"
            }
            Self::NoAudit => "ask an owner of the project; auditors and owners read the audit log",
            Self::Withheld => {
                "look at the execution without content, or ask an owner of the project to let you read it"
            }
            Self::Store(_) => {
                "wait a moment and ask again; if it stays so, `treering doctor` checks the set-up"
            }
            Self::Template(_) | Self::Json(_) | Self::Random(_) | Self::Panicked => {
                "ask again; if it stays so, the log of the dashboard says why"
            }
        }
    }

    /// True where somebody showed something to be let in with, and was not.
    pub(crate) fn refuses_somebody(&self) -> bool {
        self.asks_for_key() && !matches!(self, Self::NoAccess)
    }

    /// True where a key would help.
    pub(crate) fn asks_for_key(&self) -> bool {
        matches!(
            self,
            Self::NoAccess
                | Self::WrongKey
                | Self::NoReadScope
                | Self::LinkUsed
                | Self::LoginOver
                | Self::ProviderRefused
                | Self::CodeRefused
                | Self::Token(_)
        )
    }
}

impl From<treering_store::Error> for Error {
    fn from(error: treering_store::Error) -> Self {
        match error {
            treering_store::Error::Withheld => Self::Withheld,
            other => Self::Store(other),
        }
    }
}

/// The error of an answer, on its way to where it is made a page or JSON.
#[derive(Debug, Clone)]
pub(crate) struct Failed(pub(crate) Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, _) = self.status();
        if status.is_server_error() {
            let cause = std::error::Error::source(&self).map(ToString::to_string);
            tracing::error!(error = %self, cause, "a request was not answered");
        }
        let mut response = status.into_response();
        response.extensions_mut().insert(Failed(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_says_for_how_long_receipts_are_kept() {
        let days = format!("older than {} days", treering_store::RECEIPT_DAYS);
        assert!(Error::NoReceipt.advice().contains(&days));
    }
}
