use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use treering_read::Prices;

use crate::cli::{Ack, LoginFlags};
use crate::error::Error;

/// The file of settings. Every key is a flag's name; what is unknown is refused, with its line.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    pub(crate) data: Option<PathBuf>,
    pub(crate) store: Option<String>,
    pub(crate) control: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) master_key_command: Option<String>,
    pub(crate) otlp_grpc: Option<SocketAddr>,
    pub(crate) otlp_http: Option<SocketAddr>,
    pub(crate) dashboard: Option<SocketAddr>,
    pub(crate) rules: Option<PathBuf>,
    pub(crate) prices: Option<PathBuf>,
    pub(crate) max_request_bytes: Option<usize>,
    pub(crate) max_journal_bytes: Option<u64>,
    pub(crate) ack: Option<Ack>,
    #[serde(default)]
    pub(crate) cors_origin: Vec<String>,
    #[serde(default)]
    pub(crate) report_discarded: bool,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// How people log in to the dashboard: a table `[login]`.
    #[serde(default)]
    pub(crate) login: LoginFlags,
    pub(crate) audit_checkpoints: Option<PathBuf>,
    #[serde(default)]
    pub(crate) behind_proxy: bool,
}

impl File {
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = read_text(path)?;
        toml::from_str(&text)
            .map_err(|error| Error::Settings { path: path.to_owned(), fault: fault(&text, &error) })
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// What is wrong, and where. The line itself may hold a password, and is not told.
fn fault(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.lines().count().max(1) + usize::from(before.ends_with('\n')));
    let what = error.message().lines().next().unwrap_or_default();
    line.map_or_else(|| what.to_owned(), |line| format!("line {line}: {what}"))
}

/// The built-in prices, with those of this file in the place of theirs.
pub(crate) fn prices(path: Option<&Path>) -> Result<Arc<Prices>, Error> {
    let Some(path) = path else { return Ok(Arc::default()) };
    let prices = Prices::with(&read_text(path)?);
    prices.map(Arc::new).map_err(|source| Error::Prices { path: path.to_owned(), source })
}

/// The loopback address of this port, where nothing else was said.
pub(crate) fn address(flag: Option<SocketAddr>, file: Option<SocketAddr>, port: u16) -> SocketAddr {
    flag.or(file).unwrap_or(SocketAddr::from(([127, 0, 0, 1], port)))
}
