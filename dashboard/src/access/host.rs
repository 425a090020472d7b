use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::error::Error;

/// The host names under which a dashboard answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// `localhost`, `127.0.0.1` and `[::1]`, with any port: for a dashboard that listens on loopback. A site
    /// whose name is pointed at 127.0.0.1 (DNS rebinding) is thereby refused.
    Loopback,
    /// Any name: for a dashboard that is bound beyond loopback, where a proxy or a name service decides.
    Any,
}

impl Hosts {
    fn admit(self, host: Option<&str>) -> bool {
        self == Self::Any || host.map(without_port).is_some_and(is_loopback)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

/// The host that a request names: in its address over HTTP/2, in its header over HTTP/1.1.
pub(crate) fn host_of<B>(request: &axum::http::Request<B>) -> Option<&str> {
    let header = || request.headers().get(header::HOST)?.to_str().ok();
    request.uri().authority().map(|authority| authority.as_str()).or_else(header)
}

pub(crate) async fn only_known_hosts(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.hosts.admit(host_of(&request)) {
        next.run(request).await
    } else {
        Error::WrongHost.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_answers_to_its_own_names_with_any_port() {
        for host in ["localhost", "LOCALHOST:4319", "127.0.0.1:80", "[::1]", "[::1]:4319"] {
            assert!(Hosts::Loopback.admit(Some(host)), "{host}");
        }
    }

    #[test]
    fn loopback_answers_to_no_other_name() {
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:4319",
            "localhost.evil.example",
            "user@localhost",
            "::1",
            "",
        ] {
            assert!(!Hosts::Loopback.admit(Some(host)), "{host}");
        }
        assert!(!Hosts::Loopback.admit(None));
        assert!(Hosts::Any.admit(Some("traces.example")));
    }
}
