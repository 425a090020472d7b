//! The lines printed at the start, and the file that says the same to programs.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use treering_store::{ApiKey, StoreUrl};

use crate::data::Data;
use crate::error::Error;

/// Where a process listens: `listening.json` in its data folder.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Listening {
    pub(crate) pid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp_grpc: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp_http: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dashboard: Option<SocketAddr>,
    /// True where these are spoken to by TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tls: bool,
    /// Where OTLP is spoken to in the clear then, from this machine alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp_local: Option<SocketAddr>,
}

impl Listening {
    /// Where the process listens that has this folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("listening.json");
        let text = fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        serde_json::from_slice(&text).map_err(|source| Error::Read { path, source: source.into() })
    }

    /// Where commands on this machine send OTLP to, which have no certificates.
    pub(crate) fn in_the_clear(&self) -> Option<SocketAddr> {
        if self.tls { self.otlp_local } else { self.otlp_http }
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Written beside and moved into place, so that nobody reads half of it.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let (path, beside) = (folder.join("listening.json"), folder.join(".listening.json"));
        let text = serde_json::to_string_pretty(self).expect("numbers and addresses are JSON");
        fs::write(&beside, text + "\n")
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(|source| Error::Write { path, source })
    }
}

/// What a start says.
#[derive(Debug)]
pub(crate) struct Announcement<'a> {
    pub(crate) data: &'a Data,
    pub(crate) listening: &'a Listening,
    /// The token of the one-time link.
    pub(crate) token: Option<&'a str>,
    /// The key that this start made.
    pub(crate) key: Option<&'a ApiKey>,
    /// The file of the master key that this start made.
    pub(crate) made_master: Option<&'a Path>,
    pub(crate) redaction_off: bool,
}

impl Announcement<'_> {
    /// Tells programs and people.
    pub(crate) fn announce(&self) -> Result<(), Error> {
        self.listening.write(&self.data.folder)?;
        Ok(self.print()?)
    }

    pub(crate) fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let (version, folder) = (env!("CARGO_PKG_VERSION"), self.data.folder.display());
        match &self.data.store {
            StoreUrl::Sqlite(_) => writeln!(out, "treering {version} · data in {folder}\n")?,
            // A server that only reads it has no folder.
            remote if self.listening.otlp_http.is_none() => {
                writeln!(out, "treering {version} · store {remote}\n")?;
            }
            remote => writeln!(out, "treering {version} · store {remote} · journal in {folder}\n")?,
        }
        let scheme = self.listening.scheme();
        if let Some(address) = self.listening.dashboard {
            match self.token {
                Some(token) => {
                    writeln!(out, "  Dashboard  {scheme}://{address}/login?token={token}")?;
                    writeln!(
                        out,
                        "             (this link lets one browser in; later ones log in with a read key)"
                    )?;
                }
                None => writeln!(out, "  Dashboard  {scheme}://{address}/")?,
            }
        }
        if let Some(address) = self.listening.otlp_grpc {
            writeln!(out, "  OTLP/gRPC  {scheme}://{address}")?;
        }
        if let Some(address) = self.listening.otlp_http {
            writeln!(out, "  OTLP/HTTP  {scheme}://{address}")?;
        }
        if let Some(key) = self.key {
            writeln!(out, "  API key    {}", key.reveal())?;
            writeln!(out, "             (shown this once; `treering key create` makes more)")?;
        }
        if let Some(path) = self.made_master {
            writeln!(out, "  Master key {}", path.display())?;
            writeln!(
                out,
                "             (made at this start; all content is sealed by it: keep a copy elsewhere)"
            )?;
        }
        if self.redaction_off {
            writeln!(
                out,
                "\n  THE BUILT-IN REDACTION RULES ARE OFF: secrets and addresses are stored as they come."
            )?;
        }
        self.exporter_lines(&mut out)?;
        out.flush()
    }

    fn exporter_lines(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(address) = self.listening.otlp_http else { return Ok(()) };
        let (key, scheme) = (self.key.map_or("trk_…", ApiKey::reveal), self.listening.scheme());
        writeln!(out, "\n  For any OTLP exporter:\n")?;
        writeln!(out, "    export OTEL_EXPORTER_OTLP_ENDPOINT={scheme}://{address}")?;
        writeln!(out, "    export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")?;
        writeln!(out, "    export OTEL_EXPORTER_OTLP_HEADERS=x-api-key={key}\n")
    }
}
