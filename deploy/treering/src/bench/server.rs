//! A server of one's own to measure: this very program, on free ports, over a folder that goes with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use treering_store::{ApiKey, Scopes};

use crate::announce::Listening;
use crate::cli::{Place, Protocol};
use crate::data::Data;
use crate::error::Error;
use crate::settings::File;

pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    listening: Listening,
    key: ApiKey,
}

/// The project that it is sent to.
pub(super) const PROJECT: &str = "default";
/// How long a start may take, and how often it is looked whether it is done.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

impl Server {
    /// Below this folder, or that for temporary files.
    pub(super) async fn start(within: Option<&Path>) -> Result<Self, Error> {
        let within = within.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = within.join(format!("treering-bench-{}", std::process::id()));
        let program = std::env::current_exe().map_err(Error::Program)?;
        let mut command = Command::new(program);
        // Whatever the user set is meant for another server.
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TREERING_"));
        for (name, _) in ours {
            command.env_remove(name);
        }
        command.arg("up").arg("--data").arg(&folder);
        command.args([
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--dashboard",
            "127.0.0.1:0",
        ]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(Error::Program)?;
        let mut server = Self { child, folder, listening: Listening::default(), key: ApiKey::generate()? };
        tokio::time::timeout(PATIENCE, server.is_up()).await.map_err(|_| Error::BenchServer)??;
        let keeper = server.data()?.control().await?.keeper;
        let project = keeper.ensure_project(PROJECT).await?;
        keeper.create_key(project, &server.key, Scopes { ingest: true, read: false }).await?;
        Ok(server)
    }

    async fn is_up(&mut self) -> Result<(), Error> {
        loop {
            if let Ok(listening) = Listening::read(&self.folder) {
                self.listening = listening;
                return Ok(());
            }
            if self.child.try_wait()?.is_some() {
                return Err(Error::BenchServer);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.listening.pid
    }

    pub(super) fn key(&self) -> &str {
        self.key.reveal()
    }

    pub(super) fn address(&self, protocol: Protocol) -> SocketAddr {
        let address = match protocol {
            Protocol::Grpc => self.listening.otlp_grpc,
            Protocol::Http | Protocol::HttpJson => self.listening.otlp_http,
        };
        address.expect("`up` listens for both")
    }

    pub(super) fn data(&self) -> Result<Data, Error> {
        Data::of(&Place { data: Some(self.folder.clone()), ..Place::default() }, &File::default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it held was made for this run.
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended.and_then(|_| std::fs::remove_dir_all(&self.folder)) {
            tracing::warn!(%error, folder = %self.folder.display(), "the server of this run left something behind");
        }
    }
}
