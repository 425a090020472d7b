//! `clickhouse+http(s)://user:password@host:port/database?cluster=…`

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::Error;

/// Where a ClickHouse is, and who asks it. It never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ClickHouseUrl {
    pub(super) is_secure: bool,
    /// With its port.
    pub(super) host: String,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
    pub(super) cluster: Option<String>,
}

const DEFAULT: &str = "default";

impl FromStr for ClickHouseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::ClickHouseUrl { reason: reason.to_owned() };
        let (is_secure, rest) = match (text.strip_prefix(HTTPS), text.strip_prefix(HTTP)) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong("it begins with clickhouse+http:// or clickhouse+https://")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let plain = |text: &str, what: &str| decoded(text).ok_or_else(|| wrong(what));
        if host.is_empty() || host.starts_with(':') {
            return Err(wrong("a host must be named"));
        }
        let mut url = Self {
            is_secure,
            host: with_port(host, is_secure),
            database: or_default(plain(database, "the database is no text")?),
            user: or_default(plain(user, "the user is no text")?),
            password: Zeroizing::new(plain(password, "the password is no text")?),
            cluster: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "cluster" if is_name(&value) => url.cluster = Some(value.into_owned()),
                "cluster" => return Err(wrong("a cluster's name has letters, digits, `_` and `-` alone")),
                _ => {
                    return Err(wrong(
                        "there is an unknown option after its `?`, which is %3F within a password",
                    ));
                }
            }
        }
        if !is_name(&url.database) {
            return Err(wrong("a database's name has letters, digits, `_` and `-` alone"));
        }
        Ok(url)
    }
}

const HTTP: &str = "clickhouse+http://";
const HTTPS: &str = "clickhouse+https://";

impl ClickHouseUrl {
    /// True where this looks like one.
    pub(crate) fn is_one(text: &str) -> bool {
        text.starts_with("clickhouse+")
    }

    /// The same in its replicated and distributed form, on the servers of this cluster.
    pub fn on_cluster(mut self, name: &str) -> Result<Self, Error> {
        if !is_name(name) {
            let reason = "a cluster's name has letters, digits, `_` and `-` alone".to_owned();
            return Err(Error::ClickHouseUrl { reason });
        }
        self.cluster = Some(name.to_owned());
        Ok(self)
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    pub(super) fn address(&self) -> String {
        format!("{}://{}", if self.is_secure { "https" } else { "http" }, self.host)
    }
}

impl fmt::Display for ClickHouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { HTTPS } else { HTTP };
        write!(f, "{scheme}{}@{}/{}", self.user, self.host, self.database)
    }
}

impl fmt::Debug for ClickHouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn or_default(text: String) -> String {
    if text.is_empty() { DEFAULT.to_owned() } else { text }
}

/// The ports of ClickHouse's own.
fn with_port(host: &str, is_secure: bool) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (has_port, is_secure) {
        (true, _) => host.to_owned(),
        (false, true) => format!("{host}:8443"),
        (false, false) => format!("{host}:8123"),
    }
}

fn is_name(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= 128 && text.bytes().all(is_of_name)
}

/// Without `%XX`; a plus is one.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ClickHouseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_clickhouse_has_it() {
        let url = parsed("clickhouse+http://localhost");
        assert_eq!(url.address(), "http://localhost:8123");
        assert_eq!((&*url.database, &*url.user, url.password.as_str()), ("default", "default", ""));
        assert_eq!(parsed("clickhouse+https://ch.example.com").address(), "https://ch.example.com:8443");
    }

    #[test]
    fn a_password_may_hold_anything_and_is_never_shown() {
        let url =
            parsed("clickhouse+https://treering:p%40ss%3A%2Fword+1@ch.example.com:9440/steps?cluster=main");
        assert_eq!(url.password.as_str(), "p@ss:/word+1");
        assert_eq!(url.cluster.as_deref(), Some("main"));
        assert_eq!(format!("{url} {url:?}").matches("word").count(), 0);
        assert_eq!(url.to_string(), "clickhouse+https://treering@ch.example.com:9440/steps");
    }

    #[test]
    fn what_is_no_url_says_what_to_do() {
        for wrong in [
            "clickhouse+ftp://host",
            "clickhouse+http://",
            "clickhouse+http://user@:8123/x",
            "clickhouse+http://host/a;b",
            "clickhouse+http://host/a?cluster=x'y",
            "clickhouse+http://host/a?other=1",
            "clickhouse+http://%FF@host/a",
        ] {
            assert!(wrong.parse::<ClickHouseUrl>().is_err(), "{wrong}");
        }
    }
}
