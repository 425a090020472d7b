//! The program that serves the engine of ClickHouse, which cargo builds when it is first needed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Error;

/// Names the engine's library.
const LIBRARY: &str = "TREERING_CLICKHOUSE_ENGINE";
const PACKAGE: &str = "treering-test-clickhouse";

pub(crate) fn library() -> Result<PathBuf, Error> {
    let path = std::env::var_os(LIBRARY)
        .filter(|path| !path.is_empty())
        .ok_or(Error::Missing("the engine of ClickHouse, whose library TREERING_CLICKHOUSE_ENGINE names,"))?;
    std::path::absolute(path).map_err(Error::io("this process is nowhere"))
}

/// Where the program is. It is a package of its own, so that nothing else has to be built with it; cargo sees whether
/// it has changed.
pub(crate) fn program() -> Result<PathBuf, Error> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PROGRAM.get_or_init(|| build().map_err(|error| said(&error)));
    built.clone().map_err(|said| Error::Ended { program: "cargo", said })
}

fn said(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

fn build() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(Error::io("this program has no path"))?;
    // Test programs are in deps, examples in examples, each in the folder of its profile.
    let profile =
        own.ancestors().skip(1).find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"));
    let (folder, target) = profile
        .and_then(|folder| Some((folder, folder.parent()?)))
        .ok_or(Error::Missing("a folder of cargo's with this program in it"))?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../Cargo.toml");
    cargo.args(["build", "--quiet", "--locked", "--package", PACKAGE, "--profile", profile]);
    cargo.arg("--target-dir").arg(target).arg("--manifest-path").arg(manifest);
    let output = cargo.output().map_err(Error::io("could not run cargo"))?;
    if output.status.success() {
        return Ok(folder.join(PACKAGE));
    }
    Err(Error::Ended { program: "cargo", said: String::from_utf8_lossy(&output.stderr).into_owned() })
}
