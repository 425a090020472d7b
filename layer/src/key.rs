use std::fmt;
use std::path::Path;

use http::Uri;
use zeroize::Zeroizing;

use crate::{Error, Settings};

/// A key to a collector, which cannot be printed and leaves memory with its owner.
///
/// ```
/// use treering_layer::ApiKey;
///
/// assert_eq!(format!("{:?}", ApiKey::from("trk_…")), "ApiKey([secret])");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The key in a file, without the white space around it.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let unreadable = |source| Error::File { path: path.to_owned(), source };
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        match text.trim() {
            "" => Err(unreadable(std::io::Error::other("it is empty; write the API key to it"))),
            key => Ok(Self::from(key)),
        }
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self(Zeroizing::new(key.to_owned()))
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([secret])")
    }
}

/// The key in headers: `authorization`, with or without `Bearer`, or `x-api-key`. The last one of a name wins.
pub(crate) fn in_headers(headers: &[(String, String)]) -> Option<ApiKey> {
    let find = |wanted: &str| {
        headers
            .iter()
            .rev()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    let bearer = find("authorization").map(|value| match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value,
    });
    bearer.or(find("x-api-key")).map(ApiKey::from)
}

/// Headers as a variable of the environment has them: `name=value,…`, percent-encoded.
pub(crate) fn headers_of_variable(variable: &str) -> Vec<(String, String)> {
    let pairs = variable.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), decoded(value.trim()))).collect()
}

/// Percent-decoded; what is not encoded well stays as it is.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code =
            after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_owned())
}

/// Refuses to send a key in the clear to another machine.
pub(crate) fn check(settings: &Settings, endpoint: &str) -> Result<(), Error> {
    let travels = !settings.sign && settings.key().is_some();
    if travels && !settings.insecure && endpoint.starts_with("http://") && !is_loopback(endpoint) {
        return Err(Error::KeyInTheClear { endpoint: endpoint.to_owned() });
    }
    Ok(())
}

/// Whether an address is this very machine.
fn is_loopback(endpoint: &str) -> bool {
    let Some(uri) = endpoint.parse::<Uri>().ok() else { return false };
    let Some(host) = uri.host() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_named =
        host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_named || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
